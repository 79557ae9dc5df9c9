"""One row of one live pair: the rules of `step` on state that a runner keeps between two books.

Rows arrive one by one and lie in a buffer that moves along; their numbers count on, so that trades have the
row numbers that a backtest of the whole tape gives them. Several pairs share one balance exactly as in
`kernels.portfolio`. Orders that real venues fill wait in the pair's table of orders with a delay that nothing
outlasts, until `live_entry`, `live_exit` or `live_drop` says what became of them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import NO, inlined, jit
from arbkit.kernels.ladder import Books
from arbkit.kernels.money import Fills, book_entry, close_trade, mark_trades, open_value
from arbkit.kernels.orders import Flight, has_room
from arbkit.kernels.quote import Quote, make_quote
from arbkit.kernels.spread import is_tradable
from arbkit.kernels.state import new_state
from arbkit.kernels.step import _check_drawdown, check_equity, count_excursions, enter_row, leave_row

__all__ = [
    "ACTIVE",
    "CLOSED",
    "HALTED",
    "LIVE_ROW_DTYPE",
    "MOVED",
    "NO_ROOM",
    "OPENED",
    "REDUCING",
    "REFUSED",
    "SENT",
    "STEPPED",
    "STOPPED",
    "live_drop",
    "live_entry",
    "live_exit",
    "live_mark",
    "live_new",
    "live_row",
]

#: Trading states, as a row carries them: all rules; exits only; nothing.
ACTIVE: Final = 0
REDUCING: Final = 1
HALTED: Final = 2

#: One row of a live pair, as the decision saw it. Prices are in the account currency, NaN where a quote is
#: void, too old or cannot be converted. `quoted_a`, `quoted_b` are the stamps of the quotes shown and
#: `fx_ts` that of the exchange rate (0: none); `entry_ok` is 1 or 0; `state` is one of the trading states.
LIVE_ROW_DTYPE: Final = np.dtype(
    [
        ("ts", np.int64),
        ("bid_a", np.float64),
        ("ask_a", np.float64),
        ("bid_b", np.float64),
        ("ask_b", np.float64),
        ("fair", np.float64),
        ("scale", np.float64),
        ("fx_a", np.float64),
        ("fx_b", np.float64),
        ("quoted_a", np.int64),
        ("quoted_b", np.int64),
        ("fx_ts", np.int64),
        ("entry_ok", np.int64),
        ("state", np.int64),
    ],
    align=True,
)

#: What happened on a row, as bits of what `live_row` returns.
STEPPED: Final = 1  # the row was tradable and went through the rules
OPENED: Final = 2  # a trade was opened
CLOSED: Final = 4  # a trade was closed
SENT: Final = 8  # an order was put on its way
MOVED: Final = 16  # an order that was on its way has ended
REFUSED: Final = 32  # an entry was refused, for the first time in its excursion and for its reason
STOPPED: Final = 64  # a drawdown has stopped everything
#: A table is full; nothing was done.
NO_ROOM: Final = -1


@inlined
def _quote(rows: RecordArray, i: int, base: int, addresses: IntArray) -> Quote:
    r = rows[i]
    books = Books(
        addresses[0],
        addresses[1],
        addresses[2],
        addresses[3],
        addresses[4],
        addresses[5],
        addresses[6],
        addresses[7],
        addresses[8],
        0,
        0,
    )
    return make_quote(
        base + i, r.ts, r.bid_a, r.ask_a, r.bid_b, r.ask_b, r.fair, r.scale, r.fx_a, r.fx_b, books
    )


@jit
def live_new(rules: RecordArray, states: RecordArray, account: RecordArray) -> None:
    """Reset the states of all pairs and the account to what they are before the first row."""
    new_state(account[0], rules[0])
    for p in range(rules.size):
        new_state(states[p], rules[p])


@jit
def live_row(
    rows: RecordArray,
    i: int,
    base: int,
    addresses: IntArray,
    p: int,
    rules: RecordArray,
    states: RecordArray,
    account: RecordArray,
    shared: FloatArray,
    runs: IntArray,
    trades: RecordArray,
    every_open: IntArray,
    orders: RecordArray,
    taken: RecordArray,
) -> int:
    """Put one row of one pair through the rules.

    Args:
        rows: `LIVE_ROW_DTYPE` (capacity,), the buffer of the pair.
        i: position of the row in the buffer.
        base: number of the row at position 0.
        addresses: int64 (9,), the first nine fields of `Books`, shifted so that row `base` lies where
            position 0 does; zeros without depth.
        p: which pair.
        rules: `RULES_DTYPE` (pairs,), the same balance, stops and total limits in each.
        states: `STATE_DTYPE` (pairs,), changed in place.
        account: `STATE_DTYPE` (1,), what the pairs share.
        shared: float64 (pairs, 3): value of the open trades, notional and number of entries on their way.
        runs: int64 (pairs, 4): row on which the latest excursion of each side began, and whether it lasts.
        trades: `TRADE_DTYPE` (capacity,), the trades of all pairs in entry order.
        every_open: int64 (pairs, room), positions of the open trades of each pair, oldest first.
        orders, taken: the pair's own tables, as in `Flight`.

    Returns:
        Bits that say what happened, 0 for a row on which nothing may, or `NO_ROOM`.
    """
    r, rule, state, desk = rows[i], rules[p], states[p], account[0]
    open_ids, flight = every_open[p], Flight(orders, taken)
    if r.state == HALTED or desk.stopped == 1:
        return 0
    if not is_tradable(r.bid_a, r.ask_a, r.bid_b, r.ask_b):
        return 0
    entering = int(shared[:, 2].sum())
    if desk.n_trades + entering + 1 >= trades.size or not has_room(flight, rule, state):
        return NO_ROOM
    if state.n_open + state.n_entering + 1 >= open_ids.size:
        return NO_ROOM
    quote = _quote(rows, i, base, addresses)
    if desk.last_index < 0:
        desk.first_ts = quote.ts
    desk.last_ts, desk.last_index = quote.ts, quote.row
    was_open, was_closed, had_trades = state.n_open, state.n_closed, desk.n_trades
    had_orders = state.n_orders
    _borrow(state, desk)
    count_excursions(quote, rule, state)
    _note_runs(quote, rule, p, runs)
    leave_row(quote, NO, rule, state, trades, open_ids, flight)
    _give_back(state, desk)
    balance = rule.initial_balance_usd + desk.realized_pnl
    held = was_open > 0 or state.n_open > 0
    if held:
        shared[p, 0] = open_value(quote, rule, state, trades, open_ids)
    follows = rule.has_stop_drawdown_mtm == 1 or rule.guard_on == 1
    if follows:
        check_equity(quote.ts, balance + _total(shared), rule, state)
    if rule.has_total_limits == 1:
        _note_desk(p, states, shared, trades, every_open)
    entry_ok = r.entry_ok == 1 and r.state == ACTIVE
    enter_row(quote, entry_ok, NO, rule, state, trades, open_ids, flight)
    desk.n_trades, desk.stopped = state.n_trades, state.stopped
    if held or state.n_open > 0:
        shared[p, 0] = open_value(quote, rule, state, trades, open_ids) if state.n_open > 0 else 0.0
        equity = balance + _total(shared)
        desk.peak_equity = max(desk.peak_equity, equity)
        desk.max_drawdown_mtm = max(desk.max_drawdown_mtm, (desk.peak_equity - equity) / desk.peak_equity)
    sent = _note_orders(p, quote.row, state, shared, orders)
    happened = STEPPED
    happened |= OPENED if desk.n_trades > had_trades else 0
    happened |= CLOSED if state.n_closed > was_closed else 0
    happened |= SENT if sent > 0 else 0
    happened |= MOVED if state.n_orders - sent < had_orders else 0
    happened |= REFUSED if _count_refusals(quote.row, p, runs, state) else 0
    happened |= STOPPED if desk.stopped == 1 else 0
    return happened


@inlined
def _borrow(state: Any, desk: Any) -> None:
    """Show a pair the account as if it were its own, while it is stepped."""
    state.n_trades = desk.n_trades
    state.realized_pnl = desk.realized_pnl
    state.peak_balance, state.max_drawdown = desk.peak_balance, desk.max_drawdown
    state.peak_equity = desk.peak_equity
    state.stopped = desk.stopped


@inlined
def _give_back(state: Any, desk: Any) -> None:
    desk.realized_pnl = state.realized_pnl
    desk.peak_balance, desk.max_drawdown = state.peak_balance, state.max_drawdown
    desk.n_trades = state.n_trades
    desk.stopped = state.stopped


@inlined
def _total(shared: FloatArray) -> float:
    total = 0.0
    for q in range(shared.shape[0]):
        total += shared[q, 0]
    return total


@inlined
def _note_runs(quote: Quote, rules: Any, p: int, runs: IntArray) -> None:
    """Remember on which row the latest excursion of each side began, and whether it still lasts."""
    for side in range(2):
        x = quote.x_ab if side == 0 else quote.x_ba
        inside = x - rules.cost_bps >= rules.min_spread_bps
        if inside and runs[p, 2 + side] == 0:
            runs[p, side] = quote.row
        runs[p, 2 + side] = 1 if inside else 0


@jit
def _note_desk(
    p: int, states: RecordArray, shared: FloatArray, trades: RecordArray, every_open: IntArray
) -> None:
    """Tell a pair what is open at the whole desk, entries on their way included."""
    count, notional = 0, 0.0
    for q in range(states.size):
        for k in range(states[q].n_open):
            notional += trades[every_open[q, k]].notional_usd
        count += states[q].n_open + int(shared[q, 2])
    for q in range(states.size):
        notional += shared[q, 1]
    states[p].desk_open, states[p].desk_notional = count, notional


@inlined
def _note_orders(p: int, row: int, state: Any, shared: FloatArray, orders: RecordArray) -> int:
    """Keep what is on its way into trades, and return how many orders were sent on this row."""
    sent, entering, notional = 0, 0, 0.0
    for k in range(state.n_orders):
        sent += orders[k].row == row
        if orders[k].trade < 0:
            entering += 1
            notional += orders[k].notional_usd
    shared[p, 1], shared[p, 2] = notional, entering
    return sent


@inlined
def _count_refusals(row: int, p: int, runs: IntArray, state: Any) -> bool:
    """Count the refusals of this row as `refusals.count_refusals` does: once per excursion and reason."""
    counted = False
    for side in range(2):
        kinds = state.refusing_ab if side == 0 else state.refusing_ba
        if kinds == 0:
            continue
        last = state.refused_row_ab if side == 0 else state.refused_row_ba
        mask = state.refused_ab if side == 0 else state.refused_ba
        if last < 0 or runs[p, side] > last:
            mask = 0
        for kind in range(state.rejected.size):
            if (kinds & ~mask) >> kind & 1:
                state.rejected[kind] += 1
                counted = True
        mask |= kinds
        if side == 0:
            state.refused_row_ab, state.refused_ab, state.refusing_ab = row, mask, 0
        else:
            state.refused_row_ba, state.refused_ba, state.refusing_ba = row, mask, 0
    return counted


@jit
def live_entry(
    rows: RecordArray,
    i: int,
    base: int,
    addresses: IntArray,
    p: int,
    k: int,
    fill: FloatArray,
    rules: RecordArray,
    states: RecordArray,
    account: RecordArray,
    shared: FloatArray,
    trades: RecordArray,
    every_open: IntArray,
    orders: RecordArray,
) -> None:
    """Open the trade of the k-th order on its way, as its venues filled it.

    Args:
        i: position of the tradable row on which the fill counts; it is stepped afterwards.
        fill: float64 (4,): price of the long and of the short leg in the account currency before slippage,
            size in base units, notional.

    The other arguments are those of `live_row`.
    """
    rule, state, desk, order = rules[p], states[p], account[0], orders[k]
    quote = _quote(rows, i, base, addresses)
    fills = Fills(fill[0], fill[1], quote.fx_a, quote.fx_b, quote.row, quote.row, False)
    _borrow(state, desk)
    book_entry(quote, order.side, fills, fill[2], fill[3], rule, state, trades, every_open[p])
    _give_back(state, desk)
    _drop(k, state, orders)
    _note_orders(p, -1, state, shared, orders)


@jit
def live_exit(
    rows: RecordArray,
    i: int,
    base: int,
    addresses: IntArray,
    p: int,
    k: int,
    fill: FloatArray,
    rules: RecordArray,
    states: RecordArray,
    account: RecordArray,
    shared: FloatArray,
    trades: RecordArray,
    every_open: IntArray,
    orders: RecordArray,
) -> None:
    """Close the trade of the k-th order on its way, as its venues filled it; arguments as in `live_entry`.

    `fill` holds the two prices, the fees above those of the rules and a further loss, account currency.
    """
    rule, state, desk, order = rules[p], states[p], account[0], orders[k]
    quote, position = _quote(rows, i, base, addresses), order.trade
    trade, open_ids = trades[position], every_open[p]
    fills = Fills(fill[0], fill[1], quote.fx_a, quote.fx_b, quote.row, quote.row, False)
    _borrow(state, desk)
    # What was paid beyond the rules is booked as a payment, which the trade's PnL includes.
    trade.funding_usd -= fill[2] + fill[3]
    close_trade(quote, order.reason, fills, rule, state, trade)
    _check_drawdown(rule, state)
    _give_back(state, desk)
    kept = 0
    for j in range(state.n_open):
        if open_ids[j] != position:
            open_ids[kept] = open_ids[j]
            kept += 1
    state.n_open = kept
    if kept == 0:
        shared[p, 0] = 0.0
    _drop(k, state, orders)
    _note_orders(p, -1, state, shared, orders)


@jit
def live_drop(
    p: int,
    k: int,
    states: RecordArray,
    shared: FloatArray,
    trades: RecordArray,
    orders: RecordArray,
) -> None:
    """Forget the k-th order on its way: nothing came of it. An exit is decided anew on the next row."""
    state = states[p]
    if orders[k].trade >= 0:
        trades[orders[k].trade].leaving = 0
    _drop(k, state, orders)
    _note_orders(p, -1, state, shared, orders)


@inlined
def _drop(k: int, state: Any, orders: RecordArray) -> None:
    if orders[k].trade < 0:
        state.n_entering -= 1
    for j in range(k, state.n_orders - 1):
        orders[j] = orders[j + 1]
    state.n_orders -= 1


@jit
def live_mark(
    rows: RecordArray,
    i: int,
    base: int,
    addresses: IntArray,
    p: int,
    rules: RecordArray,
    states: RecordArray,
    trades: RecordArray,
    every_open: IntArray,
) -> float:
    """Write the marks of a pair's open trades at a tradable row into them, and return their sum."""
    quote, state = _quote(rows, i, base, addresses), states[p]
    mark_trades(quote, rules[p], state, trades, every_open[p])
    return open_value(quote, rules[p], state, trades, every_open[p])
