"""What a trade costs and earns: opening, closing and valuing it (docs/engine.md, sections 4 and 6)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import IntArray, RecordArray
from arbkit.kernels._jit import inlined, jit
from arbkit.kernels.ladder import ladder_price, long_exit_side, short_exit_side
from arbkit.kernels.quote import Quote
from arbkit.records import ExitReason, PnlModel, Side

__all__ = [
    "Fills",
    "book_entry",
    "close_trade",
    "close_value",
    "entry_fills",
    "exit_fills",
    "mark_trades",
    "mark_value",
    "open_trade",
    "open_value",
]

_AB: Final = int(Side.LONG_A_SHORT_B)
_OPEN: Final = int(ExitReason.OPEN)
_STOP_LOSS: Final = int(ExitReason.STOP_LOSS)
_REVERSAL: Final = int(ExitReason.SPREAD_REVERSAL)
_TIMEOUT: Final = int(ExitReason.TIMEOUT)
_LIQUIDATION: Final = int(ExitReason.LIQUIDATION)
_CONVERGENCE: Final = int(PnlModel.CONVERGENCE)


class Fills(NamedTuple):
    """Two legs as they were filled: raw prices, the FX rate of each venue, the row of each leg.

    `beyond` tells that a ladder could not fill the whole size.
    """

    long_px: float
    short_px: float
    fx_a: float
    fx_b: float
    long_row: int
    short_row: int
    beyond: bool


@inlined
def entry_fills(side: int, quote: Quote) -> Fills:
    """Return the fills of an entry at the top of this row's books."""
    row = quote.row
    if side == _AB:
        return Fills(quote.ask_a, quote.bid_b, quote.fx_a, quote.fx_b, row, row, False)
    return Fills(quote.ask_b, quote.bid_a, quote.fx_a, quote.fx_b, row, row, False)


@inlined
def exit_fills(side: int, quote: Quote) -> Fills:
    """Return the fills of an exit at the top of this row's books."""
    row = quote.row
    if side == _AB:
        return Fills(quote.bid_a, quote.ask_b, quote.fx_a, quote.fx_b, row, row, False)
    return Fills(quote.bid_b, quote.ask_a, quote.fx_a, quote.fx_b, row, row, False)


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
    if rules.depth_levels > 0:
        return _ladder_mark(trade, quote, rules) + trade.funding_usd  # type: ignore[no-any-return]
    if trade.side == _AB:
        value = close_value(trade, quote.bid_a, quote.ask_b, quote.fx_a, quote.fx_b, rules)[0]
    else:
        value = close_value(trade, quote.bid_b, quote.ask_a, quote.fx_a, quote.fx_b, rules)[0]
    return value + trade.funding_usd  # type: ignore[no-any-return]


@jit
def _ladder_mark(trade: Any, quote: Quote, rules: Any) -> float:
    """Value a trade at what the whole visible ladders of this row would pay for its size."""
    side, size, levels = trade.side, trade.size, rules.depth_levels
    top_long = quote.bid_a if side == _AB else quote.bid_b
    top_short = quote.ask_b if side == _AB else quote.ask_a
    long_side, short_side = long_exit_side(side), short_exit_side(side)
    long_px, _ = ladder_price(quote.books, long_side, quote.row, levels, 0.0, size, top_long)
    short_px, _ = ladder_price(quote.books, short_side, quote.row, levels, 0.0, size, top_short)
    return close_value(trade, long_px, short_px, quote.fx_a, quote.fx_b, rules)[0]


@inlined
def open_value(quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> float:
    """Return the sum of the open trades' values on this row, oldest first."""
    total = 0.0
    for k in range(state.n_open):
        total += mark_value(trades[open_ids[k]], quote, rules)
    return total


@inlined
def mark_trades(quote: Quote, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> None:
    """Write the marks of what is still open at the end of a run into the trades."""
    for k in range(state.n_open):
        trade = trades[open_ids[k]]
        trade.pnl_usd = mark_value(trade, quote, rules)
        trade.pnl_bps = trade.pnl_usd / trade.notional_usd * 1e4


@inlined
def close_trade(quote: Quote, reason: int, fills: Fills, rules: Any, state: Any, trade: Any) -> None:
    """Close a trade on this row, which is that of its later leg, and book it."""
    now = quote.x_ab if trade.side == _AB else quote.x_ba
    unwind = quote.s_ba if trade.side == _AB else quote.s_ab
    pnl, fees, turnover = close_value(trade, fills.long_px, fills.short_px, fills.fx_a, fills.fx_b, rules)
    penalty = 0.0
    if reason == _LIQUIDATION:
        h = rules.half_slip
        filled = fills.short_px * (1 + h) if trade.side == _AB else fills.long_px * (1 - h)
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
    trade.exit_long_px = fills.long_px
    trade.exit_short_px = fills.short_px
    trade.exit_long_row = fills.long_row
    trade.exit_short_row = fills.short_row
    trade.beyond_book = 1 if fills.beyond else 0
    trade.leaving = 0
    trade.pnl_usd = pnl
    trade.pnl_bps = pnl_bps
    state.fees += fees - trade.fees_usd
    state.turnover += turnover - trade.turnover_usd
    trade.fees_usd = fees
    trade.turnover_usd = turnover
    state.n_beyond += trade.beyond_book
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
def open_trade(
    trade: Any, side: int, quote: Quote, fills: Fills, size: float, notional: float, rules: Any
) -> None:
    """Fill the record of a trade that opens on this row, which is that of its later leg."""
    long_px, short_px = fills.long_px, fills.short_px
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
    trade.entry_fx_long = fills.fx_a if side == _AB else fills.fx_b
    trade.entry_fx_short = fills.fx_b if side == _AB else fills.fx_a
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
    trade.entry_long_row = fills.long_row
    trade.entry_short_row = fills.short_row
    trade.exit_long_row = -1
    trade.exit_short_row = -1
    trade.leaving = 0
    trade.beyond_book = 0
    trade.mae_bps = np.nan
    trade.mfe_bps = np.nan


@inlined
def book_entry(
    quote: Quote,
    side: int,
    fills: Fills,
    size: float,
    notional: float,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
) -> None:
    """Open the next trade on this row and book its fees."""
    trade = trades[state.n_trades]
    open_trade(trade, side, quote, fills, size, notional, rules)
    state.fees += trade.fees_usd
    state.turnover += trade.turnover_usd
    if side == _AB:
        state.last_entry_ab = quote.ts
    else:
        state.last_entry_ba = quote.ts
    open_ids[state.n_open] = state.n_trades
    state.n_open += 1
    state.n_trades += 1
