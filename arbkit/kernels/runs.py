"""How often an opportunity came: runs of rows beyond a threshold, counted on the index."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.kernels._jit import inlined, inner, jit
from arbkit.kernels.index import FAN, FAN_BITS, NEG_S_AB, NEG_S_BA, S_AB, S_BA, Index
from arbkit.kernels.market import Market
from arbkit.kernels.spread import signal_ab, signal_ba

__all__ = ["Rises", "count_excursions", "excursions_until", "rises_of", "runs_beyond"]


class Rises(NamedTuple):
    """Where each monotone rise of a signal above `floor` (bps) begins and ends: float64, ascending.

    A run of rows beyond a level begins where the signal rises over it, so their number is that of the rises
    that end beyond the level less that of those that begin beyond it: two searches in place of a walk. A
    floor of inf says that nothing was looked at.
    """

    peaks_ab: FloatArray
    troughs_ab: FloatArray
    peaks_ba: FloatArray
    troughs_ba: FloatArray
    floor: float


@inner
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


@jit
def count_excursions(market: Market, index: Index, rises: Rises, last: int, rules: Any) -> int:
    """Do what `excursions_until` does, by the table of rises where it reaches."""
    cost, level = rules.cost_bps, rules.min_spread_bps
    if not (rises.floor - cost < level and last == index.last):
        return excursions_until(market, index, last, rules)
    count = 0
    if rules.allow_ab == 1:
        count += _beyond(rises.peaks_ab, cost, level) - _beyond(rises.troughs_ab, cost, level)
    if rules.allow_ba == 1:
        count += _beyond(rises.peaks_ba, cost, level) - _beyond(rises.troughs_ba, cost, level)
    return count


@inlined
def _beyond(values: FloatArray, cost: float, level: float) -> int:
    """Return how many of the ascending values satisfy the predicate of an entry, which is monotone."""
    low, high = 0, values.size
    while low < high:
        middle = (low + high) >> 1
        if values[np.uint64(middle)] - cost >= level:
            high = middle
        else:
            low = middle + 1
    return values.size - low


@jit
def rises_of(
    market: Market, index: Index, side: int, floor: float, peaks: FloatArray, troughs: FloatArray
) -> tuple[int, int]:
    """Write where the rises of a direction's signal end and begin, in the order of the rows.

    Signals below the floor, and NaN, count as below everything: a rise that begins there has no trough.
    Blocks that stay below it are passed over, so this costs about as much as one walk that counts runs.

    Args:
        market, index: the panel and its index.
        side: 0 for x_ab, 1 for x_ba.
        floor: bps.
        peaks, troughs: float64 (n // 2 + 1,), overwritten.

    Returns:
        How many peaks and how many troughs there are.
    """
    offsets, top = index.offsets, index.offsets.size - 2
    high = index.bounds[index.signal + (S_AB if side == 0 else S_BA)]
    quoted = index.bounds[S_AB]
    level_no, block = 0, index.first >> FAN_BITS
    n_peaks, n_troughs, before, rising = 0, 0, -np.inf, False
    while True:
        base = offsets[level_no]
        end = min(offsets[level_no + 1] - base, (block | (FAN - 1)) + 1)
        reach = FAN_BITS * (level_no + 1)
        while block < end and (block << reach) <= index.last:
            node = np.uint64(base + block)
            if quoted[node] > -np.inf:
                if high[node] >= floor:
                    break
                if rising:
                    peaks[n_peaks] = before
                    n_peaks, rising = n_peaks + 1, False
                before = -np.inf
            block += 1
        if (block << reach) > index.last or (block >= end and level_no == top):
            break
        if block >= end:
            block, level_no = block >> FAN_BITS, level_no + 1
            continue
        if level_no > 0:
            block, level_no = block << FAN_BITS, level_no - 1
            continue
        for row in range(block << FAN_BITS, min(index.last + 1, (block + 1) << FAN_BITS)):
            if not market.tradable[row]:
                continue
            x = _signal(market, row, side)
            if not x >= floor:
                x = -np.inf
            if x > before and not rising:
                rising = True
                if before > -np.inf:
                    troughs[n_troughs] = before
                    n_troughs += 1
            elif x < before and rising:
                peaks[n_peaks] = before
                n_peaks, rising = n_peaks + 1, False
            before = x
        block += 1
        if block & (FAN - 1) == 0 and level_no < top:
            block, level_no = block >> FAN_BITS, level_no + 1
    if rising:
        peaks[n_peaks] = before
        n_peaks += 1
    return n_peaks, n_troughs


@inlined
def _signal(market: Market, row: int, side: int) -> float:
    ratio = market.fair[row] if market.fair.size else 1.0
    if side == 0:
        return signal_ab(market.ask_a[row], market.bid_b[row], ratio)
    return signal_ba(market.bid_a[row], market.ask_b[row], ratio)
