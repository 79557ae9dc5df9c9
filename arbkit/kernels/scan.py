"""Every row through `step`: the plain engine, and the reference twin of any faster one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import inner, jit
from arbkit.kernels.funding import book_funding
from arbkit.kernels.market import Grid, Market, ends, first_grid, grid_size, quote_at
from arbkit.kernels.money import mark_trades
from arbkit.kernels.orders import Flight, borrowed_flight, has_room, new_flight, roomier
from arbkit.kernels.refusals import count_refusals
from arbkit.kernels.state import new_state
from arbkit.kernels.step import count_excursions, mark, step
from arbkit.kernels.summary import summarize

__all__ = ["grown", "scan", "scan_curve", "scan_sets"]


class _Place(NamedTuple):
    """How far a scan has come: the next row, the grid points filled, the rows written to the curve."""

    row: int
    filled: int
    processed: int


@jit
def scan(
    market: Market,
    rules: Any,
    state: Any,
    trades: RecordArray,
    grid: Grid,
    curve_balance: FloatArray,
    curve_equity: FloatArray,
) -> tuple[RecordArray, int]:
    """Run the rules over all rows.

    Args:
        market: arrays of the panel, rows in non-decreasing time.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`, overwritten.
        trades: `TRADE_DTYPE` (capacity >= 1,), a place to begin with; it grows as needed.
        grid: where to put equity on the time grid, `grid_size` long, or empty.
        curve_balance, curve_equity: float64, one per tradable row, or empty when not wanted.

    Returns:
        The trades in entry order (the first `state.n_trades` are valid) and the number of filled grid points.
    """
    new_state(state, rules)
    open_ids, flight = np.empty(8, np.int64), new_flight(rules)
    first, last = ends(market)
    at = _Place(first, 0, 0)
    while at.row <= last and state.stopped == 0:
        while state.n_trades + state.n_entering >= trades.size:
            trades = grown(trades)
        while state.n_open + state.n_entering >= open_ids.size:
            open_ids = np.concatenate((open_ids, np.empty_like(open_ids)))
        flight = roomier(flight, rules, state)
        at = _scan_rows(
            market, rules, state, trades, open_ids, flight, grid, curve_balance, curve_equity, at, first, last
        )
    filled = at.filled
    if state.last_index >= 0:
        next_grid = (first_grid(market.ts[first], grid.step_ns) + filled) * grid.step_ns
        while filled < grid.equity.size and next_grid <= state.last_ts:
            grid.equity[filled] = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
            filled += 1
            next_grid += grid.step_ns
        mark_trades(quote_at(market, state.last_index), rules, state, trades, open_ids)
    return trades, filled


@jit
def _scan_rows(
    market: Market,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
    grid: Grid,
    curve_balance: FloatArray,
    curve_equity: FloatArray,
    at: _Place,
    first: int,
    last: int,
) -> _Place:
    """Walk on until the run ends or a table is full, and return the place reached.

    Tables grow outside of this loop: a variable that may change its array in a loop has its references
    counted on every row, which doubled the cost of the scan.
    """
    row, filled, processed = at.row, at.filled, at.processed
    flight = borrowed_flight(flight)
    next_grid = (first_grid(market.ts[first], grid.step_ns) + filled) * grid.step_ns
    while row <= last:
        if not market.tradable[row]:
            row += 1
            continue
        full = state.n_trades + state.n_entering >= trades.size
        if full or state.n_open + state.n_entering >= open_ids.size or not has_room(flight, rules, state):
            break
        while filled < grid.equity.size and next_grid < market.ts[row]:
            grid.equity[filled] = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
            filled += 1
            next_grid += grid.step_ns
        entry_ok = market.entry_ok[row] if market.entry_ok.size else True
        quote = quote_at(market, row)
        count_excursions(quote, rules, state)
        was_open = state.n_open
        if rules.has_funding == 1:
            book_funding(market.payments, row, state, trades, open_ids)
        step(quote, entry_ok, row == last, rules, state, trades, open_ids, flight)
        if state.refusing_ab | state.refusing_ba:
            count_refusals(market, row, rules, state)
        if was_open > 0 or state.n_open > 0:
            mark(quote, rules, state, trades, open_ids)
        if curve_equity.size:
            balance = rules.initial_balance_usd + state.realized_pnl
            curve_balance[processed] = balance
            curve_equity[processed] = balance + state.unrealized_pnl
        processed += 1
        row += 1
        if state.stopped == 1:
            break
    return _Place(row, filled, processed)


@inner
def grown(trades: RecordArray) -> RecordArray:
    """Return the trades with room for as many again."""
    return np.concatenate((trades, np.empty_like(trades)))


@jit
def scan_curve(
    market: Market, rules: Any, state: Any, trades: RecordArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return balance, equity and the row number at the end of each processed tradable row."""
    n = 0
    for i in range(market.ts.size):
        n += market.tradable[i]
    balance = np.empty(n, np.float64)
    equity = np.empty(n, np.float64)
    rows = np.empty(n, np.int64)
    k = 0
    for i in range(market.ts.size):
        if market.tradable[i]:
            rows[k] = i
            k += 1
    if n:
        scan(market, rules, state, trades, Grid(np.empty(0, np.float64), 1), balance, equity)
        n = np.searchsorted(rows, state.last_index) + 1
    return balance[:n], equity[:n], rows[:n]


@jit
def scan_sets(
    market: Market,
    rules: RecordArray,
    states: RecordArray,
    trades: RecordArray,
    step_ns: int,
    metrics: RecordArray,
) -> None:
    """Run many parameter sets, one after the other, keeping their metrics only.

    Args:
        market: arrays of the panel.
        rules: `RULES_DTYPE` (m,).
        states: `STATE_DTYPE` (1,), scratch.
        trades: `TRADE_DTYPE` (capacity >= 1,), scratch.
        step_ns: grid of the Sharpe and Sortino ratios.
        metrics: `METRICS_DTYPE` (m,), overwritten.
    """
    grid = Grid(np.empty(grid_size(market, step_ns), np.float64), step_ns)
    none = np.empty(0, np.float64)
    for k in range(rules.size):
        trades, filled = scan(market, rules[k], states[0], trades, grid, none, none)
        summarize(states[0], rules[k], trades, grid.equity[:filled], step_ns, metrics[k])
