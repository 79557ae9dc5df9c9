"""Funding rates from a frame or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arbkit.errors import DataError
from arbkit.panel.frames import require_columns, to_polars, ts_of
from arbkit.panel.funding import LEGS, Funding
from arbkit.panel.stamps import parsed_stamps

if TYPE_CHECKING:
    import polars as pl

__all__ = ["funding_of"]


def funding_of(source: Any, leg_a: str, leg_b: str) -> Funding:
    """Read a funding table and find the legs of a panel in it: see `Panel.with_funding`."""
    import polars as pl

    where = f"{source}: " if isinstance(source, str | Path) else ""
    try:
        frame = _read(Path(source)) if where else to_polars(source)
        require_columns(frame, ("ts", "rate"))
        legs = _legs(frame, leg_a, leg_b)
        wanted = legs >= 0
        if frame.height and not wanted.any():
            raise DataError(f"a funding table must have rows of {leg_a} or {leg_b}, had {_names(frame)}")
        rate = frame["rate"]
        if not rate.dtype.is_numeric():
            raise DataError(f"column `rate` must hold numbers, was {rate.dtype}")
        rates = rate.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return Funding(ts_of(frame)[wanted], legs[wanted], rates[wanted])
    except DataError as error:
        raise DataError(f"{where}{error}") from error


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    if not path.is_file():
        raise DataError("there is no such funding file")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        frame = pl.read_csv(path)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"the funding file cannot be read: {str(error).splitlines()[0]}") from error
    require_columns(frame, ("ts", "rate"))
    stamps = parsed_stamps(frame["ts"])
    if stamps.null_count():
        row = int(stamps.is_null().arg_true()[0])
        raise DataError(
            f"column `ts` must hold a time in every row, line {row + 2} held {frame['ts'][row]!r}"
        )
    return frame.with_columns(stamps.alias("ts"))


def _legs(frame: pl.DataFrame, leg_a: str, leg_b: str) -> Any:
    """Return 0, 1 or -1 (another instrument) for each row."""
    keys, names = _keys(frame), (leg_a, leg_b)
    if "leg" in frame.columns:
        names = LEGS
    legs = np.full(frame.height, -1, np.int64)
    for number, name in enumerate(names):
        legs[[key == name for key in keys]] = number
    return legs


def _keys(frame: pl.DataFrame) -> list[str]:
    if "leg" in frame.columns:
        return [str(leg).lower() for leg in frame["leg"]]
    require_columns(frame, ("venue", "symbol"))
    return [f"{venue}/{symbol}" for venue, symbol in zip(frame["venue"], frame["symbol"], strict=True)]


def _names(frame: pl.DataFrame) -> str:
    return ", ".join(sorted(set(_keys(frame)))[:5])
