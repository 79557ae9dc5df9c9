"""What every feed has: symbols with what is known of each, counters, and what it tells the sink."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from arbkit.errors import ConfigError
from arbkit.units import MS_NS
from arbkit.venues.clock import Clock, wall_clock
from arbkit.venues.feeds.counters import Counters, SymbolState
from arbkit.venues.feeds.options import FeedOptions
from arbkit.venues.protocol import BookEvent, FeedState, FeedStatus, GapEvent, MarketSink
from arbkit.wire import Level

__all__ = ["Feed", "together"]


class Feed(ABC):
    """A `MarketFeed` whose `run` ends when cancelled, and which tells of each symbol in one way.

    Args:
        symbols: the venue's own names.
        depth: levels a side to bring; what the venue does not offer is rounded up and cut.
        clock: where stamps come from.
        options: times and limits.
        on_frame: called with (stamp, payload) for every frame before it is read, and with the address as a
            third argument for answers over REST; for recorders.

    Raises:
        ConfigError: when a symbol or the depth breaks its rule.
    """

    venue: str

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        depth: int = 15,
        clock: Clock = wall_clock,
        options: FeedOptions | None = None,
        on_frame: Any = None,
    ) -> None:
        self.symbols = _checked_symbols(self.venue, symbols)
        self.depth = depth
        self.options = options or FeedOptions()
        self.clock = clock
        self.on_frame = on_frame
        self.counters = Counters()
        self.states = {name: self._state(name) for name in self.symbols}
        self._sink: MarketSink | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def run(self, sink: MarketSink) -> None:
        """Bring books to the sink until cancelled."""

    def _state(self, name: str) -> SymbolState:
        return SymbolState(name)

    def _connections(self) -> tuple[int, int]:
        """Return how many connections are open, and how many there should be."""
        return 0, 0

    def stats(self) -> Mapping[str, Any]:
        """Return counters: messages, books, gaps, reconnects, malformed, bytes, last_ts per symbol, ..."""
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:
            now = 0.0
        connected, connections = self._connections()
        return {
            "venue": self.venue,
            "connected": connected,
            "connections": connections,
            **self.counters.as_dict(),
            "last_ts": {name: state.last_ts for name, state in self.states.items()},
            "symbols": {name: state.as_dict(now) for name, state in self.states.items()},
        }

    async def _close(self) -> None:
        """Let go of what was started."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, part: Coroutine[Any, Any, None]) -> None:
        """Start something that must not hold up the reading."""
        task = asyncio.get_running_loop().create_task(part)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _bring(
        self,
        state: SymbolState,
        ts: int,
        ts_event: int | None,
        sides: tuple[list[Level], list[Level]],
        sequence: int = -1,
    ) -> None:
        """Hand a book to the sink, in base units, cut to the depth."""
        bids, asks = sides
        depth = self.depth
        if len(bids) > depth:
            bids = bids[:depth]
        if len(asks) > depth:
            asks = asks[:depth]
        if state.multiple != 1.0:
            many = state.multiple
            bids = [(price / many, size * many) for price, size in bids]
            asks = [(price / many, size * many) for price, size in asks]
        sink = self._sink
        assert sink is not None
        state.last_ts = ts
        state.books += 1
        self.counters.books += 1
        if ts_event is not None:
            state.lag_ms = (ts - ts_event) / MS_NS
        event = BookEvent(self.venue, state.name, ts, ts_event, bids, asks, sequence)
        if not state.trusted or state.stale:
            state.trusted, state.stale = True, False
            self._tell(FeedState.TRUSTED, state.name)
        sink.on_book(event)

    def _void(self, state: SymbolState, reason: str, detail: str = "") -> None:
        """Tell the sink that a book is not known any more, if it was."""
        if not state.trusted:
            return
        state.trusted = False
        state.gaps += 1
        self.counters.gaps += 1
        assert self._sink is not None
        self._sink.on_gap(GapEvent(self.venue, state.name, self.clock(), reason, detail))

    def _tell(self, what: FeedState, symbol: str = "", detail: str = "") -> None:
        assert self._sink is not None
        self._sink.on_status(FeedStatus(self.venue, symbol, self.clock(), what, detail))


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all parts until cancelled; the first that fails ends the others, and its error is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _checked_symbols(venue: str, symbols: Sequence[str]) -> tuple[str, ...]:
    names = tuple(symbols)
    if isinstance(symbols, str) or not names:
        raise ConfigError(f"a feed of {venue} needs a list of at least one symbol, was {symbols!r}")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ConfigError(f"a symbol of a feed must be named once, twice were {', '.join(twice)}")
    return names
