"""The next row on which a trade is liquidated, read off the index (section 6, Margin)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbkit.kernels._jit import inlined, jit
from arbkit.kernels.index import ASK_B, FAN, FAN_BITS, NEG_ASK_A, NEG_S_AB, Index
from arbkit.kernels.market import Prices

__all__ = ["liquidation_row"]


@inlined
def _may_hold(bounds: npt.NDArray[np.float32], node: int, side: int, level: float) -> bool:
    """Tell whether a block may have a row on which the trade is liquidated.

    There is no bound on bids: bid_b = ask_a * (1 + s_ab / 1e4), so the lowest of both bounds it from below.
    The factor covers the rounding of that rearrangement.
    """
    k = np.uint64(node)
    if side == 0:
        return bounds[ASK_B, k] >= level  # type: ignore[no-any-return]
    low_ask, low_s = -np.float64(bounds[NEG_ASK_A, k]), -np.float64(bounds[NEG_S_AB, k])
    return low_ask * (1 + low_s / 1e4) * (1 - 1e-12) <= level  # type: ignore[return-value]


@jit
def liquidation_row(prices: Prices, index: Index, start: int, stop: int, side: int, level: float) -> int:
    """Return the first tradable row in start <= i < stop on which B stands at or beyond `level`, or stop.

    Args:
        prices: arrays of the panel.
        index: the index of this panel.
        start, stop: rows.
        side: 0 for a short at B (ask_b >= level), 1 for a long (bid_b <= level).
        level: price, account currency.
    """
    if start >= stop:
        return stop
    ask_b, bid_b, tradable = prices.ask_b, prices.bid_b, prices.tradable
    offsets, bounds, top = index.offsets, index.bounds, index.offsets.size - 2
    height, block = 0, start >> FAN_BITS
    while True:
        base = offsets[height]
        end = min(offsets[height + 1] - base, (block | (FAN - 1)) + 1)
        while block < end and not _may_hold(bounds, base + block, side, level):
            block += 1
        if (block << (FAN_BITS * (height + 1))) >= stop or (block >= end and height == top):
            return stop
        if block >= end:
            block, height = block >> FAN_BITS, height + 1
        elif height > 0:
            block, height = block << FAN_BITS, height - 1
        else:
            for i in range(max(start, block << FAN_BITS), min(stop, (block + 1) << FAN_BITS)):
                if tradable[i] and (ask_b[i] >= level if side == 0 else bid_b[i] <= level):
                    return i
            block += 1
            if block & (FAN - 1) == 0 and height < top:
                block, height = block >> FAN_BITS, height + 1
