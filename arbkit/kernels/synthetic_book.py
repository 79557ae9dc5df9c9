"""One synthetic book: best prices around a mid, the levels behind them, and their sizes.

What stands at a price is a function of (key, price, side, time slot), so levels stay as they are while the
best price moves over them.

Inner functions take scalars and bare arrays: a tuple with arrays in it is counted in and out at every call,
which made the loop several times slower.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.kernels._jit import inner, jit
from arbkit.kernels.counter_rng import mix, normal_from_uniform

__all__ = ["BookRules", "TickTable", "best_prices", "fill_book", "spoil", "tick_at"]

_UNIT = 1.0 / 9007199254740992.0
_U1, _U2, _U3 = (np.uint64(v) for v in (0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3))
_U4 = np.uint64(0x589965CC75374CC3)
_NONE, _ONE, _ALL = np.uint64(0), np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
_S11, _S58 = np.uint64(11), np.uint64(58)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_AT = np.zeros(64, np.int64)
for _bit in range(64):
    _BIT_AT[((1 << _bit) * int(_DE_BRUIJN) & int(_ALL)) >> 58] = _bit
#: The best price's size changes this many times as often as the ones behind it.
_TOP_CHANGES = 8.0


class TickTable(NamedTuple):
    """Price bands, highest first, float64[k]: from `floor[i]` up the tick is `tick[i]`; the last floor is 0.

    `inverse[i]` is 1/tick where that is a whole number, else 0: k/inverse is the float nearest to the decimal
    price, k*tick is not.
    """

    floor: FloatArray
    tick: FloatArray
    inverse: FloatArray


class BookRules(NamedTuple):
    """Scalars of one stream's book; `density`/32 is the chance that a price behind the best is occupied."""

    key: Any
    density: int
    top_log_sd: float
    deep_log_sd: float
    lot: float
    lots_per_unit: float
    hold_ns: float


@jit
def tick_at(floor: FloatArray, price: float) -> int:
    """Return the band of a tick table that a price falls into."""
    for i in range(len(floor)):
        if price >= floor[i]:
            return i
    return len(floor) - 1


@jit
def _price(tick: float, inverse: float, k: float) -> float:
    return k / inverse if inverse > 0.0 else k * tick


@jit
def _standing(place: Any, slot: int, rest: float) -> Any:
    """Hash of what stands at a place in this time slot; each place starts its slots at its own moment.

    `rest` is how much of the common slot has passed, within [0, 1).
    """
    late = 1 if float(np.int64(place >> _S11)) * _UNIT + rest >= 1.0 else 0
    return mix(place + np.uint64(slot + late) * _U1)


@jit
def _size(rules: BookRules, median: float, log_sd: float, h: Any) -> float:
    """Log-normal size around its median, in whole lots, at least one."""
    z = normal_from_uniform((float(np.int64(mix(h + _U1) >> _S11)) + 0.5) * _UNIT)
    lots = max(1.0, math.floor(median * math.exp(log_sd * z) / rules.lot + 0.5))
    return lots / rules.lots_per_unit if rules.lots_per_unit > 0.0 else lots * rules.lot


@jit
def _into_band(ticks: FloatArray, inverse: FloatArray, old: int, new: int, k: float) -> float:
    """Index in the new band of the first price at or behind index k of the old one."""
    ratio = _price(ticks[old], inverse[old], k) / ticks[new]
    return float(math.floor(ratio + 1e-9) if new > old else math.ceil(ratio - 1e-9))


@jit
def _occupied(base: Any, block: Any, slot: int, rest: float, density: int) -> Any:
    """64 bits, one per price of a block, each set with a chance of density/32.

    Five hashes joined by the binary digits of the density: one hash per price took ten times as long.
    """
    if density >= 32:
        return _ALL
    mask, place = _NONE, base + np.uint64(np.int64(block)) * _U2
    for digit in range(5):
        h = _standing(place + np.uint64(digit) * _U4, slot, rest)
        mask = mask | h if (density >> digit) & 1 else mask & h
    return mask


@jit
def _lowest_bit(mask: Any) -> int:
    """Position of the lowest set bit, by de Bruijn's sequence; 0 for an empty mask."""
    return int(_BIT_AT[((mask & (~mask + _ONE)) * _DE_BRUIJN) >> _S58])


@jit
def _band_border(floor: FloatArray, ticks: FloatArray, band: int, side: int) -> float:
    """The last index of a band on the way out: its floor for bids, one below the next floor for asks."""
    if side == 0:
        return floor[band] / ticks[band] if band < len(floor) - 1 else -np.inf
    return floor[band - 1] / ticks[band] - 1.0 if band > 0 else np.inf


