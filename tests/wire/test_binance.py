"""Binance payloads, on reference messages and on recordings."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from arbkit.errors import DataError
from arbkit.wire import BookBuilder, BookTicker, DepthSnapshot, DepthUpdate, Ignored, Outcome, WholeBook
from arbkit.wire.binance import parse_message, parse_snapshot

UPDATE = (
    '{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":157,"u":160,"pu":149,'
    '"b":[["7.5040","813"],["7.6090","0"]],"a":[],"st":1}'
)
SPOT_TICKER = '{"u":400900217,"s":"BNBUSDT","b":"25.3519","B":"31.21","a":"25.3652","A":"40.66"}'


def reference(real_data: Path, name: str) -> str:
    """The message of a reference file: what follows its `=` line."""
    return (real_data / "wire_messages/jkorf" / name).read_text().split("\n= ", 1)[1]


@pytest.mark.parametrize("wrap", [False, True])
def test_depth_update_with_and_without_the_stream_wrapper(wrap: bool) -> None:
    payload = f'{{"stream":"sushiusdt@depth@100ms","data":{UPDATE}}}' if wrap else UPDATE
    parsed = parse_message(payload)
    assert parsed == DepthUpdate(
        symbol="SUSHIUSDT",
        first_id=157,
        final_id=160,
        previous_id=149,
        event_ms=1626992741037,
        transaction_ms=1626992741024,
        bids=[(7.504, 813.0), (7.609, 0.0)],
        asks=[],
    )


def test_spot_book_ticker_without_name_or_time() -> None:
    parsed = parse_message(SPOT_TICKER.encode())
    assert parsed == BookTicker(400900217, "BNBUSDT", 25.3519, 31.21, 25.3652, 40.66)


def test_snapshot_of_rest() -> None:
    payload = '{"lastUpdateId":5,"E":1,"T":2,"symbol":"X_PERP","bids":[["1","2"]],"asks":[["3","4"]]}'
    expected = DepthSnapshot(5, [(1.0, 2.0)], [(3.0, 4.0)], "X_PERP", 1, 2)
    assert parse_message(payload) == parse_snapshot(payload) == expected


@pytest.mark.parametrize(
    "payload",
    ['{"result":null,"id":1}', '{"stream":"btcusdt@trade","data":{"e":"trade"}}', '{"e":"kline","B":"0"}'],
)
def test_other_messages_are_ignored(payload: str) -> None:
    assert isinstance(parse_message(payload), Ignored)


@pytest.mark.parametrize(
    "payload",
    [
        "no json",
        UPDATE.replace('"7.5040"', '"seven"'),
        UPDATE.replace('"7.5040"', '"nan"'),
        UPDATE.replace('"813"', '"-1"'),
        UPDATE.replace('"U":157,', ""),
        UPDATE.replace("1626992741037", "99999999999999999999"),
        UPDATE[:-20],
        b"\xff\xfe",
    ],
)
def test_broken_message_is_a_data_error(payload: str | bytes) -> None:
    with pytest.raises(DataError):
        parse_message(payload)


def test_broken_snapshot_is_a_data_error() -> None:
    with pytest.raises(DataError, match="lastUpdateId"):
        parse_snapshot(UPDATE)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("binance_UsdFutures_Book.txt", DepthUpdate),
        ("binance_UsdFutures_BookTicker.txt", BookTicker),
        ("binance_Spot_ExchangeData_BookTicker.txt", BookTicker),
        ("binance_UsdFutures_PartialBook.txt", WholeBook),
        ("binance_Spot_ExchangeData_PartialBook.txt", WholeBook),
    ],
)
def test_reference_payloads(real_data: Path, name: str, kind: type) -> None:
    assert isinstance(parse_message(reference(real_data, name)), kind)


@pytest.mark.real_data
def test_partial_book_takes_its_symbol_from_the_stream(real_data: Path) -> None:
    parsed = parse_message(reference(real_data, "binance_Spot_ExchangeData_PartialBook.txt"))
    assert parsed == WholeBook("BTCUSDT", None, [(0.0024, 10.0)], [(0.0026, 100.0)], 160)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "rule", "applied"),
    [("spot_btcusdt", "spot", 3448), ("cm_btcusd_perp", "futures", 26822)],
)
def test_recorded_log_builds_without_a_gap(real_data: Path, name: str, rule: str, applied: int) -> None:
    builder = BookBuilder(rule)  # type: ignore[arg-type]
    outcomes = []
    path = real_data / f"binance_spot_usdm_cm_rawfeed/{name}_20240808.gz"
    with gzip.open(path) as stream:
        for line in stream:
            message = parse_message(line.split(b" ", 1)[1])
            if isinstance(message, DepthUpdate):
                outcomes.append(builder.on_update(message))
            elif isinstance(message, DepthSnapshot):
                assert builder.on_snapshot(message) is Outcome.APPLIED
    assert outcomes.count(Outcome.APPLIED) == applied
    assert set(outcomes) == {Outcome.APPLIED, Outcome.BUFFERED}
    assert builder.book.bids(1)[0][0] < builder.book.asks(1)[0][0]
