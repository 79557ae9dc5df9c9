"""The plain scan on panels of every size; the rules themselves are compared with the twin of tests/engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arbkit.config import Params
from arbkit.engine import rules_of
from arbkit.kernels.market import Grid, grid_size
from arbkit.kernels.scan import scan, scan_curve
from arbkit.panel import Panel
from arbkit.records import STATE_DTYPE, TRADE_DTYPE

HOUR = 3_600 * 10**9
PARAMS = Params(
    min_spread_bps=0,
    taker_fee_a_bps=0,
    taker_fee_b_bps=0,
    slippage_bps=0,
    max_position_usd=100,
    max_open_trades=500,
)


def market(n: int, seed: int = 0, void: float = 0.2, gap: int = HOUR // 4) -> Panel:
    rng = np.random.default_rng(seed)
    a = 100 + np.round(np.cumsum(rng.normal(0, 0.05, n)), 2)
    b = a + rng.choice([-0.3, 0.0, 0.3], n)
    b[rng.random(n) < void] = np.nan
    ts = np.cumsum(rng.integers(0, gap, n)) + 1
    return Panel(ts, a, a + 0.05, b, b + 0.05)


def run(panel: Panel, capacity: int = 1, step_ns: int = HOUR) -> tuple[Any, Any, np.ndarray]:
    state = np.zeros(1, STATE_DTYPE)
    grid = Grid(np.full(grid_size(panel.market, step_ns), np.nan), step_ns)
    none = np.empty(0)
    trades, filled = scan(
        panel.market, rules_of([PARAMS])[0], state[0], np.empty(capacity, TRADE_DTYPE), grid, none, none
    )
    return trades[: state[0]["n_trades"]], state[0], grid.equity[:filled]


def test_trades_grow_beyond_the_place_given() -> None:
    panel = market(800)
    small, large = run(panel, 1), run(panel, 4_096)
    assert small[0].size > 100
    assert small[0].tobytes() == large[0].tobytes()
    assert np.array_equal(small[2], large[2])


@pytest.mark.parametrize(("n", "void"), [(0, 0.0), (1, 0.0), (1, 1.0), (2, 0.0), (50, 1.0)])
def test_little_or_no_data_runs(n: int, void: float) -> None:
    trades, state, equity = run(market(n, void=void))
    assert trades.size <= n
    assert state["n_closed"] <= trades.size
    assert np.isfinite(equity).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("step_ns", [HOUR, HOUR // 7, 24 * HOUR])
def test_the_grid_shows_the_curve_as_of_each_point(seed: int, step_ns: int) -> None:
    panel = market(300, seed)
    _, _, got = run(panel, step_ns=step_ns)
    state = np.zeros(1, STATE_DTYPE)
    _, equity, rows = scan_curve(panel.market, rules_of([PARAMS])[0], state[0], np.empty(1, TRADE_DTYPE))
    ts = panel.ts[rows]
    points = np.arange(-(-ts[0] // step_ns), ts[-1] // step_ns + 1) * step_ns
    assert got.tolist() == [equity[np.flatnonzero(ts <= point)[-1]] for point in points]


def test_rows_that_are_not_tradable_change_nothing() -> None:
    panel = market(300, 3)
    keep = np.flatnonzero(panel.tradable)
    packed = Panel(
        panel.ts[keep], *(array[keep] for array in (panel.bid_a, panel.ask_a, panel.bid_b, panel.ask_b))
    )
    full, few = run(panel)[0], run(packed)[0]
    names = [name for name in TRADE_DTYPE.names or () if not name.endswith(("index", "_row"))]
    assert all(np.array_equal(full[name], few[name], equal_nan=True) for name in names)
    assert full["entry_index"].tolist() == keep[few["entry_index"]].tolist()
