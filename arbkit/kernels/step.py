"""The trading rules: one tradable row, one state. The only place where they stand.

`step` is what the scan calls for every row and what a live runner calls for every quote. Numbers in
comments are the sections of docs/engine.md.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import IntArray, RecordArray
from arbkit.kernels._jit import inlined
from arbkit.kernels.guard import guard_count, guard_row, guard_verdict
from arbkit.kernels.spread import signal_ab, signal_ba, spread_ab, spread_ba
from arbkit.kernels.state import (
    LONG_AGO,
    REFUSED_DEPTH,
    REFUSED_INVENTORY,
    REFUSED_LOT,
    REFUSED_TOTAL_NOTIONAL,
    REFUSED_TOTAL_TRADES,
)
from arbkit.records import ExitReason, PnlModel, Side

__all__ = [
    "Quote",
    "check_equity",
    "close_value",
    "count_excursions",
    "enter_row",
    "entry_level",
    "leave_row",
    "make_quote",
    "mark",
    "mark_trades",
    "mark_value",
    "open_value",
    "step",
]

_AB: Final = int(Side.LONG_A_SHORT_B)
_BA: Final = int(Side.LONG_B_SHORT_A)
_OPEN: Final = int(ExitReason.OPEN)
_STOP_LOSS: Final = int(ExitReason.STOP_LOSS)
_TAKE_PROFIT: Final = int(ExitReason.TAKE_PROFIT)
_REVERSAL: Final = int(ExitReason.SPREAD_REVERSAL)
_TIMEOUT: Final = int(ExitReason.TIMEOUT)
_END_OF_DATA: Final = int(ExitReason.END_OF_DATA)
_LIQUIDATION: Final = int(ExitReason.LIQUIDATION)
_CONVERGENCE: Final = int(PnlModel.CONVERGENCE)


class Quote(NamedTuple):
    """One tradable row: prices in the account currency, the four spreads in bps.

    `scale` multiplies the notional of an entry; `fx_a`, `fx_b` are account currency per unit of the venue's.
    """

    row: int
    ts: int
    bid_a: float
    ask_a: float
    bid_b: float
    ask_b: float
    s_ab: float
    s_ba: float
    x_ab: float
    x_ba: float
    scale: float
    fx_a: float
    fx_b: float


@inlined
def make_quote(
    row: int,
    ts: int,
    bid_a: float,
    ask_a: float,
    bid_b: float,
    ask_b: float,
    fair: float,
    scale: float,
    fx_a: float,
    fx_b: float,
) -> Quote:
    """Return the row with its spreads (section 1)."""
    s_ab = spread_ab(ask_a, bid_b)
    s_ba = spread_ba(bid_a, ask_b)
    return Quote(
        row,
        ts,
        bid_a,
        ask_a,
        bid_b,
        ask_b,
        s_ab,
        s_ba,
        s_ab if fair == 1.0 else signal_ab(ask_a, bid_b, fair),
        s_ba if fair == 1.0 else signal_ba(bid_a, ask_b, fair),
        scale,
        fx_a,
        fx_b,
    )


@inlined
def step(
    quote: Quote,
    entry_ok: bool,
    is_last: bool,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
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
        trades: `TRADE_DTYPE` (capacity,), room for one more trade than `state.n_trades`.
        open_ids: int64 (capacity,), positions in `trades` of the open ones, oldest first.

    A run whose `state.stopped` is set must not be stepped further.
    """
    leave_row(quote, is_last, rules, state, trades, open_ids)
    if rules.has_stop_drawdown_mtm == 1 or rules.guard_on == 1:
        equity = rules.initial_balance_usd + state.realized_pnl
        equity += open_value(quote, rules, state, trades, open_ids)
        check_equity(quote.ts, equity, rules, state)
    enter_row(quote, entry_ok, is_last, rules, state, trades, open_ids)


