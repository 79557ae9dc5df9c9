"""What each of many parameter sets earned per calendar period, read off at the ends of the periods."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import YES, jit
from arbkit.kernels.equity import equity_at
from arbkit.kernels.index import Index, first_row_from
from arbkit.kernels.market import Market
from arbkit.kernels.skip import GridRows, skip
from arbkit.kernels.state import new_state
from arbkit.kernels.trips import opened, run_trips
from arbkit.records import STATE_DTYPE, TRADE_DTYPE

__all__ = ["equity_by_skipping", "equity_by_trips", "period_rows"]


@jit
def period_rows(market: Market, first: int, last: int, step_ns: int) -> IntArray:
    """Return the last tradable row before the end of each period from the first to the last tradable row.

    Args:
        market: arrays of the panel.
        first, last: first and last tradable row; last < first when there is none.
        step_ns: periods begin at the multiples of this since the epoch.

    Returns:
        int64 (periods,); a period without rows repeats the row before it.
    """
    if last < first:
        return np.empty(0, np.int64)
    begin = market.ts[first] // step_ns
    out = np.empty(market.ts[last] // step_ns - begin + 1, np.int64)
    row = first
    for k in range(out.size):
        row = first_row_from(market.ts, row, last + 1, (begin + k + 1) * step_ns)
        seen = row - 1
        while not market.tradable[seen]:
            seen -= 1
        out[k] = seen
    return out


@jit
def equity_by_trips(
    market: Market,
    index: Index,
    rules: RecordArray,
    trips: RecordArray,
    pnl: FloatArray,
    rows: IntArray,
    equity: FloatArray,
) -> None:
    """Write equity at the end of given rows for sets that `run_trips` runs.

    Args:
        market, index: the panel and its index.
        rules: `RULES_DTYPE` (m,).
        trips, pnl: `TRIP_DTYPE` and float64 (capacity >= 1,), scratch.
        rows: int64 (p,), tradable rows in order.
        equity: float64 (m, p), overwritten; after a stop it stays what it was there.
    """
    states, trade, ids = np.empty(2, STATE_DTYPE), np.empty(1, TRADE_DTYPE), np.zeros(1, np.int64)
    for k in range(rules.size):
        trips, pnl, n = run_trips(market, index, rules[k], states[0], trips, pnl, YES)
        _read_off(market, rules[k], states, trips[:n], pnl[:n], trade, ids, rows, equity[k])


@jit
def _read_off(
    market: Market,
    rules: Any,
    states: RecordArray,
    trips: RecordArray,
    pnl: FloatArray,
    trade: RecordArray,
    ids: IntArray,
    rows: IntArray,
    equity: FloatArray,
) -> None:
    run, work = states[0], states[1]
    new_state(work, rules)
    at, stop = 0, run.last_index + 1
    for k in range(trips.size):
        entry, leave = trips[k].entry_row, trips[k].exit_row
        balance = rules.initial_balance_usd + work.realized_pnl
        while at < rows.size and rows[at] < entry:
            equity[at] = balance
            at += 1
        end = leave if leave >= 0 else stop
        if at < rows.size and rows[at] < end:
            opened(market, rules, trips[k], trade[0])
            work.n_open = 1
            while at < rows.size and rows[at] < end:
                equity[at] = equity_at(market, rows[at], balance, rules, work, trade, ids)
                at += 1
        if leave >= 0:
            work.realized_pnl += pnl[k]
    final = rules.initial_balance_usd + run.realized_pnl + run.unrealized_pnl
    equity[at:] = final


@jit
def equity_by_skipping(
    market: Market,
    index: Index,
    rules: RecordArray,
    trades: RecordArray,
    grid: GridRows,
    equity: FloatArray,
) -> None:
    """Like `equity_by_trips`, for any rules; `grid.rows` are the rows, `grid.equity` is scratch."""
    states = np.empty(1, STATE_DTYPE)
    for k in range(rules.size):
        trades, filled = skip(market, index, rules[k], states[0], trades, grid, YES)
        final = rules[k].initial_balance_usd + states[0].realized_pnl + states[0].unrealized_pnl
        for at in range(grid.rows.size):
            reached = at < filled and grid.rows[at] <= states[0].last_index
            equity[k, at] = grid.equity[at] if reached else final
