"""What is measured from trips against the curve of the every-row scan, to the last bit."""

from __future__ import annotations

import os

import numpy as np
import pytest

from arbkit.config import Params
from arbkit.engine import rules_of
from arbkit.engine.tables import grid_rows_of
from arbkit.kernels.measure import measure_trips
from arbkit.kernels.scan import scan_curve
from arbkit.kernels.summary import ratios, ratios_of_changes
from arbkit.kernels.trips import run_trips
from arbkit.panel import Panel
from arbkit.records import STATE_DTYPE, TRADE_DTYPE, TRIP_DTYPE
from arbkit.units import HOUR_NS
from tests.kernels.test_runs import plain_count
from tests.kernels.test_search import market, parameters

PANELS = int(os.environ.get("ARBKIT_SEARCH_PANELS", "60"))
MINUTE = 60 * 10**9


Measured = tuple[float, np.ndarray, int, int]


def measured(panel: Panel, params: Params, step_ns: int, *, table: bool) -> Measured:
    """Return marked drawdown, the moves of equity on the grid, how many differences, and the excursions."""
    rules, state = rules_of([params])[0], np.zeros(1, STATE_DTYPE)
    trips, pnl = np.empty(4, TRIP_DTYPE), np.empty(4)
    trips, pnl, n = run_trips(panel.market, panel.index, rules, state[0], trips, pnl, True)
    grid = grid_rows_of(panel, step_ns)
    rises = panel.rises(0.0 if table else np.inf)
    found = measure_trips(panel.market, panel.index, rises, rules, state[0], trips[:n], pnl[:n], grid)
    moves = grid.equity[: found.moved].copy()
    return state[0]["max_drawdown_mtm"], moves, found.total, state[0]["excursions"]


def expected(panel: Panel, params: Params, step_ns: int) -> Measured:
    """Return the same from the equity of every row."""
    rules, state = rules_of([params])[0], np.zeros(1, STATE_DTYPE)
    _, equity, rows = scan_curve(panel.market, rules, state[0], np.empty(64, TRADE_DTYPE))
    peak = np.maximum(np.maximum.accumulate(equity), params.initial_balance_usd)
    deepest = max([0.0, *((peak - equity) / peak)])
    ts = panel.ts[rows]
    points = np.arange(-(-ts[0] // step_ns), ts[-1] // step_ns + 1) * step_ns if ts.size else ts
    moves = np.diff(equity[np.searchsorted(ts, points, side="right") - 1]) if points.size else np.empty(0)
    excursions = sum(
        plain_count(panel, side, params.cost_bps, params.min_spread_bps, int(rows[-1]) if rows.size else -1)
        for side, name in enumerate(("long_a_short_b", "long_b_short_a"))
        if params.direction in ("both", name)
    )
    return deepest, moves[moves != 0], max(0, points.size - 1), excursions


@pytest.mark.parametrize("seed", range(PANELS))
def test_everything_measured_is_that_of_the_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = market(rng, int(rng.choice([16, 17, 255, 257, 1500, 4096, 6000, 20_000])))
    for number in range(5):
        params = parameters(rng, panel)
        if rng.random() < 0.5:
            params = params.replace(stop_on_drawdown_pct=float(rng.choice([0.01, 0.5])))
        if panel.fair is None and rng.random() < 0.3:
            params = params.replace(pnl_model="convergence")
        step = int(rng.choice([MINUTE, HOUR_NS, 7 * MINUTE]))
        deepest, moves, total, excursions = expected(panel, params, step)
        got = measured(panel, params, step, table=number % 2 == 1)
        assert got[0] == deepest, params
        assert got[1].tolist() == moves.tolist(), params
        assert got[2:] == (total, excursions), params


def test_the_random_markets_reach_deep_drawdowns_and_long_trades() -> None:
    deepest, moves = 0.0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        panel = market(rng, 6000)
        found = expected(panel, parameters(rng, panel), MINUTE)
        deepest, moves = max(deepest, found[0]), max(moves, found[1].size)
    assert deepest > 0.01
    assert moves > 100


def test_a_panel_without_a_tradable_row_measures_nothing() -> None:
    void = np.full(20, np.nan)
    panel = Panel(np.arange(20) * HOUR_NS, void, void, void, void)
    params = Params(
        min_spread_bps=1, taker_fee_a_bps=0, taker_fee_b_bps=0, slippage_bps=0, max_position_usd=1
    )
    deepest, moves, total, excursions = measured(panel, params, HOUR_NS, table=True)
    assert (deepest, moves.size, total, excursions) == (0.0, 0, 0, 0)


def test_ratios_take_a_curve_and_its_moves_alike() -> None:
    rng = np.random.default_rng(3)
    equity = 10_000 + np.cumsum(rng.normal(0.1, 2, 400) * (rng.random(400) < 0.2))
    moves = np.diff(equity)
    assert ratios(equity, 1e4, HOUR_NS) == ratios_of_changes(moves[moves != 0], 399, 1e4, HOUR_NS)