@inlined
def leave_row(
    quote: Quote, is_last: bool, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray
) -> None:
    """Do the first part of a row: the clock, rearming, exits and the check of the realised drawdown."""
    if state.last_index < 0:
        state.first_ts = quote.ts
    was_open = state.n_open
    if was_open > 0:
        state.exposure_ns += quote.ts - state.last_ts
    state.last_ts = quote.ts
    state.last_index = quote.row
    _rearm(quote, rules, state)
    if was_open > 0:
        _exits(quote, is_last and rules.close_at_end == 1, rules, state, trades, open_ids)
    if state.n_open != was_open:
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
) -> None:
    """Do the last part of a row: the entry, where one is allowed and the run has not stopped."""
    if state.stopped == 0 and entry_ok and not (is_last and rules.close_at_end == 1):
        _enter(quote, rules, state, trades, open_ids)


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
        now = quote.x_ab if trade.side == _AB else quote.x_ba
        unwind = quote.s_ba if trade.side == _AB else quote.s_ab
        mark_bps = trade.entry_spread_bps + unwind - 2 * rules.cost_bps
        reason = _OPEN
        if rules.has_margin == 1 and _is_liquidated(trade, quote):
            reason = _LIQUIDATION
        if reason == _OPEN:
            reason = exit_reason(mark_bps, now, quote.ts - trade.entry_ts, rules)
        if reason == _OPEN and close_all:
            reason = _END_OF_DATA
        if reason == _OPEN:
            open_ids[kept] = position
            kept += 1
        else:
            _close(quote, reason, now, unwind, rules, state, trade)
    state.n_open = kept


@inlined
def _is_liquidated(trade: Any, quote: Quote) -> bool:
    """Tell whether the perpetual at B has reached the price at which its margin is used up (section 6)."""
    if trade.side == _AB:
        return quote.ask_b >= trade.liquidation_px  # type: ignore[no-any-return]
    return quote.bid_b <= trade.liquidation_px  # type: ignore[no-any-return]


@inlined
def exit_reason(mark_bps: float, now: float, held_ns: int, rules: Any) -> int:
    """Return the first exit rule that holds, or `ExitReason.OPEN`; a NaN `now` never reverses."""
    held_enough = held_ns >= rules.min_hold_ns
    if rules.has_stop_loss == 1 and mark_bps <= -rules.stop_loss_bps:
        return _STOP_LOSS
    if rules.has_take_profit == 1 and held_enough and mark_bps >= rules.take_profit_bps:
        return _TAKE_PROFIT
    if rules.has_reversal == 1 and held_enough and now < rules.exit_spread_bps:
        return _REVERSAL
    if rules.has_max_hold == 1 and held_ns >= rules.max_hold_ns:
        return _TIMEOUT
    return _OPEN


@inlined
def close_value(
    trade: Any, exit_long_px: float, exit_short_px: float, fx_a: float, fx_b: float, rules: Any
) -> tuple[float, float, float]:
    """Return PnL, fees and turnover of the whole round trip, closed at these prices (section 4).

    Args:
        trade: record of `TRADE_DTYPE` with its entry prices and size.
        exit_long_px: bid of the venue that was bought.
        exit_short_px: ask of the venue that was sold.
        fx_a, fx_b: rates at the exit; they carry the entry prices along where money stays on the venue.
        rules: record of `RULES_DTYPE`.
    """
    h = rules.half_slip
    fee_long = rules.fee_a if trade.side == _AB else rules.fee_b
    fee_short = rules.fee_b if trade.side == _AB else rules.fee_a
    buy_long = trade.entry_long_px * (1 + h)
    sell_short = trade.entry_short_px * (1 - h)
    if rules.fx_at_exit == 1:
        buy_long = buy_long * ((fx_a if trade.side == _AB else fx_b) / trade.entry_fx_long)
        sell_short = sell_short * ((fx_b if trade.side == _AB else fx_a) / trade.entry_fx_short)
    sell_long = exit_long_px * (1 - h)
    buy_short = exit_short_px * (1 + h)
    q = trade.size
    fees = q * (fee_long * (buy_long + sell_long) + fee_short * (sell_short + buy_short))
    pnl = q * (sell_long - buy_long + sell_short - buy_short) - fees
    turnover = q * (buy_long + sell_long + sell_short + buy_short)
    return pnl, fees, turnover


@inlined
def mark_value(trade: Any, quote: Quote, rules: Any) -> float:
    """Return the PnL of an open trade as if it were closed on this row (section 5)."""
    if rules.pnl_model == _CONVERGENCE:
        now = quote.x_ab if trade.side == _AB else quote.x_ba
        return trade.notional_usd * (trade.entry_spread_bps - now - rules.cost_bps) / 1e4  # type: ignore[no-any-return]
    if trade.side == _AB:
        value = close_value(trade, quote.bid_a, quote.ask_b, quote.fx_a, quote.fx_b, rules)[0]
    else:
        value = close_value(trade, quote.bid_b, quote.ask_a, quote.fx_a, quote.fx_b, rules)[0]
    return value + trade.funding_usd  # type: ignore[no-any-return]


