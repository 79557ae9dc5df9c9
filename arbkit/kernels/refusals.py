"""Refused entries, counted once per excursion and reason (docs/engine.md, section 6)."""

from __future__ import annotations

from typing import Any

from arbkit.kernels._jit import jit
from arbkit.kernels.market import Market, quote_at

__all__ = ["count_refusal"]


@jit
def count_refusal(market: Market, row: int, rules: Any, state: Any) -> None:
    """Count the refusal that `step` left in the state, unless this excursion has had one of its kind.

    Both engines call it on the row of the refusal. An excursion has ended where a tradable row since the
    last refusal of this side did not want an entry; such a row is found at once, since an excursion is short
    or its rows are stepped one after the other.

    Args:
        market: arrays of the panel.
        row: the row of the refusal.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`, changed in place.
    """
    kind, side = state.refusal, state.refused_side
    state.refusal = 0
    last = state.refused_row_ab if side == 0 else state.refused_row_ba
    mask = state.refused_ab if side == 0 else state.refused_ba
    if last < 0 or _ended_between(market, last, row, side, rules):
        mask = 0
    bit = 1 << kind
    if mask & bit == 0:
        state.rejected[kind] += 1
    mask |= bit
    if side == 0:
        state.refused_row_ab, state.refused_ab = row, mask
    else:
        state.refused_row_ba, state.refused_ba = row, mask


@jit
def _ended_between(market: Market, last: int, row: int, side: int, rules: Any) -> bool:
    """Tell whether the excursion of a side ended after row `last` and before `row`."""
    for i in range(last + 1, row):
        if market.tradable[i]:
            quote = quote_at(market, i)
            x = quote.x_ab if side == 0 else quote.x_ba
            if not x - rules.cost_bps >= rules.min_spread_bps:
                return True
    return False
