"""What lets a run trade: states with their reasons, the envelope, and the date of the parameters."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from arbkit.config import GuardLimits, Params
from arbkit.decision.envelope import Envelope
from arbkit.decision.file import _digest
from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, TradingGuard, TradingState
from arbkit.live.config import LiveConfig
from arbkit.live.guard import EnvelopeWatch
from tests.live.conftest import live_values

SECOND = 1_000_000_000
WIDE = dict.fromkeys(Envelope.__dataclass_fields__)


def test_the_worst_reason_decides_and_goes_with_it() -> None:
    told: list[tuple[str, TradingState, tuple[str, ...]]] = []
    guard = TradingGuard(lambda *said: told.append(said))
    assert guard.set("venue_down", True, detail="upbit")
    assert not guard.set("venue_down", True)
    guard.set("kill_switch", True)
    guard.set("unhedged", True, scope="BTC")
    assert guard.desk is TradingState.HALTED
    assert guard.state_of("BTC") == TradingState.HALTED
    guard.set("kill_switch", False)
    assert guard.desk is TradingState.REDUCING
    assert list(guard.reasons()) == ["venue_down: upbit"]
    guard.set("venue_down", False)
    assert (guard.state_of("BTC"), guard.state_of("ETH")) == (TradingState.REDUCING, TradingState.ACTIVE)
    assert told[0] == ("", TradingState.REDUCING, ("venue_down: upbit",))
    assert guard.counts == {"venue_down": 1, "kill_switch": 1, "unhedged": 1}


def row(ts: int, spread: float = 0.0, fair: float = 1.0, fx_ts: int = 0) -> tuple[Any, ...]:
    return (ts, 100.0, 100.1, 100.0 + spread, 100.1 + spread, fair, 1.0, 1.0, 1.0, ts, ts, fx_ts, 1, 0)


def test_the_envelope_is_held_against_a_mean_and_not_against_single_rows() -> None:
    watch = EnvelopeWatch(Envelope.from_dict(WIDE | {"x_ab_bps": [-30.0, 5.0]}), 60 * SECOND)
    for n in range(120):
        assert not watch.see(row((n + 1) * SECOND, spread=1.0 if n == 90 else 0.0))
    assert watch.see(row(120 * SECOND + 1)) is None
    found = [watch.see(row((n + 121) * SECOND, spread=1.0)) for n in range(60)]
    assert found[0] == ()
    assert found[-1] == ("x_ab_bps",)


def test_a_fresh_exchange_rate_is_never_outside() -> None:
    watch = EnvelopeWatch(Envelope.from_dict(WIDE | {"fx_age_s": [2.0, 10.0]}), 10 * SECOND)
    for n in range(40):
        watch.see(row((n + 1) * SECOND, fx_ts=(n + 1) * SECOND))
    assert watch.see(row(60 * SECOND, fx_ts=60 * SECOND)) == ()
    late = [watch.see(row((n + 61) * SECOND, fx_ts=60 * SECOND)) for n in range(60)]
    assert late[-1] == ("fx_age_s",)


def params_file(path: Path, *, tuned: bool = True, days: float = 30, **envelope: Any) -> Path:
    """Write a `params.yaml` as a decision does."""
    limits = GuardLimits(max_trades_per_hour=30, max_daily_loss_usd=500.0)
    params = Params(
        min_spread_bps=-9.0, taker_fee_a_bps=5, taker_fee_b_bps=4, slippage_bps=1, max_position_usd=1_000,
        max_hold_s=20, guard=limits,
    )  # fmt: skip
    until = dt.datetime.fromtimestamp(1_767_571_200 + days * 86_400, dt.UTC)
    document = {
        "format": "arbkit-decision",
        "version": 1,
        "verdict": "supported",
        "sentence": "made for a test",
        "study": {},
        "dataset": {},
        "valid_until": until.isoformat(),
        "config": {"reference": "ewma:1m", **params.to_dict()},
        "guard": {"tuned": tuned, "limits": limits.to_dict()},
        "envelope": WIDE | envelope,
        "per_day": {},
        "canary": None,
    }
    body = yaml.safe_dump(document, sort_keys=False)
    path.write_text(f"{body}checksum: {_digest(body)}\n")
    return path


def decided(recording: Path, tmp_path: Path, **changes: Any) -> LiveConfig:
    values = live_values(recording, tmp_path / "runs", guard=None, reference=None, **changes)
    values.pop("params")
    return LiveConfig.from_dict(values | {"params_file": "params.yaml"}, folder=tmp_path)


def test_parameters_of_a_decision_run_with_their_reference_and_guard(recording: Path, tmp_path: Path) -> None:
    params_file(tmp_path / "params.yaml")
    config = decided(recording, tmp_path)
    assert config.pairs[0].reference == "ewma:1m"
    assert config.pairs[0].params.guard == GuardLimits(max_trades_per_hour=30, max_daily_loss_usd=500.0)
    assert LiveRunner(config).run_forever()["trades_opened"] > 5


def test_parameters_tuned_without_their_guard_are_refused_unless_allowed(
    recording: Path, tmp_path: Path
) -> None:
    params_file(tmp_path / "params.yaml", tuned=False)
    with pytest.raises(ConfigError, match="tuned with the guard block they run with"):
        decided(recording, tmp_path)
    assert decided(recording, tmp_path, allow_untuned_guard=True).decided is not None
    params_file(tmp_path / "params.yaml")
    values = live_values(recording, tmp_path, guard={"max_trades_per_hour": 31}, reference=None)
    values.pop("params")
    with pytest.raises(ConfigError, match="`guard` differs from that of"):
        LiveConfig.from_dict(values | {"params_file": "params.yaml"}, folder=tmp_path)


def test_past_their_date_parameters_enter_nothing(recording: Path, tmp_path: Path) -> None:
    params_file(tmp_path / "params.yaml", days=-1)
    final = LiveRunner(decided(recording, tmp_path)).run_forever()
    assert final["state"]["reasons"] == ["stale_params: since 2026-01-04"]
    assert final["trades_opened"] == 0


def test_outside_of_what_training_showed_nothing_is_entered(recording: Path, tmp_path: Path) -> None:
    params_file(tmp_path / "params.yaml", width_a_bps=[0.0, 0.001])
    final = LiveRunner(decided(recording, tmp_path, envelope_half_life="1s")).run_forever()
    pair = final["state"]["pairs"]["BTC"]
    assert pair == {"state": "reducing", "reasons": ["outside_envelope: width_a_bps"]}
    assert final["trades_opened"] == 0
