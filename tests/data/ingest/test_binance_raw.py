"""Raw Binance logs to books: the update-id rules, gaps, and logs of several symbols."""

from __future__ import annotations

import json

import polars as pl
import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.wire.symbols import split_binance

RAW = {"format": "binance-raw", "venue": "binance", "levels": 2}
START_MS = 1_700_000_000_000


def line(at_ms: int, message: dict) -> str:
    return f"{(START_MS + at_ms) * 10**6} {json.dumps(message)}\n"


def depth(
    at_ms: int, first: int, final: int, bids=(), asks=(), *, symbol="BTCUSDT", pu: int | None = None
) -> str:
    data = {"e": "depthUpdate", "E": START_MS + at_ms - 5, "s": symbol, "U": first, "u": final}
    data |= {"b": [[str(p), str(s)] for p, s in bids], "a": [[str(p), str(s)] for p, s in asks]}
    if pu is not None:
        data |= {"pu": pu, "T": START_MS + at_ms - 6}
    return line(at_ms, {"stream": f"{symbol.lower()}@depth@100ms", "data": data})


def snapshot(at_ms: int, last_id: int, bids=((99, 1),), asks=((101, 2),), **more) -> str:
    sides = {"bids": [[str(p), str(s)] for p, s in bids], "asks": [[str(p), str(s)] for p, s in asks]}
    return line(at_ms, {"lastUpdateId": last_id} | sides | more)


def ticker(at_ms: int, bid: float, ask: float) -> str:
    data = {"u": 1, "s": "BTCUSDT", "b": str(bid), "B": "1", "a": str(ask), "A": "2"}
    return line(at_ms, {"stream": "btcusdt@bookTicker", "data": data})


def rows(dataset, leg: str = "binance/BTCUSDT") -> pl.DataFrame:
    return dataset.scan(leg).collect()


def test_book_is_built_from_snapshot_and_differences(run_ingest) -> None:
    text = depth(0, 90, 95) + depth(100, 96, 101, [(98, 3)]) + snapshot(150, 100) + ticker(160, 99, 101)
    text += depth(200, 102, 103, [(99, 0)], [(100.5, 4)])
    report, dataset = run_ingest(text, name="x.log", **RAW)
    found = rows(dataset)
    assert found["bid_px_00"].to_list() == [99.0, 98.0]
    assert found["ask_px_00"].to_list() == [101.0, 100.5]
    assert found["bid_px_01"].to_list() == [98.0, None]
    assert found["ts_recv"].to_physical().to_list() == [(START_MS + 150) * 10**6, (START_MS + 200) * 10**6]
    assert found["ts_event"].to_physical().to_list() == [None, (START_MS + 195) * 10**6]
    assert (report.untrusted_updates, report.other_messages, report.gaps) == (2, 1, ())
    info = dataset.instrument("binance/BTCUSDT")
    assert (info.base, info.quote, info.levels) == ("BTC", "USDT", 2)


def test_gap_voids_the_book_until_the_next_snapshot_and_is_reported(run_ingest) -> None:
    text = (
        depth(0, 90, 95) + snapshot(50, 95) + depth(100, 96, 97) + depth(200, 99, 100) + depth(300, 101, 102)
    )
    text += snapshot(350, 101, bids=((90, 1),)) + depth(400, 103, 104)
    report, dataset = run_ingest(text, name="x.log", **RAW)
    assert rows(dataset)["bid_px_00"].to_list() == [99.0, 99.0, None, 90.0, 90.0]
    assert rows(dataset)["ask_sz_00"].to_list() == [2.0, 2.0, None, 2.0, 2.0]
    (gap,) = report.gaps
    assert (gap.leg, gap.line, gap.expected_id, gap.received_id) == ("binance/BTCUSDT", 4, 98, 99)


def test_log_that_ends_untrusted_says_so(run_ingest) -> None:
    text = depth(0, 90, 95) + snapshot(50, 95) + depth(100, 99, 100)
    report, _ = run_ingest(text, name="x.log", **RAW)
    assert any("ends while the book is not trusted" in message for message in report.warnings)


def test_futures_rule_is_told_by_pu(run_ingest) -> None:
    text = snapshot(0, 100) + depth(100, 90, 100, pu=80) + depth(200, 150, 160, [(99.5, 1)], pu=100)
    text += depth(300, 170, 180, pu=161)
    report, dataset = run_ingest(text, name="x.log", **RAW)
    assert rows(dataset)["bid_px_00"].to_list() == [99.0, 99.0, 99.5, None]
    assert len(report.gaps) == 1


