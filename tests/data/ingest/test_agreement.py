"""Comparing a rebuilt book with a ticker: it must be able to fail."""

from __future__ import annotations

import polars as pl
import pytest

from arbkit.data.ingest import compare_tops
from arbkit.errors import CoverageError

MS = 1_000_000


def tops(at_ms: list[int], bids: list[float]) -> pl.DataFrame:
    stamps = pl.Series("ts_recv", [at * MS for at in at_ms]).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame(
        [stamps, pl.Series("bid_px_00", bids), pl.Series("ask_px_00", [bid + 1 for bid in bids])]
    )


def test_same_tops_agree_everywhere() -> None:
    frame = tops([0, 100, 200], [1.0, 2.0, 3.0])
    found = compare_tops(frame, frame, batch_ns=100 * MS, every_ns=50 * MS)
    assert (found.instants, found.share, found.explained, found.unexplained) == (5, 1.0, 0, 0)


def test_batching_delay_is_explained_and_measured() -> None:
    ticker = tops([0, 30, 300], [1.0, 2.0, 2.0])
    book = tops([0, 100, 300], [1.0, 2.0, 2.0])
    found = compare_tops(book, ticker, batch_ns=100 * MS, every_ns=10 * MS)
    assert (found.instants, found.equal, found.explained, found.unexplained) == (31, 24, 7, 0)
    assert found.longest_lag_ns == 60 * MS


def test_top_that_the_ticker_never_showed_is_unexplained() -> None:
    ticker = tops([0, 300], [1.0, 1.0])
    book = tops([0, 100, 200, 300], [1.0, 9.0, 1.0, 1.0])
    found = compare_tops(book, ticker, batch_ns=100 * MS, every_ns=100 * MS)
    assert (found.equal, found.unexplained) == (3, 1)


def test_difference_longer_than_the_interval_is_unexplained() -> None:
    ticker = tops([0, 10, 1000], [1.0, 2.0, 2.0])
    book = tops([0, 500, 1000], [1.0, 2.0, 2.0])
    found = compare_tops(book, ticker, batch_ns=100 * MS, every_ns=50 * MS)
    assert found.unexplained == 7


def test_no_overlap_is_an_error() -> None:
    with pytest.raises(CoverageError, match="overlap"):
        compare_tops(tops([0, 1], [1.0, 1.0]), tops([5, 6], [1.0, 1.0]), batch_ns=MS)
