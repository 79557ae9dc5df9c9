"""The feeds of a run: websockets by default, or books asked for over REST every so often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from arbkit.errors import ConfigError, nearest_names
from arbkit.live.config import LiveConfig, VenueConfig
from arbkit.venues import (
    BookEvent,
    FeedState,
    FeedStatus,
    GapEvent,
    InstrumentState,
    MarketFeed,
    MarketSink,
    VenueError,
)
from arbkit.venues.clock import wall_clock
from arbkit.venues.feeds import FeedOptions, open_feed
from arbkit.venues.feeds.ccxt_client import is_ccxt_venue
from arbkit.venues.feeds.http import BusyError, PublicRest, WeightBudget
from arbkit.venues.feeds.market_data import MARKET_DATA, MarketData, open_market_data
from arbkit.wire.book import DepthSnapshot, Level
from arbkit.wire.symbols import contract_multiple, split_binance

__all__ = ["PollingFeed", "check_listed", "feed_urls", "follow_states", "live_feeds", "open_states"]

_REST: Final = {
    "upbit": "https://api.upbit.com",
    "bithumb": "https://api.bithumb.com",
    "binance_usdm": "https://fapi.binance.com",
    "binance_spot": "https://api.binance.com",
}
_DEPTH_PATHS: Final = {"binance_usdm": "/fapi/v1/depth", "binance_spot": "/api/v3/depth"}
_DEPTHS: Final = {"binance_usdm": (5, 10, 20, 50, 100), "binance_spot": (5, 10, 20, 50, 100)}
_WEIGHT_PER_MINUTE: Final = 1_200.0
#: How long the list of a venue's instruments is waited for, and how many characters of it are shown.
_LIST_WAIT_S: Final = 5.0
_LONG: Final = 200
_STATES_S: Final = 60.0


def feed_urls(venue: VenueConfig) -> dict[str, str]:
    """Return the hosts that a venue's feed takes, of those that the configuration names."""
    named = {"ws_url": venue.ws_url, "rest_url": venue.rest_url}
    return {name: url for name, url in named.items() if url is not None}


def live_feeds(config: LiveConfig, poll_interval_s: float | None = None) -> list[MarketFeed]:
    """Return one feed per venue of a configuration; nothing is connected before they run."""
    symbols: dict[str, list[str]] = {}
    for leg in config.legs:
        venue, _, symbol = leg.partition("/")
        symbols.setdefault(venue, []).append(symbol)
    feeds: list[MarketFeed] = []
    for name, wanted in symbols.items():
        at = config.venues[name]
        depth = max(config.levels, 1 if poll_interval_s else at.depth)
        if poll_interval_s is None or is_ccxt_venue(name):
            pace = FeedOptions() if poll_interval_s is None else FeedOptions(poll_s=poll_interval_s)
            feeds.append(
                open_feed(name, wanted, depth=depth, clock=wall_clock, options=pace, **feed_urls(at))
            )
        else:
            feeds.append(PollingFeed(at, wanted, poll_interval_s, depth=depth))
    return feeds


def open_states(config: LiveConfig) -> dict[str, MarketData]:
    """Return who tells of each venue's warnings and order states, by venue."""
    venues = dict.fromkeys(leg.partition("/")[0] for pair in config.pairs for leg in pair.legs)
    return {
        name: open_market_data(name, rest_url=feed_urls(config.venues[name]).get("rest_url"))
        for name in venues
    }


async def follow_states(
    config: LiveConfig, trouble: Callable[..., None]
) -> AsyncIterator[tuple[str, str, InstrumentState]]:
    """Yield venue, symbol and state of each instrument every minute; a venue that is silent is told."""
    sources = open_states(config)
    try:
        while True:
            for venue, source in sources.items():
                symbols = [leg.partition("/")[2] for leg in config.legs if leg.startswith(venue + "/")]
                try:
                    states = await source.states(symbols)
                except VenueError as error:
                    trouble("states", str(error), venue=venue)
                    continue
                for symbol, state in states.items():
                    yield venue, symbol, state
            await asyncio.sleep(_STATES_S)
    finally:
        for source in sources.values():
            await source.close()


async def check_listed(config: LiveConfig) -> None:
    """Check that every instrument of a configuration is listed; a venue that does not answer is passed over.

    Raises:
        ConfigError: naming a symbol that its venue does not list, and near ones.
    """
    venues = [
        venue for venue in dict.fromkeys(leg.partition("/")[0] for leg in config.legs) if venue in MARKET_DATA
    ]
    listed = dict(
        zip(venues, await asyncio.gather(*(_listed(config, venue) for venue in venues)), strict=True)
    )
    for leg in config.legs:
        venue, _, symbol = leg.partition("/")
        names = listed.get(venue)
        if names and symbol not in names:
            near = nearest_names(symbol, names)
            more = near if len(near) < _LONG else f"it lists {len(names)} others"
            raise ConfigError(f"{venue} lists no {symbol}; {more}")


async def _listed(config: LiveConfig, venue: str) -> list[str]:
    """Return the symbols of a venue; empty where it does not answer."""
    source = open_market_data(venue, feed_urls(config.venues[venue]).get("rest_url"), _LIST_WAIT_S)
    try:
        return list(await source.instruments())
    except VenueError:
        return []
    finally:
        await source.close()


