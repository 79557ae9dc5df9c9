"""The recorded messages, sent over a real socket: all are read, and books equal the recorded tops."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from arbkit.venues.feeds import open_feed
from tests.venues.feeds.world import QUICK, Kept, TinyBinance, TinyUpbit, played

pytestmark = pytest.mark.real_data


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (receive time or address, message) of a recorded log."""
    for line in path.read_text(encoding="utf-8").splitlines():
        head, colon, message = line.partition(": ")
        if colon and " <-" not in head:
            yield head, message


def test_every_book_that_upbit_sent_comes_as_it_was_sent(real_data: Path) -> None:
    frames = [
        ast.literal_eval(message)
        for _, message in lines_of(real_data / "wire_messages/cryptofeed/UPBIT.ws.62.0")
        if message.startswith("b'")
    ]
    sent = [json.loads(frame) for frame in frames]
    books = [item for item in sent if item["ty"] == "orderbook"]
    codes = sorted({item["cd"] for item in books})

    async def all_of_it() -> tuple[Kept, Any]:
        venue = TinyUpbit()
        venue.stalled = True
        async with venue.serving():
            feed = open_feed("upbit", codes, ws_url=venue.ws, options=QUICK)

            async def play(kept: Kept) -> None:
                await kept.until(lambda: venue.requests)
                for frame in frames:
                    await venue.send(frame)
                await kept.until(lambda: len(kept.books) == len(books))

            return await played(feed, play), feed

    kept, feed = asyncio.run(all_of_it())
    assert len(kept.books) == 145
    assert feed.stats()["messages"] == len(frames) == 449
    assert (feed.stats()["malformed"], feed.stats()["old"], kept.gaps) == (0, 0, [])
    for book, item in zip(kept.books, books, strict=True):
        assert book.symbol == item["cd"]
        assert book.ts_event == item["tms"] * 10**6
        units = item["obu"]
        assert list(book.bids) == [(unit["bp"], unit["bs"]) for unit in units if unit["bp"]]
        assert list(book.asks) == [(unit["ap"], unit["as"]) for unit in units if unit["ap"]]


def test_the_books_of_binance_follow_their_snapshots_and_their_tops_are_the_recorded_ones(
    real_data: Path,
) -> None:
    folder = real_data / "wire_messages/cryptofeed"
    answers = {}
    for address, message in lines_of_answers(folder / "BINANCE.http.0.0"):
        answers[address.partition("symbol=")[2].partition("&")[0]] = message
    frames = [
        message
        for _, message in lines_of(folder / "BINANCE.ws.1.0")
        if "@depth" in message or "@bookTicker" in message
    ]
    symbols = sorted(
        {json.loads(frame)["data"]["s"] for frame in frames if "@depth@" in frame} & set(answers)
    )
    diffs = [frame for frame in frames if "@depth@" in frame]

    async def all_of_it() -> tuple[Kept, Any]:
        venue = TinyBinance(spot=True, symbols=tuple(symbols))

        async def recorded(request: web.Request) -> web.Response:
            return web.Response(text=answers[request.query["symbol"]])

        venue.app = web.Application()
        venue.app.router.add_get("/stream", venue.on_socket)
        venue.app.router.add_get("/api/v3/depth", recorded)
        async with venue.serving():
            feed = open_feed(
                "binance_spot", symbols, depth=5, ws_url=venue.ws, rest_url=venue.http, options=QUICK
            )

            async def play(kept: Kept) -> None:
                await kept.until(lambda: venue.sockets)
                waiting = set(symbols)
                for frame in diffs:
                    await venue.send(frame)
                    name = json.loads(frame)["data"]["s"]
                    if name in waiting:
                        waiting.discard(name)
                        await kept.until(lambda name=name: feed.states[name].trusted)
                await kept.until(lambda: feed.counters.messages == len(diffs))

            return await played(feed, play), feed

    kept, feed = asyncio.run(all_of_it())
    assert feed.stats()["malformed"] == 0
    assert len(symbols) == 4
    tickers = [json.loads(frame)["data"] for frame in frames if "@bookTicker" in frame]
    compared = 0
    for ticker in tickers:
        at = [book for book in kept.of(ticker["s"]) if book.sequence == ticker["u"]]
        if at:
            assert at[-1].bids[0] == (float(ticker["b"]), float(ticker["B"]))
            assert at[-1].asks[0] == (float(ticker["a"]), float(ticker["A"]))
            compared += 1
    assert compared == 26


def lines_of_answers(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (address, answer) of a log of REST answers."""
    for line in path.read_text(encoding="utf-8").splitlines():
        address, arrow, rest = line.partition(" -> ")
        if arrow and "/depth?" in address:
            yield address, rest.partition(": ")[2]
