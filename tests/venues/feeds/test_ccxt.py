"""Other venues through the real ccxt, against the practice exchange and servers that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from arbkit.data import open_dataset
from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.live import LiveConfig
from arbkit.live.feeds import live_feeds
from arbkit.record import Recorder, RecordSpec, VenueSpec
from arbkit.testing import PracticeExchange
from arbkit.venues import FeedState, VenueError
from arbkit.venues.feeds import FeedOptions, ccxt_client, is_known_venue, open_feed, open_market_data
from arbkit.venues.feeds.ccxt_client import plain_name
from arbkit.venues.feeds.ccxt_feed import CcxtFeed
from tests.venues.feeds.world import Kept
from tests.venues.feeds.world import Venue as TinyVenue

pytest.importorskip("ccxt", reason="the package ccxt is not installed: pip install arbkit[ccxt]")

QUICK = FeedOptions(poll_s=0.01, stale_s=30.0, silence_s=30.0, check_s=0.01, first_wait_s=0.01,
                    longest_wait_s=0.02)  # fmt: skip
MARKET = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
    "permissions": ["SPOT"], "permissionSets": [["SPOT"]], "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
        {"filterType": "NOTIONAL", "minNotional": "5", "maxNotional": "9000000"},
    ],
}  # fmt: skip


class Venue(TinyVenue):
    """Speaks enough of Binance spot for ccxt; what it answers of a book is the test's."""

    def __init__(self, *coins: str) -> None:
        super().__init__()
        self.number = 0
        self.asked: list[str] = []
        self.answer: Callable[[str], web.Response] = self.book
        self.info = {"symbols": [MARKET | {"symbol": f"{c}USDT", "baseAsset": c} for c in coins or ("BTC",)]}
        self.app.router.add_get("/api/v3/exchangeInfo", self.on_info)
        self.app.router.add_get("/api/v3/depth", self.on_depth)

    async def on_info(self, request: web.Request) -> web.Response:
        return web.json_response(self.info)

    async def on_depth(self, request: web.Request) -> web.Response:
        self.asked.append(request.query["symbol"])
        return self.answer(request.query["symbol"])

    def book(self, symbol: str, *, moves: bool = True) -> web.Response:
        self.number += moves
        sides = {"bids": [["99.5", "1"], ["99", "2"]], "asks": [["100.5", f"{1 + self.number}"]]}
        return web.json_response({"lastUpdateId": 100 + self.number, **sides})


def played(
    venue: Venue,
    play: Callable[[CcxtFeed, Kept], Coroutine[Any, Any, None]],
    symbols: tuple[str, ...] = ("BTCUSDT",),
    **options: Any,
) -> tuple[CcxtFeed, Kept]:
    """Run a feed while a coroutine plays with its venue."""

    async def all_of_it() -> tuple[CcxtFeed, Kept]:
        async with venue.serving():
            feed = open_feed("ccxt:binance", symbols, rest_url=venue.http, options=QUICK, **options)
            assert isinstance(feed, CcxtFeed)
            kept = Kept()
            async with running(feed, kept):
                await play(feed, kept)
            return feed, kept

    return asyncio.run(all_of_it())


@asynccontextmanager
async def running(feed: Any, kept: Kept) -> Any:
    task = asyncio.create_task(feed.run(kept))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def quick(**changes: Any) -> FeedOptions:
    from dataclasses import replace

    return replace(QUICK, **changes)


