"""The canonical schema, and how frames and files are held against it."""

from __future__ import annotations

import polars as pl
import pytest

from arbkit.data.schema import (
    TIMESTAMP,
    book_columns,
    book_schema,
    candle_columns,
    check_parquet,
    conform,
    levels_of,
)
from arbkit.errors import DataError


def test_book_columns_stand_level_by_level_bid_before_ask():
    assert book_columns(2) == [
        "ts_event",
        "ts_recv",
        "bid_px_00",
        "bid_sz_00",
        "ask_px_00",
        "ask_sz_00",
        "bid_px_01",
        "bid_sz_01",
        "ask_px_01",
        "ask_sz_01",
    ]


def test_candles_have_one_stamp():
    assert candle_columns() == ["ts_event", "open", "high", "low", "close", "volume"]


@pytest.mark.parametrize("levels", [0, 101])
def test_a_book_of_impossible_depth_is_refused(levels):
    with pytest.raises(DataError, match=f"levels.*was {levels}"):
        book_schema(levels)


@pytest.mark.parametrize("levels", [1, 10, 25])
def test_levels_are_read_off_the_columns(levels):
    assert levels_of(book_columns(levels)) == levels


def test_levels_of_columns_that_are_no_book_are_zero():
    assert levels_of(["ts", "bid_a"]) == 0


def test_conform_orders_casts_and_turns_nan_into_null(book):
    frame = book(3).with_columns(
        pl.lit(7, dtype=pl.Int32).alias("bid_px_00"),
        pl.lit(float("nan")).alias("ask_sz_00"),
        pl.col("ts_event").dt.convert_time_zone("Asia/Seoul").dt.cast_time_unit("us"),
    )
    result = conform(frame.select(reversed(frame.columns)), book_schema(1), source="x")
    assert result.schema == book_schema(1)
    assert result["ask_sz_00"].null_count() == 3
    assert result["ts_event"].to_list() == book(3)["ts_event"].to_list()


def test_conform_names_the_missing_column(book):
    with pytest.raises(DataError, match=r"upbit/KRW-BTC: column `ask_px_00` is missing"):
        conform(book(3).drop("ask_px_00"), book_schema(1), source="upbit/KRW-BTC")


def test_conform_names_the_extra_column(book):
    with pytest.raises(DataError, match="column `note` does not belong"):
        conform(book(3).with_columns(pl.lit(1).alias("note")), book_schema(1), source="x")


@pytest.mark.parametrize(
    ("column", "value"),
    [("bid_px_00", pl.lit("12,3")), ("ts_event", pl.lit(5)), ("ts_event", pl.lit("2024").alias("t"))],
)
def test_conform_refuses_text_prices_and_bare_number_stamps(book, column, value):
    with pytest.raises(DataError, match=f"column `{column}` must be"):
        conform(book(3).with_columns(value.alias(column)), book_schema(1), source="x")


def test_conform_refuses_a_time_without_zone(book):
    naive = book(3).with_columns(pl.col("ts_event").dt.replace_time_zone(None))
    with pytest.raises(DataError, match="`ts_event` must be Datetime"):
        conform(naive, book_schema(1), source="x")


def test_a_half_written_file_is_named_with_its_remedy(book, tmp_path):
    path = tmp_path / "half.parquet"
    book(1000).write_parquet(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"half\.parquet: not a complete Parquet file.*ingest the data again"):
        check_parquet(path, book_schema(1))


def test_a_file_of_another_dtype_is_named_with_its_column(book, tmp_path):
    path = tmp_path / "odd.parquet"
    book(5).with_columns(pl.col("bid_px_00").cast(pl.Float32)).write_parquet(path)
    with pytest.raises(DataError, match=r"odd\.parquet: column `bid_px_00` must be Float64, was Float32"):
        check_parquet(path, book_schema(1))


def test_the_stamp_dtype_is_nanoseconds_utc():
    assert pl.Datetime("ns", "UTC") == TIMESTAMP
