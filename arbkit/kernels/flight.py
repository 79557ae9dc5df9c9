"""What becomes of a decision that is not filled at the top of its own row (section 6, Latency and Depth).

A decision becomes an order of two legs. Each leg is filled on the first tradable row at or after its time, at
that row's prices; the row of the later leg is the row of the trade. With depth the price of a leg is that of
its size on what is left of the ladder. `step` calls this module where one of the two is on.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import IntArray, RecordArray
from arbkit.kernels._jit import inlined, inner, jit
from arbkit.kernels.exits import reason_to_leave
from arbkit.kernels.ladder import (
    Books,
    affordable,
    ladder_price,
    ladder_size,
    long_entry_side,
    long_exit_side,
    short_entry_side,
    short_exit_side,
    size_taken,
    take,
)
from arbkit.kernels.money import Fills, book_entry, close_trade, entry_fills, exit_fills
from arbkit.kernels.orders import Flight
from arbkit.kernels.quote import Quote
from arbkit.kernels.spread import signal_ab, signal_ba, spread_ab
from arbkit.kernels.state import ABANDONED, REFUSED_DEPTH, REFUSED_LOT, REFUSED_THIN, refuse
from arbkit.records import ExitReason, Side

__all__ = ["Plan", "leave_ordered", "plan_entry", "send_entry"]

_AB: Final = int(Side.LONG_A_SHORT_B)
_OPEN: Final = int(ExitReason.OPEN)
_END_OF_DATA: Final = int(ExitReason.END_OF_DATA)
_LIQUIDATION: Final = int(ExitReason.LIQUIDATION)


class Plan(NamedTuple):
    """What an entry would be: its size, what that costs, and why it is refused (0 when it is not).

    `slip_bps` is the price of the ladders against the top, both legs; `fill_rate` filled over asked notional.
    """

    size: float
    notional: float
    refusal: int
    slip_bps: float
    fill_rate: float


@inner
def plan_entry(quote: Quote, side: int, asked: float, rules: Any, state: Any, flight: Flight) -> Plan:
    """Return what an entry for a notional would be if both legs were filled on this row."""
    top = entry_fills(side, quote)
    size, notional, refusal = _size_of(top, side, asked, quote.books, rules, state, flight)
    if refusal > 0 or rules.depth_levels == 0:
        return Plan(size, notional, refusal, 0.0, 1.0)
    at = _priced(top, long_entry_side(side), short_entry_side(side), size, quote.books, rules, state, flight)
    if side == _AB:
        x = signal_ab(at.long_px, at.short_px, quote.fair)
    else:
        x = signal_ba(at.short_px, at.long_px, quote.fair)
    if not x - rules.cost_bps >= rules.min_spread_bps:
        refusal = REFUSED_THIN
    slip = (at.long_px - top.long_px) / top.long_px * 1e4
    slip += (top.short_px - at.short_px) / top.short_px * 1e4
    return Plan(size, notional, refusal, slip, notional / asked)


@inlined
def _size_of(
    top: Fills, side: int, asked: float, books: Books, rules: Any, state: Any, flight: Flight
) -> tuple[float, float, int]:
    """Return size and notional that a notional asked for gets at these rows, or why there is none."""
    worsen = 1 + rules.half_slip
    size = asked / (top.long_px * worsen)
    levels, long_side, short_side = rules.depth_levels, long_entry_side(side), short_entry_side(side)
    gone, whole = 0.0, True
    if levels > 0:
        gone = size_taken(flight.taken, state.n_taken, top.long_row, long_side)
        size, whole = affordable(books, long_side, top.long_row, levels, gone, asked, worsen)
        gone_short = size_taken(flight.taken, state.n_taken, top.short_row, short_side)
        held = ladder_size(books, short_side, top.short_row, levels, gone_short)
        if held < size:
            size, whole = held, False
    if rules.lot > 0 and size > 0:
        size, whole = np.floor(size / rules.lot) * rules.lot, False
        if size == 0:
            return 0.0, 0.0, REFUSED_LOT
    notional = asked
    if not whole:
        price = top.long_px
        if levels > 0:
            price, _ = ladder_price(books, long_side, top.long_row, levels, gone, size, price)
        notional = size * price * worsen
    if size <= 0 or notional < rules.min_notional_usd:
        return 0.0, 0.0, REFUSED_DEPTH
    return size, notional, 0


@inlined
def _priced(
    top: Fills,
    long_side: int,
    short_side: int,
    size: float,
    books: Books,
    rules: Any,
    state: Any,
    flight: Flight,
) -> Fills:
    """Return fills whose prices are those of a size on what is left of the ladders."""
    levels = rules.depth_levels
    if levels == 0:
        return top
    gone = size_taken(flight.taken, state.n_taken, top.long_row, long_side)
    long_px, beyond = ladder_price(books, long_side, top.long_row, levels, gone, size, top.long_px)
    gone = size_taken(flight.taken, state.n_taken, top.short_row, short_side)
    short_px, too = ladder_price(books, short_side, top.short_row, levels, gone, size, top.short_px)
    return Fills(long_px, short_px, top.fx_a, top.fx_b, top.long_row, top.short_row, beyond or too)


@inlined
def _fill_a(order: Any, quote: Quote) -> None:
    order.row_a, order.bid_a, order.ask_a, order.fx_a = quote.row, quote.bid_a, quote.ask_a, quote.fx_a


@inlined
def _fill_b(order: Any, quote: Quote) -> None:
    order.row_b, order.bid_b, order.ask_b, order.fx_b = quote.row, quote.bid_b, quote.ask_b, quote.fx_b


@inlined
def _tops(order: Any, entering: bool) -> Fills:
    """Return the fills of an order at the tops of the books of its legs' rows."""
    if order.side == _AB:
        long_px, short_px = (order.ask_a, order.bid_b) if entering else (order.bid_a, order.ask_b)
        return Fills(long_px, short_px, order.fx_a, order.fx_b, order.row_a, order.row_b, False)
    long_px, short_px = (order.ask_b, order.bid_a) if entering else (order.bid_b, order.ask_a)
    return Fills(long_px, short_px, order.fx_a, order.fx_b, order.row_b, order.row_a, False)


