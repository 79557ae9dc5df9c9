"""How often an opportunity came: runs of rows beyond a threshold, counted on the index."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit.kernels._jit import jit
from arbkit.kernels.index import FAN, FAN_BITS, NEG_S_AB, NEG_S_BA, S_AB, S_BA, Index
from arbkit.kernels.market import Market
from arbkit.kernels.spread import signal_ab, signal_ba

__all__ = ["excursions_until", "runs_beyond"]


@jit
def runs_beyond(market: Market, index: Index, last: int, side: int, cost: float, level: float) -> int:
    """Count the maximal runs of tradable rows up to `last` with x - cost >= level.

    Rows that are not tradable neither end nor prolong a run; a NaN signal ends it. A block whose highest
    signal stays below the level ends the run, one whose lowest is beyond it prolongs or begins it; only the
    others are opened.

    Args:
        market, index: the panel and its index.
        last: the last row that counts.
        side: 0 for x_ab, 1 for x_ba.
        cost, level: bps.
    """
    bid_a, ask_a, bid_b, ask_b = market.bid_a, market.ask_a, market.bid_b, market.ask_b
    tradable, fair, offsets = market.tradable, market.fair, index.offsets
    high = index.bounds[index.signal + (S_AB if side == 0 else S_BA)]
    negative_low = index.bounds[index.signal + (NEG_S_AB if side == 0 else NEG_S_BA)]
    quoted = index.bounds[S_AB]
    whole = fair.size == 0
    top = offsets.size - 2
    level_no, block = 0, index.first >> FAN_BITS
    count, inside = 0, False
    while True:
        base = offsets[level_no]
        width = offsets[level_no + 1] - base
        end = min(width, (block | (FAN - 1)) + 1)
        reach = FAN_BITS * (level_no + 1)
        opened = False
        while block < end and (block << reach) <= last:
            node = np.uint64(base + block)
            if quoted[node] > -np.inf:
                if not high[node] - cost >= level:
                    inside = False
                elif whole and -negative_low[node] - cost >= level and ((block + 1) << reach) <= last + 1:
                    count += not inside
                    inside = True
                else:
                    opened = True
                    break
            block += 1
        if (block << reach) > last:
            return count
        if not opened:
            if level_no == top:
                return count
            block >>= FAN_BITS
            level_no += 1
        elif level_no > 0:
            level_no -= 1
            block <<= FAN_BITS
        else:
            row = np.uint64(block << FAN_BITS)
            stop = np.uint64(min(last + 1, (block + 1) << FAN_BITS))
            while row < stop:
                if tradable[row]:
                    ratio = fair[row] if fair.size else 1.0
                    if side == 0:
                        x = signal_ab(ask_a[row], bid_b[row], ratio)
                    else:
                        x = signal_ba(bid_a[row], ask_b[row], ratio)
                    beyond = x - cost >= level
                    count += beyond and not inside
                    inside = beyond
                row += np.uint64(1)
            block += 1
            if block & (FAN - 1) == 0 and level_no < top:
                block >>= FAN_BITS
                level_no += 1


@jit
def excursions_until(market: Market, index: Index, last: int, rules: Any) -> int:
    """Count the maximal runs of tradable rows up to `last` on which an entry would pay, per direction."""
    count = 0
    if rules.allow_ab == 1:
        count += runs_beyond(market, index, last, 0, rules.cost_bps, rules.min_spread_bps)
    if rules.allow_ba == 1:
        count += runs_beyond(market, index, last, 1, rules.cost_bps, rules.min_spread_bps)
    return count