@inlined
def _close(quote: Quote, reason: int, now: float, unwind: float, rules: Any, state: Any, trade: Any) -> None:
    exit_long = quote.bid_a if trade.side == _AB else quote.bid_b
    exit_short = quote.ask_b if trade.side == _AB else quote.ask_a
    pnl, fees, turnover = close_value(trade, exit_long, exit_short, quote.fx_a, quote.fx_b, rules)
    penalty = 0.0
    if reason == _LIQUIDATION:
        h = rules.half_slip
        filled = exit_short * (1 + h) if trade.side == _AB else exit_long * (1 - h)
        penalty = rules.liquidation_fee * (trade.size * filled)
    pnl = pnl + trade.funding_usd - penalty
    fees += penalty
    pnl_bps = pnl / trade.notional_usd * 1e4
    if rules.pnl_model == _CONVERGENCE:
        premium_left = 0.0 if reason == _REVERSAL else now
        pnl_bps = trade.entry_spread_bps - premium_left - rules.cost_bps
        pnl = trade.notional_usd * pnl_bps / 1e4
        fees = trade.fees_usd
    trade.reason = reason
    trade.exit_index = quote.row
    trade.exit_ts = quote.ts
    trade.exit_spread_bps = now
    trade.unwind_bps = unwind
    trade.exit_long_px = exit_long
    trade.exit_short_px = exit_short
    trade.pnl_usd = pnl
    trade.pnl_bps = pnl_bps
    state.fees += fees - trade.fees_usd
    state.turnover += turnover - trade.turnover_usd
    trade.fees_usd = fees
    trade.turnover_usd = turnover
    _book(quote.ts - trade.entry_ts, reason, pnl, state)
    _block(quote.ts, trade.side, reason, rules, state)


@inlined
def _book(held_ns: int, reason: int, pnl: float, state: Any) -> None:
    state.realized_pnl += pnl
    state.n_closed += 1
    state.exits[reason] += 1
    state.held_ns += held_ns
    state.max_held_ns = max(state.max_held_ns, held_ns)
    if pnl > 0:
        state.n_win += 1
        state.gross_profit += pnl
    elif pnl < 0:
        state.n_loss += 1
        state.gross_loss -= pnl