@inlined
def _send(
    quote: Quote,
    side: int,
    position: int,
    reason: int,
    notional: float,
    rules: Any,
    state: Any,
    flight: Flight,
) -> bool:
    """Put an order on its way, a leg without latency filled already; tell whether both legs are."""
    order = flight.orders[state.n_orders]
    state.n_orders += 1
    order.trade, order.side, order.reason = position, side, reason
    order.row, order.ts = quote.row, quote.ts
    order.spread_bps = quote.s_ab if side == _AB else quote.s_ba
    order.notional_usd = notional
    order.due_a, order.due_b = quote.ts + rules.latency_a_ns, quote.ts + rules.latency_b_ns
    order.row_a, order.row_b, order.next_row = -1, -1, -1
    if rules.latency_a_ns == 0:
        _fill_a(order, quote)
    if rules.latency_b_ns == 0:
        _fill_b(order, quote)
    return order.row_a >= 0 and order.row_b >= 0  # type: ignore[no-any-return]


@inner
def send_entry(
    quote: Quote,
    side: int,
    asked: float,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
) -> None:
    """Send a decided entry, which opens at once where neither leg has latency."""
    state.n_entering += 1
    if _send(quote, side, -1, _OPEN, asked, rules, state, flight):
        state.n_orders -= 1
        _complete_entry(quote, flight.orders[state.n_orders], rules, state, trades, open_ids, flight)


@inner
def leave_ordered(
    quote: Quote,
    close_all: bool,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
) -> None:
    """Do the first part of a row: orders that are due, then exits, then the end of the data.

    Args:
        quote: the row.
        close_all: whether what is open after the exits is closed here: the last row, with `close_at_end`.
        rules, state, trades, open_ids: as in `step`.
        flight: the orders, with room for one more per open trade.
    """
    _forget_taken(quote.row, state, flight)
    _fill_due(quote, close_all, rules, state, trades, open_ids, flight)
    for k in range(state.n_open):
        trade = trades[open_ids[k]]
        if trade.entry_index == quote.row or trade.leaving == 1 or trade.exit_index >= 0:
            continue
        reason = reason_to_leave(quote, rules, trade)
        if reason == _OPEN:
            continue
        if reason == _LIQUIDATION:
            _complete_exit(quote, exit_fills(trade.side, quote), reason, rules, state, trade, flight)
            continue
        trade.leaving = 1
        if _send(quote, trade.side, open_ids[k], reason, 0.0, rules, state, flight):
            state.n_orders -= 1
            order = flight.orders[state.n_orders]
            _complete_exit(quote, _tops(order, False), reason, rules, state, trade, flight)
    if close_all:
        for k in range(state.n_open):
            if trades[open_ids[k]].exit_index < 0:
                fills = _fills_at_end(quote, open_ids[k], trades[open_ids[k]].side, state, flight)
                _complete_exit(quote, fills, _END_OF_DATA, rules, state, trades[open_ids[k]], flight)
        state.n_orders, state.n_entering = 0, 0
    kept = 0
    for k in range(state.n_open):
        if trades[open_ids[k]].exit_index < 0:
            open_ids[kept] = open_ids[k]
            kept += 1
    state.n_open = kept


