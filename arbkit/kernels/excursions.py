"""A table of record highs: every trade that the plain reversal rule can make at one exit level.

In a valid book x_ab >= 0 and x_ba >= 0 exclude each other. So with an exit level E >= 0 the market falls into
runs, each in one direction: from a row with x >= E to the first tradable row with x < E, where every trade
of the run ends. A set that enters above E makes at most one trade in a run, on the first row on which entries
are allowed and x reaches its threshold: a record, higher than all such rows of the run before it. Records,
with the prices and times of entry and exit, are all that is left to look at, whatever the threshold.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import borrowed, inlined, jit
from arbkit.kernels.filter import at_or_above, first_bit
from arbkit.kernels.market import Market
from arbkit.kernels.spread import signal_ab, signal_ba
from arbkit.records import Side

__all__ = [
    "ENTRY_DTYPE",
    "EXIT_DTYPE",
    "Excursions",
    "Place",
    "collect",
    "entry_level",
    "entry_levels",
    "excursions_above",
    "excursions_of",
    "next_run",
]

#: Where and at what prices a run is entered.
ENTRY_DTYPE: Final = np.dtype(
    [("row", np.int64), ("ts", np.int64), ("long_px", np.float64), ("short_px", np.float64)]
)

#: Where and at what prices a run ends, -1 and NaN where the data end first; its direction and first record.
EXIT_DTYPE: Final = np.dtype(
    [
        ("row", np.int64),
        ("ts", np.int64),
        ("long_px", np.float64),
        ("short_px", np.float64),
        ("side", np.int64),
        ("first", np.int64),
    ]
)

_FAN_BITS: Final = 4
_FAN: Final = 1 << _FAN_BITS
_AB: Final = int(Side.LONG_A_SHORT_B)
_BA: Final = int(Side.LONG_B_SHORT_A)
_NONE: Final = -1
_LEAST: Final = 64


class Excursions(NamedTuple):
    """All runs of one panel at one exit level, in order of time.

    Attributes:
        signals: float64 (records,), x at each record, rising within a run.
        entries: `ENTRY_DTYPE` (records,).
        exits: `EXIT_DTYPE` (runs + 1,); the last one only says where the records end.
        tops: float64, the highest x of every run, of every 16 runs, and so on, padded with -inf.
        offsets: int64 (levels + 1,), where each level of `tops` begins.
        first, last: first and last tradable row of the panel; last < first when there is none.
        first_ts, last_ts: their times.
    """

    signals: FloatArray
    entries: RecordArray
    exits: RecordArray
    tops: FloatArray
    offsets: IntArray
    first: int
    last: int
    first_ts: int
    last_ts: int


class Place(NamedTuple):
    """Where collecting goes on: the next row, the run that is open and what has been written.

    `top` is the last record of the open run. `sound` is False where a signal was lost in an overflow, so that
    runs do not exclude each other.
    """

    row: int
    side: int
    top: float
    records: int
    runs: int
    sound: bool


@jit
def collect(
    market: Market, level: float, signals: FloatArray, entries: RecordArray, exits: RecordArray, at: Place
) -> Place:
    """Write runs and their records until the data end or a table is full, and return the place reached.

    Args:
        market: arrays of the panel.
        level: exit level, >= 0.
        signals, entries: float64 and `ENTRY_DTYPE` (records,), at least one place free.
        exits: `EXIT_DTYPE` (runs,), at least two places free.
        at: where to go on.
    """
    return _collect(
        borrowed(market.ts), borrowed(market.bid_a), borrowed(market.ask_a), borrowed(market.bid_b),
        borrowed(market.ask_b), borrowed(market.fair), borrowed(market.entry_ok), borrowed(market.tradable),
        level, borrowed(signals), borrowed(entries), borrowed(exits), at,
    )  # fmt: skip


@jit
def _collect(
    ts: IntArray,
    bids_a: FloatArray,
    asks_a: FloatArray,
    bids_b: FloatArray,
    asks_b: FloatArray,
    fairs: FloatArray,
    allowed: BoolArray,
    tradable: BoolArray,
    level: float,
    signals: FloatArray,
    entries: RecordArray,
    exits: RecordArray,
    at: Place,
) -> Place:
    row, side, top, records, runs, sound = at
    n, has_fair, has_allowed = ts.size, fairs.size > 0, allowed.size > 0
    most_records, most_runs = signals.size, exits.size - 1
    first = exits[runs].first if side != _NONE else 0
    while row < n and records < most_records and runs < most_runs:
        here = np.uint64(row)
        row += 1
        if not tradable[here]:
            continue
        bid_a, ask_a, bid_b, ask_b = bids_a[here], asks_a[here], bids_b[here], asks_b[here]
        fair = fairs[here] if has_fair else 1.0
        x = np.nan
        if side != _NONE:
            x = signal_ab(ask_a, bid_b, fair) if side == _AB else signal_ba(bid_a, ask_b, fair)
            if x < level:
                if first < records:
                    leave = exits[runs]
                    leave.row = row - 1
                    leave.ts = ts[here]
                    leave.long_px = bid_a if side == _AB else bid_b
                    leave.short_px = ask_b if side == _AB else ask_a
                    runs += 1
                side = _NONE
            elif x != x and fair == fair:
                sound = False
        if side == _NONE:
            # Without a positive difference there is no x >= level.
            if bid_b * fair >= ask_a:
                x = signal_ab(ask_a, bid_b, fair)
                side = _AB if x >= level else _NONE
            elif bid_a >= ask_b * fair:
                x = signal_ba(bid_a, ask_b, fair)
                side = _BA if x >= level else _NONE
            if side == _NONE:
                continue
            first, top = records, -np.inf
            exits[runs].side = side
            exits[runs].first = first
        if x > top and (not has_allowed or allowed[here]):
            top = x
            signals[records] = x
            entry = entries[records]
            entry.row = row - 1
            entry.ts = ts[here]
            entry.long_px = ask_a if side == _AB else ask_b
            entry.short_px = bid_b if side == _AB else bid_a
            records += 1
    return Place(row, side, top, records, runs, sound)


def excursions_of(market: Market, level: float, first: int, last: int) -> Excursions | None:
    """Build the table of one exit level.

    Args:
        market: arrays of the panel.
        level: bps, >= 0.
        first, last: first and last tradable row.

    Returns:
        The table, or None where prices overflow and directions do not exclude each other.
    """
    rows = market.ts.size
    # Pages that are never written cost nothing, and to grow is to copy.
    signals = np.empty(rows // 4 + _LEAST)
    entries = np.empty(rows // 4 + _LEAST, ENTRY_DTYPE)
    exits = np.empty(rows // 16 + _LEAST, EXIT_DTYPE)
    at = Place(0, _NONE, -np.inf, 0, 0, True)
    while at.row < rows:
        at = Place(*collect(market, level, signals, entries, exits, at))
        if at.records == signals.size:
            signals, entries = _doubled(signals), _doubled(entries)
        if at.runs + 2 >= exits.size:
            exits = _doubled(exits)
    if not at.sound:
        return None
    runs = at.runs
    if at.side != _NONE and exits[runs]["first"] < at.records:
        exits[runs]["row"], exits[runs]["ts"] = -1, -1
        exits[runs]["long_px"] = exits[runs]["short_px"] = np.nan
        runs += 1
    signals, entries, exits = signals[: at.records], entries[: at.records], exits[: runs + 1]
    exits[runs] = (-1, -1, np.nan, np.nan, _NONE, at.records)
    tops, offsets = _tops(signals, exits["first"])
    ends = (int(market.ts[first]), int(market.ts[last])) if first <= last else (0, 0)
    return Excursions(signals, entries, exits, tops, offsets, first, last, *ends)


def excursions_above(table: Excursions, floor: float) -> Excursions:
    """Return the runs of a table that reach a signal, and their records from there on, side by side.

    Sets that enter at the floor or higher find the same trades in it, without the gaps between them.

    Args:
        table: all runs at one exit level.
        floor: bps.
    """
    starts = table.exits["first"]
    runs = np.flatnonzero(table.tops[: starts.size - 1] >= floor)
    # Signals rise within a run: what is left of one is its end.
    records = np.flatnonzero(table.signals >= floor)
    exits = table.exits[np.append(runs, starts.size - 1)]
    exits["first"] = np.searchsorted(records, exits["first"])
    signals = table.signals[records]
    tops, offsets = _tops(signals, exits["first"])
    return table._replace(
        signals=signals, entries=table.entries[records], exits=exits, tops=tops, offsets=offsets
    )


def _doubled(array: Any) -> Any:
    return np.concatenate((array, np.empty_like(array)))


def _tops(signals: FloatArray, first: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the highest signals of runs, of 16 runs, and so on, and where each level begins."""
    levels = [_padded(signals[first[1:] - 1])]
    while levels[-1].size > _FAN:
        levels.append(_padded(levels[-1].reshape(-1, _FAN).max(axis=1)))
    return np.concatenate(levels), np.cumsum([0, *(level.size for level in levels)])


