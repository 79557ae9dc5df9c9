"""Lowest and highest signal between any two rows, exactly, whatever lies between them.

Blocks of 64 rows, of 16 such blocks, and so on keep their extremes, so a picture of ten million rows costs
about as much as its pixels: two ends of a stretch are read row by row, what lies between block by block.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import inlined, jit
from arbkit.kernels.market import Market
from arbkit.kernels.spread import signal_ab, signal_ba

__all__ = ["SERIES", "build_pyramid", "pyramid_size", "signal_extremes", "signals_between"]

LEAF_BITS: Final = 6
FAN_BITS: Final = 4
#: Rows of the nodes and of what is found: lowest and highest `x_ab_bps`, lowest and highest `x_ba_bps`.
SERIES: Final = 4


@jit
def pyramid_size(rows: int) -> IntArray:
    """Return where each level begins among the nodes; the last number is how many nodes there are."""
    offsets = np.zeros(24, np.int64)
    blocks = (rows + (1 << LEAF_BITS) - 1) >> LEAF_BITS
    levels = 0
    while True:
        offsets[levels + 1] = offsets[levels] + blocks
        levels += 1
        if blocks <= 1:
            break
        blocks = (blocks + (1 << FAN_BITS) - 1) >> FAN_BITS
    return offsets[: levels + 1].copy()


@inlined
def _widen_by_rows(market: Market, first: int, stop: int, found: FloatArray) -> None:
    """Widen four extremes by the signals of the rows first <= i < stop."""
    ask_a, bid_a, ask_b, bid_b = market.ask_a, market.bid_a, market.ask_b, market.bid_b
    tradable, fair = market.tradable, market.fair
    ab_low, ab_high, ba_low, ba_high = found[0], found[1], found[2], found[3]
    for i in range(first, stop):
        if tradable[i]:
            ratio = fair[i] if fair.size else 1.0
            ab = signal_ab(ask_a[i], bid_b[i], ratio)
            ba = signal_ba(bid_a[i], ask_b[i], ratio)
            # A comparison with NaN is false: a row without a fair ratio widens nothing.
            ab_low = ab if ab < ab_low else ab_low
            ab_high = ab if ab > ab_high else ab_high
            ba_low = ba if ba < ba_low else ba_low
            ba_high = ba if ba > ba_high else ba_high
    found[0], found[1], found[2], found[3] = ab_low, ab_high, ba_low, ba_high


@inlined
def _widen_by_nodes(nodes: FloatArray, first: int, stop: int, found: FloatArray) -> None:
    """Widen four extremes by those of the nodes first <= k < stop."""
    for k in range(first, stop):
        for low in (0, 2):
            if nodes[low, k] < found[low]:
                found[low] = nodes[low, k]
            if nodes[low + 1, k] > found[low + 1]:
                found[low + 1] = nodes[low + 1, k]


@inlined
def _forget(found: FloatArray) -> None:
    found[0], found[1], found[2], found[3] = np.inf, -np.inf, np.inf, -np.inf


@jit
def build_pyramid(market: Market, offsets: IntArray, nodes: FloatArray) -> None:
    """Fill the extremes of all blocks.

    Args:
        market: arrays of the panel.
        offsets: as given by `pyramid_size`.
        nodes: float64 (4, nodes), overwritten: lowest and highest `x_ab_bps`, lowest and highest `x_ba_bps`;
            (inf, -inf) where a block has no signal.
    """
    n = market.ts.size
    found = np.empty(SERIES)
    for block in range(offsets[1]):
        _forget(found)
        _widen_by_rows(market, block << LEAF_BITS, min(n, (block + 1) << LEAF_BITS), found)
        nodes[:, block] = found
    for level in range(1, offsets.size - 1):
        below, above = offsets[level - 1], offsets[level]
        for block in range(offsets[level + 1] - above):
            _forget(found)
            first = below + (block << FAN_BITS)
            _widen_by_nodes(nodes, first, min(above, first + (1 << FAN_BITS)), found)
            nodes[:, above + block] = found


@jit
def _widen_between(
    market: Market, offsets: IntArray, nodes: FloatArray, first: int, stop: int, found: FloatArray
) -> None:
    """Widen four extremes by the signals of the rows first <= i < stop, whole blocks at once."""
    lo, hi = (first + (1 << LEAF_BITS) - 1) >> LEAF_BITS, stop >> LEAF_BITS
    if lo >= hi:
        _widen_by_rows(market, first, stop, found)
        return
    _widen_by_rows(market, first, lo << LEAF_BITS, found)
    _widen_by_rows(market, hi << LEAF_BITS, stop, found)
    for level in range(offsets.size - 1):
        base = offsets[level]
        up, down = (lo + (1 << FAN_BITS) - 1) >> FAN_BITS, hi >> FAN_BITS
        if up >= down or level == offsets.size - 2:
            _widen_by_nodes(nodes, base + lo, base + hi, found)
            return
        _widen_by_nodes(nodes, base + lo, base + (up << FAN_BITS), found)
        _widen_by_nodes(nodes, base + (down << FAN_BITS), base + hi, found)
        lo, hi = up, down


@jit
def signal_extremes(market: Market, offsets: IntArray, nodes: FloatArray, edges: IntArray) -> FloatArray:
    """Return the lowest and highest signal of both directions in each stretch of rows.

    Args:
        market: arrays of the panel.
        offsets: as given by `pyramid_size`.
        nodes: as filled by `build_pyramid`.
        edges: int64 (m + 1,), non-decreasing row numbers; stretch k is edges[k] <= i < edges[k + 1].

    Returns:
        float64 (4, m): lowest and highest `x_ab_bps`, lowest and highest `x_ba_bps`; NaN where a stretch has
        no signal.
    """
    out = np.empty((SERIES, max(0, edges.size - 1)))
    found = np.empty(SERIES)
    for k in range(out.shape[1]):
        _forget(found)
        _widen_between(market, offsets, nodes, edges[k], edges[k + 1], found)
        for low in (0, 2):
            seen = found[low] <= found[low + 1]
            out[low, k] = found[low] if seen else np.nan
            out[low + 1, k] = found[low + 1] if seen else np.nan
    return out


@jit
def signals_between(market: Market, first: int, stop: int) -> FloatArray:
    """Return the signals of the rows first <= i < stop themselves.

    Returns:
        float64 (2, rows): `x_ab_bps` and `x_ba_bps`, NaN where a row is not tradable or `fair` is NaN.
    """
    out = np.full((2, max(0, stop - first)), np.nan)
    for i in range(first, stop):
        if market.tradable[i]:
            ratio = market.fair[i] if market.fair.size else 1.0
            out[0, i - first] = signal_ab(market.ask_a[i], market.bid_b[i], ratio)
            out[1, i - first] = signal_ba(market.bid_a[i], market.ask_b[i], ratio)
    return out
