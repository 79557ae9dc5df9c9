"""Stamps of foreign files as polars expressions: int64 nanoseconds UTC, null where unreadable."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import polars as pl

from arbkit.data.ingest.sources import Source
from arbkit.data.ingest.spec import TimeSpec
from arbkit.errors import ConfigError, DataError
from arbkit.units import MS_NS, SECOND_NS, US_NS

__all__ = ["file_date_ns", "naive_error", "read_stamps"]

_UNIT_NS: Final = {"s": SECOND_NS, "ms": MS_NS, "us": US_NS, "ns": 1}
_NAIVE_FORMATS: Final = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_AWARE_FORMAT: Final = "%Y-%m-%dT%H:%M:%S%.f%z"
_END_OF_TIME: Final = 2**63 - 2**53  # in ns, the year 2262, with room for an offset
_NAIVE: Final = pl.Datetime("ns")


def read_stamps(column: pl.Series, time: TimeSpec, source: Source) -> pl.Series:
    """Turn a column (text, numbers, dates or times) into int64 ns UTC; null where it cannot be read.

    Raises:
        ConfigError: when the stamps name no zone and the spec names none either, or have no unit.
        DataError: when the date is to come from a file name that has none.
    """
    if column.dtype.is_temporal():
        return _zoned(column.cast(_NAIVE) if not _is_aware(column) else column, time, source)
    if time.unit is not None:
        return _numbers(column, time, source)
    if column.dtype != pl.String:
        raise ConfigError(f"{source.label}: stamps in `{time.column}` are numbers, give their `unit`")
    return _text(column.str.strip_chars(), time, source)


def file_date_ns(source: Source, time: TimeSpec) -> int:
    """Midnight, in the spec's zone, of the date in the file's name.

    Raises:
        DataError: when the name holds no such date.
    """
    if time.zone is None:
        raise naive_error(source, time.column)
    for name in (source.member, source.path.name):
        match = re.search(time.date_pattern, name)
        if match is None:
            continue
        try:
            day = datetime.strptime(match[0], time.date_format)
        except ValueError:
            continue
        midnight = pl.Series([day], dtype=_NAIVE).dt.replace_time_zone(time.zone).dt.convert_time_zone("UTC")
        return int(midnight.to_physical()[0])
    raise DataError(
        f"{source.label}: the file's name must hold a date matching {time.date_pattern} "
        f"({time.date_format}), as `origin: file_date` asks for"
    )


def naive_error(source: Source, column: str) -> ConfigError:
    """The error for stamps that belong to no time zone."""
    return ConfigError(
        f"{source.label}: stamps in `{column}` name no time zone; give it in the spec "
        "(`zone: UTC`, `zone: Asia/Seoul`) or with --zone"
    )


def _numbers(column: pl.Series, time: TimeSpec, source: Source) -> pl.Series:
    unit_ns = _UNIT_NS[time.unit or "ns"]
    text = column.str.strip_chars() if column.dtype == pl.String else column
    whole = text.cast(pl.Int64, strict=False) if not text.dtype.is_float() else None
    if whole is not None:
        whole = whole.set(whole.abs() >= _END_OF_TIME // unit_ns, None)
    parts = text.cast(pl.Float64, strict=False)
    parts = (parts * unit_ns).set(~(parts.abs() < _END_OF_TIME / unit_ns), None).round()
    parts = parts.cast(pl.Int64, strict=False)
    stamps = parts if whole is None else (whole * unit_ns).zip_with(whole.is_not_null(), parts)
    base = file_date_ns(source, time) if time.origin == "file_date" else 0
    return stamps + (base + time.offset_ns)


def _text(column: pl.Series, time: TimeSpec, source: Source) -> pl.Series:
    if time.format is not None:
        parsed = _parse(column, time.format)
        return _zoned(parsed, time, source)
    iso = column.str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T").str.replace(r"[zZ]$", "+00:00")
    aware = _parse(iso, _AWARE_FORMAT).to_physical()
    if aware.null_count() == column.null_count():
        return aware
    naive = pl.Series(column.name, [None] * len(column), dtype=_NAIVE)
    for pattern in _NAIVE_FORMATS:
        naive = naive.zip_with(naive.is_not_null(), _parse(iso, pattern))
    if naive.null_count() == len(column):
        return aware
    zoned = _zoned(naive, time, source)
    return aware.zip_with(aware.is_not_null(), zoned)


def _parse(column: pl.Series, pattern: str) -> pl.Series:
    """Text to times in ns; null where it does not fit, or lies outside the years that 64 bits hold.

    Parsed in us as well: polars lets ns wrap around without a word.
    """
    years = column.str.to_datetime(pattern, time_unit="us", strict=False).dt.year()
    times = column.str.to_datetime(pattern, time_unit="ns", strict=False)
    return times.zip_with(years.is_between(1700, 2260), pl.Series(times.name, [None], dtype=times.dtype))


def _zoned(column: pl.Series, time: TimeSpec, source: Source) -> pl.Series:
    if _is_aware(column):
        return (
            column.dt.convert_time_zone("UTC").cast(pl.Datetime("ns", "UTC")).to_physical() + time.offset_ns
        )
    if time.zone is None:
        if column.null_count() == len(column):
            return column.cast(_NAIVE).to_physical()
        raise naive_error(source, time.column)
    shifted = (column.to_physical() + time.offset_ns).cast(_NAIVE)
    local = shifted.dt.replace_time_zone(time.zone, ambiguous="null", non_existent="null")
    return local.dt.convert_time_zone("UTC").to_physical()


def _is_aware(column: pl.Series) -> bool:
    return isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None
