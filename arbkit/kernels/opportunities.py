"""Opportunities one by one: when each began, ended and was widest, what was left later, and its size."""

from __future__ import annotations

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.kernels._jit import jit
from arbkit.kernels.market import Market
from arbkit.kernels.spread import signal_ab, signal_ba

__all__ = ["opportunity_rows", "paying_notional", "rows_after", "widest_signal"]


@jit
def _signal(market: Market, side: int, i: int) -> float:
    ratio = market.fair[i] if market.fair.size else 1.0
    if side == 0:
        return signal_ab(market.ask_a[i], market.bid_b[i], ratio)
    return signal_ba(market.bid_a[i], market.ask_b[i], ratio)


@jit
def opportunity_rows(
    market: Market, side: int, cost: float, level: float
) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
    """Return the maximal runs of tradable rows with x - cost >= level, in order of time.

    Rows that are not tradable neither end nor prolong a run; a NaN signal ends it. These are the runs that
    the metric `excursions` counts.

    Args:
        market: the panel.
        side: 0 for x_ab, 1 for x_ba.
        cost, level: bps.

    Returns:
        Five int64 arrays, one item per run: its first row, its last row, the first tradable row after it (-1
        where the data end first), the row of its highest signal (the first of equals), its tradable rows.
    """
    runs, inside = 0, False
    for i in range(market.ts.size):
        if market.tradable[i]:
            beyond = _signal(market, side, i) - cost >= level
            runs += beyond and not inside
            inside = beyond
    first, last = np.empty(runs, np.int64), np.empty(runs, np.int64)
    end, peak, rows = np.full(runs, -1), np.empty(runs, np.int64), np.zeros(runs, np.int64)
    k, inside, highest = -1, False, -np.inf
    for i in range(market.ts.size):
        if not market.tradable[i]:
            continue
        x = _signal(market, side, i)
        if x - cost >= level:
            if not inside:
                k += 1
                first[k] = i
                highest = -np.inf
            if x > highest:
                highest = x
                peak[k] = i
            last[k] = i
            rows[k] += 1
            inside = True
        else:
            if inside:
                end[k] = i
            inside = False
    return first, last, end, peak, rows


@jit
def rows_after(ts: IntArray, tradable: BoolArray, rows: IntArray, delay_ns: int) -> IntArray:
    """Return for each row i the first tradable row j > i with ts_j >= ts_i + delay; i itself without delay.

    Args:
        ts, tradable: of the panel, (n,).
        rows: int64 (m,), rows on which something was decided.
        delay_ns: at least 0.

    Returns:
        int64 (m,); -1 where no such row follows.
    """
    out = np.empty(rows.size, np.int64)
    for k in range(rows.size):
        i = rows[k]
        if delay_ns == 0:
            out[k] = i
            continue
        j = i + 1 + np.searchsorted(ts[i + 1 :], ts[i] + delay_ns)
        while j < ts.size and not tradable[j]:
            j += 1
        out[k] = j if j < ts.size else -1
    return out


@jit
def widest_signal(market: Market, side: int) -> float:
    """Return the highest signal of a direction over all tradable rows; -inf where there is none."""
    highest = -np.inf
    for i in range(market.ts.size):
        if market.tradable[i]:
            x = _signal(market, side, i)
            if x > highest:
                highest = x
    return highest


@jit
def paying_notional(
    side: int,
    long_px: FloatArray,
    long_sz: FloatArray,
    short_px: FloatArray,
    short_sz: FloatArray,
    fair: FloatArray,
    cost: float,
    level: float,
) -> FloatArray:
    """Return how much could be bought and sold at once before the next unit no longer reaches the threshold.

    Args:
        side: 0 to buy A and sell B, 1 for the reverse.
        long_px, long_sz: float64 (m, levels), asks that the long leg buys, best first; a void level ends it.
        short_px, short_sz: float64 (m, levels), bids that the short leg sells to.
        fair: float64 (m,).
        cost, level: bps; a unit pays when its signal less cost is at least level.

    Returns:
        float64 (m,), money paid on the long leg, account currency.
    """
    out = np.zeros(long_px.shape[0])
    levels = long_px.shape[1]
    for row in range(long_px.shape[0]):
        i, j, used_long, used_short = 0, 0, 0.0, 0.0
        while i < levels and j < levels:
            bought, sold = long_px[row, i], short_px[row, j]
            have, want = long_sz[row, i], short_sz[row, j]
            if not (bought > 0 and sold > 0 and have > 0 and want > 0):
                break
            x = signal_ab(bought, sold, fair[row]) if side == 0 else signal_ba(sold, bought, fair[row])
            if not x - cost >= level:
                break
            part = min(have - used_long, want - used_short)
            out[row] += part * bought
            used_long += part
            used_short += part
            if used_long >= have:
                i, used_long = i + 1, 0.0
            if used_short >= want:
                j, used_short = j + 1, 0.0
    return out