def _padded(values: FloatArray) -> FloatArray:
    missing = -values.size % _FAN if values.size else _FAN
    return np.concatenate((values, np.full(missing, -np.inf)))


def _reaching(typingctx: Any, tops: Any, position: Any, level: Any) -> Any:
    """Return which of 16 float64 at an address and a position reach a level, one bit each."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return at_or_above(builder, args[0], args[1], args[2])

    return types.int64(types.int64, types.int64, types.float64), code


_reaching_bits: Any = intrinsic(_reaching)


@inlined
def next_run(tops: int, offsets: IntArray, run: int, level: float) -> int:
    """Return the first run at or after `run` whose highest signal reaches a level, or -1.

    Args:
        tops: `address` of the tops of a table.
        offsets: its offsets.
        run: where to begin, >= 0.
        level: signal to reach.
    """
    depth, deepest = 0, offsets.size - 2
    while run < offsets[depth + 1] - offsets[depth]:
        block = run & ~(_FAN - 1)
        bits = _reaching_bits(tops, offsets[depth] + block, level) >> (run & (_FAN - 1))
        if bits != 0:
            run += first_bit(bits)
            if depth == 0:
                return run
            depth -= 1
            run <<= _FAN_BITS
        elif depth == deepest:
            break
        else:
            depth += 1
            run = (block >> _FAN_BITS) + 1
    return -1


@jit
def entry_level(cost: float, min_spread: float) -> float:
    """Return the smallest x >= 0 with x - cost >= min_spread, exactly.

    The difference, rounded as it is, never falls when x rises: comparing x with this level decides as the
    rule does, ties included. Floats of one sign are ordered as their bits are, so the level is found by
    halving, from near the sum of both, which is nearly always a few floats away.
    """
    return _entry_level(cost, min_spread, np.empty(1))


@inlined
def _entry_level(cost: float, min_spread: float, word: FloatArray) -> float:
    """Do what `entry_level` does, with a place in memory to look at floats as bits."""
    bits = word.view(np.int64)
    if 0.0 - cost >= min_spread:
        return 0.0
    word[0] = np.inf
    low, high, reach = np.int64(0), bits[0], np.int64(1)
    word[0] = max(0.0, min_spread + cost)
    near = bits[0]
    while low < near < high:
        bits[0] = near
        if word[0] - cost >= min_spread:
            high, near = near, near - reach
        else:
            low, near = near, near + reach
        reach <<= 1
    while high - low > 1:
        bits[0] = low + ((high - low) >> 1)
        if word[0] - cost >= min_spread:
            high = bits[0]
        else:
            low = bits[0]
    bits[0] = high
    return word[0]  # type: ignore[no-any-return]


@jit
def entry_levels(rules: RecordArray) -> FloatArray:
    """Return `entry_level` of every set, float64 (m,)."""
    levels, word = np.empty(rules.size), np.empty(1)
    for k in range(rules.size):
        levels[k] = _entry_level(rules[k].cost_bps, rules[k].min_spread_bps, word)
    return levels
