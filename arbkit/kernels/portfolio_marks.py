"""Equity of a portfolio between two events: its peak and drawdown over all rows, and its values on a grid.

Between two events the open trades of every pair stay the same, so equity moves only on rows of the pairs that
hold one. Their values are added in the order of the pairs, everywhere alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import inlined, inner, jit
from arbkit.kernels.equity import drawdown_between
from arbkit.kernels.index import Index, first_row_from
from arbkit.kernels.market import Market, quote_at
from arbkit.kernels.merge import NEVER, bounds_at, first_after, index_at, market_at, rows_before
from arbkit.kernels.money import open_value

__all__ = [
    "DeskGrid",
    "Marks",
    "equity_of",
    "fill_until",
    "follow_until",
    "mark_desk",
    "next_of_all",
    "stops",
]


class DeskGrid(NamedTuple):
    """Equity at begin_ns + k * step_ns, filled as the events go by."""

    equity: FloatArray
    begin_ns: int
    step_ns: int


class Marks(NamedTuple):
    """What the pairs are worth: per pair the value of its open trades and the row they were valued on.

    `held` lists the pairs with an open trade in order, `n_held[0]` of them; `heads` and `ends` are scratch.
    """

    values: FloatArray
    rows: IntArray
    held: IntArray
    n_held: IntArray
    heads: IntArray
    ends: IntArray


@inlined
def equity_of(balance: float, marks: Marks) -> float:
    """Return the balance plus the values of all pairs that hold a trade, added in their order."""
    total = 0.0
    for k in range(marks.n_held[0]):
        total += marks.values[marks.held[k]]
    return balance + total


@inlined
def stops(equity: float, account: Any, rules: Any) -> bool:
    """Tell whether the stop on the marked drawdown would hold at this equity."""
    peak = max(account.peak_equity, equity)
    return (peak - equity) / peak * 100 >= rules.stop_on_drawdown_mtm_pct  # type: ignore[no-any-return]


@inlined
def mark_desk(equity: float, account: Any) -> None:
    """Follow peak and drawdown of the shared equity at the end of a row."""
    account.peak_equity = max(account.peak_equity, equity)
    drawdown = (account.peak_equity - equity) / account.peak_equity
    account.max_drawdown_mtm = max(account.max_drawdown_mtm, drawdown)


@inner
def fill_until(
    moment: int,
    like: Market,
    places: IntArray,
    rules: RecordArray,
    states: RecordArray,
    account: Any,
    trades: RecordArray,
    open_ids: IntArray,
    marks: Marks,
    grid: DeskGrid,
    filled: int,
) -> int:
    """Write equity at the grid points before `moment`, and return how many are filled.

    Called after one event and before the next, which stands at `moment`.
    """
    balance = rules[0].initial_balance_usd + account.realized_pnl
    while filled < grid.equity.size and grid.begin_ns + filled * grid.step_ns < moment:
        point = grid.begin_ns + filled * grid.step_ns
        total = 0.0
        for k in range(marks.n_held[0]):
            q = marks.held[k]
            market = market_at(like, places, q)
            row = first_row_from(market.ts, marks.rows[q], bounds_at(places, q)[1] + 1, point + 1) - 1
            while row > marks.rows[q] and not market.tradable[row]:
                row -= 1
            if row > marks.rows[q]:
                total += open_value(quote_at(market, row), rules[q], states[q], trades, open_ids[q])
            else:
                total += marks.values[q]
        grid.equity[filled] = balance + total
        filled += 1
    return filled


@inner
def follow_until(
    moment: int,
    p: int,
    row: int,
    like: Market,
    like_index: Index,
    places: IntArray,
    rules: RecordArray,
    states: RecordArray,
    account: Any,
    trades: RecordArray,
    open_ids: IntArray,
    marks: Marks,
) -> tuple[int, int]:
    """Follow equity over the rows between the last event and row `row` of pair p, which stands at `moment`.

    Returns:
        Pair and row on which the stop on the marked drawdown has to be looked at, or (-1, -1).
    """
    if marks.n_held[0] == 1:
        return _follow_one(
            moment, p, row, like, like_index, places, rules, states, account, trades, open_ids, marks
        )
    balance = rules[0].initial_balance_usd + account.realized_pnl
    stopping = rules[0].has_stop_drawdown_mtm == 1
    heads, ends = marks.heads, marks.ends
    for k in range(marks.n_held[0]):
        q = marks.held[k]
        market = market_at(like, places, q)
        ends[q] = rows_before(market.ts, marks.rows[q] + 1, bounds_at(places, q)[1] + 1, q, moment, p, row)
        heads[q] = marks.rows[q] + 1
        while heads[q] < ends[q] and not market.tradable[heads[q]]:
            heads[q] += 1
    while True:
        first, stamp = -1, NEVER
        for k in range(marks.n_held[0]):
            q = marks.held[k]
            if heads[q] < ends[q]:
                ts = market_at(like, places, q).ts[heads[q]]
                if ts < stamp:
                    first, stamp = q, ts
        if first < 0:
            return -1, -1
        market = market_at(like, places, first)
        i = heads[first]
        marks.values[first] = open_value(
            quote_at(market, i), rules[first], states[first], trades, open_ids[first]
        )
        marks.rows[first] = i
        equity = equity_of(balance, marks)
        if stopping and stops(equity, account, rules[0]):
            return first, i
        mark_desk(equity, account)
        i += 1
        while i < ends[first] and not market.tradable[i]:
            i += 1
        heads[first] = i


@jit
def _follow_one(
    moment: int,
    p: int,
    row: int,
    like: Market,
    like_index: Index,
    places: IntArray,
    rules: RecordArray,
    states: RecordArray,
    account: Any,
    trades: RecordArray,
    open_ids: IntArray,
    marks: Marks,
) -> tuple[int, int]:
    """Follow equity where one pair alone holds trades: its own index bounds it."""
    q = marks.held[0]
    market, index = market_at(like, places, q), index_at(like_index, places, q)
    start = marks.rows[q] + 1
    end = rows_before(market.ts, start, index.last + 1, q, moment, p, row)
    if end <= start:
        return -1, -1
    state = states[q]
    state.realized_pnl = account.realized_pnl
    state.peak_equity = account.peak_equity
    state.max_drawdown_mtm = account.max_drawdown_mtm
    reached = drawdown_between(market, index, start, end, rules[q], state, trades, open_ids[q])
    account.peak_equity = state.peak_equity
    account.max_drawdown_mtm = state.max_drawdown_mtm
    if reached < end:
        return q, reached
    last = end - 1
    while last > marks.rows[q] and not market.tradable[last]:
        last -= 1
    if last > marks.rows[q]:
        marks.values[q] = open_value(quote_at(market, last), rules[q], state, trades, open_ids[q])
        marks.rows[q] = last
    return -1, -1


@inner
def next_of_all(moment: int, p: int, row: int, like: Market, places: IntArray) -> tuple[int, int]:
    """Return pair and row of the first tradable row of all after row `row` of pair p; (-1, -1) if none."""
    best, best_row, stamp = -1, -1, NEVER
    for q in range(places.shape[0]):
        first, last = bounds_at(places, q)
        if last >= first:
            market = market_at(like, places, q)
            i = first_after(market, first, last, q, moment, p, row)
            if i <= last and market.ts[i] < stamp:
                best, best_row, stamp = q, i, market.ts[i]
    return best, best_row