@pytest.mark.parametrize(
    ("venue", "name", "symbol", "own"),
    [
        ("binance_spot", "ccxt:binance", "BTCUSDT", "BTCUSDT"),
        ("binance_usdm", "ccxt:binanceusdm", "BTCUSDT_PERP", "BTCUSDT"),
        ("upbit", "ccxt:upbit", "BTCKRW", "KRW-BTC"),
    ],
)
def test_the_book_of_a_practice_venue_comes_as_it_is(venue: str, name: str, symbol: str, own: str) -> None:
    async def all_of_it() -> tuple[Kept, Any]:
        async with PracticeExchange({venue: [own]}) as exchange:
            at = exchange.venues[venue]
            at.push_book(own, [(100_000.0, 0.5), (99_000.0, 2.0)], [(101_000.0, 0.25)])
            feed = open_feed(name, [symbol], depth=1, rest_url=at.rest_url, options=QUICK)
            kept, data = Kept(), open_market_data(name, at.rest_url)
            async with running(feed, kept):
                await kept.until(lambda: len(kept.books) >= 2)
            try:
                return kept, (await data.instruments([symbol]), await data.states([symbol, "NOUSDT"]))
            finally:
                await data.close()

    kept, (instruments, states) = asyncio.run(all_of_it())
    book = kept.books[0]
    assert (book.venue, book.symbol) == (name, symbol)
    assert (list(book.bids), list(book.asks)) == ([(100_000.0, 0.5)], [(101_000.0, 0.25)])
    assert [status.state for status in kept.statuses[:2]] == [FeedState.CONNECTED, FeedState.TRUSTED]
    assert kept.gaps == []
    assert instruments[symbol].base == "BTC"
    assert instruments[symbol].kind == ("perpetual" if symbol.endswith("_PERP") else "spot")
    assert (states[symbol].trading, states["NOUSDT"].trading) == (True, False)


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>maintenance</html>", content_type="text/html"),
        web.Response(text='{"bids": [["99'),
        web.Response(text='{"bids": "none", "asks": [[]]}'),
        web.Response(text='{"lastUpdateId": 1, "bids": [["nan", "1"]], "asks": []}'),
        web.Response(status=502, text="<html>bad gateway</html>"),
        web.Response(status=400, text='{"code": -1121, "msg": "Invalid symbol."}'),
    ],
    ids=["html", "truncated", "no levels", "nan", "502", "400"],
)
def test_an_answer_that_makes_no_sense_is_counted_and_passed_over(answer: web.Response) -> None:
    venue = Venue()

    async def play(feed: CcxtFeed, kept: Kept) -> None:
        await kept.until(lambda: kept.books)
        body, kind, status = answer.text, answer.content_type, answer.status
        venue.answer = lambda symbol: web.Response(text=body, content_type=kind, status=status)
        await kept.until(lambda: feed.counters.malformed + feed.counters.refused >= 2)
        before = len(kept.books)
        venue.answer = venue.book
        await kept.until(lambda: len(kept.books) > before)

    feed, kept = played(venue, play)
    assert kept.gaps == []
    assert feed.counters.last_error
    assert all(book.asks[0][0] == 100.5 for book in kept.books)


def test_a_venue_that_wants_quiet_is_not_asked_meanwhile() -> None:
    venue = Venue("BTC", "ETH")

    async def play(feed: CcxtFeed, kept: Kept) -> None:
        await kept.until(lambda: kept.books)
        venue.answer = lambda symbol: web.Response(status=429, headers={"Retry-After": "3000"}, text="{}")
        await kept.until(lambda: feed.counters.refused)
        assert feed._client.gate.opens > asyncio.get_running_loop().time() + 2_000

    feed, _ = played(venue, play, ("BTCUSDT", "ETHUSDT"))
    assert "HTTP 429, nothing is sent for 3000 s" in feed.counters.last_error


def test_a_symbol_without_answers_is_a_gap_until_it_has_one() -> None:
    venue = Venue("BTC", "ETH")

    async def play(feed: CcxtFeed, kept: Kept) -> None:
        await kept.until(lambda: kept.of("BTCUSDT") and kept.of("ETHUSDT"))
        feed.options = quick(stale_s=0.05)
        venue.answer = lambda symbol: web.Response(status=503) if symbol == "ETHUSDT" else venue.book(symbol)
        await kept.until(lambda: any(gap.symbol == "ETHUSDT" for gap in kept.gaps))
        feed.options = QUICK
        books = len(kept.of("ETHUSDT"))
        venue.answer = venue.book
        await kept.until(lambda: len(kept.of("ETHUSDT")) > books)

    _, kept = played(venue, play, ("BTCUSDT", "ETHUSDT"))
    gap = next(gap for gap in kept.gaps if gap.symbol == "ETHUSDT")
    assert gap.reason == "unanswered"
    assert [s.state for s in kept.statuses if s.symbol == "ETHUSDT"][:3] == [
        FeedState.TRUSTED,
        FeedState.STALE,
        FeedState.TRUSTED,
    ]


def test_answers_that_never_change_are_a_feed_that_has_stalled() -> None:
    venue = Venue()

    async def play(feed: CcxtFeed, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) > 2)
        venue.answer = lambda symbol: venue.book(symbol, moves=False)
        feed.options, feed._longest_pause = quick(silence_s=0.1), 0.0
        await kept.until(lambda: kept.gaps)
        asked, books = len(venue.asked), len(kept.books)
        await kept.until(lambda: len(venue.asked) > asked + 3)
        assert len(kept.books) == books
        feed.options = QUICK
        venue.answer = venue.book
        await kept.until(lambda: len(kept.books) > books)

    feed, kept = played(venue, play)
    assert kept.gaps[0].reason == "frozen"
    assert feed.counters.reconnects >= 1
    connected = [status.state for status in kept.statuses if not status.symbol]
    assert connected[:3] == [FeedState.CONNECTED, FeedState.DISCONNECTED, FeedState.CONNECTED]


def test_an_older_book_out_of_a_cache_is_left_out() -> None:
    venue = Venue()

    async def play(feed: CcxtFeed, kept: Kept) -> None:
        await kept.until(lambda: len(kept.books) > 3)
        old = json.dumps({"lastUpdateId": 7, "bids": [["1", "1"]], "asks": [["2", "1"]]})
        answers = iter([web.Response(text=old)])
        venue.answer = lambda symbol: next(answers, None) or venue.book(symbol)
        await kept.until(lambda: feed.counters.old)
        books = len(kept.books)
        await kept.until(lambda: len(kept.books) > books)

    _, kept = played(venue, play)
    assert all(book.bids[0][0] == 99.5 for book in kept.books)


