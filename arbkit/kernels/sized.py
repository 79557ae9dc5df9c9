"""What a crossing of a given notional is worth on every row, and the crossings of one unit of inventory."""

from __future__ import annotations

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import jit
from arbkit.kernels.ladder import ASK_A, ASK_B, BID_A, BID_B, ladder_price
from arbkit.kernels.market import Market
from arbkit.kernels.spread import signal_ab, signal_ba

__all__ = ["crossings", "sized_signals"]


@jit
def sized_signals(market: Market, levels: int, notional: float) -> tuple[FloatArray, FloatArray]:
    """Return x of both directions, with both legs filled down the ladders.

    Args:
        market: the panel.
        levels: how many levels are looked at; 0 takes the best prices for any size.
        notional: of one crossing, account currency; its size is what it buys at the best ask.

    Returns:
        x_ab and x_ba, bps, float64 (n,). NaN on rows that are not tradable, where `fair` is NaN, and where
        the visible ladders cannot fill the size.
    """
    n = market.ts.size
    x_ab, x_ba = np.full(n, np.nan), np.full(n, np.nan)
    for i in range(n):
        if not market.tradable[i]:
            continue
        ratio = market.fair[i] if market.fair.size else 1.0
        buy_a, sell_b = market.ask_a[i], market.bid_b[i]
        buy_b, sell_a = market.ask_b[i], market.bid_a[i]
        short_ab = short_ba = False
        if levels > 0:
            size_ab, size_ba = notional / buy_a, notional / buy_b
            buy_a, short = ladder_price(market.books, ASK_A, i, levels, 0.0, size_ab, buy_a)
            sell_b, other = ladder_price(market.books, BID_B, i, levels, 0.0, size_ab, sell_b)
            short_ab = short or other
            buy_b, short = ladder_price(market.books, ASK_B, i, levels, 0.0, size_ba, buy_b)
            sell_a, other = ladder_price(market.books, BID_A, i, levels, 0.0, size_ba, sell_a)
            short_ba = short or other
        if not short_ab:
            x_ab[i] = signal_ab(buy_a, sell_b, ratio)
        if not short_ba:
            x_ba[i] = signal_ba(sell_a, buy_b, ratio)
    return x_ab, x_ba


@jit
def crossings(x_ab: FloatArray, x_ba: FloatArray, cost: float, level: float) -> tuple[IntArray, IntArray]:
    """Return the rows on which one unit of inventory at either venue crosses, and in which direction.

    A crossing is made on the first row where x - cost >= level; the next one in the same direction needs one
    in the other first, since it has used up what lay there. Nothing is known in advance.

    Args:
        x_ab, x_ba: signals, bps; NaN is no signal.
        cost: of one crossing, bps.
        level: what must be left, bps.

    Returns:
        Rows int64 (m,) and sides int64 (m,): 0 bought A and sold B, 1 the reverse.
    """
    rows, sides = np.empty(x_ab.size, np.int64), np.empty(x_ab.size, np.int64)
    count, position = 0, 0
    for i in range(x_ab.size):
        side = -1
        if position < 1 and x_ab[i] - cost >= level:
            side = 0
        elif position > -1 and x_ba[i] - cost >= level:
            side = 1
        if side >= 0:
            rows[count], sides[count] = i, side
            count += 1
            position += 1 if side == 0 else -1
    return rows[:count].copy(), sides[:count].copy()
