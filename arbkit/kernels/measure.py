"""What lies between the events of trips: marked drawdown, equity on the grid, excursions."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit._typing import FloatArray, RecordArray
from arbkit.kernels._jit import inlined, jit
from arbkit.kernels.equity import drawdown_between, equity_at
from arbkit.kernels.index import Index
from arbkit.kernels.market import Market, quote_at
from arbkit.kernels.runs import excursions_until
from arbkit.kernels.skip import GridRows
from arbkit.kernels.state import new_state
from arbkit.kernels.step import mark
from arbkit.kernels.summary import summarize
from arbkit.kernels.trips import opened, run_trips
from arbkit.records import STATE_DTYPE, TRADE_DTYPE

__all__ = ["measure_trips", "trip_sets"]


@jit
def measure_trips(
    market: Market, index: Index, rules: Any, state: Any, trips: RecordArray, pnl: FloatArray, grid: GridRows
) -> int:
    """Measure a run of `run_trips` as `skip` measures its own; return how many grid points are filled.

    Args:
        market, index: the panel and its index.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE` as the run left it; marked drawdown and excursions are written.
        trips: `TRIP_DTYPE` (n,), all of the run.
        pnl: float64 (n,), their PnL.
        grid: rows of the grid, and where to put equity on it.
    """
    if state.last_index < 0:
        return 0
    trade, ids, states = np.empty(1, TRADE_DTYPE), np.zeros(1, np.int64), np.empty(1, STATE_DTYPE)
    work = states[0]
    new_state(work, rules)
    filled, end = 0, grid.rows.size
    for k in range(trips.size):
        trip = trips[k]
        entry, leave = trip.entry_row, trip.exit_row
        filled = _flat(grid, filled, entry, rules.initial_balance_usd + work.realized_pnl + 0.0)
        opened(market, rules, trip, trade[0])
        work.n_open = 1
        mark(quote_at(market, entry), rules, work, trade, ids)
        stop = leave if leave >= 0 else state.last_index + 1
        if stop > entry + 1:
            drawdown_between(market, index, entry + 1, stop, rules, work, trade, ids)
        balance = rules.initial_balance_usd + work.realized_pnl
        while filled < end and grid.rows[filled] < stop:
            row = grid.rows[filled]
            grid.equity[filled] = equity_at(market, row, balance, rules, work, trade, ids)
            filled += 1
        if leave < 0:
            break
        work.n_open = 0
        work.realized_pnl += pnl[k]
        if k + 1 == trips.size or trips[k + 1].entry_row > leave:
            mark(quote_at(market, leave), rules, work, trade, ids)
    equity = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
    while filled < end and grid.begin_ns + filled * grid.step_ns <= state.last_ts:
        grid.equity[filled] = equity
        filled += 1
    state.peak_equity, state.max_drawdown_mtm = work.peak_equity, work.max_drawdown_mtm
    state.excursions = excursions_until(market, index, state.last_index, rules)
    return filled


@inlined
def _flat(grid: GridRows, filled: int, stop: int, equity: float) -> int:
    """Write the same equity at the grid points up to a row, and return how many are filled."""
    while filled < grid.rows.size and grid.rows[filled] < stop:
        grid.equity[filled] = equity
        filled += 1
    return filled


@jit
def trip_sets(
    market: Market,
    index: Index,
    rules: RecordArray,
    states: RecordArray,
    trips: RecordArray,
    pnl: FloatArray,
    climbs: bool,
    grid: GridRows,
    measure: bool,
    metrics: RecordArray,
) -> None:
    """Run many parameter sets by their trips, one after the other, keeping their metrics only.

    Args:
        market, index: the panel and its index.
        rules: `RULES_DTYPE` (m,).
        states: `STATE_DTYPE` (1,), scratch.
        trips, pnl: `TRIP_DTYPE` and float64 (capacity >= 1,), scratch.
        climbs: whether to climb the index, which measuring needs too.
        grid: rows of the grid of the Sharpe and Sortino ratios, and scratch for equity on it.
        measure: whether marked drawdown, Sharpe, Sortino and excursions are wanted; else they are NaN and 0.
        metrics: `METRICS_DTYPE` (m,), overwritten.
    """
    none = np.empty(0, TRADE_DTYPE)
    for k in range(rules.size):
        trips, pnl, n = run_trips(market, index, rules[k], states[0], trips, pnl, climbs)
        filled = 0
        if measure:
            filled = measure_trips(market, index, rules[k], states[0], trips[:n], pnl[:n], grid)
        summarize(states[0], rules[k], none, grid.equity[:filled], grid.step_ns, metrics[k])
        if not measure:
            metrics[k].max_drawdown_mtm_pct = np.nan
