"""What a picture of a panel draws: the signals of a stretch of time, at most a point per pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import ConfigError
from arbkit.kernels.pyramid import signals_between
from arbkit.panel._time import to_ns
from arbkit.panel.panel import Panel

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SpreadView", "checked_pixels", "spread_frame", "spread_view", "stretch_of"]

_MOST_PIXELS: Final = 20_000


class SpreadView(NamedTuple):
    """Both signals in a stretch of time, at most one point per pixel and direction.

    Attributes:
        ts: int64 (m,), nanoseconds: the middle of each pixel, or the row's own time.
        rows: int64 (m,), how many panel rows a point stands for.
        values: float64 (4, m): lowest and highest `x_ab_bps`, lowest and highest `x_ba_bps`, NaN for none.
        each_row: whether every point is one row of the panel.
    """

    ts: IntArray
    rows: IntArray
    values: FloatArray
    each_row: bool


def spread_view(panel: Panel, start_ns: int, end_ns: int, pixels: int) -> SpreadView:
    """Return the signals between two times, both included, for a picture so many pixels wide."""
    pixels = checked_pixels(pixels)
    first = int(np.searchsorted(panel.ts, start_ns, side="left"))
    stop = int(np.searchsorted(panel.ts, end_ns, side="right"))
    if stop - first <= 2 * pixels:
        both = signals_between(panel.market, first, max(first, stop))
        rows = np.ones(both.shape[1], np.int64)
        return SpreadView(panel.ts[first:stop], rows, np.repeat(both, 2, axis=0), True)
    span = end_ns - start_ns + 1
    times = start_ns + (span * np.arange(pixels + 1, dtype=np.float64) / pixels).astype(np.int64)
    edges = np.searchsorted(panel.ts, times, side="left")
    edges[0], edges[-1] = first, stop
    middles = times[:-1] + (times[1:] - times[:-1]) // 2
    return SpreadView(middles, np.diff(edges), panel.pyramid.extremes(edges), False)


def spread_frame(panel: Panel, start: Any = None, end: Any = None, pixels: int = 1000) -> pl.DataFrame:
    """Return what the spread's picture draws: the extremes of both signals per pixel of time.

    Args:
        panel: the market.
        start, end: ISO text, a date or datetime (naive ones read as UTC), int nanoseconds, or None for the
            panel's own.
        pixels: how many stretches of equal length; where there are fewer than twice as many rows, the rows
            themselves are returned.

    Returns:
        `ts`, `rows` (how many panel rows the point stands for), `x_ab_low_bps`, `x_ab_high_bps`,
        `x_ba_low_bps`, `x_ba_high_bps`: null where no row was tradable.
    """
    import polars as pl

    view = spread_view(panel, *stretch_of(panel, start, end), pixels)
    names = ("x_ab_low_bps", "x_ab_high_bps", "x_ba_low_bps", "x_ba_high_bps")
    return pl.DataFrame(
        {"ts": view.ts, "rows": view.rows, **dict(zip(names, view.values, strict=True))}
    ).with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")), pl.col(names).fill_nan(None))


def stretch_of(panel: Panel, start: Any, end: Any) -> tuple[int, int]:
    """Return two times in nanoseconds, those of the panel where one is None.

    Raises:
        ConfigError: when one cannot be read, or they are in the wrong order.
    """
    first = panel.start_ns if start is None else to_ns(start)
    last = panel.end_ns if end is None else to_ns(end)
    if first > last:
        raise ConfigError(f"`start` must not lie after `end`, was start={start!r}, end={end!r}")
    return first, last


def checked_pixels(pixels: int) -> int:
    """Return a picture's width in pixels, or raise `ConfigError`."""
    if not 1 <= pixels <= _MOST_PIXELS:
        raise ConfigError(f"`pixels` must be 1 to {_MOST_PIXELS:,}, was {pixels!r}")
    return int(pixels)
