"""How far the visible ladders reach from the best price, per block of the index.

What a size gets on a ladder lies between its best price and its last level. So does the value of a trade that
is marked on ladders, and these bounds say which blocks of rows need not be walked.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from arbkit._typing import IntArray
from arbkit.kernels._jit import inner, jit
from arbkit.kernels.filter import stored_bound
from arbkit.kernels.index import FAN, FAN_BITS, fold, upper32
from arbkit.kernels.ladder import ASK_A, ASK_B, BID_A, BID_B, Books, worst_price
from arbkit.kernels.market import Market

__all__ = ["SIDES", "ladder_reach", "reach_of"]

#: Series of the bounds, in the order of the sides that `ladder` names.
SIDES: Final = 4


@jit
def ladder_reach(market: Market, offsets: IntArray, reach: npt.NDArray[np.float32]) -> None:
    """Write the distance of the worst level from the best price, over the best price, its maximum per block.

    Args:
        market: arrays of a panel with ladders.
        offsets: those of the index.
        reach: float32 (4, nodes), overwritten; blocks without a tradable row hold 0, or -inf beyond the data.
    """
    n = market.ts.size
    for block in range((n + FAN - 1) >> FAN_BITS):
        bid_a, ask_a, bid_b, ask_b = 0.0, 0.0, 0.0, 0.0
        for row in range(block << FAN_BITS, min(n, (block + 1) << FAN_BITS)):
            if market.tradable[row]:
                top = market.bid_a[row]
                bid_a = max(bid_a, (top - worst_price(market.books, BID_A, row, top)) / top)
                top = market.ask_a[row]
                ask_a = max(ask_a, (worst_price(market.books, ASK_A, row, top) - top) / top)
                top = market.bid_b[row]
                bid_b = max(bid_b, (top - worst_price(market.books, BID_B, row, top)) / top)
                top = market.ask_b[row]
                ask_b = max(ask_b, (worst_price(market.books, ASK_B, row, top) - top) / top)
        reach[BID_A, block], reach[ASK_A, block] = upper32(bid_a), upper32(ask_a)
        reach[BID_B, block], reach[ASK_B, block] = upper32(bid_b), upper32(ask_b)
    fold(n, offsets, reach)


@inner
def reach_of(books: Books, side: int, node: int) -> float:
    """Return how far the ladders of a side reach at most in a block of the index."""
    return np.float64(stored_bound(books.reach + side * books.reach_bytes, node))