@jit
def _fill_side(
    rules: BookRules, floor: FloatArray, ticks: FloatArray, inverse: FloatArray, sizes: FloatArray,
    side: int, band: int, k: float, ts: int, row: int, columns: FloatArray,
) -> None:  # fmt: skip
    """Write one side's levels from the best price (band, k) outwards; below one tick a bid is missing."""
    step, base = (-1 if side == 0 else 1), rules.key + np.uint64(side) * _U3
    border = _band_border(floor, ticks, band, side)
    slots = float(ts) / (rules.hold_ns / _TOP_CHANGES)
    slot = math.floor(slots)
    h = _standing(base + np.uint64(np.int64(k)) * _U2, slot, slots - slot)
    slots = float(ts) / rules.hold_ns
    slot = math.floor(slots)
    rest, log_sd, last = slots - slot, rules.top_log_sd, len(sizes) - 1
    place: Any = int(k) * step
    block = place >> 6
    mask = _occupied(base, block, slot, rest, rules.density)
    for level in range(len(columns) // 4):
        if level > 0:
            ahead, skipped = (mask >> np.uint64(place & 63)) >> _ONE, (place & 63) + 1
            while ahead == _NONE:
                block += 1
                ahead, skipped = _occupied(base, block, slot, rest, rules.density), 0
                mask = ahead
            place = (block << 6) + skipped + _lowest_bit(ahead)
            k = float(place * step)
            if (k - border) * step > 0.0:
                new = band - step
                k = _into_band(ticks, inverse, band, new, k)
                band, border = new, _band_border(floor, ticks, new, side)
                place = int(k) * step
                block = place >> 6
                mask = _occupied(base, block, slot, rest, rules.density)
            h = _standing(base + np.uint64(np.int64(k)) * _U2, slot, rest)
        at = 4 * level + 2 * side
        if k < 1.0:
            columns[at, row] = columns[at + 1, row] = np.nan
            continue
        columns[at, row] = _price(ticks[band], inverse[band], k)
        columns[at + 1, row] = _size(rules, sizes[min(level, last)], log_sd, h)
        log_sd = rules.deep_log_sd


@jit
def _best(
    floor: FloatArray, tick: FloatArray, inverse: FloatArray, centre: float, half: float
) -> tuple[int, float, int, float]:
    """Band and index of the best bid and of the best ask, at least `half` from the centre and apart."""
    bid_band, ask_band = tick_at(floor, centre - half), tick_at(floor, centre + half)
    bid_k = math.floor((centre - half) / tick[bid_band])
    ask_k = math.ceil((centre + half) / tick[ask_band])
    if _price(tick[ask_band], inverse[ask_band], ask_k) <= _price(tick[bid_band], inverse[bid_band], bid_k):
        ask_band, ask_k = bid_band, bid_k + 1.0
    return bid_band, float(bid_k), ask_band, float(ask_k)


@inner
def best_prices(
    floor: FloatArray, tick: FloatArray, inverse: FloatArray, centre: float, half: float
) -> tuple[float, float]:
    """Return the best bid and ask that `fill_book` writes; a bid below one tick is NaN."""
    bid_band, bid_k, ask_band, ask_k = _best(floor, tick, inverse, centre, half)
    bid = _price(tick[bid_band], inverse[bid_band], bid_k) if bid_k >= 1.0 else np.nan
    return bid, _price(tick[ask_band], inverse[ask_band], ask_k)


@inner
def fill_book(
    rules: BookRules, floor: FloatArray, tick: FloatArray, inverse: FloatArray, sizes: FloatArray,
    centre: float, half: float, ts: int, row: int, columns: FloatArray,
) -> None:  # fmt: skip
    """Write column `row` of a book: the tightest prices on ticks that are at least `half` from `centre`.

    Args:
        rules: the stream's scalars.
        floor, tick, inverse: the arrays of its `TickTable`.
        sizes: float64[m], median size per level; the last one goes on.
        centre, half: quote centre and half the spread, in currency.
        ts: stamp, ns.
        row: where to write.
        columns: float64[4 * levels, n]: bid price, bid size, ask price, ask size per level, best first; NaN
            where a bid would fall below one tick.
    """
    bid_band, bid_k, ask_band, ask_k = _best(floor, tick, inverse, centre, half)
    _fill_side(rules, floor, tick, inverse, sizes, 0, bid_band, bid_k, ts, row, columns)
    _fill_side(rules, floor, tick, inverse, sizes, 1, ask_band, ask_k, ts, row, columns)


@inner
def spoil(columns: FloatArray, row: int, u: float) -> None:
    """Turn a row into what broken feeds send: crossed (half of them), one-sided, or with a zero bid."""
    if u < 0.5:
        columns[0, row], columns[2, row] = columns[2, row], columns[0, row]
    elif u < 0.75:
        columns[2, row] = columns[3, row] = np.nan
    else:
        columns[0, row] = 0.0
