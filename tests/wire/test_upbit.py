"""Upbit payloads: both spellings, the oddities seen in recordings, and the recordings themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from arbkit.errors import DataError
from arbkit.wire import WholeBook
from arbkit.wire.upbit import parse_message, parse_messages, stamp_ns

SHORT = (
    '{"ty":"orderbook","cd":"KRW-ETC","tms":1618678262640,"obu":[{"ap":127.0,"bp":126.0,"as":2.5,"bs":6}]}'
)
LONG = (
    '{"type":"orderbook","code":"KRW-ETC.5","timestamp":1618678262640,"orderbook_units":'
    '[{"ask_price":127,"bid_price":126,"ask_size":2.5,"bid_size":6}],"level":0,"new_member":[1]}'
)
BOOK = WholeBook("KRW-ETC", 1_618_678_262_640_000_000, [(126.0, 6.0)], [(127.0, 2.5)])


@pytest.mark.parametrize("payload", [SHORT, LONG, SHORT.encode(), LONG.encode()])
def test_both_spellings_give_the_same_book(payload: str | bytes) -> None:
    assert parse_message(payload) == BOOK


@pytest.mark.parametrize("payload", [f"[{SHORT},{SHORT}]", f"[{LONG},{LONG}]"])
def test_lists_of_messages(payload: str) -> None:
    assert parse_messages(payload) == [BOOK, BOOK]


def test_side_with_fewer_levels_ends_where_its_price_is_zero() -> None:
    unit = '{"ap":0,"bp":125.0,"as":3.5,"bs":1}'
    parsed = parse_message(SHORT.replace("]}", f",{unit}]}}"))
    assert parsed is not None
    assert parsed.asks == [(127.0, 2.5)]
    assert parsed.bids == [(126.0, 6.0), (125.0, 1.0)]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (1618678262, 1_618_678_262_000_000_000),
        (1618678262640, 1_618_678_262_640_000_000),
        (1618678262640123, 1_618_678_262_640_123_000),
        (1618678262640123456, 1_618_678_262_640_123_456),
    ],
)
def test_stamps_in_any_unit(stamp: int, expected: int) -> None:
    assert stamp_ns(stamp) == expected


@pytest.mark.parametrize(
    "payload", ['{"status":"UP"}', '{"ty":"trade","cd":"KRW-BTC"}', '{"type":"trade","code":"KRW-BTC"}']
)
def test_messages_without_a_book_give_none(payload: str) -> None:
    assert parse_message(payload) is None


@pytest.mark.parametrize(
    "payload", ["PING", LONG.replace("126", '"x"'), LONG.replace("1618678262640", "0"), SHORT[:-9]]
)
def test_broken_message_is_a_data_error(payload: str) -> None:
    with pytest.raises(DataError):
        parse_message(payload)


@pytest.mark.real_data
def test_reference_payloads(real_data: Path) -> None:
    folder = real_data / "wire_messages/jkorf"
    rest = (folder / "upbit_GetOrderBook.txt").read_text()
    books = parse_messages(rest[rest.index("[") :])
    assert books[0].symbol == "KRW-BTC"
    assert books[0].bids[0] == (148490000.0, 0.04296774)
    pushed = parse_message((folder / "upbit_OrderBook.txt").read_text().split("\n= ", 1)[1])
    assert pushed is not None
    assert (pushed.symbol, len(pushed.asks)) == ("KRW-ETH", 5)


@pytest.mark.real_data
def test_recorded_session_holds_145_books(real_data: Path) -> None:
    lines = (real_data / "wire_messages/cryptofeed/UPBIT.ws.62.0").read_text().splitlines()
    payloads = [ast.literal_eval(line.split(": ", 1)[1]) for line in lines if ": b'" in line]
    books = [book for payload in payloads for book in parse_messages(payload)]
    assert len(books) == 145
    assert all(len(book.bids) == 15 for book in books)
    assert all(book.bids[0][0] < book.asks[0][0] for book in books)