@inlined
def _block(ts: int, side: int, reason: int, rules: Any, state: Any) -> None:
    """After a stop or a timeout the direction waits for its cooldown and for its rearm level."""
    if reason != _STOP_LOSS and reason != _TIMEOUT:
        return
    if side == _AB:
        state.blocked_until_ab = ts + rules.cooldown_ns
        state.rearm_ab = rules.has_rearm
    else:
        state.blocked_until_ba = ts + rules.cooldown_ns
        state.rearm_ba = rules.has_rearm


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
def entry_side(quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> int:
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
    level = entry_level(side, rules, state, trades, open_ids)
    x = quote.x_ab if side == _AB else quote.x_ba
    last_entry = state.last_entry_ab if side == _AB else state.last_entry_ba
    if not x - rules.cost_bps >= level:
        return -1
    if last_entry != LONG_AGO and quote.ts - last_entry < rules.entry_gap_ns:
        return -1
    return side


@inlined
def entry_level(side: int, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> float:
    """Return the net spread that the next entry of a side needs: a step more per trade open in it."""
    if rules.entry_step_bps == 0.0 or state.n_open == 0:
        return rules.min_spread_bps  # type: ignore[no-any-return]
    count = 0
    for k in range(state.n_open):
        count += trades[open_ids[k]].side == side
    return rules.min_spread_bps + count * rules.entry_step_bps  # type: ignore[no-any-return]


@inlined
def _enter(quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> None:
    if state.n_open >= rules.max_open_trades:
        return
    side = entry_side(quote, rules, state, trades, open_ids)
    notional = rules.notional_usd * quote.scale
    if side < 0 or not notional > 0:
        return
    long_px = quote.ask_a if side == _AB else quote.ask_b
    buy = long_px * (1 + rules.half_slip)
    size = notional / buy
    refusal = 0
    if _lacks_inventory(side, notional, rules, state, trades, open_ids):
        refusal = REFUSED_INVENTORY
    elif rules.has_total_limits == 1 and state.desk_open >= rules.max_total_trades:
        refusal = REFUSED_TOTAL_TRADES
    elif rules.has_total_limits == 1 and state.desk_notional + notional > rules.max_total_notional:
        refusal = REFUSED_TOTAL_NOTIONAL
    elif rules.lot > 0:
        size = np.floor(size / rules.lot) * rules.lot
        notional = size * buy
        if size == 0:
            refusal = REFUSED_LOT
    if refusal == 0 and notional < rules.min_notional_usd:
        refusal = REFUSED_DEPTH
    if refusal == 0 and rules.guard_on == 1:
        net = (quote.x_ab if side == _AB else quote.x_ba) - rules.cost_bps
        refusal = guard_verdict(quote.ts, net, notional, 0.0, 1.0, state.n_open, rules, state)
    if refusal > 0:
        state.refusal = refusal
        state.refused_side = side
        return
    trade = trades[state.n_trades]
    _open(trade, side, quote, size, notional, rules)
    state.fees += trade.fees_usd
    state.turnover += trade.turnover_usd
    if side == _AB:
        state.last_entry_ab = quote.ts
    else:
        state.last_entry_ba = quote.ts
    if rules.guard_on == 1:
        guard_count(quote.ts, rules, state)
    open_ids[state.n_open] = state.n_trades
    state.n_open += 1
    state.n_trades += 1


@inlined
def _lacks_inventory(
    side: int, notional: float, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray
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
    limit = rules.inventory_b_usd if side == _AB else rules.inventory_a_usd
    return not short - long + notional <= limit


@inlined
def _open(trade: Any, side: int, quote: Quote, size: float, notional: float, rules: Any) -> None:
    long_px = quote.ask_a if side == _AB else quote.ask_b
    short_px = quote.bid_b if side == _AB else quote.bid_a
    buy = long_px * (1 + rules.half_slip)
    sell = short_px * (1 - rules.half_slip)
    fee_long = rules.fee_a if side == _AB else rules.fee_b
    fee_short = rules.fee_b if side == _AB else rules.fee_a
    trade.side = side
    trade.reason = _OPEN
    trade.entry_index = quote.row
    trade.exit_index = -1
    trade.entry_ts = quote.ts
    trade.exit_ts = -1
    trade.entry_spread_bps = quote.s_ab if side == _AB else quote.s_ba
    trade.entry_signal_bps = quote.x_ab if side == _AB else quote.x_ba
    trade.exit_spread_bps = np.nan
    trade.unwind_bps = np.nan
    trade.entry_long_px = long_px
    trade.entry_short_px = short_px
    trade.exit_long_px = np.nan
    trade.exit_short_px = np.nan
    trade.entry_fx_long = quote.fx_a if side == _AB else quote.fx_b
    trade.entry_fx_short = quote.fx_b if side == _AB else quote.fx_a
    trade.size = size
    trade.notional_usd = notional
    trade.fees_usd = size * (fee_long * buy + fee_short * sell)
    if rules.pnl_model == _CONVERGENCE:
        trade.fees_usd = notional * (rules.fee_a + rules.fee_b)
    trade.turnover_usd = size * (buy + sell)
    trade.pnl_usd = np.nan
    trade.pnl_bps = np.nan
    trade.funding_usd = 0.0
    trade.liquidation_px = np.nan
    if rules.has_margin == 1:
        if side == _AB:
            trade.liquidation_px = sell * (1 + 1 / rules.leverage_b) / (1 + rules.maintenance_b)
        else:
            trade.liquidation_px = buy * (1 - 1 / rules.leverage_b) / (1 - rules.maintenance_b)
    trade.mae_bps = np.nan
    trade.mfe_bps = np.nan


@inlined
def open_value(quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> float:
    """Return the sum of the open trades' values on this row, oldest first."""
    total = 0.0
    for k in range(state.n_open):
        total += mark_value(trades[open_ids[k]], quote, rules)
    return total


@inlined
def mark(quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> None:
    """Value the open trades at the end of a row and follow the peak of equity (section 5)."""
    state.unrealized_pnl = open_value(quote, rules, state, trades, open_ids)
    equity = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
    state.peak_equity = max(state.peak_equity, equity)
    state.max_drawdown_mtm = max(state.max_drawdown_mtm, (state.peak_equity - equity) / state.peak_equity)


@inlined
def mark_trades(quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> None:
    """Write the marks of what is still open at the end of a run into the trades."""
    for k in range(state.n_open):
        trade = trades[open_ids[k]]
        trade.pnl_usd = mark_value(trade, quote, rules)
        trade.pnl_bps = trade.pnl_usd / trade.notional_usd * 1e4
