"""Which sets go by their trips, and when an index is built for them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from arbkit.config import Params
from arbkit.engine import rules_of, run_sets
from arbkit.engine.choice import ENGINES, goes_by_trips, index_to_search
from arbkit.kernels.search import SEARCH_FROM
from arbkit.panel import Panel

PLAIN = Params(min_spread_bps=5, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=1, max_position_usd=1000)


def market(rows: int = 500, **extra: Any) -> Panel:
    rng = np.random.default_rng(3)
    a = 100 + np.cumsum(rng.normal(0, 0.02, rows))
    b = a + rng.normal(0, 0.1, rows)
    return Panel(np.arange(rows) * 10**9, a, a + 0.01, b, b + 0.01, **extra)


def has_index(panel: Panel) -> bool:
    return "index" in vars(panel)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stop_loss_bps": 5, "take_profit_bps": 5, "min_hold_s": 1, "max_hold_s": 60},
        {"cooldown_s": 60, "rearm_spread_bps": 0, "direction": "long_a_short_b"},
        {"stop_on_drawdown_pct": 1, "close_at_end": True},
        {"pnl_model": "convergence"},
        {"min_notional_usd": 1000},
    ],
)
def test_rules_of_spreads_and_time_go_by_trips(changes: dict[str, Any]) -> None:
    assert goes_by_trips(market(), rules_of([PLAIN.replace(**changes)])).tolist() == [True]


@pytest.mark.parametrize(
    "changes",
    [
        {"max_open_trades": 2},
        {"latency_ms": 1},
        {"depth_levels": 1},
        {"guard": {"max_positions": 1}},
        {"funding": True},
        {"leverage_b": 5},
        {"inventory_a_usd": 100},
        {"inventory_b_usd": 100},
        {"stop_on_drawdown_mtm_pct": 1},
        {"fx_settlement": "at_exit"},
        {"lot_a": 0.1},
        {"lot_b": 0.1},
        {"min_entry_gap_s": 1},
        {"min_notional_usd": 1001},
    ],
)
def test_what_asks_for_money_or_orders_does_not(changes: dict[str, Any]) -> None:
    rules = rules_of([PLAIN, PLAIN.replace(**changes), PLAIN])
    assert goes_by_trips(market(), rules).tolist() == [True, False, True]


def test_panels_with_a_scale_or_hardly_a_row_do_not() -> None:
    rules = rules_of([PLAIN])
    assert not goes_by_trips(market(scale=np.ones(500)), rules)[0]
    assert not goes_by_trips(market(SEARCH_FROM - 1), rules)[0]
    assert goes_by_trips(market(SEARCH_FROM), rules)[0]


def test_the_index_is_built_for_the_third_search_and_not_before() -> None:
    panel, rules = market(), rules_of([PLAIN])
    wanted = run_sets(market(), rules, engine="step")["realized_pnl_usd"]
    assert wanted[0] != 0
    for built in (False, False, True):
        got = run_sets(panel, rules, measure=False)["realized_pnl_usd"]
        assert got.tobytes() == wanted.tobytes()
        assert has_index(panel) is built


def test_many_sets_at_once_are_worth_an_index() -> None:
    panel = market()
    run_sets(panel, rules_of([PLAIN] * 3), measure=False)
    assert has_index(panel)


def test_a_scan_of_realised_metrics_never_builds_an_index() -> None:
    panel = market()
    for _ in range(4):
        run_sets(panel, rules_of([PLAIN] * 4), engine="scan", measure=False)
    assert not has_index(panel)


@pytest.mark.parametrize(("engine", "measure"), [("skip", False), ("auto", True), ("scan", True)])
def test_skipping_and_measuring_build_it_at_once(engine: str, measure: bool) -> None:
    panel = market()
    index, climbs = index_to_search(panel, engine, 1, measure)
    assert index is panel.index
    assert climbs is (engine != "scan")


def test_no_index_has_the_type_of_one_so_that_kernels_are_compiled_once() -> None:
    panel = market()
    bare, climbs = index_to_search(panel, "scan", 1, False)
    assert not climbs
    assert numba.typeof(bare) == numba.typeof(panel.index)
    assert (bare.first, bare.last) == (panel.index.first, panel.index.last)


def test_every_engine_agrees_on_realised_metrics_of_a_fresh_panel() -> None:
    rules = rules_of([PLAIN.replace(min_spread_bps=level) for level in (-8.0, 0.0, 4.0)])
    wanted = run_sets(market(), rules, engine="step", measure=False)
    assert wanted["total_trades"].min() > 0
    for engine in ENGINES:
        got = run_sets(market(), rules[:2], engine=engine, measure=False)
        for name in ("total_trades", "realized_pnl_usd", "max_drawdown_pct", "fees_usd", "exposure_pct"):
            assert got[name].tobytes() == wanted[name][:2].tobytes(), (engine, name)


def test_a_panel_without_a_tradable_row_gives_no_trade() -> None:
    void = np.full(40, np.nan)
    panel = Panel(np.arange(40), void, void, void, void)
    assert run_sets(panel, rules_of([PLAIN]), measure=False)["total_trades"].tolist() == [0]
    assert not has_index(panel)
