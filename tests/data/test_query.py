"""Summaries over a dataset, held against the rows themselves."""

from __future__ import annotations

import polars as pl
import pytest

from arbkit.data import DatasetWriter
from arbkit.data.query import SUMMARY_SCHEMA, daily_rows, summarize


@pytest.fixture
def folder(tmp_path, book, info):
    frame = book(3000, step_ns=60 * 10**9)
    crossed = pl.int_range(pl.len()) < 30
    frame = frame.with_columns(pl.when(crossed).then(200.0).otherwise("bid_px_00").alias("bid_px_00"))
    candles = frame.select(
        "ts_event", *(pl.lit(5.0).alias(name) for name in ("open", "high", "low", "close"))
    )
    with DatasetWriter(tmp_path / "d") as writer:
        writer.write(info(), frame)
        writer.write(
            info("bank", "USDKRW", kind="candle"), candles.with_columns(pl.lit(None).alias("volume"))
        )
        writer.commit()
    return tmp_path / "d"


def test_the_summary_has_one_row_per_instrument(folder):
    frame = summarize(folder)
    assert frame.schema == SUMMARY_SCHEMA
    candle, book_row = frame.to_dicts()
    assert (candle["leg"], candle["median_mid"], candle["median_spread_bps"]) == ("bank/USDKRW", 5.0, None)
    assert book_row["median_spread_bps"] == pytest.approx(2.0, rel=0.02)
    assert book_row["void_share"] == pytest.approx(0.01)
    assert book_row["rows"] == 3000


def test_rows_are_counted_by_day(folder):
    assert daily_rows(folder, "upbit/KRW-BTC").rows() == [
        ("2024-01-01", 1440),
        ("2024-01-02", 1440),
        ("2024-01-03", 120),
    ]
