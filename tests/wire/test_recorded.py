"""Every recorded message is read, counted by kind, and the books made of them have the recorded tops."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arbkit.wire import BookBuilder, DepthUpdate, Level, Outcome
from arbkit.wire.binance import BookTicker, parse_message, parse_snapshot
from arbkit.wire.upbit import parse_messages

pytestmark = pytest.mark.real_data


def messages_of(path: Path) -> Iterator[str]:
    """Yield the messages of a recorded log, without the lines of the connection."""
    for line in path.read_text(encoding="utf-8").splitlines():
        head, colon, message = line.partition(": ")
        if colon and " <-" not in head:
            yield message


def snapshots_of(path: Path) -> dict[str, str]:
    """Return the recorded answers with books, by symbol."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        address, arrow, rest = line.partition(" -> ")
        if arrow and "/depth?" in address:
            found[address.partition("symbol=")[2].partition("&")[0]] = rest.partition(": ")[2]
    return found


@pytest.mark.parametrize(
    ("name", "rule", "kinds", "outcomes", "compared"),
    [
        (
            "BINANCE",
            "spot",
            {"DepthUpdate": 177, "BookTicker": 84, "Ignored": 4},
            {"APPLIED": 172, "BUFFERED": 5},
            {"NKNUSDT": 19, "LRCBTC": 6, "BLZETH": 1},
        ),
        (
            "BINANCE_DELIVERY",
            "futures",
            {"BookTicker": 2240, "DepthUpdate": 2047, "Ignored": 84},
            {"APPLIED": 1778, "BUFFERED": 269},
            {
                "BCHUSD_PERP": 62, "XRPUSD_PERP": 44, "ETCUSD_PERP": 23, "BTCUSD_211231": 14,
                "BCHUSD_210924": 13, "TRXUSD_PERP": 13, "LINKUSD_PERP": 12, "LINKUSD_211231": 12,
                "ETHUSD_210924": 11, "EOSUSD_PERP": 8,
            },
        ),
    ],
    ids=["spot", "coin-m"],
)  # fmt: skip
def test_all_messages_of_binance_are_read_and_rebuilt_books_have_the_recorded_tops(
    real_data: Path, name: str, rule: str, kinds: dict[str, int], outcomes: dict[str, int], compared: Any
) -> None:
    folder = real_data / "wire_messages/cryptofeed"
    snapshots = {s: parse_snapshot(text) for s, text in snapshots_of(folder / f"{name}.http.0.0").items()}
    builders = {symbol: BookBuilder(rule) for symbol in snapshots}  # type: ignore[arg-type]
    tops: dict[tuple[str, int], tuple[Level, Level]] = {}
    shown: dict[tuple[str, int], tuple[Level, Level]] = {}
    found: Counter[str] = Counter()
    came: Counter[str] = Counter()
    for text in messages_of(folder / f"{name}.ws.1.0"):
        message = parse_message(text)
        found[type(message).__name__] += 1
        if isinstance(message, BookTicker):
            bid, ask = (message.bid_px, message.bid_sz), (message.ask_px, message.ask_sz)
            tops[message.symbol, message.update_id] = (bid, ask)
        elif isinstance(message, DepthUpdate):
            builder, snapshot = builders[message.symbol], snapshots[message.symbol]
            came[builder.on_update(message).name] += 1
            if not builder.trusted and snapshot.last_id <= message.final_id:
                assert builder.on_snapshot(snapshot) is Outcome.APPLIED
            if builder.trusted:
                book = builder.book
                shown[message.symbol, builder.last_id] = (book.bids(1)[0], book.asks(1)[0])
    assert (found, came) == (kinds, outcomes)
    both = sorted(tops.keys() & shown.keys())
    assert Counter(symbol for symbol, _ in both) == compared
    assert [shown[key] for key in both] == [tops[key] for key in both]


def test_all_messages_of_upbit_and_bithumb_are_read(real_data: Path) -> None:
    folder = real_data / "wire_messages/cryptofeed"
    frames = [ast.literal_eval(text) for text in messages_of(folder / "UPBIT.ws.62.0")]
    books = [parse_messages(frame) for frame in frames]
    assert Counter(len(found) for found in books) == {1: 145, 0: 304}
    assert all(
        book.bids[0][0] < book.asks[0][0] and len(book.bids) == len(book.asks) == 15
        for found in books
        for book in found
    )
    trades = list(messages_of(folder / "BITHUMB.ws.1.0"))
    assert [parse_messages(text.encode()) for text in trades] == [[]] * 6
