"""The worst and the best mark of trades while they were held, looked up in the index.

A mark is the unwinding spread plus what is fixed at the entry, so it is extreme where the spread is. Of the
blocks of a held range only those are opened whose bound is beyond what has been found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit._typing import RecordArray
from arbkit.kernels._jit import jit
from arbkit.kernels.index import FAN, FAN_BITS, S_AB, S_BA, Index
from arbkit.kernels.market import Market
from arbkit.kernels.spread import spread_ab, spread_ba

__all__ = ["held_extremes"]


@jit
def held_extremes(market: Market, index: Index, rules: Any, trades: RecordArray, last_row: int) -> None:
    """Write `mae_bps` and `mfe_bps` of every trade: its worst and best mark after the entry, up to the exit.

    Args:
        market, index: the panel and its index.
        rules: record of `RULES_DTYPE`.
        trades: `TRADE_DTYPE` (n,), changed in place; NaN where no tradable row follows the entry.
        last_row: the last row of the run, where an open trade is last marked.
    """
    for k in range(trades.size):
        trade = trades[k]
        stop = (trade.exit_index if trade.exit_index >= 0 else last_row) + 1
        best = _extreme(market, index, trade.side, False, trade.entry_index + 1, stop)
        worst = -_extreme(market, index, trade.side, True, trade.entry_index + 1, stop)
        trade.mae_bps = np.nan
        trade.mfe_bps = np.nan
        if best > -np.inf:
            trade.mae_bps = trade.entry_spread_bps + worst - 2 * rules.cost_bps
            trade.mfe_bps = trade.entry_spread_bps + best - 2 * rules.cost_bps


@jit
def _extreme(market: Market, index: Index, side: int, lowest: bool, start: int, stop: int) -> float:
    """Return the highest spread unwinding a side in start <= row < stop, or the highest of its negative.

    -inf when no row is tradable.
    """
    offsets, top = index.offsets, index.offsets.size - 2
    bounds = index.bounds[(S_BA if side == 0 else S_AB) + int(lowest)]
    found = -np.inf
    level, block = 0, start >> FAN_BITS
    while True:
        end = min(offsets[level + 1] - offsets[level], (block | (FAN - 1)) + 1)
        while block < end and not bounds[offsets[level] + block] > found:
            block += 1
        if block << (FAN_BITS * (level + 1)) >= stop or (block >= end and level == top):
            return found
        if block >= end:
            block, level = block >> FAN_BITS, level + 1
            continue
        if level > 0:
            block, level = block << FAN_BITS, level - 1
            continue
        for i in range(max(start, block << FAN_BITS), min(stop, (block + 1) << FAN_BITS)):
            if market.tradable[i]:
                if side == 0:
                    spread = spread_ba(market.bid_a[i], market.ask_b[i])
                else:
                    spread = spread_ab(market.ask_a[i], market.bid_b[i])
                found = max(found, -spread if lowest else spread)
        block += 1
        if block & (FAN - 1) == 0 and level < top:
            block, level = block >> FAN_BITS, level + 1
