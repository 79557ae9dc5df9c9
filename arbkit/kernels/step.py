"""The trading rules: one tradable row, one state. The only place where they stand.

`step` is what the scan calls for every row and what a live runner calls for every quote. Numbers in
comments are the sections of docs/engine.md.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from arbkit._typing import IntArray, RecordArray
from arbkit.kernels._jit import inlined
from arbkit.kernels.exits import reason_to_leave
from arbkit.kernels.flight import Plan, leave_ordered, plan_entry, send_entry
from arbkit.kernels.guard import guard_count, guard_row, guard_verdict
from arbkit.kernels.money import book_entry, close_trade, entry_fills, exit_fills, open_value
from arbkit.kernels.orders import Flight, entries_of, latest_entry
from arbkit.kernels.quote import Quote
from arbkit.kernels.state import (
    LONG_AGO,
    REFUSED_DEPTH,
    REFUSED_INVENTORY,
    REFUSED_LOT,
    REFUSED_TOTAL_NOTIONAL,
    REFUSED_TOTAL_TRADES,
    refuse,
)
from arbkit.records import ExitReason, Side

__all__ = [
    "check_equity",
    "count_excursions",
    "enter_row",
    "entry_level",
    "leave_row",
    "mark",
    "step",
]

_AB: Final = int(Side.LONG_A_SHORT_B)
_BA: Final = int(Side.LONG_B_SHORT_A)
_OPEN: Final = int(ExitReason.OPEN)
_END_OF_DATA: Final = int(ExitReason.END_OF_DATA)


@inlined
def step(
    quote: Quote,
    entry_ok: bool,
    is_last: bool,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
) -> None:
    """Apply the rules to one tradable row: exits, drawdown check, entry.

    A row on which no exit rule, no entry and no rearm level holds leaves the state as it was, but for the
    clock: that is why rows may be skipped. `mark` and `count_excursions` measure and decide nothing.

    Args:
        quote: the row.
        entry_ok: whether an entry is allowed on it.
        is_last: whether it is the last tradable row of the data.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`, changed in place.
        trades: `TRADE_DTYPE` (capacity,), room for those on their way and one more.
        open_ids: int64 (capacity,), positions in `trades` of the open ones, oldest first.
        flight: orders on their way, with room for one more row (`has_room`).

    A run whose `state.stopped` is set must not be stepped further.
    """
    leave_row(quote, is_last, rules, state, trades, open_ids, flight)
    if rules.has_stop_drawdown_mtm == 1 or rules.guard_on == 1:
        equity = rules.initial_balance_usd + state.realized_pnl
        equity += open_value(quote, rules, state, trades, open_ids)
        check_equity(quote.ts, equity, rules, state)
    enter_row(quote, entry_ok, is_last, rules, state, trades, open_ids, flight)


@inlined
def leave_row(
    quote: Quote,
    is_last: bool,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
) -> None:
    """Do the first part of a row: the clock, rearming, exits and the check of the realised drawdown."""
    if state.last_index < 0:
        state.first_ts = quote.ts
    was_open, was_closed = state.n_open, state.n_closed
    if was_open > 0:
        state.exposure_ns += quote.ts - state.last_ts
    state.last_ts = quote.ts
    state.last_index = quote.row
    _rearm(quote, rules, state)
    close_all = is_last and rules.close_at_end == 1
    if rules.ordered == 1:
        if was_open > 0 or state.n_orders > 0:
            leave_ordered(quote, close_all, rules, state, trades, open_ids, flight)
    elif was_open > 0:
        _exits(quote, close_all, rules, state, trades, open_ids)
    if state.n_closed != was_closed:
        _check_drawdown(rules, state)


@inlined
def check_equity(ts: int, equity: float, rules: Any, state: Any) -> None:
    """Show equity after the exits of a row to the stop on the marked drawdown and to the guard."""
    if rules.has_stop_drawdown_mtm == 1:
        _check_marked_drawdown(equity, rules, state)
    if rules.guard_on == 1:
        guard_row(ts, equity, rules, state)


@inlined
def enter_row(
    quote: Quote,
    entry_ok: bool,
    is_last: bool,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
) -> None:
    """Do the last part of a row: the entry, where one is allowed and the run has not stopped."""
    if state.stopped == 0 and entry_ok and not (is_last and rules.close_at_end == 1):
        _enter(quote, rules, state, trades, open_ids, flight)


@inlined
def count_excursions(quote: Quote, rules: Any, state: Any) -> None:
    """Count the runs of tradable rows on which an entry would pay (section 5)."""
    inside_ab = rules.allow_ab == 1 and quote.x_ab - rules.cost_bps >= rules.min_spread_bps
    inside_ba = rules.allow_ba == 1 and quote.x_ba - rules.cost_bps >= rules.min_spread_bps
    if inside_ab and state.in_run_ab == 0:
        state.excursions += 1
    if inside_ba and state.in_run_ba == 0:
        state.excursions += 1
    state.in_run_ab = 1 if inside_ab else 0
    state.in_run_ba = 1 if inside_ba else 0


@inlined
def _rearm(quote: Quote, rules: Any, state: Any) -> None:
    """Lift the block of a direction whose signal has come back below the rearm level.

    Runs before the exits of the row, so that the exit row itself never rearms.
    """
    if state.rearm_ab == 1 and quote.x_ab < rules.rearm_spread_bps:
        state.rearm_ab = 0
    if state.rearm_ba == 1 and quote.x_ba < rules.rearm_spread_bps:
        state.rearm_ba = 0


@inlined
def _exits(
    quote: Quote, close_all: bool, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray
) -> None:
    kept = 0
    for k in range(state.n_open):
        position = open_ids[k]
        trade = trades[position]
        reason = reason_to_leave(quote, rules, trade)
        if reason == _OPEN and close_all:
            reason = _END_OF_DATA
        if reason == _OPEN:
            open_ids[kept] = position
            kept += 1
        else:
            close_trade(quote, reason, exit_fills(trade.side, quote), rules, state, trade)
    state.n_open = kept


@inlined
def _check_drawdown(rules: Any, state: Any) -> None:
    balance = rules.initial_balance_usd + state.realized_pnl
    state.peak_balance = max(state.peak_balance, balance)
    drawdown = (state.peak_balance - balance) / state.peak_balance
    state.max_drawdown = max(state.max_drawdown, drawdown)
    if rules.has_stop_drawdown == 1 and drawdown * 100 >= rules.stop_on_drawdown_pct:
        state.stopped = 1


@inlined
def _check_marked_drawdown(equity: float, rules: Any, state: Any) -> None:
    """Stop on the drawdown of equity after this row's exits (section 6)."""
    peak = max(state.peak_equity, equity)
    if (peak - equity) / peak * 100 >= rules.stop_on_drawdown_mtm_pct:
        state.stopped = 1


@inlined
def entry_side(
    quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray, flight: Flight
) -> int:
    """Return the side to open on this row, or -1 (section 3, Entry; section 6, Ladder)."""
    free_ab = rules.allow_ab == 1 and state.rearm_ab == 0 and quote.ts >= state.blocked_until_ab
    free_ba = rules.allow_ba == 1 and state.rearm_ba == 0 and quote.ts >= state.blocked_until_ba
    side = -1
    if free_ab and quote.x_ab == quote.x_ab:
        side = _AB
    if free_ba and quote.x_ba == quote.x_ba and (side < 0 or quote.x_ba > quote.x_ab):
        side = _BA
    if side < 0:
        return -1
    level = entry_level(side, rules, state, trades, open_ids, flight)
    x = quote.x_ab if side == _AB else quote.x_ba
    last_entry = latest_entry(side, state, flight)
    if not x - rules.cost_bps >= level:
        return -1
    if last_entry != LONG_AGO and quote.ts - last_entry < rules.entry_gap_ns:
        return -1
    return side


@inlined
def entry_level(
    side: int, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray, flight: Flight
) -> float:
    """Return the net spread that the next entry of a side needs: a step more per trade open or on its way."""
    if rules.entry_step_bps == 0.0 or state.n_open + state.n_entering == 0:
        return rules.min_spread_bps  # type: ignore[no-any-return]
    count = entries_of(side, state, flight)
    for k in range(state.n_open):
        count += trades[open_ids[k]].side == side
    return rules.min_spread_bps + count * rules.entry_step_bps  # type: ignore[no-any-return]


@inlined
def _enter(
    quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray, flight: Flight
) -> None:
    if state.n_open + state.n_entering >= rules.max_open_trades:
        return
    side = entry_side(quote, rules, state, trades, open_ids, flight)
    asked = rules.notional_usd * quote.scale
    if side < 0 or not asked > 0:
        return
    refusal = 0
    if _lacks_inventory(side, asked, rules, state, trades, open_ids, flight):
        refusal = REFUSED_INVENTORY
    elif rules.has_total_limits == 1 and state.desk_open >= rules.max_total_trades:
        refusal = REFUSED_TOTAL_TRADES
    elif rules.has_total_limits == 1 and state.desk_notional + asked > rules.max_total_notional:
        refusal = REFUSED_TOTAL_NOTIONAL
    plan = Plan(0.0, asked, refusal, 0.0, 1.0)
    if refusal == 0 and rules.ordered == 1:
        plan = plan_entry(quote, side, asked, rules, state, flight)
    elif refusal == 0:
        plan = _plan_at_top(quote, side, asked, rules)
    refusal = plan.refusal
    if refusal == 0 and rules.guard_on == 1:
        net = (quote.x_ab if side == _AB else quote.x_ba) - rules.cost_bps
        busy = state.n_open + state.n_entering
        refusal = guard_verdict(
            quote.ts, net, plan.notional, plan.slip_bps, plan.fill_rate, busy, rules, state
        )
    if refusal > 0:
        refuse(side, refusal, state)
        return
    if rules.guard_on == 1:
        guard_count(quote.ts, rules, state)
    if rules.ordered == 1:
        send_entry(quote, side, asked, rules, state, trades, open_ids, flight)
    else:
        fills = entry_fills(side, quote)
        book_entry(quote, side, fills, plan.size, plan.notional, rules, state, trades, open_ids)


@inlined
def _plan_at_top(quote: Quote, side: int, asked: float, rules: Any) -> Plan:
    """Return what an entry is that gets its whole size at the top of this row's books."""
    buy = (quote.ask_a if side == _AB else quote.ask_b) * (1 + rules.half_slip)
    size, notional, refusal = asked / buy, asked, 0
    if rules.lot > 0:
        size = np.floor(size / rules.lot) * rules.lot
        notional = size * buy
        if size == 0:
            refusal = REFUSED_LOT
    if refusal == 0 and notional < rules.min_notional_usd:
        refusal = REFUSED_DEPTH
    return Plan(size, notional, refusal, 0.0, 1.0)


@inlined
def _lacks_inventory(
    side: int,
    notional: float,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
    flight: Flight,
) -> bool:
    """Tell whether the venue sold short holds too little of what has to be sold (section 6, Inventory)."""
    if (rules.has_inventory_b if side == _AB else rules.has_inventory_a) == 0:
        return False
    short, long = 0.0, 0.0
    for k in range(state.n_open):
        trade = trades[open_ids[k]]
        if trade.side == side:
            short += trade.notional_usd
        else:
            long += trade.notional_usd
    for k in range(state.n_orders):
        order = flight.orders[k]
        if order.trade < 0 and order.side == side:
            short += order.notional_usd
        elif order.trade < 0:
            long += order.notional_usd
    limit = rules.inventory_b_usd if side == _AB else rules.inventory_a_usd
    return not short - long + notional <= limit


@inlined
def mark(quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> None:
    """Value the open trades at the end of a row and follow the peak of equity (section 5)."""
    state.unrealized_pnl = open_value(quote, rules, state, trades, open_ids)
    equity = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
    state.peak_equity = max(state.peak_equity, equity)
    state.max_drawdown_mtm = max(state.max_drawdown_mtm, (state.peak_equity - equity) / state.peak_equity)
