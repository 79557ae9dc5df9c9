"""The registry of formats, and telling a format by a file's beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from arbkit.data.ingest import FORMATS, Source, find_format, sniff_format
from arbkit.errors import ConfigError, DataError


def test_unknown_format_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean `binance-raw`"):
        find_format("binanceraw")


def test_every_format_has_a_summary() -> None:
    assert all(item.summary for item in FORMATS.values())


@pytest.mark.parametrize(
    ("name", "start", "expected"),
    [
        ("x.csv", "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n", "pair-csv"),
        ("x.csv", "exchange,symbol,timestamp,local_timestamp,asks[0].price,bids[0].price\n", "tardis-book"),
        ("x.csv", "symbol,timestamp,local_timestamp,ask_price,bid_price\n", "tardis-quotes"),
        ("x.csv", "Date,Open,High,Low,Close,Volume\n", "candles"),
        ("x.log", '1 {"stream":"a@depth","data":{"e":"depthUpdate"}}\n', "binance-raw"),
        ("x.log", '{"type":"orderbook","orderbook_units":[]}\n', "upbit-raw"),
        ("x.0", "wss://stream.binance.com:9443/stream <-> 1.5\n", "cryptofeed"),
        ("x.parquet", "PAR1", "arbkit-parquet"),
    ],
)
def test_format_is_told_by_the_beginning(tmp_path: Path, name: str, start: str, expected: str) -> None:
    (tmp_path / name).write_text(start)
    assert sniff_format(Source(tmp_path / name)) == expected


def test_file_of_no_known_beginning_asks_for_the_format(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="name it with --format"):
        sniff_format(Source(tmp_path / "x.csv"))


def test_recorded_session_of_another_venue_is_an_error(run_ingest) -> None:
    with pytest.raises(DataError, match="Binance or Upbit"):
        run_ingest("wss://pubwss.bithumb.com/pub/ws <-> 1.5\n", format="cryptofeed", venue="bithumb")
