"""What a recording says beside its books: when entries made sense, what funding was paid, which files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arbkit._typing import BoolArray, IntArray
from arbkit.errors import CoverageError

if TYPE_CHECKING:
    import polars as pl

    from arbkit.data import Dataset

__all__ = ["entry_flags", "file_marks", "recorded_funding"]


def entry_flags(source: Dataset, legs: tuple[str, str], ts: IntArray) -> BoolArray | None:
    """Return whether an entry made sense at each time, by the table of states.

    A state holds from its stamp on; before the first one of a leg nothing speaks against an entry.

    Returns:
        bool (n,), or None where nothing ever spoke against one.
    """
    if "states" not in source.tables:
        return None
    import polars as pl

    states = source.table("states")
    names = (pl.col("venue") + "/" + pl.col("symbol")).alias("leg")
    states = states.select(pl.col("ts").to_physical(), names, "entry_ok")
    allowed = np.ones(ts.size, np.bool_)
    for leg in legs:
        mine = states.filter(pl.col("leg") == leg)
        if mine.height:
            good = np.concatenate(([True], mine["entry_ok"].fill_null(True).to_numpy()))
            allowed &= good[np.searchsorted(mine["ts"].to_numpy(), ts, side="right")]
    return None if allowed.all() else allowed


def recorded_funding(source: Dataset, legs: tuple[str, str], ts: IntArray) -> pl.DataFrame | None:
    """Return the payments of these legs within the rows, or None where there was none.

    Raises:
        CoverageError: when the dataset has no table of payments.
    """
    import polars as pl

    if "funding" not in source.tables:
        raise CoverageError(
            f"{source.path}: no funding payments were recorded; give `funding` a frame or a file"
        )
    rows = source.table("funding").filter(
        (pl.col("venue") + "/" + pl.col("symbol")).is_in(list(legs))
        & (pl.col("ts").to_physical() >= int(ts[0]))
        & (pl.col("ts").to_physical() <= int(ts[-1]))
    )
    return rows if rows.height else None


def file_marks(
    source: Dataset, legs: tuple[str, ...], start_ns: int | None, end_ns: int | None
) -> tuple[str, ...]:
    """Return "path content" of every live file of these legs that may hold rows of the period."""
    return tuple(
        f"{item.path} {item.content}"
        for leg in legs
        for item in source.manifest.files_of(leg)
        if (start_ns is None or item.end_ns >= start_ns) and (end_ns is None or item.start_ns < end_ns)
    )