class PollingFeed:
    """Asks a venue for its books over REST, one round after the other; nothing is connected before `run`.

    Args:
        venue: where.
        symbols: the venue's own names.
        interval_s: from the begin of one round to the begin of the next.
        depth: levels wanted; a depth that the venue does not offer is rounded up and cut.
        clock: nanoseconds since the epoch, strictly increasing.
    """

    def __init__(
        self,
        venue: VenueConfig,
        symbols: Sequence[str],
        interval_s: float,
        *,
        depth: int = 1,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self.venue = venue.name
        self._symbols = list(symbols)
        self._interval_s = interval_s
        self._depth = depth
        self._clock = clock
        url = feed_urls(venue).get("rest_url", _REST.get(venue.name, ""))
        if not url:
            raise ConfigError(f"the books of {venue.name} cannot be asked for over REST")
        self._rest = PublicRest(url, WeightBudget(_WEIGHT_PER_MINUTE))
        self._down: set[str] = set()
        self._books = self._failures = 0

    async def run(self, sink: MarketSink) -> None:
        """Bring books to the sink until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                await self.once(sink)
                await asyncio.sleep(max(0.0, began + self._interval_s - loop.time()))
        finally:
            await self._rest.close()

    async def once(self, sink: MarketSink) -> None:
        """Ask for every book once; one that does not come is a gap until it does."""
        if self.venue in _DEPTH_PATHS:
            await asyncio.gather(*(self._asked(sink, [symbol]) for symbol in self._symbols))
        else:
            await self._asked(sink, self._symbols)

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._rest.close()

    async def _asked(self, sink: MarketSink, symbols: list[str]) -> None:
        try:
            events = await self._read(symbols)
        except BusyError as error:
            self._failed(sink, symbols, str(error))
            await asyncio.sleep(min(error.wait_s, 60.0))
        except (VenueError, msgspec.DecodeError) as error:
            self._failed(sink, symbols, str(error))
        else:
            for event in events:
                if event.symbol in self._down:
                    self._down.discard(event.symbol)
                    self._say(sink, event.symbol, FeedState.TRUSTED, "")
                self._books += 1
                sink.on_book(event)

    def _failed(self, sink: MarketSink, symbols: list[str], why: str) -> None:
        self._failures += 1
        for symbol in symbols:
            if symbol not in self._down:
                self._down.add(symbol)
                sink.on_gap(GapEvent(self.venue, symbol, self._clock(), "unanswered", why))
                self._say(sink, symbol, FeedState.STALE, why)

    def _say(self, sink: MarketSink, symbol: str, state: FeedState, why: str) -> None:
        sink.on_status(FeedStatus(self.venue, symbol, self._clock(), state, why))

    async def _read(self, symbols: list[str]) -> list[BookEvent]:
        if self.venue in _DEPTH_PATHS:
            return [await self._read_binance(symbols[0])]
        params = {"markets": ",".join(symbols), "count": str(min(30, max(1, self._depth)))}
        body = await self._rest.get("/v1/orderbook", params)
        books = msgspec.json.decode(body, type=list[_UpbitBook], strict=False)
        return [self._event(b.market, b.timestamp * 1_000_000, *b.sides(self._depth)) for b in books]

    async def _read_binance(self, symbol: str) -> BookEvent:
        limit = next((n for n in _DEPTHS[self.venue] if n >= self._depth), 100)
        body = await self._rest.get(_DEPTH_PATHS[self.venue], {"symbol": symbol, "limit": str(limit)}, 5.0)
        book = msgspec.json.decode(body, type=DepthSnapshot, strict=False)
        base, _ = split_binance(symbol)
        multiple = float(contract_multiple(base)[1])
        bids = [(px / multiple, sz * multiple) for px, sz in book.bids[: self._depth]]
        asks = [(px / multiple, sz * multiple) for px, sz in book.asks[: self._depth]]
        stamp = book.transaction_ms or book.event_ms
        return self._event(symbol, None if stamp is None else stamp * 1_000_000, bids, asks, book.last_id)

    def _event(
        self, symbol: str, ts_event: int | None, bids: list[Level], asks: list[Level], sequence: int = -1
    ) -> BookEvent:
        return BookEvent(self.venue, symbol, self._clock(), ts_event, bids, asks, sequence)

    def stats(self) -> Mapping[str, Any]:
        """Return counters, as every feed does."""
        return {"books": self._books, "gaps": len(self._down), "reconnects": 0, "malformed": self._failures}


class _UpbitUnit(msgspec.Struct, frozen=True):
    ask_price: float
    bid_price: float
    ask_size: float
    bid_size: float


class _UpbitBook(msgspec.Struct, frozen=True):
    market: str
    timestamp: int
    orderbook_units: list[_UpbitUnit]

    def sides(self, depth: int) -> tuple[list[Level], list[Level]]:
        """Return bids and asks, best first; a level of size 0 is none."""
        units = self.orderbook_units[:depth]
        bids = [(unit.bid_price, unit.bid_size) for unit in units if unit.bid_size > 0]
        return bids, [(unit.ask_price, unit.ask_size) for unit in units if unit.ask_size > 0]
