"""The next row that satisfies a query, by masks of 16 rows and of 16 blocks of the index.

Everything here is a number: columns are addresses and a query is a handful of levels, so that nothing but
registers is passed on and no reference is counted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from arbkit.kernels._jit import inlined, inner
from arbkit.kernels.filter import (
    LANES,
    address,
    entry_rows,
    exit_rows,
    first_bit,
    flagged_rows,
    node_hits,
    reversal_rows,
    stored_float,
    stored_int,
)
from arbkit.kernels.index import FAN, FAN_BITS, NEG_S_AB, NEG_S_BA, S_AB, S_BA, Index, lower32
from arbkit.kernels.market import Market
from arbkit.kernels.spread import signal_ab, signal_ba, spread_ab, spread_ba
from arbkit.records import Side

__all__ = [
    "NEVER_CLIMB",
    "Columns",
    "RowPrices",
    "Wanted",
    "columns_of",
    "first_row",
    "rare_row",
    "row_at",
    "row_from",
    "signal_of",
    "spread_of",
    "wanted_below",
    "wanted_entry",
    "wanted_exit",
]

#: More blocks than any panel has.
NEVER_CLIMB: Final = 1 << 60

_AB: Final = int(Side.LONG_A_SHORT_B)
_BA: Final = int(Side.LONG_B_SHORT_A)
_ENTRY: Final = 0
_BELOW: Final = 1
_EXIT: Final = 2
_FULL: Final = (1 << LANES) - 1


class Columns(NamedTuple):
    """Addresses of a panel's columns, 0 where an optional one is absent, and of its index.

    `pace` is the mean number of rows per nanosecond.
    """

    ts: int
    bid_a: int
    ask_a: int
    bid_b: int
    ask_b: int
    fair: int
    entry_ok: int
    tradable: int
    rows: int
    bounds: int
    series_bytes: int
    offsets: int
    top: int
    signal: int
    climbs: bool
    last: int
    pace: float


class Wanted(NamedTuple):
    """One query: three series of bounds with their levels, and the levels of the exact predicate on a row."""

    kind: int
    side: int
    first: int
    second: int
    third: int
    first_at: np.float32
    second_at: np.float32
    third_at: np.float32
    share: float
    other_share: float
    stop_share: float
    take_share: float
    level: float
    other: float
    cost: float
    stop_level: float
    take_level: float


@inlined
def columns_of(market: Market, index: Index, climbs: bool) -> Columns:
    nodes = index.bounds.shape[1]
    ts, first, last = market.ts, index.first, index.last
    return Columns(
        address(ts),
        address(market.bid_a),
        address(market.ask_a),
        address(market.bid_b),
        address(market.ask_b),
        address(market.fair),
        address(market.entry_ok),
        address(market.tradable),
        market.ts.size,
        address(index.bounds),
        nodes * 4,
        address(index.offsets),
        index.offsets.size - 2,
        index.signal,
        climbs,
        last,
        (last - first) / max(1, ts[last] - ts[first]) if last >= first else 0.0,
    )


class RowPrices(NamedTuple):
    """Prices and fair ratio of one row."""

    bid_a: float
    ask_a: float
    bid_b: float
    ask_b: float
    fair: float


@inlined
def row_at(columns: Columns, row: int) -> RowPrices:
    return RowPrices(
        stored_float(columns.bid_a, row),
        stored_float(columns.ask_a, row),
        stored_float(columns.bid_b, row),
        stored_float(columns.ask_b, row),
        stored_float(columns.fair, row) if columns.fair != 0 else 1.0,
    )


@inlined
def spread_of(at: RowPrices, side: int) -> float:
    return spread_ab(at.ask_a, at.bid_b) if side == _AB else spread_ba(at.bid_a, at.ask_b)


@inlined
def signal_of(at: RowPrices, side: int) -> float:
    return signal_ab(at.ask_a, at.bid_b, at.fair) if side == _AB else signal_ba(at.bid_a, at.ask_b, at.fair)


@inlined
def wanted_entry(columns: Columns, cost: float, level_ab: float, level_ba: float) -> Wanted:
    first, second = _series(columns, columns.signal + S_AB), _series(columns, columns.signal + S_BA)
    if level_ab != level_ab:
        first = second
    if level_ba != level_ba:
        second = first
    ab = level_ab + cost - _margin(level_ab, cost, 0.0)
    ba = level_ba + cost - _margin(level_ba, cost, 0.0)
    none, nowhere = np.float32(np.nan), np.nan
    return Wanted(
        _ENTRY, 0, first, second, first, lower32(ab), lower32(ba), none,
        ab / 1e4, ba / 1e4, nowhere, nowhere, level_ab, level_ba, cost, nowhere, nowhere,
    )  # fmt: skip


@inlined
def _margin(level: float, cost: float, spread: float) -> float:
    """Return how far a level solved for the spread is moved: far more than rounding, less than a tick."""
    return 1e-11 * (1 + abs(level) + abs(cost) + abs(spread))


@inlined
def wanted_below(columns: Columns, side: int, level: float) -> Wanted:
    series = _series(columns, columns.signal + (NEG_S_AB if side == _AB else NEG_S_BA))
    share = (level + _margin(level, 0.0, 0.0)) / 1e4
    none, nowhere = np.float32(np.nan), np.nan
    return Wanted(
        _BELOW, side, series, series, series, lower32(-level), none, none,
        share, nowhere, nowhere, nowhere, level, 0.0, 0.0, nowhere, nowhere,
    )  # fmt: skip


@inlined
def wanted_exit(
    columns: Columns,
    side: int,
    level: float,
    entry_spread: float,
    cost2: float,
    stop_level: float,
    take_level: float,
) -> Wanted:
    """Levels that are not used are NaN; their series are read where another one lies anyway."""
    signal = _series(columns, columns.signal + (NEG_S_AB if side == _AB else NEG_S_BA))
    high = _series(columns, S_BA if side == _AB else S_AB)
    low = high + columns.series_bytes
    base = cost2 - entry_spread
    take = take_level + base - _margin(take_level, cost2, entry_spread)
    stop = stop_level + base + _margin(stop_level, cost2, entry_spread)
    if level != level:
        signal = low if stop_level == stop_level else high
    if stop_level != stop_level:
        low = high
    if take_level != take_level:
        high = low
    share = (level + _margin(level, 0.0, 0.0)) / 1e4
    return Wanted(
        _EXIT, side, signal, high, low, lower32(-level), lower32(take), lower32(-stop),
        share, np.nan, stop / 1e4, take / 1e4, level, entry_spread, cost2, stop_level, take_level,
    )  # fmt: skip


@inlined
def _series(columns: Columns, series: int) -> int:
    return columns.bounds + series * columns.series_bytes


@inner
def row_from(ts: int, start: int, stop: int, moment: int, pace: float) -> int:
    """Return the first row in start <= i < stop with ts[i] >= moment, or `stop`.

    Gallops from where the row lies when stamps are even: on a regular clock that is one look, where a search
    from `start` takes one cold cache line per step.

    Args:
        ts: address of int64 (n,), non-decreasing.
        start, stop: rows.
        moment: nanoseconds.
        pace: mean rows per nanosecond.
    """
    if start >= stop or stored_int(ts, start) >= moment:
        return min(start, stop)
    low, high = start, stop
    guess = min(stop - 1, start + int(min(float(stop - start), (moment - stored_int(ts, start)) * pace)))
    step = 1
    if stored_int(ts, guess) < moment:
        low = guess
        while low + step < stop and stored_int(ts, low + step) < moment:
            low += step
            step *= 4
        high = min(low + step, stop)
    else:
        high = guess
        while high - step > start and stored_int(ts, high - step) >= moment:
            high -= step
            step *= 4
        low = max(high - step, start)
    while high - low > 1:
        middle = (low + high) >> 1
        if stored_int(ts, middle) < moment:
            low = middle
        else:
            high = middle
    return high


@inlined
def _candidates(columns: Columns, wanted: Wanted, row: int) -> int:
    """Return which of the 16 rows from `row` on may satisfy the query."""
    fair, tradable = columns.fair, columns.tradable
    if wanted.kind == _ENTRY:
        hits = entry_rows(
            columns.bid_a, columns.ask_a, columns.bid_b, columns.ask_b, fair, tradable, row,
            wanted.share, wanted.other_share,
        )  # fmt: skip
        if columns.entry_ok != 0:
            hits &= flagged_rows(columns.entry_ok, row)
        return hits  # type: ignore[no-any-return]
    ask_a, bid_a, ask_b, bid_b = columns.ask_a, columns.bid_a, columns.ask_b, columns.bid_b
    on_bid = 1 if wanted.side == _AB else 0
    ask, bid = (ask_a, bid_b) if on_bid == 1 else (ask_b, bid_a)
    if wanted.kind == _BELOW:
        return reversal_rows(ask, bid, fair, on_bid, tradable, row, wanted.share)  # type: ignore[no-any-return]
    back_ask, back_bid = (ask_b, bid_a) if on_bid == 1 else (ask_a, bid_b)
    return exit_rows(  # type: ignore[no-any-return]
        ask, bid, fair, on_bid, back_ask, back_bid, tradable, row,
        wanted.share, wanted.stop_share, wanted.take_share,
    )  # fmt: skip


@inlined
def _holds(columns: Columns, wanted: Wanted, row: int) -> bool:
    """Tell whether a tradable row satisfies the query, exactly as the rules would."""
    at = row_at(columns, row)
    if wanted.kind == _ENTRY:
        return (
            signal_of(at, _AB) - wanted.cost >= wanted.level
            or signal_of(at, _BA) - wanted.cost >= wanted.other
        )
    if signal_of(at, wanted.side) < wanted.level:
        return True
    if wanted.kind == _BELOW:
        return False
    mark_bps = wanted.other + spread_of(at, 1 - wanted.side) - wanted.cost
    return mark_bps <= wanted.stop_level or mark_bps >= wanted.take_level


@inlined
def _hit_among(columns: Columns, wanted: Wanted, row: int, hits: int) -> int:
    """Return the first of these candidates that is a hit, or -1."""
    while hits != 0:
        found = row + first_bit(hits)
        if _holds(columns, wanted, found):
            return found  # type: ignore[no-any-return]
        hits &= hits - 1
    return -1


@inlined
def _nodes(columns: Columns, wanted: Wanted, node: int) -> int:
    """Return which of 16 nodes may hold a row that satisfies the query."""
    hits = node_hits(wanted.first, node, wanted.first_at)
    if wanted.kind != _BELOW:
        hits |= node_hits(wanted.second, node, wanted.second_at)
    if wanted.kind == _EXIT:
        hits |= node_hits(wanted.third, node, wanted.third_at)
    return hits  # type: ignore[no-any-return]


@inlined
def _level_after(columns: Columns, wanted: Wanted, block: int, level: int) -> int:
    """Return the nodes of a level that follow the block's own among its siblings and may hold a hit."""
    if level > columns.top:
        return 0
    mine = block >> (FAN_BITS * level)
    group = mine & ~(FAN - 1)
    hits = _nodes(columns, wanted, stored_int(columns.offsets, level) + group)
    return hits & (_FULL << (mine - group + 1)) & _FULL


