"""Refused entries, counted once per excursion and reason (docs/engine.md, section 6)."""

from __future__ import annotations

from typing import Any

from arbkit.kernels._jit import inner, jit
from arbkit.kernels.market import Market, quote_at

__all__ = ["count_refusals"]


@inner
def count_refusals(market: Market, row: int, rules: Any, state: Any) -> None:
    """Count the refusals that `step` left in the state, unless this excursion has had one of their kind.

    Both engines call it on the row of a refusal. Excursions are told apart by the rows before it, back to the
    begin of its excursion or to the last refusal of the side, whichever is nearer.

    Args:
        market: arrays of the panel.
        row: the row of the refusal.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`, changed in place.
    """
    for side in range(2):
        kinds = state.refusing_ab if side == 0 else state.refusing_ba
        if kinds == 0:
            continue
        last = state.refused_row_ab if side == 0 else state.refused_row_ba
        mask = state.refused_ab if side == 0 else state.refused_ba
        if last < 0 or _began_between(market, last, row, side, rules):
            mask = 0
        for kind in range(state.rejected.size):
            if (kinds & ~mask) >> kind & 1:
                state.rejected[kind] += 1
        mask |= kinds
        if side == 0:
            state.refused_row_ab, state.refused_ab, state.refusing_ab = row, mask, 0
        else:
            state.refused_row_ba, state.refused_ba, state.refusing_ba = row, mask, 0


@jit
def _began_between(market: Market, last: int, row: int, side: int, rules: Any) -> bool:
    """Tell whether an excursion of a side began after row `last` and up to `row`.

    Looks back from `row` to the begin of its excursion: the last refusal may be millions of rows ago.
    """
    inside = False
    for i in range(row, last - 1, -1):
        if market.tradable[i]:
            quote = quote_at(market, i)
            x = quote.x_ab if side == 0 else quote.x_ba
            if x - rules.cost_bps >= rules.min_spread_bps:
                inside = True
            elif inside:
                return True
    return False
