"""Every fault of public data that the practice exchange knows, on every venue: the books end right."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

import pytest

from arbkit.testing import FAULTS, PracticeExchange
from arbkit.venues.feeds import SocketFeed, open_feed
from arbkit.venues.feeds.base import together
from tests.venues.feeds.world import QUICK, Kept

MARKETS = {
    "upbit": ["KRW-BTC", "KRW-ETH"],
    "bithumb": ["KRW-BTC", "KRW-ETH"],
    "binance_usdm": ["BTCUSDT", "ETHUSDT"],
    "binance_spot": ["BTCUSDT", "ETHUSDT"],
}
PATIENCE = replace(
    QUICK, stale_s=0.15, silence_s=0.3, ping_s=0.1, ping_timeout_s=0.15, check_s=0.02, handover_s=0.5
)
#: Faults of public data over REST, and what they strike.
ANSWERS = ("stale_snapshot", "rate_limited", "reset_before", "truncated_body", "html_502", "unavailable_503")
#: Faults that a venue's stream has as a whole; the others strike the messages of one symbol.
WHOLE = ("stall_data", "mute_pongs", "close_sockets", "refuse_handshake", "half_open", "maintenance")
MESSAGES = sorted(
    name for name, fault in FAULTS.items() if fault.scope in ("stream", "book") and name not in WHOLE
)


class World:
    """The exchange, a feed per venue, and books that change all the time."""

    def __init__(self, exchange: PracticeExchange) -> None:
        self.exchange = exchange
        self.kept = {venue: Kept() for venue in MARKETS}
        self.feeds: dict[str, SocketFeed] = {
            venue: open_feed(
                venue,
                symbols,
                depth=5,
                ws_url=getattr(exchange, venue).ws_url,
                rest_url=getattr(exchange, venue).rest_url,
                options=PATIENCE,
            )
            for venue, symbols in MARKETS.items()
        }
        self.number = 0

    async def move(self) -> None:
        """Change every book for ever."""
        while True:
            self.push()
            await asyncio.sleep(0.004)

    def push(self) -> None:
        self.number += 1
        for venue, symbols in MARKETS.items():
            for at, symbol in enumerate(symbols):
                size = 1.0 + self.number % 50 + at / 4
                bids = [(100_000.0 - 1_000 * level, size + level) for level in range(3)]
                asks = [(101_000.0 + 1_000 * level, size + level) for level in range(3)]
                getattr(self.exchange, venue).push_book(symbol, bids, asks)

    def all_trusted(self) -> bool:
        return all(state.trusted for feed in self.feeds.values() for state in feed.states.values())

    def last_sizes(self, venue: str) -> list[float]:
        """The size of the best bid of each symbol's last book."""
        last = [self.kept[venue].of(symbol)[-1] for symbol in MARKETS[venue]]
        return [book.bids[0][1] if book.bids else 0.0 for book in last]


def suffer(strike: Any) -> World:
    """Run everything, let a fault strike, and wait until every last book is the one that was pushed last."""

    async def all_of_it() -> World:
        async with PracticeExchange(MARKETS, limits=False) as exchange:
            world = World(exchange)
            parts = [feed.run(world.kept[venue]) for venue, feed in world.feeds.items()]
            running = asyncio.create_task(together(*parts))
            moving = asyncio.create_task(world.move())
            try:
                await world.kept["upbit"].until(world.all_trusted)
                await strike(world)
                await world.kept["upbit"].until(world.all_trusted)
                moving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await moving
                world.push()
                size = 1.0 + world.number % 50
                await world.kept["upbit"].until(
                    lambda: all(world.last_sizes(venue) == [size, size + 0.25] for venue in MARKETS)
                )
                assert not running.done()
            finally:
                running.cancel()
                moving.cancel()
                await asyncio.wait([running, moving])
            return world

    return asyncio.run(all_of_it())


async def until_hit(world: World, name: str, venues: Any) -> None:
    hits = world.exchange.faults.hits
    await world.kept["upbit"].until(lambda: all(hits[venue, name] for venue in venues))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_fault_of_one_symbols_messages_leaves_the_others_alone(name: str) -> None:
    async def strike(world: World) -> None:
        for venue, symbols in MARKETS.items():
            world.exchange.faults.on(name, venue=venue, symbol=symbols[0], count=3)
        await until_hit(world, name, MARKETS)
        await asyncio.sleep(0.05)
        world.exchange.faults.off(name)

    world = suffer(strike)
    for venue, feed in world.feeds.items():
        other = MARKETS[venue][1]
        assert [gap for gap in world.kept[venue].gaps if gap.symbol == other] == []
        assert feed.stats()["reconnects"] == 0
    if name in ("truncated_frame", "junk_frame"):
        assert all(feed.stats()["malformed"] for feed in world.feeds.values())
    if name in ("drop_book", "truncated_frame", "junk_frame", "error_frame"):
        for venue in ("binance_usdm", "binance_spot"):
            assert [gap.reason for gap in world.kept[venue].gaps][:1] == ["sequence"]


@pytest.mark.parametrize("name", WHOLE)
def test_a_fault_of_a_whole_stream_voids_the_books_until_it_is_over(name: str) -> None:
    venues = FAULTS[name].venues

    async def strike(world: World) -> None:
        options = {"retry_after": 0.05} if name == "refuse_handshake" else {}
        world.exchange.faults.on(name, **options)
        if name == "refuse_handshake":
            world.exchange.faults.on("close_sockets")
        await world.kept["upbit"].until(lambda: all(world.kept[venue].gaps for venue in venues))
        world.exchange.faults.off(name)

    world = suffer(strike)
    for venue in venues:
        stats = world.feeds[venue].stats()
        assert stats["reconnects"] + stats["handovers"] >= 1
        assert {gap.reason for gap in world.kept[venue].gaps} == {"disconnected"}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_snapshot_that_fails_is_asked_for_again(name: str) -> None:
    options: dict[str, Any] = {"retry_after": 0} if name == "rate_limited" else {}

    async def strike(world: World) -> None:
        for venue in ("binance_usdm", "binance_spot"):
            world.exchange.faults.on(name, venue=venue, endpoint="depth", count=2, **options)
            world.exchange.faults.on("drop_book", venue=venue, symbol="BTCUSDT", count=1)
        await until_hit(world, name, ("binance_usdm", "binance_spot"))

    world = suffer(strike)
    for venue in ("binance_usdm", "binance_spot"):
        assert {gap.symbol for gap in world.kept[venue].gaps} == {"BTCUSDT"}
