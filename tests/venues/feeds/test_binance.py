"""The feeds of Binance against a tiny venue on loopback: update ids, snapshots, handing over."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from arbkit.errors import ConfigError
from arbkit.venues import BookEvent, FeedState
from arbkit.venues.feeds import BinanceFeed, open_feed
from tests.venues.feeds.world import QUICK, Kept, TinyBinance, played

BTC, ETH = "BTCUSDT", "ETHUSDT"


def run(
    play: Any, *, spot: bool = False, symbols: tuple[str, ...] = (BTC, ETH), **options: Any
) -> tuple[Kept, Any, TinyBinance]:
    """Play with a venue while its feed runs."""

    async def all_of_it() -> tuple[Kept, Any, TinyBinance]:
        venue = TinyBinance(spot=spot, symbols=symbols)
        async with venue.serving():
            quick = replace(QUICK, **options.pop("patience", {}))
            name = "binance_spot" if spot else "binance_usdm"
            feed = open_feed(name, symbols, ws_url=venue.ws, rest_url=venue.http, options=quick, **options)
            kept = await played(feed, lambda sink: play(venue, sink))
            return kept, feed, venue

    return asyncio.run(all_of_it())


def best(book: BookEvent) -> tuple[float, float]:
    return book.bids[0]


@pytest.mark.parametrize("spot", [False, True])
def test_differences_follow_the_snapshot(spot: bool) -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: kept.of(BTC) and kept.of(ETH))
        await venue.move(BTC, 100.0, 5.0)
        await venue.move(BTC, 100.0, 0.0)
        await kept.until(lambda: len(kept.of(BTC)) == 3)

    kept, feed, venue = run(play, spot=spot)
    assert [best(book) for book in kept.of(BTC)] == [(99.0, 1.0), (100.0, 5.0), (99.0, 1.0)]
    assert kept.of(BTC)[-1].sequence == venue.ids[BTC]
    assert kept.of(BTC)[-1].ts_event == 1_626_992_741_037_000_000
    assert venue.streams == ["btcusdt@depth@100ms", "ethusdt@depth@100ms"]
    assert (feed.stats()["gaps"], feed.stats()["snapshots"]) == (0, 2)


@pytest.mark.parametrize("spot", [False, True])
def test_a_missing_difference_voids_its_symbol_alone_until_a_new_snapshot(spot: bool) -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: kept.of(BTC) and kept.of(ETH))
        venue.change(BTC, 98.0, 1.0)
        await venue.move(BTC, 97.0, 1.0)
        await kept.until(lambda: len(kept.of(BTC)) == 2)
        await venue.move(BTC, 100.0, 7.0)
        await venue.move(ETH, 100.0, 8.0)
        await kept.until(lambda: len(kept.of(BTC)) == 3 and len(kept.of(ETH)) == 2)

    kept, feed, venue = run(play, spot=spot)
    assert [(gap.symbol, gap.reason) for gap in kept.gaps] == [(BTC, "sequence")]
    assert [level[0] for level in kept.of(BTC)[-1].bids] == [100.0, 99.0, 98.0, 97.0]
    assert kept.states(ETH) == [FeedState.TRUSTED]
    assert venue.asked_for.count(ETH) == 1
    assert feed.stats()["reconnects"] == 0


def test_the_same_difference_twice_is_no_gap_and_brings_no_second_book() -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: kept.of(BTC))
        message = venue.change(BTC, 100.0, 5.0)
        await venue.send(message)
        await venue.send(message)
        await venue.move(BTC, 100.0, 6.0)
        await kept.until(lambda: len(kept.of(BTC)) == 3)

    kept, _, _ = run(play)
    assert kept.gaps == []
    assert best(kept.of(BTC)[-1]) == (100.0, 6.0)


def test_snapshots_that_are_old_broken_or_refused_are_asked_for_again() -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        venue.answers = [
            web.Response(status=429, text="slow down", headers={"Retry-After": "0"}),
            web.Response(status=418, text="banned until 1000000000000", headers={"Retry-After": "0.01"}),
            web.Response(text="<html>502</html>"),
            web.Response(text=venue.snapshot(BTC)[:-20]),
            web.Response(status=503),
            web.Response(text=venue.snapshot(BTC, last_id=5)),
        ]
        await kept.until(lambda: len(venue.sockets) == 1)
        await venue.move(BTC, 100.0, 5.0)
        await kept.until(lambda: kept.of(BTC))

    kept, feed, venue = run(play, symbols=(BTC,), patience={"snapshot_wait_s": 3.0})
    assert best(kept.of(BTC)[0]) == (100.0, 5.0)
    assert len(venue.asked_for) == 7
    assert feed.stats()["snapshot_failures"] == 5
    assert kept.gaps == []


def test_a_connection_is_replaced_without_a_gap_while_the_market_moves() -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: kept.of(BTC) and kept.of(ETH))
        size = 1.0
        while venue.connects < 3 or len(venue.sockets) > 1:
            size += 1.0
            await venue.move(BTC, 100.0, size)
            await venue.move(ETH, 100.0, size)
            await asyncio.sleep(0.005)

    kept, feed, _ = run(play, patience={"life_s": 0.05})
    assert kept.gaps == []
    assert feed.stats()["handovers"] >= 1
    assert feed.stats()["snapshots"] == 2
    sizes = [best(book)[1] for book in kept.of(BTC)[1:]]
    assert sizes == [float(size) for size in range(2, 2 + len(sizes))]


def test_a_stream_that_is_silent_while_its_market_moves_is_renewed_and_the_others_stay() -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: kept.of(BTC) and kept.of(ETH))
        venue.deaf = {BTC}
        while venue.connects < 2:
            await venue.move(BTC, 100.0, 2.0)
            await venue.move(ETH, 100.0, 2.0)
            await asyncio.sleep(0.01)
        venue.deaf = set()
        count = len(kept.of(BTC))
        while len(kept.of(BTC)) < count + 5:
            await venue.move(BTC, 100.0, 3.0)
            await asyncio.sleep(0.01)

    kept, feed, _ = run(play, patience={"stale_s": 0.05})
    assert FeedState.STALE in kept.states(BTC)
    assert [gap for gap in kept.gaps if gap.symbol == ETH] == []
    assert feed.stats()["reconnects"] == 0


def test_a_stalled_venue_is_noticed_by_its_snapshots() -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: kept.of(BTC))
        venue.deaf = {BTC}
        while not kept.gaps:
            await venue.move(BTC, 100.0, 2.0)
            await asyncio.sleep(0.01)
        venue.deaf = set()
        count = len(kept.of(BTC))
        await kept.until(lambda: len(kept.of(BTC)) > count)

    patience = {"stale_s": 0.05, "silence_s": 0.1, "check_s": 0.08, "ping_s": 0.02}
    _, feed, _ = run(play, symbols=(BTC,), patience=patience)
    assert feed.stats()["reconnects"] >= 1


def test_a_quiet_market_keeps_its_connection() -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: kept.of(BTC))
        await kept.until(lambda: len(venue.asked_for) >= 4)

    patience = {"stale_s": 0.02, "silence_s": 0.04}
    kept, feed, _ = run(play, symbols=(BTC,), patience=patience)
    assert (feed.stats()["reconnects"], kept.gaps) == (0, [])


@pytest.mark.parametrize("spot", [False, True])
def test_in_mode_partial_each_message_is_the_top_of_the_book(spot: bool) -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: len(venue.sockets) == 1)
        for number in (7, 9, 8):
            top = {"bids": [["99", "1"]], "asks": [["101", str(number)]], "lastUpdateId": number}
            event = {"e": "depthUpdate", "E": 5, "s": BTC, "U": 1, "u": number, "pu": 0}
            event |= {"b": top["bids"], "a": top["asks"]}
            await venue.send(json.dumps({"stream": "btcusdt@depth20@100ms", "data": top if spot else event}))
        await kept.until(lambda: len(kept.books) == 2)

    kept, feed, venue = run(play, spot=spot, mode="partial")
    assert venue.streams[0] == "btcusdt@depth20@100ms"
    assert [(book.sequence, book.asks[0]) for book in kept.books] == [(7, (101.0, 7.0)), (9, (101.0, 9.0))]
    assert kept.books[0].ts_event == (None if spot else 5_000_000)
    assert (feed.stats()["old"], venue.asked_for) == (1, [])


def test_contracts_of_a_thousand_coins_are_told_per_coin() -> None:
    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: kept.books)

    kept, _, _ = run(play, symbols=("1000SHIBUSDT",))
    assert kept.books[0].symbol == "1000SHIBUSDT"
    assert best(kept.books[0]) == (0.099, 1000.0)


def test_more_streams_than_fit_an_address_are_subscribed_in_messages() -> None:
    symbols = tuple(f"A{number:02d}USDT" for number in range(52))

    async def play(venue: TinyBinance, kept: Kept) -> None:
        await kept.until(lambda: len({book.symbol for book in kept.books}) == 52)

    _, _, venue = run(play, symbols=symbols)
    assert len(venue.streams) == 50
    assert venue.requests == [
        {"method": "SUBSCRIBE", "params": ["a50usdt@depth@100ms", "a51usdt@depth@100ms"], "id": 1}
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "diff"}, "did you mean `diffs`"),
        ({"mode": "partial", "depth": 21}, "at most 20 in mode partial"),
    ],
)
def test_modes_that_there_are_not_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_feed("binance_usdm", [BTC], **options)


def test_the_book_is_kept_small() -> None:
    feed = open_feed("binance_spot", [BTC])
    assert isinstance(feed, BinanceFeed)
    state = feed.states[BTC]
    feed._begin(state)
    assert state.builder is not None
    book = state.builder.book
    book.replace([(float(price), 1.0) for price in range(1, 5001)], [])
    book.trim(2000)
    assert book.depth() == (2000, 0)
    assert book.bids(1) == [(5000.0, 1.0)]
