"""Whether a rebuilt book shows the top that the venue's own ticker showed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import CoverageError

__all__ = ["Agreement", "compare_tops"]


class Agreement(NamedTuple):
    """How a book and a ticker agree on best bid and best ask.

    Attributes:
        instants: instants compared.
        equal: of these, how many show the same best bid and best ask.
        explained: of the others, how many show a top that the ticker showed at some moment within
            `batch_ns` before or after: the book comes in batches.
        longest_lag_ns: the longest time to such a moment among the explained.
        unexplained: instants with a top that the ticker did not show within the interval.
        share: equal / instants.
    """

    instants: int
    equal: int
    explained: int
    longest_lag_ns: int
    unexplained: int

    @property
    def share(self) -> float:
        """Share of instants with the same top."""
        return self.equal / self.instants


def compare_tops(
    book: pl.DataFrame,
    ticker: pl.DataFrame,
    *,
    batch_ns: int,
    every_ns: int = 100_000_000,
    clock: str = "ts_recv",
) -> Agreement:
    """Compare best bid and ask of a book and of a ticker on a regular grid of instants.

    Args:
        book: rows of the schema, sorted by `clock`.
        ticker: rows of the schema with at least one level, sorted by `clock`.
        batch_ns: the book's batching interval, ns.
        every_ns: distance of the instants, ns.
        clock: the column both are laid on.

    Returns:
        The counts; instants run from the later of the two first rows to the earlier of the two last.

    Raises:
        CoverageError: when the two do not overlap in time.
    """
    at_book, top_book = _tops(book, clock)
    at_ticker, top_ticker = _tops(ticker, clock)
    start, end = max(at_book[0], at_ticker[0]), min(at_book[-1], at_ticker[-1])
    if end < start:
        raise CoverageError("book and ticker must overlap in time, they do not")
    grid = np.arange(start, end + 1, every_ns, dtype=np.int64)
    shown = top_book[np.searchsorted(at_book, grid, side="right") - 1]
    true = top_ticker[np.searchsorted(at_ticker, grid, side="right") - 1]
    differs = np.flatnonzero((shown != true).any(axis=1))
    lags = [_lag(at_ticker, top_ticker, int(grid[row]), shown[row], batch_ns) for row in differs]
    found = [lag for lag in lags if lag is not None]
    return Agreement(
        instants=len(grid),
        equal=len(grid) - len(differs),
        explained=len(found),
        longest_lag_ns=max(found, default=0),
        unexplained=len(lags) - len(found),
    )


def _tops(frame: pl.DataFrame, clock: str) -> tuple[IntArray, FloatArray]:
    return (
        frame[clock].to_physical().to_numpy(),
        frame.select("bid_px_00", "ask_px_00").to_numpy(),
    )


def _lag(at: IntArray, tops: FloatArray, now: int, top: FloatArray, batch_ns: int) -> int | None:
    """Time from `now` to the nearest moment within the interval at which the ticker showed `top`."""
    first = max(int(np.searchsorted(at, now - batch_ns, side="right")) - 1, 0)
    last = int(np.searchsorted(at, now + batch_ns, side="right"))
    rows = first + np.flatnonzero((tops[first:last] == top).all(axis=1))
    if not len(rows):
        return None
    begins = at[rows]
    ends = np.where(rows + 1 < len(at), at[np.minimum(rows + 1, len(at) - 1)], now)
    lag = np.where(begins > now, begins - now, np.maximum(now - ends, 0))
    return int(lag.min())
