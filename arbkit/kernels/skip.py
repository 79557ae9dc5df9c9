"""The same trades as the scan, read off the index: only rows on which something happens are stepped.

A row changes the state only where an exit rule, an entry or a rearm level holds (`step`). All of these
compare spreads, or time, with a threshold, so the next such row is found with `next_row`, and `step` is
called there and nowhere else. What is measured between two such rows (marked drawdown, equity on the grid,
excursions) is read off the same index, evaluated exactly on the rows where it counts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import borrowed, inlined, jit
from arbkit.kernels.equity import drawdown_between
from arbkit.kernels.funding import book_funding
from arbkit.kernels.guard_rows import guard_event
from arbkit.kernels.index import Index, Query, first_row_from, next_row
from arbkit.kernels.margin import liquidation_row
from arbkit.kernels.market import Market, Prices, prices_of, quote_at
from arbkit.kernels.money import mark_trades, open_value
from arbkit.kernels.orders import Flight, borrowed_flight, has_room, latest_entry, new_flight, roomier
from arbkit.kernels.refusals import count_refusals
from arbkit.kernels.runs import excursions_until
from arbkit.kernels.scan import grown
from arbkit.kernels.state import new_state
from arbkit.kernels.step import entry_level, mark, step
from arbkit.kernels.summary import summarize

__all__ = ["GridRows", "exit_row", "grid_rows", "next_event", "skip", "skip_sets"]


class GridRows(NamedTuple):
    """Equity on a time grid: for each grid point the last tradable row at or before it, and room for equity.

    Grid point k stands at begin_ns + k * step_ns. `curve`, float64 (2, m) or (2, 0), takes balance and peak
    of equity too, where it has room.
    """

    rows: IntArray
    equity: FloatArray
    curve: FloatArray
    begin_ns: int
    step_ns: int


@jit
def grid_rows(market: Market, first: int, last: int, step_ns: int) -> tuple[IntArray, int]:
    """Return for each grid point between the first and the last tradable row the last tradable row before it.

    Args:
        market: arrays of the panel.
        first, last: first and last tradable row; last < first when there is none.
        step_ns: grid points are the multiples of this since the epoch.

    Returns:
        int64 (m,), m as given by `grid_size`, and the time of the first point.
    """
    if last < first:
        return np.empty(0, np.int64), 0
    begin = -((-market.ts[first]) // step_ns)
    out = np.empty(max(0, market.ts[last] // step_ns - begin + 1), np.int64)
    row = first
    for k in range(out.size):
        row = first_row_from(market.ts, row, last + 1, (begin + k) * step_ns + 1)
        seen = row - 1
        while not market.tradable[seen]:
            seen -= 1
        out[k] = seen
    return out, begin * step_ns


@jit
def skip(
    market: Market,
    index: Index,
    rules: Any,
    state: Any,
    trades: RecordArray,
    grid: GridRows,
    measure: bool,
) -> tuple[RecordArray, int]:
    """Run the rules over the rows on which something happens.

    Args:
        market, index: the panel and its index.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`, overwritten.
        trades: `TRADE_DTYPE` (capacity >= 1,), a place to begin with; it grows as needed.
        grid: where to put equity on the time grid; not used unless `measure`.
        measure: whether to follow marked drawdown, equity on the grid and excursions too.

    Returns:
        The trades in entry order (the first `state.n_trades` are valid) and the number of filled grid points.
    """
    new_state(state, rules)
    # Of a type: for a literal 0 the largest kernels would be compiled a second time.
    filled: Any = np.int64(0)
    if index.last < index.first:
        return trades, filled
    market = Market(
        borrowed(market.ts),
        borrowed(market.bid_a),
        borrowed(market.ask_a),
        borrowed(market.bid_b),
        borrowed(market.ask_b),
        borrowed(market.fair),
        borrowed(market.entry_ok),
        borrowed(market.tradable),
        borrowed(market.scale),
        borrowed(market.fx_a),
        borrowed(market.fx_b),
        borrowed(market.payments),
        market.books,
    )
    index = Index(borrowed(index.bounds), borrowed(index.offsets), index.first, index.last, index.signal)
    open_ids, flight = np.empty(8, np.int64), new_flight(rules)
    due = np.empty(trades.size, np.int64)
    row = index.first
    ended = False
    while not ended:
        while state.n_trades + state.n_entering >= trades.size:
            trades = grown(trades)
            due = np.concatenate((due, np.empty_like(due)))
        while state.n_open + state.n_entering >= open_ids.size:
            open_ids = np.concatenate((open_ids, np.empty_like(open_ids)))
        flight = roomier(flight, rules, state)
        row, filled, ended = _skip_rows(
            market, index, rules, state, trades, open_ids, flight, due, grid, measure, row, filled
        )
    quote = quote_at(market, row)
    mark_trades(quote, rules, state, trades, open_ids)
    state.unrealized_pnl = open_value(quote, rules, state, trades, open_ids)
    if measure:
        while filled < grid.rows.size and grid.begin_ns + filled * grid.step_ns <= state.last_ts:
            grid.equity[filled] = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
            _put_curve(grid, filled, rules, state)
            filled += 1
        state.excursions = excursions_until(market, index, row, rules)
    return trades, filled


@jit
def _skip_rows(
    market: Market,
    index: Index,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
    due: IntArray,
    grid: GridRows,
    measure: bool,
    row: int,
    filled: int,
) -> tuple[int, int, bool]:
    """Go from event to event until the run ends or a table is full.

    Tables grow outside of this loop: a variable that may change its array in a loop has its references
    counted at every turn.

    Returns:
        The row reached (to be stepped next, or the last one when the run has ended), the filled grid points,
        and whether the run has ended.
    """
    follow = measure or rules.has_stop_drawdown_mtm == 1
    prices, flight = prices_of(market), borrowed_flight(flight)
    while (
        state.n_trades + state.n_entering < trades.size
        and state.n_open + state.n_entering < open_ids.size
        and has_room(flight, rules, state)
    ):
        entry_ok = market.entry_ok[row] if market.entry_ok.size else True
        quote = quote_at(market, row)
        before = state.n_trades
        if rules.has_funding == 1:
            book_funding(market.payments, row, state, trades, open_ids)
        step(quote, entry_ok, row == index.last, rules, state, trades, open_ids, flight)
        if state.refusing_ab | state.refusing_ba:
            count_refusals(market, row, rules, state)
        if follow:
            mark(quote, rules, state, trades, open_ids)
        if row == index.last or state.stopped == 1:
            return row, filled, True
        for k in range(before, state.n_trades):
            due[k] = exit_row(market.ts, prices, index, row, trades[k], rules)
        if state.n_orders > 0:
            _find_fills(market, index, row, state, flight)
        upcoming = next_event(market, prices, index, row, rules, state, trades, open_ids, flight, due)
        if rules.guard_follows == 1:
            upcoming = guard_event(market, index, row, upcoming, rules, state, trades, open_ids)
        if follow and state.n_open > 0 and upcoming > row + 1:
            if measure and grid.curve.size:
                upcoming = _curve_between(
                    market, index, row, upcoming, rules, state, trades, open_ids, grid, filled
                )
            else:
                upcoming = drawdown_between(market, index, row + 1, upcoming, rules, state, trades, open_ids)
        if measure:
            filled = _fill_grid(market, row, upcoming, rules, state, trades, open_ids, grid, filled)
        row = upcoming
    return row, filled, False


@jit
def _find_fills(market: Market, index: Index, row: int, state: Any, flight: Flight) -> None:
    """Look up on which row the next leg of each order is filled, where that is not known yet."""
    for k in range(state.n_orders):
        order = flight.orders[k]
        if order.next_row >= 0:
            continue
        moment = order.due_a if order.row_a < 0 else order.due_b
        if order.row_a < 0 and order.row_b < 0:
            moment = min(order.due_a, order.due_b)
        fill = first_row_from(market.ts, row + 1, index.last + 1, moment)
        while fill <= index.last and not market.tradable[fill]:
            fill += 1
        order.next_row = fill


@inlined
def exit_row(ts: IntArray, prices: Prices, index: Index, row: int, trade: Any, rules: Any) -> int:
    """Return the first row after `row` on which the trade is closed, or one past the last."""
    due = _rule_row(ts, prices, index, row, trade, rules)
    if rules.has_margin == 1:
        due = liquidation_row(prices, index, row + 1, due, trade.side, trade.liquidation_px)
    return due


@inlined
def _rule_row(ts: IntArray, prices: Prices, index: Index, row: int, trade: Any, rules: Any) -> int:
    """Return the first row after `row` on which an exit rule of section 3 holds, or one past the last."""
    stop = index.last + 1
    if rules.has_max_hold == 1:
        stop = first_row_from(ts, row + 1, stop, trade.entry_ts + rules.max_hold_ns)
        while stop <= index.last and not prices.tradable[stop]:
            stop += 1
    free = row + 1
    if rules.min_hold_ns > 0:
        free = first_row_from(ts, row + 1, stop, trade.entry_ts + rules.min_hold_ns)
        if rules.has_stop_loss == 1 and free > row + 1:
            hit = next_row(prices, index, row + 1, free, _exit_query(trade, rules, False))
            if hit < free:
                return hit
    if rules.has_reversal == 0 and rules.has_take_profit == 0 and rules.has_stop_loss == 0:
        return stop
    return next_row(prices, index, free, stop, _exit_query(trade, rules, True))


@inlined
def _exit_query(trade: Any, rules: Any, held_enough: bool) -> Query:
    side = trade.side
    reversal = held_enough and rules.has_reversal == 1
    watches = rules.has_stop_loss == 1 or (held_enough and rules.has_take_profit == 1)
    return Query(
        False,
        False,
        rules.cost_bps,
        0.0,
        0.0,
        reversal and side == 0,
        rules.exit_spread_bps,
        reversal and side == 1,
        rules.exit_spread_bps,
        side if watches else -1,
        trade.entry_spread_bps,
        2 * rules.cost_bps,
        rules.has_stop_loss == 1,
        -rules.stop_loss_bps,
        held_enough and rules.has_take_profit == 1,
        rules.take_profit_bps,
    )


@inlined
def next_event(
    market: Market,
    prices: Prices,
    index: Index,
    row: int,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
    due: IntArray,
) -> int:
    """Return the next row after `row` on which a trade opens or closes, an order fills or a side rearms."""
    upcoming = index.last
    for k in range(state.n_open):
        if trades[open_ids[k]].leaving == 0:
            upcoming = min(upcoming, due[open_ids[k]])
    for k in range(state.n_orders):
        upcoming = min(upcoming, flight.orders[k].next_row)
    if rules.has_funding == 1 and state.n_open > 0 and state.next_payment < market.payments.size:
        upcoming = min(upcoming, market.payments[state.next_payment].row)
    room = state.n_open + state.n_entering < rules.max_open_trades
    now = market.ts[row]
    level_ab = entry_level(0, rules, state, trades, open_ids, flight)
    level_ba = entry_level(1, rules, state, trades, open_ids, flight)
    from_ab = max(state.blocked_until_ab, latest_entry(0, state, flight) + rules.entry_gap_ns)
    from_ba = max(state.blocked_until_ba, latest_entry(1, state, flight) + rules.entry_gap_ns)
    want_ab = room and rules.allow_ab == 1 and state.rearm_ab == 0
    want_ba = room and rules.allow_ba == 1 and state.rearm_ba == 0
    query = _entry_query(
        rules,
        want_ab and now >= from_ab,
        want_ba and now >= from_ba,
        level_ab,
        level_ba,
        state.rearm_ab == 1,
        state.rearm_ba == 1,
    )
    upcoming = _next_wanted(market.entry_ok, prices, index, row + 1, upcoming, query)
    if want_ab and now < from_ab:
        start = first_row_from(market.ts, row + 1, upcoming, from_ab)
        query = _entry_query(rules, True, False, level_ab, level_ba, False, False)
        upcoming = _next_wanted(market.entry_ok, prices, index, start, upcoming, query)
    if want_ba and now < from_ba:
        start = first_row_from(market.ts, row + 1, upcoming, from_ba)
        query = _entry_query(rules, False, True, level_ab, level_ba, False, False)
        upcoming = _next_wanted(market.entry_ok, prices, index, start, upcoming, query)
    return upcoming


@inlined
def _entry_query(
    rules: Any,
    entry_ab: bool,
    entry_ba: bool,
    level_ab: float,
    level_ba: float,
    rearm_ab: bool,
    rearm_ba: bool,
) -> Query:
    return Query(
        entry_ab,
        entry_ba,
        rules.cost_bps,
        level_ab,
        level_ba,
        rearm_ab,
        rules.rearm_spread_bps,
        rearm_ba,
        rules.rearm_spread_bps,
        -1,
        0.0,
        0.0,
        False,
        0.0,
        False,
        0.0,
    )


@inlined
def _next_wanted(
    entry_ok: BoolArray, prices: Prices, index: Index, start: int, stop: int, query: Query
) -> int:
    """Like `next_row`, but passes over rows that only an entry would want and on which none is allowed."""
    if not (query.entry_ab or query.entry_ba or query.use_below_ab or query.use_below_ba):
        return stop
    hit = next_row(prices, index, start, stop, query)
    if entry_ok.size and not (query.use_below_ab or query.use_below_ba):
        while hit < stop and not entry_ok[hit]:
            hit = next_row(prices, index, hit + 1, stop, query)
    return hit


@jit
def _fill_grid(
    market: Market,
    row: int,
    upcoming: int,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    grid: GridRows,
    filled: int,
) -> int:
    """Write equity at the grid points between one event and the next, and return how many are filled."""
    balance = rules.initial_balance_usd + state.realized_pnl
    while filled < grid.rows.size and grid.rows[filled] < upcoming:
        equity = balance + state.unrealized_pnl
        if state.n_open > 0 and grid.rows[filled] > row:
            quote = quote_at(market, grid.rows[filled])
            equity = balance + open_value(quote, rules, state, trades, open_ids)
        grid.equity[filled] = equity
        if state.n_open == 0 or upcoming == row + 1:
            _put_curve(grid, filled, rules, state)
        filled += 1
    return filled


@inlined
def _put_curve(grid: GridRows, k: int, rules: Any, state: Any) -> None:
    """Write balance and peak of equity at a grid point, where they are wanted."""
    if grid.curve.size:
        grid.curve[0, k] = rules.initial_balance_usd + state.realized_pnl
        grid.curve[1, k] = state.peak_equity


@jit
def _curve_between(
    market: Market,
    index: Index,
    row: int,
    upcoming: int,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    grid: GridRows,
    k: int,
) -> int:
    """Do what `drawdown_between` does, from grid point to grid point, and write balance and peak at each.

    `_fill_grid`, which comes when the peak has gone on to the next event, leaves them to this.
    """
    start = row + 1
    while k < grid.rows.size and grid.rows[k] < upcoming:
        if grid.rows[k] >= start:
            stop = grid.rows[k] + 1
            reached = drawdown_between(market, index, start, stop, rules, state, trades, open_ids)
            if reached < stop:
                return reached
            start = stop
        _put_curve(grid, k, rules, state)
        k += 1
    if start < upcoming:
        return drawdown_between(market, index, start, upcoming, rules, state, trades, open_ids)
    return upcoming


@jit
def skip_sets(
    market: Market,
    index: Index,
    rules: RecordArray,
    states: RecordArray,
    trades: RecordArray,
    grid: GridRows,
    measure: bool,
    metrics: RecordArray,
) -> None:
    """Run many parameter sets, one after the other, keeping their metrics only.

    Args:
        market, index: the panel and its index.
        rules: `RULES_DTYPE` (m,).
        states: `STATE_DTYPE` (1,), scratch.
        trades: `TRADE_DTYPE` (capacity >= 1,), scratch.
        grid: rows of the grid of the Sharpe and Sortino ratios, and scratch for equity on it.
        measure: whether marked drawdown, Sharpe, Sortino and excursions are wanted; else they are NaN and 0.
        metrics: `METRICS_DTYPE` (m,), overwritten.
    """
    for k in range(rules.size):
        trades, filled = skip(market, index, rules[k], states[0], trades, grid, measure)
        summarize(states[0], rules[k], trades, grid.equity[:filled], grid.step_ns, metrics[k])
        if not measure:
            metrics[k].max_drawdown_mtm_pct = np.nan
