"""Limits on the loss to expect, while a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, read_journal
from arbkit.live.losses import LossWatch
from arbkit.live.risk_block import LossConfig, loss_config
from arbkit.risk import LossLimit
from arbkit.units import SECOND_NS
from tests.live.conftest import Configure

VALUES: dict[str, Any] = {"level": 0.95, "period": "10s", "fewest": 20, "window": 40, "breaker": 1.5}
PERIOD = 10 * SECOND_NS


def config(**changes: Any) -> LossConfig:
    found = loss_config(VALUES | changes)
    assert found is not None
    return found


def test_periods_of_a_run_have_the_verdicts_of_their_pnl(tmp_path: Path) -> None:
    pnl = np.random.default_rng(2).normal(0, 10, 60)
    watch = LossWatch(config(max_expected_shortfall=20.0), tmp_path / "losses.json")
    alike = LossLimit(level=0.95, window=40, fewest=20, breaker=1.5, max_expected_shortfall=20.0)
    equity = 1_000.0
    for k, earned in enumerate(pnl):
        assert str(watch.see(k * PERIOD, equity)) == str(alike.verdict())
        after = equity + earned
        assert str(watch.see(k * PERIOD + PERIOD - 1, after)) == str(alike.verdict(after - equity))
        alike.update(after - equity)
        equity = after


def test_a_breaker_that_tripped_stays_so_until_its_period_ends_and_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "losses.json"
    watch = LossWatch(config(), path)
    for k in range(22):
        watch.see(k * PERIOD, 1_000.0 - k % 2)
    assert watch.see(22 * PERIOD, 1_000.0).state == "active"
    assert watch.see(22 * PERIOD + 1, 900.0).state == "tripped"
    assert watch.see(22 * PERIOD + 2, 1_000.0).reason == "breaker"
    again = LossWatch(config(), path)
    assert again.see(22 * PERIOD + 3, 1_000.0).state == "tripped"
    assert again.see(23 * PERIOD, 1_000.0).state == "active"
    assert LossWatch(config(period="20s"), path).see(0, 1.0).value_at_risk != 1.0


def test_a_run_whose_losses_are_above_their_limit_enters_nothing_more(configure: Configure) -> None:
    often = {"min_spread_bps": -1_000, "max_hold_s": 1}
    limits = {"level": 0.95, "period": "2s", "fewest": 5, "max_value_at_risk": 0.5}
    made = configure(reference="none", params=often, risk=limits, heartbeat="1ms")
    runner = LiveRunner(made)
    for _ in range(900):
        runner.run_once()
        runner.beat()
    runner.close()
    journal = made.runs / "small" / "journal.jsonl"
    (first,) = [line for line in read_journal(journal, "guard") if "risk_limit" in str(line["reasons"])][:1]
    assert "risk_limit: value_at_risk" in first["reasons"][0]
    opened = [line["seq"] for line in read_journal(journal, "trade_opened")]
    assert len(opened) > 3
    assert max(opened) < first["seq"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"level": 0.3}, "`risk`: `level` must be above 0.5"),
        ({"method": "guess"}, "`risk`: a loss is historical"),
        ({"breaker": 0}, "`risk.breaker` must be a number above 0"),
        ({"max_var": 3}, "`risk` has no key `max_var`"),
        ({"period": 0}, "`risk.period`"),
    ],
)
def test_a_block_that_breaks_a_rule_is_one_clear_error(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        loss_config(VALUES | change)
