"""When an open trade is left: the rules of sections 3 and 6, in their order."""

from __future__ import annotations

from typing import Any, Final

from arbkit.kernels._jit import inlined
from arbkit.kernels.quote import Quote
from arbkit.records import ExitReason, Side

__all__ = ["exit_reason", "reason_to_leave"]

_AB: Final = int(Side.LONG_A_SHORT_B)
_OPEN: Final = int(ExitReason.OPEN)
_STOP_LOSS: Final = int(ExitReason.STOP_LOSS)
_TAKE_PROFIT: Final = int(ExitReason.TAKE_PROFIT)
_REVERSAL: Final = int(ExitReason.SPREAD_REVERSAL)
_TIMEOUT: Final = int(ExitReason.TIMEOUT)
_LIQUIDATION: Final = int(ExitReason.LIQUIDATION)


@inlined
def reason_to_leave(quote: Quote, rules: Any, trade: Any) -> int:
    """Return why a trade is left on this row, or `ExitReason.OPEN`."""
    if rules.has_margin == 1 and _is_liquidated(trade, quote):
        return _LIQUIDATION
    now = quote.x_ab if trade.side == _AB else quote.x_ba
    unwind = quote.s_ba if trade.side == _AB else quote.s_ab
    mark_bps = trade.entry_spread_bps + unwind - 2 * rules.cost_bps
    return exit_reason(mark_bps, now, quote.ts - trade.entry_ts, rules)


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
