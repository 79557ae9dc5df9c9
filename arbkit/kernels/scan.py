"""Every row through `step`: the plain engine, and the reference twin of any faster one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import jit
from arbkit.kernels.step import make_quote, new_state, step
from arbkit.kernels.summary import summarize

__all__ = ["Grid", "Market", "grid_size", "scan", "scan_curve", "scan_sets"]


class Market(NamedTuple):
    """The arrays of a panel: length n, or 0 where an optional one is absent."""

    ts: IntArray
    bid_a: FloatArray
    ask_a: FloatArray
    bid_b: FloatArray
    ask_b: FloatArray
    fair: FloatArray
    entry_ok: BoolArray
    tradable: BoolArray


class Grid(NamedTuple):
    """Equity at every multiple of `step_ns` since the epoch, filled as the rows go by."""

    equity: FloatArray
    step_ns: int


@jit
def _ends(market: Market) -> tuple[int, int]:
    """Return the first and last tradable row, or (0, -1) when there is none."""
    first, last = 0, market.ts.size - 1
    while first <= last and not market.tradable[first]:
        first += 1
    while last >= first and not market.tradable[last]:
        last -= 1
    return (first, last) if first <= last else (0, -1)


@jit
def _first_grid(ts: int, step_ns: int) -> int:
    """Return the number of the first grid point at or after ts."""
    return -((-ts) // step_ns)


@jit
def grid_size(market: Market, step_ns: int) -> int:
    """Return how many grid points lie between the first and the last tradable row, both included."""
    first, last = _ends(market)
    if last < first:
        return 0
    return max(0, market.ts[last] // step_ns - _first_grid(market.ts[first], step_ns) + 1)  # type: ignore[no-any-return]


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
    open_ids = np.empty(min(trades.size, 8), np.int64)
    first, last = _ends(market)
    filled = 0
    next_grid = 0
    if last >= first and grid.equity.size:
        next_grid = _first_grid(market.ts[first], grid.step_ns) * grid.step_ns
    for i in range(first, last + 1):
        if not market.tradable[i]:
            continue
        if state.n_trades == trades.size:
            trades = _grown(trades)
        if state.n_open == open_ids.size:
            open_ids = np.concatenate((open_ids, np.empty(open_ids.size, np.int64)))
        ts = market.ts[i]
        while filled < grid.equity.size and next_grid < ts:
            grid.equity[filled] = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
            filled += 1
            next_grid += grid.step_ns
        fair = market.fair[i] if market.fair.size else 1.0
        entry_ok = market.entry_ok[i] if market.entry_ok.size else True
        quote = make_quote(i, ts, market.bid_a[i], market.ask_a[i], market.bid_b[i], market.ask_b[i], fair)
        step(quote, entry_ok, i == last, rules, state, trades, open_ids)
        if curve_equity.size:
            balance = rules.initial_balance_usd + state.realized_pnl
            curve_balance[state.n_rows - 1] = balance
            curve_equity[state.n_rows - 1] = balance + state.unrealized_pnl
        if state.stopped == 1:
            break
    while filled < grid.equity.size and next_grid <= state.last_ts:
        grid.equity[filled] = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
        filled += 1
        next_grid += grid.step_ns
    return trades, filled


@jit
def _grown(trades: RecordArray) -> RecordArray:
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
        n = state.n_rows
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
