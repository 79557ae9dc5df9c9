"""Stamps of foreign files: the ends of time, and names without a date."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from arbkit.data.ingest import Source, TimeSpec
from arbkit.data.ingest.stamps import file_date_ns, read_stamps
from arbkit.errors import ConfigError, DataError

SOURCE = Source(Path("x_20180404.csv"))
NEW_YEAR_NS = 1_704_067_200 * 10**9


@pytest.mark.parametrize("text", ["9999-01-01 00:00:00", "0001-01-01 00:00:00", "2024-13-01 00:00:00", ""])
def test_text_outside_the_years_that_fit_is_unreadable_not_wrapped(text: str) -> None:
    stamps = read_stamps(pl.Series([text, "2024-01-01 00:00:00"]), TimeSpec(column="t", zone="UTC"), SOURCE)
    assert stamps.to_list() == [None, NEW_YEAR_NS]


@pytest.mark.parametrize("text", ["99999999999999", "1e300", "inf", "nan", "x", "9223372036854775807"])
def test_number_that_does_not_fit_is_unreadable_not_wrapped(text: str) -> None:
    stamps = read_stamps(pl.Series([text, " 1704067200 "]), TimeSpec(column="t", unit="s"), SOURCE)
    assert stamps.to_list() == [None, NEW_YEAR_NS]


def test_aware_and_naive_stamps_may_stand_in_one_column() -> None:
    column = pl.Series(["2024-01-01T00:00:00Z", "2024-01-01T09:00:00"])
    stamps = read_stamps(column, TimeSpec(column="t", zone="Asia/Seoul"), SOURCE)
    assert stamps.to_list() == [NEW_YEAR_NS, NEW_YEAR_NS]


def test_times_of_parquet_are_taken_with_their_zone() -> None:
    column = pl.Series(["2024-01-01T09:00:00"]).str.to_datetime().dt.replace_time_zone("Asia/Seoul")
    assert read_stamps(column, TimeSpec(column="t"), SOURCE).to_list() == [NEW_YEAR_NS]


def test_numbers_without_a_unit_are_refused() -> None:
    with pytest.raises(ConfigError, match="give their `unit`"):
        read_stamps(pl.Series([1]), TimeSpec(column="t"), SOURCE)


def test_date_of_a_name_is_midnight_in_its_zone() -> None:
    time = TimeSpec(column="t", unit="ms", origin="file_date", zone="Asia/Seoul")
    assert file_date_ns(SOURCE, time) == 1_522_767_600 * 10**9
    with pytest.raises(DataError, match="must hold a date"):
        file_date_ns(Source(Path("x.csv")), time)