@inlined
def _block_after(columns: Columns, wanted: Wanted, block: int) -> int:
    """Return the first block after one that may hold a hit, or -1.

    Four levels are asked at once and their answers laid side by side, nearest first: the lowest bit names
    level and node. Climbing one by one has a branch per level whose way cannot be predicted.
    """
    base = 0
    while True:
        word = _level_after(columns, wanted, block, base)
        word |= _level_after(columns, wanted, block, base + 1) << 16
        word |= _level_after(columns, wanted, block, base + 2) << 32
        word |= _level_after(columns, wanted, block, base + 3) << 48
        if word != 0:
            break
        base += 4
        if base > columns.top:
            return -1
    bit = first_bit(word)
    level = base + (bit >> FAN_BITS)
    node = (block >> (FAN_BITS * level) & ~(FAN - 1)) + (bit & (FAN - 1))
    while level > 0:
        level -= 1
        node <<= FAN_BITS
        node += first_bit(_nodes(columns, wanted, stored_int(columns.offsets, level) + node))
    return node  # type: ignore[no-any-return]


@inlined
def first_row(columns: Columns, wanted: Wanted, start: int, stop: int, probes: int) -> int:
    """Return the first row in start <= i < stop that satisfies the query, or `stop`.

    The index is climbed after `probes` blocks of 16 rows without a hit, and after each block it leads to.
    """
    if start >= stop:
        return stop
    row = start & ~(LANES - 1)
    last_full = columns.rows - LANES
    while True:
        at = min(row, last_full)
        hits = _candidates(columns, wanted, at)
        if at < start:
            hits &= _FULL << (start - at)
        if hits != 0:
            found = _hit_among(columns, wanted, at, hits)
            if found >= 0:
                return min(stop, found)
        probes -= 1
        if row + LANES >= stop:
            return stop
        if probes > 0:
            row += LANES
            continue
        block = _block_after(columns, wanted, row >> FAN_BITS)
        row = block << FAN_BITS
        if block < 0 or row >= stop:
            return stop


@inner
def rare_row(columns: Columns, wanted: Wanted, start: int, stop: int) -> int:
    """Like `first_row`, for searches that are too rare to have their own copy of the code."""
    return first_row(columns, wanted, start, stop, 1 if columns.climbs else NEVER_CLIMB)
