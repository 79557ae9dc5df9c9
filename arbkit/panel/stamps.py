"""Stamps written as text or as numbers of an unknown unit, as nanoseconds UTC."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from arbkit.units import MS_NS, SECOND_NS, US_NS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["parsed_stamps"]

_NUMBER: Final = re.compile(r"-?\d+(\.\d*)?")
_DECIMAL: Final = r"^(-?)(\d+)(?:\.(\d*))?$"
_ISO: Final = (
    r"^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9})\d*)?)?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?$"
)
#: Since 1970: below the first a number is seconds, then milliseconds, microseconds, nanoseconds.
_UNITS: Final = ((1e11, SECOND_NS), (1e14, MS_NS), (1e17, US_NS))


def parsed_stamps(column: pl.Series) -> pl.Series:
    """Read stamps: datetimes, dates, ISO text (naive ones are UTC), or numbers since the epoch.

    The largest number tells the unit of all: seconds, milliseconds, microseconds or nanoseconds.

    Returns:
        `Datetime("ns", "UTC")` of the same length, null where a stamp cannot be read.
    """
    import polars as pl

    if column.dtype.is_temporal():
        return _utc(column.cast(pl.Datetime("ns")) if column.dtype == pl.Date else column)
    if column.dtype.is_float():
        return _from_floats(column)
    text = column.cast(pl.String).str.strip_chars()
    first = next((value for value in text if value), "")
    ns = _from_numbers(text) if _NUMBER.fullmatch(first) else _from_iso(text)
    return ns.cast(pl.Datetime("ns", "UTC"))


def _utc(column: pl.Series) -> pl.Series:
    import polars as pl

    if not isinstance(column.dtype, pl.Datetime):
        return pl.Series([None] * len(column), dtype=pl.Datetime("ns", "UTC"))
    column = column.dt.cast_time_unit("ns")
    if column.dtype.time_zone is None:  # type: ignore[attr-defined]
        return column.dt.replace_time_zone("UTC")
    return column.dt.convert_time_zone("UTC")


def _unit_ns(largest: Any) -> int:
    return next((ns for limit, ns in _UNITS if float(largest or 0) < limit), 1)


def _from_floats(column: pl.Series) -> pl.Series:
    import polars as pl

    known = column.fill_nan(None)
    unit = _unit_ns(known.abs().max())
    return (known * unit).round().cast(pl.Int64, strict=False).cast(pl.Datetime("ns", "UTC"))


def _from_numbers(text: pl.Series) -> pl.Series:
    """Turn decimal text into nanoseconds, exactly: a float holds a stamp of today only to 256 ns."""
    import polars as pl

    whole = text.cast(pl.Int64, strict=False)
    if not whole.null_count():  # Whole numbers, as nearly all files have them: five times as fast.
        return whole * _unit_ns(whole.abs().max())
    parts = text.to_frame("text").select(
        negative=pl.col("text").str.extract(_DECIMAL, 1) == "-",
        whole=pl.col("text").str.extract(_DECIMAL, 2).cast(pl.Int64, strict=False),
        part=pl.col("text").str.extract(_DECIMAL, 3).fill_null("").str.pad_end(9, "0").str.slice(0, 9),
    )
    unit = _unit_ns(parts["whole"].max())
    ns = pl.col("whole") * unit + pl.col("part").cast(pl.Int64, strict=False) * unit // SECOND_NS
    return parts.select(pl.when("negative").then(-ns).otherwise(ns).alias("ns"))["ns"]


def _from_iso(text: pl.Series) -> pl.Series:
    """Turn ISO text into nanoseconds; zones, fractions and missing seconds may differ from row to row."""
    import polars as pl

    parts = text.to_frame("text").select(
        day=pl.col("text").str.extract(_ISO, 1),
        minute=pl.col("text").str.extract(_ISO, 2).fill_null("00:00"),
        second=pl.col("text").str.extract(_ISO, 3).fill_null(":00"),
        part=pl.col("text").str.extract(_ISO, 4).fill_null("").str.pad_end(9, "0").cast(pl.Int64),
        zone=pl.col("text").str.extract(_ISO, 5).fill_null("Z").str.replace(":", ""),
    )
    local = pl.concat_str("day", pl.lit("T"), "minute", "second").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S", time_unit="ns", strict=False
    )
    minutes = (
        pl.when(pl.col("zone").is_in(["Z", "z"]))
        .then(pl.lit("+0000"))
        .otherwise(pl.col("zone").str.pad_end(5, "0"))
    )
    ahead = minutes.str.slice(1, 2).cast(pl.Int64) * 60 + minutes.str.slice(3, 2).cast(pl.Int64)
    ahead = pl.when(minutes.str.starts_with("-")).then(-ahead).otherwise(ahead)
    ns = local.to_physical() + pl.col("part") - ahead * 60 * SECOND_NS
    return parts.select(ns=ns)["ns"]
