"""`Params`: every field's rule, unknown names, and that a value is frozen."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from arbkit.config import PARAM_NAMES, GuardLimits, Params
from arbkit.errors import ConfigError

NEEDED: dict[str, Any] = {
    "min_spread_bps": 30,
    "taker_fee_a_bps": 5,
    "taker_fee_b_bps": 4,
    "slippage_bps": 3,
    "max_position_usd": 1_000,
}
#: name: (values that are allowed, values that are not); text and NaN are refused for every number.
RULES: dict[str, tuple[list[Any], list[Any]]] = {
    "min_spread_bps": ([-5, 0, 1e6], [None]),
    "taker_fee_a_bps": ([-2, 0, 50.5], [None]),
    "taker_fee_b_bps": ([-2, 0], [None]),
    "slippage_bps": ([0, 5], [-1e-9, None]),
    "max_position_usd": ([1e-9, 1e9], [0, -1, None]),
    "max_open_trades": ([1, 2.0, 10**6], [0, -1, 1.5, None]),
    "direction": (["both", "long_a_short_b", "long_b_short_a"], ["long_a", "BOTH", None, 0]),
    "close_on_spread_reversal": ([True, False, np.True_], [1, 0, "yes", None]),
    "exit_spread_bps": ([-10, 10], [None]),
    "take_profit_bps": ([None, -5, 0, 5], []),
    "stop_loss_bps": ([None, 1e-9], [0, -1]),
    "min_hold_s": ([0, 1], [-1, None, 1e10]),
    "max_hold_s": ([None, 0, 5], [-1, 1e10]),
    "cooldown_s": ([0, 5], [-1, None]),
    "rearm_spread_bps": ([None, -5, 0], []),
    "initial_balance_usd": ([1], [0, -1, None]),
    "stop_on_drawdown_pct": ([None, 0.1, 150], [0, -1]),
    "close_at_end": ([True, False], [1, None]),
    "pnl_model": (["executable", "convergence"], ["real", None]),
    "latency_ms": ([0, 5], [-1, None]),
    "latency_a_ms": ([None, 0, 5], [-1]),
    "latency_b_ms": ([None, 0, 5], [-1]),
    "max_slip_bps": ([None, 0, 5], [-1]),
    "depth_levels": ([0, 5], [-1, 1.5, None]),
    "min_notional_usd": ([0, 5], [-1, None]),
    "lot_a": ([0, 0.1], [-1, None]),
    "lot_b": ([0, 0.1], [-1, None]),
    "inventory_a_usd": ([None, 0, 5], [-1]),
    "inventory_b_usd": ([None, 0, 5], [-1]),
    "entry_step_bps": ([0, 5], [-1, None]),
    "min_entry_gap_s": ([0, 5], [-1, None]),
    "fx_settlement": (["per_fill", "at_exit"], ["later", None]),
    "funding": ([True, False], [1, None]),
    "leverage_b": ([None, 1.5], [1, 0, -1]),
    "maintenance_b": ([0.004], [0, 1, -1, None]),
    "liquidation_fee_bps": ([0, 5], [-1, None]),
    "stop_on_drawdown_mtm_pct": ([None, 5], [0, -1]),
    "guard": ([None, GuardLimits(max_positions=2)], ["strict", 5, [("max_positions", 2)]]),
}
NUMBERS = [name for name, (good, _) in RULES.items() if not isinstance(good[0], (str, bool))]


def test_every_parameter_has_its_rule_tested() -> None:
    assert set(RULES) == set(PARAM_NAMES)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (good, _) in RULES.items() for value in good]
)
def test_a_value_inside_its_rule_is_kept(name: str, value: Any) -> None:
    assert getattr(Params(**NEEDED | {name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, (_, bad) in RULES.items() for value in bad]
    + [
        (name, value)
        for name in NUMBERS
        for value in ("5", float("nan"), float("inf"), -float("inf"), True, [1])
    ],
)
def test_a_value_outside_its_rule_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^`{name}` must .*was "):
        Params(**NEEDED | {name: value})


def test_messages_state_rule_and_value() -> None:
    with pytest.raises(ConfigError, match=r"`slippage_bps` must be at least 0, was -1"):
        Params(**NEEDED | {"slippage_bps": -1})
    with pytest.raises(
        ConfigError, match=r"`min_hold_s` must not exceed `max_hold_s`, was min_hold_s=60, max_hold_s=30"
    ):
        Params(**NEEDED, min_hold_s=60, max_hold_s=30)


def test_defaults_are_those_of_the_rules() -> None:
    params = Params(**NEEDED)
    want = {
        "max_open_trades": 1,
        "direction": "both",
        "close_on_spread_reversal": True,
        "exit_spread_bps": 0.0,
        "take_profit_bps": None,
        "stop_loss_bps": None,
        "min_hold_s": 0,
        "max_hold_s": None,
        "cooldown_s": 0,
        "rearm_spread_bps": None,
        "initial_balance_usd": 10_000,
        "stop_on_drawdown_pct": None,
        "close_at_end": False,
        "pnl_model": "executable",
        "maintenance_b": 0.005,
        "fx_settlement": "per_fill",
        "latency_ms": 0.0,
        "latency_a_ms": None,
        "latency_b_ms": None,
        "max_slip_bps": None,
        "depth_levels": 0,
    }
    assert {name: getattr(params, name) for name in want} == want


def test_numbers_become_floats_and_counts_integers() -> None:
    params = Params(**NEEDED | {"max_open_trades": np.int32(3), "slippage_bps": np.float32(0.5)})
    assert type(params.max_open_trades) is int
    assert type(params.slippage_bps) is float
    assert type(params.min_spread_bps) is float


def test_cost_is_both_fees_then_slippage() -> None:
    assert Params(**NEEDED).cost_bps == 12.0


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match="`min_spred_bps` is no parameter of the engine; did you mean `min_spread_bps`"
    ):
        Params.from_dict(NEEDED | {"min_spred_bps": 1})
    with pytest.raises(ConfigError, match="did you mean `stop_loss_bps`"):
        Params(**NEEDED).replace(stop_los_bps=1)


def test_missing_parameters_are_named() -> None:
    with pytest.raises(ConfigError, match="missing: slippage_bps, max_position_usd"):
        Params.from_dict({name: NEEDED[name] for name in list(NEEDED)[:3]})


def test_a_set_is_frozen_hashable_and_comes_back_from_its_dictionary() -> None:
    params = Params(**NEEDED, stop_loss_bps=50)
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.slippage_bps = 1  # type: ignore[misc]
    assert Params.from_dict(params.to_dict()) == params
    assert list(params.to_dict()) == list(PARAM_NAMES)
    assert len({params, Params.from_dict(params.to_dict())}) == 1


def test_a_changed_copy_is_validated_anew() -> None:
    params = Params(**NEEDED, max_hold_s=30)
    assert params.replace(slippage_bps=7).slippage_bps == 7
    assert params.slippage_bps == 3
    with pytest.raises(ConfigError, match="min_hold_s"):
        params.replace(min_hold_s=31)


def test_a_guard_is_a_block_checked_by_name_and_comes_back_from_a_mapping() -> None:
    params = Params(**NEEDED | {"guard": {"max_daily_loss_usd": 50, "utc_offset_h": 9}})
    assert params.guard == GuardLimits(max_daily_loss_usd=50, utc_offset_h=9)
    assert params.guard.breaker_cooldown_s == 300
    assert Params.from_dict(params.to_dict()) == params
    with pytest.raises(ConfigError, match=r"`max_los_usd` is no limit of `guard`; did you mean"):
        Params(**NEEDED | {"guard": {"max_los_usd": 50}})
    with pytest.raises(ConfigError, match=r"`guard.min_fill_rate` must be at most 1, was 80"):
        Params(**NEEDED | {"guard": {"min_fill_rate": 80}})
