"""Stamps of any kind, against Python's own reading of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest

from arbkit.panel.stamps import parsed_stamps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ns_of(column: pl.Series) -> list[int | None]:
    stamps = parsed_stamps(column)
    assert stamps.dtype == pl.Datetime("ns", "UTC")
    return stamps.to_physical().to_list()


def plain(text: str) -> int:
    moment = datetime.fromisoformat(text.replace(" +", "+"))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1) * 1_000


def test_iso_text_of_every_form_agrees_with_python() -> None:
    moment = datetime(2024, 2, 29, 23, 59, 58, 123456)
    texts = ["2024-02-29", "2024-02-29T23:59", "2024-02-29 23:59:58", "2024-02-29T23:59:58.5"]
    for hours in (0, 9, -5.5):
        zoned = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
        texts += [
            zoned.isoformat(),
            zoned.replace(microsecond=0).isoformat(sep=" "),
            zoned.isoformat().replace("+00:00", "Z"),
        ]
    assert ns_of(pl.Series(texts)) == [plain(text) for text in texts]


def test_zones_without_a_colon_or_minutes_are_read() -> None:
    column = pl.Series(["2024-01-01T09:00:00+0900", "2024-01-01T09:00:00+09", "2024-01-01T00:00:00 z"])
    assert len(set(ns_of(column))) == 1


def test_nanoseconds_are_kept_and_finer_digits_cut() -> None:
    column = pl.Series(["2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.1234567899Z"])
    assert [ns % 10**9 for ns in ns_of(column)] == [123_456_789] * 2  # type: ignore[operator]


def test_unreadable_stamps_are_null() -> None:
    bad = ["2024-13-01", "2024-02-30", "2024-01-01T25:00:00", "noon", "", None, "1700000000"]
    assert ns_of(pl.Series(["2024-01-01", *bad])) == [plain("2024-01-01"), *[None] * 7]


@pytest.mark.parametrize(("unit", "digits"), [(10**9, 0), (10**6, 3), (10**3, 6), (1, 9)])
def test_numbers_are_seconds_milliseconds_microseconds_or_nanoseconds(unit: int, digits: int) -> None:
    number = 1_700_000_000 * 10**digits
    for column in (pl.Series([number]), pl.Series([str(number)]), pl.Series([float(number)])):
        assert ns_of(column) == [1_700_000_000 * 10**9]


def test_decimal_text_is_exact() -> None:
    column = pl.Series(["1700000000.123456789", " 1700000000.5 ", "1700000000", "-1.25"])
    assert ns_of(column) == [
        1_700_000_000_123_456_789,
        1_700_000_000_500_000_000,
        1_700_000_000 * 10**9,
        -1_250_000_000,
    ]
    assert ns_of(pl.Series(["1700000000123.456"])) == [1_700_000_000_123_456_000]


def test_text_among_numbers_is_null() -> None:
    assert ns_of(pl.Series(["1700000000", "1.7e9", "noon", None])) == [
        1_700_000_000 * 10**9,
        None,
        None,
        None,
    ]


def test_times_of_day_are_null() -> None:
    assert ns_of(pl.Series([datetime(2024, 1, 1).time()])) == [None]


def test_a_column_without_rows_stays_empty() -> None:
    for dtype in (pl.String, pl.Int64, pl.Float64, pl.Datetime("us"), pl.Null):
        assert ns_of(pl.Series([], dtype=dtype)) == []
