"""Several pairs on one balance: the rows of all of them in the order (ts, pair, row) (section 6, Portfolio).

The rules stand in `step`; here is the order, and what the pairs share. `every_row` steps each tradable row;
without it only the rows on which something happens, each pair's next one found on its own index, so that
only the pair just stepped has to search anew. An entry that a shared limit refuses leaves its pair asking
again on every row that wants one, so that the first row with room again is not missed.

All trades lie in one table in entry order. The fields of a state that speak of the account (`n_trades`,
`realized_pnl`, peaks and drawdowns, `stopped`) are those of the portfolio while a pair is stepped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import IntArray, RecordArray
from arbkit.kernels._jit import borrowed, inlined, jit
from arbkit.kernels.funding import book_funding
from arbkit.kernels.index import Index
from arbkit.kernels.market import Market, prices_of, quote_at
from arbkit.kernels.merge import (
    NEVER,
    bounds_at,
    index_at,
    market_at,
    new_tree,
    rows_before,
    winner,
)
from arbkit.kernels.money import mark_trades, open_value
from arbkit.kernels.orders import Flight, borrowed_flight, new_flight
from arbkit.kernels.portfolio_marks import (
    DeskGrid,
    Marks,
    equity_of,
    fill_until,
    follow_until,
    mark_desk,
    next_of_all,
    stops,
)
from arbkit.kernels.refusals import count_refusals
from arbkit.kernels.runs import excursions_until
from arbkit.kernels.scan import grown
from arbkit.kernels.skip import exit_row, next_event
from arbkit.kernels.state import new_state
from arbkit.kernels.step import (
    check_equity,
    count_excursions,
    enter_row,
    leave_row,
)
from arbkit.kernels.summary import summarize

__all__ = ["Book", "new_book", "portfolio", "portfolio_sets"]


class Book(NamedTuple):
    """The tables of a run. They grow as needed.

    Attributes:
        trades: `TRADE_DTYPE` (capacity,), the trades of all pairs in entry order.
        pairs: int64 (capacity,), whose trade it is.
        due: int64 (capacity,), the row of its pair on which it is closed.
        open_ids: int64 (pairs, room), positions of the open trades of each pair, oldest first.
    """

    trades: RecordArray
    pairs: IntArray
    due: IntArray
    open_ids: IntArray


@jit
def new_book(trades: RecordArray, n_pairs: int) -> Book:
    """Return empty tables; `trades` is a place to begin with."""
    return Book(
        trades,
        np.empty(trades.size, np.int64),
        np.empty(trades.size, np.int64),
        np.empty((n_pairs, 8), np.int64),
    )


@jit
def _roomier(book: Book, n_trades: int, most_open: int) -> Book:
    trades, pairs, due, open_ids = book.trades, book.pairs, book.due, book.open_ids
    if n_trades == trades.size:
        trades = grown(trades)
        pairs = np.concatenate((pairs, np.empty_like(pairs)))
        due = np.concatenate((due, np.empty_like(due)))
    if most_open == open_ids.shape[1]:
        open_ids = np.concatenate((open_ids, np.empty_like(open_ids)), axis=1)
    return Book(trades, pairs, due, open_ids)


@jit
def portfolio(
    like: Market,
    like_index: Index,
    places: IntArray,
    rules: RecordArray,
    states: RecordArray,
    account: Any,
    book: Book,
    grid: DeskGrid,
    every_row: bool,
    measure: bool,
) -> tuple[Book, int]:
    """Run the rules of all pairs on one balance.

    Args:
        like, like_index: market and index of any pair, for the types of their arrays.
        places: int64 (pairs, PLACE_COLUMNS), where the arrays of each pair lie.
        rules: `RULES_DTYPE` (pairs,), the same balance, stops and total limits in each.
        states: `STATE_DTYPE` (pairs,), overwritten.
        account: record of `STATE_DTYPE`, overwritten: what the pairs share, and the sums of the rest.
        book: from `new_book`.
        grid: where to put equity on the time grid; not used unless `measure`.
        every_row: whether to step every tradable row.
        measure: whether marked drawdown, equity on the grid and excursions are wanted too.

    Returns:
        The tables, `account.n_trades` of them valid, and the number of filled grid points.
    """
    n_pairs = places.shape[0]
    new_state(account, rules[0])
    width = 1
    while width < n_pairs:
        width *= 2
    keys, rows = np.full(width, NEVER), np.zeros(width, np.int64)
    marks = Marks(
        np.zeros(n_pairs, np.float64),
        np.full(n_pairs, -1),
        np.zeros(n_pairs, np.int64),
        np.zeros(1, np.int64),
        np.zeros(n_pairs, np.int64),
        np.zeros(n_pairs, np.int64),
    )
    for p in range(n_pairs):
        new_state(states[p], rules[p])
        first, last = bounds_at(places, p)
        if last >= first:
            keys[p], rows[p] = market_at(like, places, p).ts[first], first
    tree = new_tree(keys)
    # Of a type: for a literal 0 the largest kernels would be compiled a second time.
    filled: Any = np.int64(0)
    most_open: Any = np.int64(0)
    at, running = winner(tree, keys, 0), keys.min() < NEVER
    while running:
        book = _roomier(book, account.n_trades, most_open)
        at, filled, most_open, running = _events(
            like, like_index, places, rules, states, account, book, grid, every_row, measure,
            tree, keys, rows, marks, at, filled,
        )  # fmt: skip
    if account.last_index >= 0:
        _finish(like, like_index, places, rules, states, account, book, every_row, measure, at, rows[at])
    if measure:
        equity = rules[0].initial_balance_usd + account.realized_pnl + account.unrealized_pnl
        while filled < grid.equity.size and grid.begin_ns + filled * grid.step_ns <= account.last_ts:
            grid.equity[filled] = equity
            filled += 1
    return book, filled


@jit
def _events(
    like: Market,
    like_index: Index,
    places: IntArray,
    rules: RecordArray,
    states: RecordArray,
    account: Any,
    book: Book,
    grid: DeskGrid,
    every_row: bool,
    measure: bool,
    tree: IntArray,
    keys: IntArray,
    rows: IntArray,
    marks: Marks,
    p: int,
    filled: int,
) -> tuple[int, int, int, bool]:
    """Go from event to event until the run ends or a table is full.

    Returns:
        The pair to be stepped next (or the last one stepped), the filled grid points, how many trades
        it has open, and whether the run goes on.
    """
    trades, due, pair_of = borrowed(book.trades), borrowed(book.due), borrowed(book.pairs)
    every_open = borrowed(book.open_ids)
    no_orders = new_flight(rules[0])
    flight = borrowed_flight(no_orders)
    stopping = rules[0].has_stop_drawdown_mtm == 1
    follow = measure or stopping
    for q in range(rules.size):
        follow = follow or rules[q].guard_on == 1
    while True:
        row, rule, state = rows[p], rules[p], states[p]
        market, index, open_ids = market_at(like, places, p), index_at(like_index, places, p), every_open[p]
        if account.n_trades == trades.size or state.n_open == open_ids.size:
            return p, filled, state.n_open, True
        before = account.n_trades
        _step_pair(market, p, row, rule, rules, states, account, trades, every_open, flight, marks,
                   every_row, follow, row == index.last)  # fmt: skip
        if state.refusing_ab | state.refusing_ba:
            count_refusals(market, row, rule, state)
        if account.stopped == 1:
            return p, filled, 0, False
        if account.n_trades > before:
            pair_of[before] = p
            if not every_row:
                due[before] = exit_row(market.ts, prices_of(market), index, row, trades[before], rule)
        upcoming = row + 1
        if row == index.last:
            keys[p] = NEVER
        else:
            if every_row:
                while not market.tradable[upcoming]:
                    upcoming += 1
            else:
                upcoming = next_event(
                    market, prices_of(market), index, row, rule, state, trades, open_ids, flight, due
                )
            keys[p], rows[p] = market.ts[upcoming], upcoming
        here, stamp = p, market.ts[row]
        p = winner(tree, keys, here)
        if keys[p] == NEVER:
            return here, filled, 0, False
        if stopping and not every_row:
            equity = equity_of(rules[0].initial_balance_usd + account.realized_pnl, marks)
            if stops(equity, account, rules[0]):
                p, at = next_of_all(stamp, here, row, like, places)
                keys[p], rows[p] = market_at(like, places, p).ts[at], at
                winner(tree, keys, p)
        if measure:
            filled = fill_until(
                keys[p], like, places, rules, states, account, trades, every_open, marks, grid, filled
            )
        if follow and not every_row and marks.n_held[0] > 0:
            hit, at = follow_until(
                keys[p], p, rows[p], like, like_index, places, rules, states, account, trades, every_open,
                marks,
            )  # fmt: skip
            if hit >= 0:
                p = hit
                keys[p], rows[p] = market_at(like, places, p).ts[at], at
                winner(tree, keys, p)


@inlined
def _step_pair(
    market: Market,
    p: int,
    row: int,
    rule: Any,
    rules: RecordArray,
    states: RecordArray,
    account: Any,
    trades: RecordArray,
    every_open: IntArray,
    flight: Flight,
    marks: Marks,
    every_row: bool,
    follow: bool,
    is_last: bool,
) -> None:
    """Do one row of one pair: its exits, the shared checks, its entry; and mark the account."""
    quote, state, open_ids = quote_at(market, row), states[p], every_open[p]
    if account.last_index < 0:
        account.first_ts = quote.ts
    if account.n_open > 0:
        account.exposure_ns += quote.ts - account.last_ts
    account.last_ts, account.last_index = quote.ts, row
    was_open = state.n_open
    state.n_trades = account.n_trades
    state.realized_pnl = account.realized_pnl
    state.peak_balance, state.max_drawdown = account.peak_balance, account.max_drawdown
    state.peak_equity = account.peak_equity
    if rule.has_funding == 1:
        book_funding(market.payments, row, state, trades, open_ids)
    if every_row:
        count_excursions(quote, rule, state)
    leave_row(quote, is_last, rule, state, trades, open_ids, flight)
    account.n_open += state.n_open - was_open
    account.realized_pnl = state.realized_pnl
    account.peak_balance, account.max_drawdown = state.peak_balance, state.max_drawdown
    balance = rule.initial_balance_usd + account.realized_pnl
    if follow:
        if was_open > 0:
            marks.values[p] = open_value(quote, rule, state, trades, open_ids)
        check_equity(quote.ts, equity_of(balance, marks), rule, state)
    if rule.has_total_limits == 1 and state.n_open < rule.max_open_trades:
        state.desk_open = account.n_open
        state.desk_notional = _notional_of_all(states, trades, every_open)
    left = state.n_open
    entry_ok = market.entry_ok[row] if market.entry_ok.size else True
    enter_row(quote, entry_ok, is_last, rule, state, trades, open_ids, flight)
    account.n_open += state.n_open - left
    account.n_trades = state.n_trades
    account.stopped = state.stopped
    if follow and (was_open > 0 or state.n_open > 0):
        marks.values[p], marks.rows[p] = open_value(quote, rule, state, trades, open_ids), row
        if (was_open > 0) != (state.n_open > 0):
            _hold(p, state.n_open > 0, marks)
        mark_desk(equity_of(balance, marks), account)


@jit
def _notional_of_all(states: RecordArray, trades: RecordArray, every_open: IntArray) -> float:
    """Return the notional of all open trades, added in the order (pair, age)."""
    total = 0.0
    for q in range(states.size):
        for k in range(states[q].n_open):
            total += trades[every_open[q, k]].notional_usd
    return total


@jit
def _hold(p: int, holds: bool, marks: Marks) -> None:
    """Put a pair into the ordered list of those that hold a trade, or take it out."""
    held, n = marks.held, marks.n_held[0]
    if holds:
        k = n
        while k > 0 and held[k - 1] > p:
            held[k] = held[k - 1]
            k -= 1
        held[k] = p
        marks.n_held[0] = n + 1
        return
    k = 0
    while held[k] != p:
        k += 1
    for j in range(k, n - 1):
        held[j] = held[j + 1]
    marks.n_held[0] = n - 1
    marks.values[p] = 0.0


@jit
def _finish(
    like: Market,
    like_index: Index,
    places: IntArray,
    rules: RecordArray,
    states: RecordArray,
    account: Any,
    book: Book,
    every_row: bool,
    measure: bool,
    p: int,
    row: int,
) -> None:
    """Bring each pair to its last row of the run, mark what is open there, and add the pairs up.

    Args:
        p, row: the last row stepped; the other arguments are those of `portfolio`.
    """
    stamp = account.last_ts
    account.unrealized_pnl = 0.0
    for q in range(states.size):
        market, index, state = market_at(like, places, q), index_at(like_index, places, q), states[q]
        last = row
        if q != p and index.last >= index.first:
            last = rows_before(market.ts, index.first, index.last + 1, q, stamp, p, row) - 1
            while last >= index.first and not market.tradable[last]:
                last -= 1
        if index.last < index.first or last < index.first:
            continue
        if state.last_index < 0:
            state.first_ts, state.last_ts = market.ts[index.first], market.ts[index.first]
        if state.n_open > 0:
            state.exposure_ns += market.ts[last] - state.last_ts
        state.last_ts, state.last_index = market.ts[last], last
        quote = quote_at(market, last)
        mark_trades(quote, rules[q], state, book.trades, book.open_ids[q])
        state.unrealized_pnl = open_value(quote, rules[q], state, book.trades, book.open_ids[q])
        if measure and not every_row:
            state.excursions = excursions_until(market, index, last, rules[q])
        state.stopped = account.stopped
        _add(state, account)


@inlined
def _add(state: Any, account: Any) -> None:
    account.unrealized_pnl += state.unrealized_pnl
    account.n_closed += state.n_closed
    account.n_win += state.n_win
    account.n_loss += state.n_loss
    account.gross_profit += state.gross_profit
    account.gross_loss += state.gross_loss
    account.held_ns += state.held_ns
    account.max_held_ns = max(account.max_held_ns, state.max_held_ns)
    account.fees += state.fees
    account.turnover += state.turnover
    account.funding += state.funding
    account.excursions += state.excursions
    for kind in range(20):
        account.rejected[kind] += state.rejected[kind]
    for reason in range(7):
        account.exits[reason] += state.exits[reason]


@jit
def portfolio_sets(
    like: Market,
    like_index: Index,
    places: IntArray,
    rules: RecordArray,
    states: RecordArray,
    account: RecordArray,
    trades: RecordArray,
    grid: DeskGrid,
    every_row: bool,
    measure: bool,
    metrics: RecordArray,
) -> None:
    """Run many sets, one after the other, keeping the metrics of the portfolio only.

    Args:
        rules: `RULES_DTYPE` (m, pairs).
        account: `STATE_DTYPE` (1,), scratch, as are `states` and `trades`.
        metrics: `METRICS_DTYPE` (m,), overwritten; the other arguments are those of `portfolio`.
    """
    book = new_book(trades, places.shape[0])
    for k in range(rules.shape[0]):
        book, filled = portfolio(
            like, like_index, places, rules[k], states, account[0], book, grid, every_row, measure
        )
        summarize(
            account[0],
            rules[k, 0],
            book.trades,
            grid.equity[: filled if measure else 0],
            grid.step_ns,
            metrics[k],
        )
        if not measure:
            metrics[k].max_drawdown_mtm_pct = np.nan