@inlined
def _fills_at_end(quote: Quote, position: int, side: int, state: Any, flight: Flight) -> Fills:
    """Return the fills of a trade that is closed here, a leg that was sold or bought back before kept."""
    for k in range(state.n_orders):
        order = flight.orders[k]
        if order.trade == position:
            if order.row_a < 0:
                _fill_a(order, quote)
            if order.row_b < 0:
                _fill_b(order, quote)
            return _tops(order, False)
    return exit_fills(side, quote)


@inlined
def _forget_taken(row: int, state: Any, flight: Flight) -> None:
    """Drop what was taken off the ladders of rows on which nothing can be filled any more."""
    oldest = row
    for k in range(state.n_orders):
        order = flight.orders[k]
        if order.row_a >= 0:
            oldest = min(oldest, order.row_a)
        if order.row_b >= 0:
            oldest = min(oldest, order.row_b)
    kept = 0
    for k in range(state.n_taken):
        if flight.taken[k].row >= oldest:
            flight.taken[kept] = flight.taken[k]
            kept += 1
    state.n_taken = kept


@inlined
def _fill_due(
    quote: Quote,
    close_all: bool,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
) -> None:
    """Fill the legs that are due on this row, and finish the orders that are then filled."""
    kept = 0
    for k in range(state.n_orders):
        order = flight.orders[k]
        if close_all and order.trade < 0:
            continue
        if order.row_a < 0 and quote.ts >= order.due_a:
            _fill_a(order, quote)
            order.next_row = -1
        if order.row_b < 0 and quote.ts >= order.due_b:
            _fill_b(order, quote)
            order.next_row = -1
        if order.row_a < 0 or order.row_b < 0:
            flight.orders[kept] = flight.orders[k]
            kept += 1
        elif order.trade < 0:
            _complete_entry(quote, order, rules, state, trades, open_ids, flight)
        else:
            trade = trades[order.trade]
            _complete_exit(quote, _tops(order, False), order.reason, rules, state, trade, flight)
    state.n_orders = kept


@jit
def _complete_entry(
    quote: Quote, order: Any, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray, flight: Flight
) -> None:
    """Open the trade of an order both of whose legs are filled, unless prices or sizes have gone."""
    state.n_entering -= 1
    side, top = order.side, _tops(order, True)
    size, notional, refusal = _size_of(top, side, order.notional_usd, quote.books, rules, state, flight)
    if refusal > 0:
        refuse(side, refusal, state)
        return
    long_side, short_side = long_entry_side(side), short_entry_side(side)
    fills = _priced(top, long_side, short_side, size, quote.books, rules, state, flight)
    if spread_ab(fills.long_px, fills.short_px) < order.spread_bps - rules.max_slip_bps:
        state.rejected[ABANDONED] += 1
        return
    if rules.depth_levels > 0:
        take(flight.taken, state, fills.long_row, long_side, size)
        take(flight.taken, state, fills.short_row, short_side, size)
    book_entry(quote, side, fills, size, notional, rules, state, trades, open_ids)


@jit
def _complete_exit(
    quote: Quote, top: Fills, reason: int, rules: Any, state: Any, trade: Any, flight: Flight
) -> None:
    """Close a trade at the tops of its legs' rows, or at what is left of their ladders."""
    long_side, short_side = long_exit_side(trade.side), short_exit_side(trade.side)
    fills = _priced(top, long_side, short_side, trade.size, quote.books, rules, state, flight)
    if rules.depth_levels > 0:
        take(flight.taken, state, fills.long_row, long_side, trade.size)
        take(flight.taken, state, fills.short_row, short_side, trade.size)
    close_trade(quote, reason, fills, rules, state, trade)