def test_coin_m_contracts_become_base_coins(run_ingest) -> None:
    text = snapshot(0, 100, bids=((50_000, 10),), symbol="BTCUSD_PERP", E=START_MS)
    text += depth(100, 99, 101, symbol="BTCUSD_PERP", pu=98)
    _, dataset = run_ingest(text, name="x.log", **RAW)
    info = dataset.instrument("binance/BTCUSD_PERP")
    assert (info.base, info.quote, info.kind, info.inverse) == ("BTC", "USD", "perpetual", True)
    assert info.contract_size is None
    assert rows(dataset, info.leg)["bid_sz_00"][0] == pytest.approx(10 * 100 / 50_000)


def test_every_symbol_of_a_log_is_an_instrument_and_one_can_be_picked(run_ingest) -> None:
    text = "".join(
        snapshot(0, 100, symbol=symbol) + depth(10, 101, 102, symbol=symbol)
        for symbol in ("BTCUSDT", "ETHBTC")
    )
    _, dataset = run_ingest(text, name="x.log", **RAW)
    assert [item.leg for item in dataset.instruments] == ["binance/BTCUSDT", "binance/ETHBTC"]
    report, dataset = run_ingest(text, name="x.log", **RAW, symbol="ETHBTC")
    assert [item.leg for item in dataset.instruments] == ["binance/ETHBTC"]
    assert report.other_messages == 2
    with pytest.raises(DataError, match=r"no message of symbol ETHBTX.*`ETHBTC`"):
        run_ingest(text, name="x.log", **RAW, symbol="ETHBTX")


def test_nameless_snapshot_among_several_symbols_is_quarantined(run_ingest) -> None:
    text = snapshot(0, 5, symbol="AUSDT") + depth(1, 6, 7, symbol="AUSDT") + depth(2, 6, 7, symbol="BUSDT")
    report, dataset = run_ingest(text + snapshot(3, 7), name="x.log", **RAW)
    assert report.quarantined == 1
    assert "names no symbol" in dataset.quarantine()["reason"][0]


def test_nameless_update_is_quarantined(run_ingest) -> None:
    text = snapshot(0, 5, symbol="AUSDT") + depth(1, 6, 7, symbol="AUSDT") + depth(2, 8, 9, symbol="")
    text += depth(3, 8, 9, symbol="BUSDT") + depth(4, 10, 11, symbol="")
    report, _ = run_ingest(text, name="x.log", **RAW)
    assert report.quarantined == 1


def test_unreadable_lines_are_quarantined_with_their_number(run_ingest) -> None:
    text = depth(0, 1, 5) + snapshot(1, 5) + "noise\n" + depth(2, 6, 7)[:-20] + "\n" + depth(3, 6, 7)
    report, dataset = run_ingest(text, name="x.log", **RAW)
    assert dataset.quarantine()["line"].to_list() == [3, 4]
    assert (report.rows, report.quarantined) == (2, 2)


def test_book_ticker_can_be_taken_instead(run_ingest) -> None:
    text = snapshot(0, 100) + ticker(5, 99, 101) + ticker(7, 99.5, 100)
    _, dataset = run_ingest(text, name="x.log", **(RAW | {"content": "book_ticker"}))
    assert rows(dataset)["ask_px_00"].to_list() == [101.0, 100.0]
    assert rows(dataset)["ts_event"].null_count() == 2


def test_log_without_a_snapshot_is_an_error(run_ingest) -> None:
    with pytest.raises(DataError, match="2 updates and no usable snapshot"):
        run_ingest(depth(0, 1, 2) + depth(1, 3, 4), name="x.log", **RAW)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("BTCUSDT", ("BTC", "USDT")),
        ("BTCFDUSD", ("BTC", "FDUSD")),
        ("BTCUSD_PERP", ("BTC", "USD")),
        ("BCHUSD_210924", ("BCH", "USD")),
        ("RUNEEUR", ("RUNE", "EUR")),
    ],
)
def test_base_and_quote_by_name(symbol: str, expected: tuple[str, str]) -> None:
    assert split_binance(symbol) == expected


def test_name_that_tells_no_quote_is_an_error() -> None:
    with pytest.raises(ConfigError, match="cannot be told"):
        split_binance("GOLD")
