"""`Params` as the kernels read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arbkit.config import Params
from arbkit.engine import rules_of
from arbkit.kernels.state import RULES_DTYPE


def params(**changes: Any) -> Params:
    base = Params(
        min_spread_bps=30, taker_fee_a_bps=5, taker_fee_b_bps=4, slippage_bps=3, max_position_usd=1_000
    )
    return base.replace(**changes)


def test_one_record_per_set_in_order() -> None:
    rules = rules_of([params(min_spread_bps=k) for k in range(3)])
    assert rules.dtype == RULES_DTYPE
    assert rules["min_spread_bps"].tolist() == [0, 1, 2]
    assert rules_of([]).size == 0


def test_costs_are_fractions_and_the_sum_in_bps() -> None:
    rule = rules_of([params()])[0]
    assert (rule["fee_a"], rule["fee_b"], rule["half_slip"]) == (5 / 1e4, 4 / 1e4, 3 / 2 / 1e4)
    assert rule["cost_bps"] == 12


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("take_profit_bps", "has_take_profit"),
        ("stop_loss_bps", "has_stop_loss"),
        ("rearm_spread_bps", "has_rearm"),
        ("stop_on_drawdown_pct", "has_stop_drawdown"),
    ],
)
def test_none_is_off_and_a_value_is_on(name: str, flag: str) -> None:
    off, on = rules_of([params(), params(**{name: 7.5})])
    assert (off[flag], on[flag]) == (0, 1)
    assert on[name] == 7.5


def test_a_hold_of_zero_seconds_is_on() -> None:
    off, on = rules_of([params(), params(max_hold_s=0)])
    assert (off["has_max_hold"], on["has_max_hold"], on["max_hold_ns"]) == (0, 1, 0)


def test_durations_are_rounded_nanoseconds() -> None:
    rule = rules_of([params(min_hold_s=0.1 + 0.2, max_hold_s=9e9, cooldown_s=1.5e-9)])[0]
    assert (rule["min_hold_ns"], rule["max_hold_ns"], rule["cooldown_ns"]) == (300_000_000, 9 * 10**18, 2)


@pytest.mark.parametrize(
    ("direction", "allowed"), [("both", (1, 1)), ("long_a_short_b", (1, 0)), ("long_b_short_a", (0, 1))]
)
def test_the_direction_allows_its_sides(direction: str, allowed: tuple[int, int]) -> None:
    rule = rules_of([params(direction=direction)])[0]
    assert (rule["allow_ab"], rule["allow_ba"]) == allowed


def test_a_limit_of_trades_beyond_any_integer_is_no_limit() -> None:
    assert rules_of([params(max_open_trades=10**30)])[0]["max_open_trades"] == np.iinfo(np.int64).max
