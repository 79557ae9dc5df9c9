"""Two venues, and an FX series, on one clock: as-of joins with an age limit, never ahead of time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import CoverageError
from arbkit.kernels.align import asof_rows, taken, union_times
from arbkit.panel.panel import Ladders

__all__ = ["LegQuotes", "asof", "joined_times", "span_text"]


class LegQuotes(NamedTuple):
    """The quotes of one venue in its own currency, in the order of their clock.

    `ts` int64 (m,), non-decreasing; prices float64 (m,), NaN where a side is missing; `levels` holds an array
    (m, levels) for each of bid_px, bid_sz, ask_px, ask_sz, or is None when the ladder is not wanted.
    """

    ts: IntArray
    bid: FloatArray
    ask: FloatArray
    levels: tuple[FloatArray, FloatArray, FloatArray, FloatArray] | None = None


def joined_times(
    a: IntArray,
    b: IntArray,
    grid_ns: int | None,
    names: tuple[str, str],
    until: tuple[int | None, int | None] = (None, None),
) -> IntArray:
    """Return the row times of a panel: the distinct update times of both venues while both are there.

    Args:
        a, b: update times of the venues, non-decreasing.
        grid_ns: None for the union of the update times, else a regular grid at its multiples.
        names: the legs, for the message.
        until: how long each venue is known to be there, where that is later than its last update given.

    Raises:
        CoverageError: when a venue has no quotes, or the two never overlap in time.
    """
    for times, name in ((a, names[0]), (b, names[1])):
        if times.size == 0:
            raise CoverageError(f"both venues need quotes in the period asked for, {name} had none")
    last = [int(ts[-1] if goes_on is None else goes_on) for ts, goes_on in zip((a, b), until, strict=True)]
    start, end = int(max(a[0], b[0])), min(last)
    if start > end:
        raise CoverageError(
            f"both venues must overlap in time, {names[0]} covers {span_text(a)}, "
            f"{names[1]} covers {span_text(b)}"
        )
    if grid_ns is not None:
        return np.arange(-(-start // grid_ns) * grid_ns, end + 1, grid_ns, dtype=np.int64)
    times = union_times(a, b)
    return times[np.searchsorted(times, start) : np.searchsorted(times, end, side="right")]


def span_text(times: IntArray) -> str:
    """Return "first to last" of a series of times, in UTC."""
    first, last = (
        np.datetime_as_string(np.datetime64(int(t), "ns"), unit="s") for t in (times[0], times[-1])
    )
    return f"{first} to {last}"


def asof(ts: IntArray, quotes: LegQuotes, max_age_ns: int) -> LegQuotes:
    """Return the quotes in force at each time; NaN where there is none, or the last one is too old.

    A void quote (zero, one-sided or crossed) is in force until the next update: it is never bridged by the
    last good one. The panel marks such rows as not tradable.
    """
    rows = asof_rows(ts, quotes.ts, max_age_ns)
    levels = None
    if quotes.levels is not None:
        levels = tuple(
            np.column_stack([taken(np.ascontiguousarray(c), rows) for c in side.T]) for side in quotes.levels
        )
    return LegQuotes(ts, taken(quotes.bid, rows), taken(quotes.ask, rows), levels)  # type: ignore[arg-type]


def ladders_of(a: LegQuotes, b: LegQuotes) -> Ladders | None:
    """Return the ladders of both legs, or None when either has none."""
    if a.levels is None or b.levels is None:
        return None
    bid_px_a, bid_sz_a, ask_px_a, ask_sz_a = a.levels
    bid_px_b, bid_sz_b, ask_px_b, ask_sz_b = b.levels
    return Ladders(bid_px_a, bid_sz_a, ask_px_a, ask_sz_a, bid_px_b, bid_sz_b, ask_px_b, ask_sz_b)