def test_a_venue_that_does_not_answer_at_first_is_tried_again() -> None:
    venue = Venue()
    venue.info = {"symbols": "none"}

    async def play(feed: CcxtFeed, kept: Kept) -> None:
        await kept.until(lambda: feed.counters.malformed + feed.counters.refused >= 2)
        venue.info = {"symbols": [MARKET]}
        await kept.until(lambda: kept.books)

    _, kept = played(venue, play)
    assert kept.statuses[0].state is FeedState.DISCONNECTED


def test_a_symbol_that_the_venue_does_not_list_ends_the_feed_by_name() -> None:
    venue = Venue()

    async def all_of_it() -> None:
        async with venue.serving(), asyncio.timeout(100):
            await open_feed("ccxt:binance", ["BTCEUR"], rest_url=venue.http, options=QUICK).run(Kept())

    with pytest.raises(ConfigError, match="binance lists no BTCEUR; did you mean `BTCUSDT`"):
        asyncio.run(all_of_it())


def test_a_recording_through_ccxt_is_a_dataset_like_any_other(tmp_path: Path) -> None:
    venue = Venue()

    async def all_of_it() -> None:
        async with venue.serving():
            item = VenueSpec(venue="ccxt:binance", symbols=("BTCUSDT",), rest_url=venue.http)
            spec = RecordSpec(venues=(item,), to=tmp_path / "live", depth=1, flush_ns=20_000_000)
            recorder = Recorder(spec, options=QUICK)
            running = asyncio.create_task(recorder.run(20.0))
            async with asyncio.timeout(100):
                while recorder.summary().rows < 3 or recorder.summary().events["instruments"] < 1:
                    await asyncio.sleep(0.005)
            recorder.stop()
            await running

    asyncio.run(all_of_it())
    dataset = open_dataset(tmp_path / "live")
    rows = dataset.scan("ccxt:binance/BTCUSDT").collect()
    assert rows["bid_px_00"].to_list() == [99.5] * rows.height
    assert dataset.table("instruments")["lot"].to_list() == [0.001]


def test_names_and_symbols_are_checked_before_anything_is_sent() -> None:
    assert plain_name("ccxt:kraken") == plain_name("kraken") == "kraken"
    assert plain_name("ccxt:binance") == "ccxt:binance"
    assert is_known_venue("kraken")
    assert not is_known_venue("binance")
    with pytest.raises(ConfigError, match="ccxt knows no venue 'krakn'; did you mean `kraken`"):
        open_feed("ccxt:krakn", ["BTCUSD"])
    with pytest.raises(ConfigError, match="named BASEQUOTE, such as BTCUSD, and a perpetual BTCUSD_PERP"):
        open_feed("kraken", ["BTC/USD"])
    with pytest.raises(ConfigError, match="no feed of venue 'krakn'; did you mean `kraken`"):
        open_feed("krakn", ["BTCUSD"])
    with pytest.raises(ConfigError, match="needs a list of at least one symbol"):
        open_feed("kraken", [])


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccxt_client, "_known", frozenset)
    with pytest.raises(MissingDependencyError, match=r"install arbkit\[ccxt\]"):
        open_feed("ccxt:kraken", ["BTCUSD"])
    with pytest.raises(ConfigError, match=r"come through ccxt: install arbkit\[ccxt\]"):
        open_feed("kraken", ["BTCUSD"])


def test_nothing_that_answers_nowhere_is_waited_for() -> None:
    async def ask() -> None:
        data = open_market_data("kraken", "http://127.0.0.1:9")
        try:
            await data.instruments()
        finally:
            await data.close()

    with pytest.raises(VenueError, match="kraken must answer within"):
        asyncio.run(ask())


def test_a_run_on_paper_may_have_a_leg_that_comes_through_ccxt() -> None:
    values: dict[str, Any] = {
        "name": "other", "currency": "USDT", "balance": 1_000,
        "venues": {"kraken": {}, "binance_usdm": {}},
        "pairs": [{"a": "kraken/BTCUSDT", "b": "binance_usdm/BTCUSDT"}],
        "params": {
            "min_spread_bps": 10, "taker_fee_a_bps": 5, "taker_fee_b_bps": 5, "slippage_bps": 1,
            "max_position_usd": 100,
        },
        "guard": {"max_daily_loss_usd": 50},
    }  # fmt: skip
    config = LiveConfig.from_dict(values)
    assert [feed.venue for feed in live_feeds(config)] == ["kraken", "binance_usdm"]
    assert [feed.venue for feed in live_feeds(config, 2.0)] == ["kraken", "binance_usdm"]
    values["venues"] = {"ccxt:kraken": {}, "binance_usdm": {}}
    with pytest.raises(ConfigError, match="by its plain name, kraken, was ccxt:kraken"):
        LiveConfig.from_dict(values)
