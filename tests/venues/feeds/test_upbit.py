"""The feed of Upbit against a tiny venue on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from arbkit.errors import ConfigError
from arbkit.venues import FeedState
from arbkit.venues.feeds import UpbitFeed, open_feed
from tests.venues.feeds.world import QUICK, Kept, TinyUpbit, played

SYMBOLS = ["KRW-BTC", "KRW-ETH"]


def run(play: Any, symbols: list[str] = SYMBOLS, **options: Any) -> tuple[Kept, UpbitFeed, TinyUpbit]:
    """Play with a venue while its feed runs."""

    async def all_of_it() -> tuple[Kept, UpbitFeed, TinyUpbit]:
        venue = TinyUpbit()
        async with venue.serving():
            quick = replace(QUICK, **options.pop("patience", {}))
            feed = UpbitFeed(symbols, ws_url=venue.ws, options=quick, **options)
            kept = await played(feed, lambda sink: play(venue, sink))
            return kept, feed, venue

    return asyncio.run(all_of_it())


def test_books_come_as_they_were_sent_and_frames_may_be_binary_or_text() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) == 2)
        await venue.send(venue.book("KRW-BTC", 102, 104, new_member=[1]))
        await venue.send(venue.book("KRW-ETH", 5, 6).encode())
        await kept.until(lambda: len(kept.books) == 4)

    kept, feed, venue = run(play, depth=2)
    assert [(book.symbol, book.bids[0], book.asks[0]) for book in kept.books[2:]] == [
        ("KRW-BTC", (102.0, 1.0), (104.0, 2.0)),
        ("KRW-ETH", (5.0, 1.0), (6.0, 2.0)),
    ]
    assert [book.ts_event for book in kept.books] == sorted({book.ts_event for book in kept.books})
    assert [book.ts_recv for book in kept.books] == sorted({book.ts_recv for book in kept.books})
    assert venue.requests[0][1]["codes"] == ["KRW-BTC.5", "KRW-ETH.5"]
    stats = feed.stats()
    assert (stats["books"], stats["malformed"], stats["gaps"]) == (4, 0, 0)
    assert stats["last_ts"]["KRW-ETH"] == kept.books[-1].ts_recv


def test_a_side_with_a_zero_price_a_crossed_and_an_empty_book_come_as_they_are() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: kept.books)
        for bid, ask in ((100, 0), (105, 101), (0, 0)):
            await venue.send(venue.book("KRW-BTC", bid, ask))
        await kept.until(lambda: len(kept.of("KRW-BTC")) == 4)

    one_sided, crossed, empty = run(play, SYMBOLS[:1])[0].books[1:]
    assert (list(one_sided.bids), list(one_sided.asks)) == ([(100.0, 1.0)], [])
    assert crossed.bids[0][0] > crossed.asks[0][0]
    assert (list(empty.bids), list(empty.asks)) == ([], [])


def test_frames_that_make_no_sense_are_counted_and_nothing_is_lost() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) == 2)
        whole = venue.book("KRW-BTC", 1, 2)
        for broken in ("<html>502</html>", whole[: len(whole) // 2], "", b"\xff\xfe", "[" * 5000):
            await venue.send(broken)
        await venue.send('{"error":{"name":"NO_CODES","message":"codes"}}')
        await venue.send('{"status":"UP"}')
        await venue.send(venue.book("KRW-XRP", 1, 2))
        await venue.send(whole)
        await kept.until(lambda: len(kept.books) == 3)

    kept, feed, _ = run(play)
    stats = feed.stats()
    assert (stats["malformed"], stats["refusals"], stats["unknown"], stats["reconnects"]) == (5, 1, 1, 0)
    assert stats["last_error"] == "NO_CODES: codes"
    assert kept.gaps == []


def test_a_lost_connection_voids_the_books_until_the_next_one() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) == 2)
        venue.refuse_connect = [web.Response(status=503, text="<html>"), web.Response(status=429)]
        await venue.drop()
        await kept.until(lambda: len(kept.books) == 4)

    kept, feed, _ = run(play)
    assert [(gap.symbol, gap.reason) for gap in kept.gaps] == [
        ("KRW-BTC", "disconnected"),
        ("KRW-ETH", "disconnected"),
    ]
    assert kept.books[1].ts_recv < kept.gaps[0].ts < kept.gaps[1].ts < kept.books[2].ts_recv
    assert kept.states("KRW-BTC") == [FeedState.TRUSTED, FeedState.TRUSTED]
    assert (feed.stats()["reconnects"], feed.stats()["refused"]) == (1, 2)


def test_data_that_stop_while_pings_are_answered_are_noticed() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) == 2)
        venue.stalled = True
        await kept.until(lambda: kept.gaps)
        venue.stalled = False
        await kept.until(lambda: len(kept.books) == 4)

    kept, feed, _ = run(play, patience={"silence_s": 0.1, "ping_s": 0.05})
    assert "no data for" in kept.gaps[0].detail
    assert feed.stats()["reconnects"] >= 1


def test_pongs_that_stop_end_the_connection() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) == 2)
        venue.mute_pongs = True
        await kept.until(lambda: kept.gaps)
        venue.mute_pongs = False
        await kept.until(lambda: len(kept.books) >= 4)

    kept, _, _ = run(play, patience={"ping_s": 0.05, "ping_timeout_s": 0.05})
    assert "1011" in kept.gaps[0].detail


def test_a_symbol_that_goes_quiet_is_stale_and_the_whole_list_is_asked_for_again() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) == 2)
        while len(kept.of("KRW-ETH")) < 2:
            await venue.send(venue.book("KRW-BTC", 100, 101))
            await asyncio.sleep(0.02)

    kept, feed, venue = run(play, patience={"stale_s": 0.1})
    assert FeedState.STALE in kept.states("KRW-ETH")
    assert kept.states("KRW-ETH")[-1] is FeedState.TRUSTED
    assert venue.requests[1][1]["codes"] == venue.requests[0][1]["codes"]
    assert (kept.gaps, feed.stats()["reconnects"]) == ([], 0)


def test_a_venue_is_not_called_silent_because_the_process_stood_still() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) == 2)
        for count in (4, 6, 8):
            time.sleep(0.15)
            for _ in range(5):  # The look that was due meanwhile comes before any data.
                await asyncio.sleep(0)
            await venue.send(venue.book("KRW-BTC", 100, count))
            await venue.send(venue.book("KRW-ETH", 100, count))
            await kept.until(lambda count=count: len(kept.books) == count)

    kept, feed, _ = run(play, patience={"stale_s": 0.1, "silence_s": 0.1, "check_s": 0.05})
    assert FeedState.STALE not in kept.states("KRW-ETH")
    assert (kept.gaps, feed.stats()["reconnects"]) == ([], 0)


def test_a_connection_is_replaced_before_it_ends_and_no_book_is_voided() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: venue.connects >= 3)
        await kept.until(lambda: len(venue.sockets) == 1)

    kept, feed, _ = run(play, patience={"life_s": 0.05})
    assert kept.gaps == []
    assert feed.stats()["handovers"] >= 1
    assert feed.stats()["reconnects"] == 0


def test_an_older_book_is_left_out_but_a_clock_set_back_is_followed() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: kept.books)
        old = json.loads(venue.book("KRW-BTC", 1, 2)) | {"timestamp": venue.stamp - 3_600_000}
        for _ in range(12):
            await venue.send(json.dumps(old))
        await kept.until(lambda: len(kept.books) == 3)

    kept, feed, _ = run(play, SYMBOLS[:1])
    assert feed.stats()["old"] == 10
    assert len(kept.books) == 3


def test_stamps_in_microseconds_are_read() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: kept.books)
        await venue.send(venue.book("KRW-BTC", 1, 2, timestamp=1_746_601_574_000_123))
        await kept.until(lambda: len(kept.books) == 2)

    assert run(play, SYMBOLS[:1])[0].books[-1].ts_event == 1_746_601_574_000_123_000


def test_an_error_of_the_sink_ends_the_feed() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        def broken(event: object) -> None:
            raise ValueError("of the sink")

        kept.on_book = broken  # type: ignore[method-assign]
        await asyncio.sleep(20)

    with pytest.raises(ValueError, match="of the sink"):
        run(play)


def test_each_chunk_of_symbols_has_its_own_connection() -> None:
    async def play(venue: TinyUpbit, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) == 3)

    _, feed, venue = run(play, ["KRW-A", "KRW-B", "KRW-C"], patience={"symbols_per_connection": 2})
    assert sorted(len(request[1]["codes"]) for request in venue.requests) == [1, 2]
    assert feed.stats()["connects"] == 2


@pytest.mark.parametrize(
    ("venue", "symbols", "message"),
    [
        ("upbitt", ["KRW-BTC"], "did you mean `upbit`"),
        ("upbit", [], "at least one symbol"),
        ("upbit", "KRW-BTC", "a list of at least one symbol"),
        ("upbit", ["KRW-BTC", "KRW-BTC"], "twice were KRW-BTC"),
        ("upbit", ["BTCUSDT"], "QUOTE-BASE"),
        ("binance_usdm", ["btcusdt"], "in capitals"),
    ],
)
def test_what_cannot_be_subscribed_is_refused_with_a_remedy(venue: str, symbols: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_feed(venue, symbols)
