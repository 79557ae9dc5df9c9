"""Sets as columns: the rules and errors of single `Params`, and the metrics of single runs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl
import pytest

import arbkit
from arbkit.config import PARAM_NAMES, Params
from arbkit.engine import ParamSets, backtest_many, rules_of
from arbkit.errors import ConfigError
from arbkit.panel import Panel
from tests.kernels.test_search import market

BASE = Params(min_spread_bps=30, taker_fee_a_bps=5, taker_fee_b_bps=4, slippage_bps=3, max_position_usd=1_000)
NAN = float("nan")
#: Values worth trying of every parameter; NaN is none.
VALUES: dict[str, list[Any]] = {
    "min_spread_bps": [30.0, -5.5, 1e-9],
    "taker_fee_a_bps": [0.1, -0.2, 7.0],
    "taker_fee_b_bps": [0.3, 0.0],
    "slippage_bps": [0.0, 1 / 3],
    "max_position_usd": [1000.0, 0.1],
    "max_open_trades": [1, 3, 50],
    "direction": ["both", "long_a_short_b", "long_b_short_a"],
    "close_on_spread_reversal": [True, False],
    "exit_spread_bps": [0.0, -3.0],
    "take_profit_bps": [NAN, 4.0, -1.0],
    "stop_loss_bps": [NAN, 1e-9],
    "min_hold_s": [0.0, 0.1 + 0.2],
    "max_hold_s": [NAN, 1.0, 9e9],
    "cooldown_s": [0.0, 1.5e-9, 2.5e-9],
    "rearm_spread_bps": [NAN, -2.0],
    "initial_balance_usd": [1.0, 10_000.0],
    "stop_on_drawdown_pct": [NAN, 3.0],
    "close_at_end": [True, False],
    "pnl_model": ["executable", "convergence"],
    "latency_ms": [0.0, 9e12, 5e-7],
    "latency_a_ms": [NAN, 0.0, 3.0],
    "latency_b_ms": [NAN, 1e-7],
    "max_slip_bps": [NAN, 0.0, 2.0],
    "depth_levels": [0, 3],
    "min_notional_usd": [0.0, 10.0],
    "lot_a": [0.0, 0.5],
    "lot_b": [0.0, 0.25],
    "inventory_a_usd": [NAN, 0.0],
    "inventory_b_usd": [NAN, 5.0],
    "entry_step_bps": [0.0, 2.0],
    "min_entry_gap_s": [0.0, 7.0],
    "fx_settlement": ["per_fill", "at_exit"],
    "funding": [False, True],
    "leverage_b": [NAN, 3.0],
    "maintenance_b": [0.005, 0.1],
    "liquidation_fee_bps": [0.0, 12.0],
    "stop_on_drawdown_mtm_pct": [NAN, 1.0],
}


def columns(rng: np.random.Generator, names: list[str], sets: int) -> dict[str, Any]:
    return {name: np.array(VALUES[name])[rng.integers(0, len(VALUES[name]), sets)] for name in names}


def test_every_parameter_but_the_guard_can_be_a_column() -> None:
    assert set(VALUES) == set(PARAM_NAMES) - {"guard"}


@pytest.mark.parametrize("seed", range(25))
def test_rules_are_those_of_single_params_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = (
        list(VALUES) if seed == 0 else list(rng.choice(list(VALUES), int(rng.integers(1, 9)), replace=False))
    )
    base = BASE.replace(latency_ms=2.0, lot_a=0.1, max_hold_s=100.0, guard={"max_positions": 2})
    sets = ParamSets(base, columns(rng, names, 40))
    singles = [sets[k] for k in range(len(sets))]
    assert sets.rules().tobytes() == rules_of(singles).tobytes()
    assert sets[-1] == singles[-1]


def test_an_array_and_a_frame_say_the_same_as_columns() -> None:
    values = np.array([[20.0, np.nan, 1], [30.0, 5.0, 0]])
    names = ["min_spread_bps", "take_profit_bps", "close_at_end"]
    sets = ParamSets.from_array(BASE, names, values)
    frame = pl.DataFrame(
        {"min_spread_bps": [20, 30], "take_profit_bps": [None, 5.0], "close_at_end": [True, False]}
    )
    assert sets.rules().tobytes() == ParamSets.from_frame(BASE, frame).rules().tobytes()
    assert sets[0] == BASE.replace(min_spread_bps=20, close_at_end=True)
    assert sets[1] == BASE.replace(take_profit_bps=5)
    assert repr(sets) == "ParamSets(2 sets of min_spread_bps, take_profit_bps, close_at_end)"
    with pytest.raises(IndexError):
        sets[2]


def test_objects_with_none_are_read_as_numbers() -> None:
    sets = ParamSets(BASE, {"stop_loss_bps": np.array([None, 4], np.object_)})
    assert (sets[0].stop_loss_bps, sets[1].stop_loss_bps) == (None, 4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"min_spred_bps": [1.0]}, "`min_spred_bps` is no parameter of the engine; did you mean"),
        ({"min_spread_bps": [1.0, NAN]}, "`min_spread_bps` must be finite, was nan in set 1"),
        ({"take_profit_bps": [NAN, np.inf]}, "`take_profit_bps` must be finite, was inf in set 1"),
        ({"slippage_bps": [0.0, -1.0]}, "`slippage_bps` must be at least 0, was -1.0 in set 1"),
        ({"max_position_usd": [0.0]}, "`max_position_usd` must be above 0, was 0.0 in set 0"),
        ({"maintenance_b": [1.0]}, "`maintenance_b` must be below 1, was 1.0 in set 0"),
        ({"cooldown_s": [1e10]}, "`cooldown_s` must be at most 9e+09, was 10000000000.0 in set 0"),
        ({"max_open_trades": [1, 1.5]}, "`max_open_trades` must be a whole number, was 1.5 in set 1"),
        ({"min_spread_bps": ["a"]}, "`min_spread_bps` must be a number, was 'a' in set 0"),
        ({"min_spread_bps": [True]}, "`min_spread_bps` must be a number, was True in set 0"),
        ({"direction": ["both", "up"]}, "one of both, long_a_short_b, long_b_short_a, was 'up' in set 1"),
        ({"close_at_end": [1, 2]}, "`close_at_end` must be true or false, was 2 in set 1"),
        ({"close_at_end": ["1"]}, "`close_at_end` must be true or false, was '1' in set 0"),
        ({"guard": [None]}, "`guard` cannot differ between sets"),
        ({"min_spread_bps": [[1.0]]}, "must have one value per set, its array had the shape (1, 1)"),
        ({"min_spread_bps": [1.0], "lot_a": [1.0, 2.0]}, "lengths were min_spread_bps: 1, lot_a: 2"),
        ({"min_hold_s": [1, 9], "max_hold_s": [NAN, 8]}, "was min_hold_s=9, max_hold_s=8 in set 1"),
        ({}, "`columns` must name a parameter at least"),
    ],
)  # fmt: skip
def test_a_bad_column_is_refused_in_one_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        ParamSets(BASE, {name: np.array(values) for name, values in given.items()})


def test_a_hold_of_the_base_is_checked_too() -> None:
    with pytest.raises(ConfigError, match="was min_hold_s=9, max_hold_s=8 in set 0"):
        ParamSets(BASE.replace(max_hold_s=8), {"min_hold_s": [9.0]})


def test_bad_shapes_and_names_of_an_array_are_refused() -> None:
    with pytest.raises(ConfigError, match=re.escape("shape (sets, 1) for min_spread_bps, was (3,)")):
        ParamSets.from_array(BASE, ["min_spread_bps"], np.zeros(3))
    with pytest.raises(ConfigError, match="every parameter must be named once"):
        ParamSets.from_array(BASE, ["min_spread_bps"] * 2, np.zeros((3, 2)))
    with pytest.raises(ConfigError, match=r"`base` must be arbkit\.Params, was dict"):
        ParamSets({}, {"min_spread_bps": [1.0]})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def panel() -> Panel:
    return market(np.random.default_rng(1), 3000)


@pytest.mark.parametrize("metrics", ["all", "realized"])
def test_metrics_are_those_of_a_list_of_params(panel: Panel, metrics: str) -> None:
    rng = np.random.default_rng(2)
    names = [
        "min_spread_bps",
        "exit_spread_bps",
        "stop_loss_bps",
        "direction",
        "max_position_usd",
        "latency_ms",
    ]
    sets = ParamSets(BASE, columns(rng, names, 60))
    found = arbkit.backtest_many(panel, sets, metrics=metrics)
    assert found.equals(backtest_many(panel, [sets[k] for k in range(60)], metrics=metrics))
    assert found["total_trades"].sum() > 0


def test_one_set_that_a_panel_cannot_simulate_refuses_all(panel: Panel) -> None:
    with pytest.raises(ConfigError, match="`depth_levels` needs a panel with sizes, was 3"):
        backtest_many(panel, ParamSets(BASE, {"depth_levels": [0, 0, 3, 0]}))
    with pytest.raises(ConfigError, match="`funding` needs a panel with a funding table"):
        backtest_many(panel, ParamSets(BASE, {"funding": [False, True], "depth_levels": [0, 0]}))


def test_no_set_gives_an_empty_frame(panel: Panel) -> None:
    found = backtest_many(panel, ParamSets(BASE, {"min_spread_bps": np.empty(0)}))
    assert found.height == 0
