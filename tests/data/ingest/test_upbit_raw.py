"""Raw Upbit logs to books."""

from __future__ import annotations

import json

import pytest

from arbkit.errors import DataError

RAW = {"format": "upbit-raw", "venue": "upbit"}


def book(code: str, stamp: int, units: list[tuple[float, float, float, float]]) -> str:
    names = ("ask_price", "bid_price", "ask_size", "bid_size")
    listed = [dict(zip(names, unit, strict=True)) for unit in units]
    message = {"type": "orderbook", "code": code, "timestamp": stamp, "orderbook_units": listed}
    return f"{stamp // 1000 + 1}.25: {json.dumps(message)}\n"


FIVE = [(101.0 + n, 99.0 - n, 1.0, 2.0) for n in range(5)]


def test_depth_is_that_of_the_subscription_and_short_sides_are_null(run_ingest) -> None:
    units = [*FIVE[:4], (0.0, 95.0, 3.5, 2.0)]
    text = book("KRW-BTC", 1_700_000_000_000, units)
    report, dataset = run_ingest(text, name="x.log", **RAW)
    row = dataset.scan("upbit/KRW-BTC").collect()
    assert report.legs[0].levels == 5
    assert row["ask_px_04"][0] is None
    assert row["ask_sz_04"][0] is None
    assert row["bid_px_04"][0] == 95.0
    assert report.legs[0].median_latency_ms == 1250.0
    info = dataset.instrument("upbit/KRW-BTC")
    assert (info.base, info.quote) == ("BTC", "KRW")


def test_books_deeper_than_asked_are_cut_with_a_warning(run_ingest) -> None:
    text = book("KRW-BTC", 1_700_000_000_000, FIVE)
    report, _ = run_ingest(text, name="x.log", **RAW, levels=2)
    assert any("deeper than 2 levels" in message for message in report.warnings)


def test_market_that_does_not_occur_is_an_error_with_the_nearest(run_ingest) -> None:
    with pytest.raises(DataError, match=r"no order book of symbol KRW-BTG.*`KRW-BTC`"):
        run_ingest(book("KRW-BTC", 1_700_000_000_000, FIVE), name="x.log", **RAW, symbol="KRW-BTG")


def test_broken_message_is_quarantined_and_others_are_counted(run_ingest) -> None:
    text = book("KRW-BTC", 1_700_000_000_000, FIVE) + '1700000002.0: {"status":"UP"}\n1700000003.0: {"obu"\n'
    report, dataset = run_ingest(text, name="x.log", **RAW)
    assert (report.rows, report.other_messages, report.quarantined) == (1, 1, 1)
    assert dataset.quarantine()["line"].to_list() == [3]
