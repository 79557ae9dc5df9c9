"""Block maxima over a panel, and the next row at which something may happen.

A trial compares spreads, which are functions of the data alone, with thresholds. So the highest and lowest
spread of every 16 rows, of every 16 such blocks, and so on, answer "the next row where x >= threshold" by
descending a few blocks instead of walking the rows. Bounds are float32 rounded outwards: they can only be
too wide, and a row counts only when the exact float64 predicate of the rules holds on it.

Lowest values are kept negated, so that every bound is a maximum and every question is "the first of these at
or above t". A fan-out of 16 was the fastest per trial among 8, 16, 32
and 64 in the prototypes; 64 needs a quarter of the memory and costs up to 60 % more.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from arbkit._typing import IntArray
from arbkit.kernels._jit import ZERO, inlined, inner, jit
from arbkit.kernels.extremes import block_extremes
from arbkit.kernels.market import Market, Prices
from arbkit.kernels.spread import signal_ab, signal_ba, spread_ab, spread_ba

__all__ = [
    "Index", "Query", "build_index", "finish_index", "first_row_from", "fold", "index_rows", "index_size",
    "lower32", "next_row", "upper32",
]  # fmt: skip

FAN_BITS: Final = 4
FAN: Final = 16
#: Counts up with every change of what `build_index` writes: stored indices of another layout are built again.
LAYOUT: Final = 1

#: Rows of `Index.bounds`, all maxima: executable spread per direction and its negative, ask per venue and its
#: negative, and, where the panel has a fair ratio, signal per direction and its negative.
S_AB: Final = 0
NEG_S_AB: Final = 1
S_BA: Final = 2
NEG_S_BA: Final = 3
ASK_A: Final = 4
NEG_ASK_A: Final = 5
ASK_B: Final = 6
NEG_ASK_B: Final = 7
N_PLAIN: Final = 8
N_FAIR: Final = 12


class Index(NamedTuple):
    """Maxima of all blocks, and where each level begins.

    Attributes:
        bounds: float32 (8 or 12, nodes). Blocks without a tradable row hold -inf.
        offsets: int64 (levels + 1,), level k holds the blocks of 16**(k + 1) rows in columns offsets[k] to
            offsets[k + 1], padded with -inf to a multiple of 16.
        first, last: first and last tradable row; last < first when there is none.
        signal: row of `bounds` where the signals begin: 0, the spreads themselves, where fair is 1, else 8.
    """

    bounds: npt.NDArray[np.float32]
    offsets: IntArray
    first: int
    last: int
    signal: int


class Query(NamedTuple):
    """What the next interesting row must satisfy; a row counts when any part that is used holds.

    Entry: x_d - cost >= level_d, for each direction used. Below: x_d < below_d (reversal, rearm).
    Mark: e + s_other - cost2 <= stop_level or >= take_level, s_other the spread of the opposite side. At most
    three parts may be used at once.
    """

    entry_ab: bool
    entry_ba: bool
    cost: float
    level_ab: float
    level_ba: float
    use_below_ab: bool
    below_ab: float
    use_below_ba: bool
    below_ba: float
    mark_side: int
    entry_spread: float
    cost2: float
    use_stop: bool
    stop_level: float
    use_take: bool
    take_level: float


@jit
def index_size(rows: int) -> IntArray:
    """Return the offsets of the levels for a number of rows; the last one is the number of nodes."""
    offsets = np.zeros(20, np.int64)
    level = 0
    blocks = rows
    while True:
        blocks = (blocks + FAN - 1) >> FAN_BITS
        offsets[level + 1] = offsets[level] + ((blocks + FAN - 1) >> FAN_BITS << FAN_BITS)
        level += 1
        if blocks <= FAN:
            break
    return offsets[: level + 1].copy()


@inlined
def upper32(value: float) -> np.float32:
    """Return a float32 at or above the value."""
    return np.float32(value + abs(value) * 1.2e-7 + 1e-37)


@inlined
def lower32(value: float) -> np.float32:
    """Return a float32 at or below the value."""
    return np.float32(value - abs(value) * 1.2e-7 - 1e-37)


@inlined
def _quotient_bounds(high: float, low: float, ask_high: float, ask_low: float) -> tuple[float, float]:
    """Return the highest and lowest of difference / ask in bps, from the extremes of both.

    Two divisions per block instead of two per row; asks of 16 neighbouring rows differ by so little that the
    bounds stay within a hundredth of a basis point of the true extremes.
    """
    top = high / (ask_low if high > 0 else ask_high) * 1e4
    bottom = low / (ask_high if low > 0 else ask_low) * 1e4
    return top + abs(top) * 1e-14, bottom - abs(bottom) * 1e-14


@jit
def build_index(market: Market, offsets: IntArray, bounds: npt.NDArray[np.float32]) -> tuple[int, int]:
    """Fill the bounds of all levels in one pass over the rows.

    Args:
        market: arrays of the panel.
        offsets: as given by `index_size`.
        bounds: float32 (8, nodes), or (12, nodes) for a panel with a fair ratio; overwritten.

    Returns:
        First and last tradable row, or (0, -1).
    """
    index_rows(market, ZERO, market.ts.size, bounds)
    return finish_index(market, offsets, bounds)


@jit
def finish_index(market: Market, offsets: IntArray, bounds: npt.NDArray[np.float32]) -> tuple[int, int]:
    """Fill the levels above the lowest, which `index_rows` has filled for all rows; else as `build_index`."""
    n = market.ts.size
    fold(n, offsets, bounds)
    first, last = 0, n - 1
    while first < n and not market.tradable[first]:
        first += 1
    while last >= 0 and not market.tradable[last]:
        last -= 1
    return (first, last) if last >= 0 else (0, -1)


@jit
def index_rows(market: Market, start: int, stop: int, bounds: npt.NDArray[np.float32]) -> None:
    """Fill the lowest level of the index for the rows start <= i < stop.

    Args:
        market: arrays of the panel.
        start: a multiple of 16.
        stop: a multiple of 16, or the number of rows.
        bounds: as in `build_index`; the columns of these rows are overwritten.
    """
    n = market.ts.size
    bid_a, ask_a, bid_b, ask_b = market.bid_a, market.ask_a, market.bid_b, market.ask_b
    tradable, fair = market.tradable, market.fair
    for block in range(start >> FAN_BITS, (stop + FAN - 1) >> FAN_BITS):
        begin, end = np.uint64(block << FAN_BITS), np.uint64(min((block + 1) << FAN_BITS, n))
        if end - begin == np.uint64(FAN):
            ab_top, ab_low, ba_top, ba_low, a_top, a_low, b_top, b_low = block_extremes(
                bid_a, ask_a, bid_b, ask_b, tradable, block << FAN_BITS
            )
        else:
            ab_top, ab_low, ba_top, ba_low = -np.inf, np.inf, -np.inf, np.inf
            a_top, a_low, b_top, b_low = -np.inf, np.inf, -np.inf, np.inf
            row = begin
            while row < end:
                if tradable[row]:
                    a, b = ask_a[row], ask_b[row]
                    ab, ba = bid_b[row] - a, bid_a[row] - b
                    ab_top, ab_low = (ab if ab > ab_top else ab_top), (ab if ab < ab_low else ab_low)
                    ba_top, ba_low = (ba if ba > ba_top else ba_top), (ba if ba < ba_low else ba_low)
                    a_top, a_low = (a if a > a_top else a_top), (a if a < a_low else a_low)
                    b_top, b_low = (b if b > b_top else b_top), (b if b < b_low else b_low)
                row += np.uint64(1)
        _write_spreads(bounds, 0, block, ab_top, ab_low, ba_top, ba_low, a_top, a_low, b_top, b_low)
        bounds[ASK_A, block] = upper32(a_top) if a_top > 0 else -np.inf
        bounds[NEG_ASK_A, block] = upper32(-a_low) if a_top > 0 else -np.inf
        bounds[ASK_B, block] = upper32(b_top) if a_top > 0 else -np.inf
        bounds[NEG_ASK_B, block] = upper32(-b_low) if a_top > 0 else -np.inf
        if bounds.shape[0] == N_FAIR:
            ab_top, ab_low, ba_top, ba_low = -np.inf, np.inf, -np.inf, np.inf
            a_top, a_low, b_top, b_low = -np.inf, np.inf, -np.inf, np.inf
            row = begin
            while row < end:
                ratio = fair[row]
                if tradable[row] and ratio == ratio:
                    a, b = ask_a[row], ask_b[row] * ratio
                    ab, ba = bid_b[row] * ratio - a, bid_a[row] - b
                    ab_top, ab_low = max(ab_top, ab), min(ab_low, ab)
                    ba_top, ba_low = max(ba_top, ba), min(ba_low, ba)
                    a_top, a_low = max(a_top, a), min(a_low, a)
                    b_top, b_low = max(b_top, b), min(b_low, b)
                row += np.uint64(1)
            _write_spreads(bounds, N_PLAIN, block, ab_top, ab_low, ba_top, ba_low, a_top, a_low, b_top, b_low)


@inlined
def _write_spreads(
    bounds: npt.NDArray[np.float32],
    series: int,
    block: int,
    ab_top: float,
    ab_low: float,
    ba_top: float,
    ba_low: float,
    a_top: float,
    a_low: float,
    b_top: float,
    b_low: float,
) -> None:
    """Write the bounds of both spreads of a block, from the extremes of the differences and of the asks."""
    if not a_top > 0:
        for k in range(4):
            bounds[series + k, block] = -np.inf
        return
    top, low = _quotient_bounds(ab_top, ab_low, a_top, a_low)
    bounds[series + S_AB, block] = upper32(top)
    bounds[series + NEG_S_AB, block] = upper32(-low)
    top, low = _quotient_bounds(ba_top, ba_low, b_top, b_low)
    bounds[series + S_BA, block] = upper32(top)
    bounds[series + NEG_S_BA, block] = upper32(-low)


@inner
def fold(rows: int, offsets: IntArray, bounds: npt.NDArray[np.float32]) -> None:
    """Fill every higher level from the one below, and the padding.

    Args:
        rows: of the panel.
        offsets: as given by `index_size`.
        bounds: float32 (series, nodes), maxima; the lowest level is filled.
    """
    blocks = (rows + FAN - 1) >> FAN_BITS
    for series in range(bounds.shape[0]):
        row = bounds[series]
        below = blocks
        row[offsets[0] + below : offsets[1]] = -np.inf
        for level in range(1, offsets.size - 1):
            here = (below + FAN - 1) >> FAN_BITS
            for block in range(here):
                child = np.uint64(offsets[level - 1] + (block << FAN_BITS))
                value = row[child]
                for _ in range(1, FAN):
                    child += np.uint64(1)
                    value = row[child] if row[child] > value else value
                row[offsets[level] + block] = value
            row[offsets[level] + here : offsets[level + 1]] = -np.inf
            below = here


class _Probe(NamedTuple):
    """A query as the blocks see it: up to three series with the value at which a row in them may count."""

    first: int
    first_at: np.float32
    second: int
    second_at: np.float32
    third: int
    third_at: np.float32


@inlined
def _probe(query: Query, signal: int) -> _Probe:
    """Turn a query into series and thresholds for blocks.

    The exact predicates are sums compared with a level; solved for the spread they move by a rounding, which
    the margins and the rounding to float32 cover.
    """
    series = (0, 0, 0)
    at = (np.float32(np.inf), np.float32(np.inf), np.float32(np.inf))
    margin = 1e-11 * (1 + abs(query.cost) + abs(query.level_ab) + abs(query.level_ba))
    if query.entry_ab:
        level = lower32(query.level_ab + query.cost - margin)
        series, at = (signal + S_AB, series[0], series[1]), (level, at[0], at[1])
    if query.entry_ba:
        level = lower32(query.level_ba + query.cost - margin)
        series, at = (signal + S_BA, series[0], series[1]), (level, at[0], at[1])
    if query.use_below_ab:
        series, at = (signal + NEG_S_AB, series[0], series[1]), (lower32(-query.below_ab), at[0], at[1])
    if query.use_below_ba:
        series, at = (signal + NEG_S_BA, series[0], series[1]), (lower32(-query.below_ba), at[0], at[1])
    if query.mark_side >= 0:
        high = S_BA if query.mark_side == 0 else S_AB
        base = query.cost2 - query.entry_spread
        margin = 1e-11 * (1 + abs(query.cost2) + abs(query.entry_spread))
        if query.use_take:
            level = lower32(query.take_level + base - margin - 1e-11 * abs(query.take_level))
            series, at = (high, series[0], series[1]), (level, at[0], at[1])
        if query.use_stop:
            level = lower32(-(query.stop_level + base) - margin - 1e-11 * abs(query.stop_level))
            series, at = (high + 1, series[0], series[1]), (level, at[0], at[1])
    return _Probe(series[0], at[0], series[1], at[1], series[2], at[2])


@inlined
def _row_hits(query: Query, x_ab: float, x_ba: float, unwind: float) -> bool:
    """Tell whether a tradable row satisfies the query, exactly as the rules would; NaN satisfies nothing."""
    if query.entry_ab and x_ab - query.cost >= query.level_ab:
        return True
    if query.entry_ba and x_ba - query.cost >= query.level_ba:
        return True
    if query.use_below_ab and x_ab < query.below_ab:
        return True
    if query.use_below_ba and x_ba < query.below_ba:
        return True
    if query.mark_side < 0:
        return False
    mark_bps = query.entry_spread + unwind - query.cost2
    return (query.use_stop and mark_bps <= query.stop_level) or (
        query.use_take and mark_bps >= query.take_level
    )


@inlined
def _first_block(
    first: npt.NDArray[np.float32],
    second: npt.NDArray[np.float32],
    third: npt.NDArray[np.float32],
    probe: _Probe,
    base: int,
    block: int,
    last: int,
) -> int:
    """Return the first block in block <= i < last of which a row may count, or last.

    Positions are unsigned: with signed ones each access first asks whether to count from the end, which takes
    as long as the comparison. Counting the hits of 16 at a time was slower (38 against 12 ns).
    """
    node, end = np.uint64(base + block), np.uint64(base + last)
    if probe.second_at == np.inf:
        while node < end and not first[node] >= probe.first_at:
            node += np.uint64(1)
    elif probe.third_at == np.inf:
        while node < end and not (first[node] >= probe.first_at or second[node] >= probe.second_at):
            node += np.uint64(1)
    else:
        while node < end and not (
            first[node] >= probe.first_at or second[node] >= probe.second_at or third[node] >= probe.third_at
        ):
            node += np.uint64(1)
    return np.int64(node) - base  # type: ignore[return-value]


@jit
def next_row(prices: Prices, index: Index, start: int, stop: int, query: Query) -> int:
    """Return the first row in start <= i < stop that satisfies the query, or stop.

    Args:
        prices: arrays of the panel.
        index: the index of this panel.
        start, stop: rows.
        query: what is looked for.
    """
    if start >= stop:
        return stop
    bid_a, ask_a, bid_b, ask_b = prices.bid_a, prices.ask_a, prices.bid_b, prices.ask_b
    tradable, fair, offsets = prices.tradable, prices.fair, index.offsets
    probe = _probe(query, index.signal)
    first, second, third = index.bounds[probe.first], index.bounds[probe.second], index.bounds[probe.third]
    want_ab, want_ba = query.entry_ab or query.use_below_ab, query.entry_ba or query.use_below_ba
    top = offsets.size - 2
    level = 0
    block = start >> FAN_BITS
    while True:
        width = offsets[level + 1] - offsets[level]
        last = min(width, (block | (FAN - 1)) + 1)
        block = _first_block(first, second, third, probe, offsets[level], block, last)
        if (block << (FAN_BITS * (level + 1))) >= stop:
            return stop
        if block >= last:
            if level == top:
                return stop
            block >>= FAN_BITS
            level += 1
        elif level > 0:
            level -= 1
            block <<= FAN_BITS
        else:
            row = np.uint64(max(start, block << FAN_BITS))
            end = np.uint64(min(stop, (block + 1) << FAN_BITS))
            while row < end:
                if tradable[row]:
                    ratio = fair[row] if fair.size else 1.0
                    x_ab = signal_ab(ask_a[row], bid_b[row], ratio) if want_ab else np.nan
                    x_ba = signal_ba(bid_a[row], ask_b[row], ratio) if want_ba else np.nan
                    unwind = np.nan
                    if query.mark_side == 0:
                        unwind = spread_ba(bid_a[row], ask_b[row])
                    elif query.mark_side == 1:
                        unwind = spread_ab(ask_a[row], bid_b[row])
                    if _row_hits(query, x_ab, x_ba, unwind):
                        return np.int64(row)  # type: ignore[return-value]
                row += np.uint64(1)
            block += 1
            if block & (FAN - 1) == 0 and level < top:
                block >>= FAN_BITS
                level += 1


@jit
def first_row_from(ts: IntArray, start: int, stop: int, moment: int) -> int:
    """Return the first row in start <= i < stop with ts[i] >= moment, or stop.

    Gallops from `start`: what is waited for is mostly near, and a binary search over all rows would touch a
    cold cache line per step.
    """
    if start >= stop or ts[start] >= moment:
        return min(start, stop)
    lo = start
    step = 8
    while lo + step < stop and ts[lo + step] < moment:
        lo += step
        step *= 4
    hi = min(lo + step, stop)
    while hi - lo > 1:
        middle = (lo + hi) >> 1
        if ts[middle] < moment:
            lo = middle
        else:
            hi = middle
    return hi
