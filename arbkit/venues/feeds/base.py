"""What the feeds of all venues share: lines, states of symbols, staleness, what they tell the sink."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, ClassVar

from arbkit.errors import ConfigError, DataError
from arbkit.units import MS_NS
from arbkit.venues.clock import Clock, wall_clock
from arbkit.venues.feeds.counters import Counters, SymbolState
from arbkit.venues.feeds.line import Line, Socket
from arbkit.venues.feeds.options import FeedOptions
from arbkit.venues.protocol import BookEvent, FeedState, FeedStatus, GapEvent, MarketSink
from arbkit.wire import Level

__all__ = ["SocketFeed", "together"]


class SocketFeed(ABC):
    """A `MarketFeed` over websockets: it reconnects by itself for ever, and `run` ends when cancelled.

    A venue's class says where to connect, how to subscribe, and what a message means; everything else is
    here. A message that cannot be read is counted and passed over. Books reach the sink in the order in
    which they were read, stamped by `clock` right after the read.

    Args:
        symbols: the venue's own names.
        depth: levels a side to bring; what the venue does not offer is rounded up and cut.
        ws_url, rest_url: other hosts than the venue's own, without the paths behind them.
        clock: where stamps come from.
        options: times and limits.
        on_frame: called with (stamp, payload) for every frame before it is read, and with the address as a
            third argument for answers over REST; for recorders.

    Raises:
        ConfigError: when a symbol or the depth breaks its rule.
    """

    venue: str
    default_ws_url: ClassVar[str]
    default_rest_url: ClassVar[str]

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        depth: int = 15,
        ws_url: str | None = None,
        rest_url: str | None = None,
        clock: Clock = wall_clock,
        options: FeedOptions | None = None,
        on_frame: Any = None,
    ) -> None:
        self.symbols = _checked_symbols(self.venue, symbols)
        self.depth = depth
        self.ws_url = (ws_url or self.default_ws_url).rstrip("/")
        self.rest_url = (rest_url or self.default_rest_url).rstrip("/")
        self.options = options or FeedOptions()
        self.clock = clock
        self.on_frame = on_frame
        self.counters = Counters()
        self.states = {name: self._state(name) for name in self.symbols}
        self._sink: MarketSink | None = None
        self._lines: list[Line] = []
        self._gate_open = 0.0
        self._asked: dict[Line, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- what a venue says ---

    @abstractmethod
    def url_of(self, symbols: Sequence[str]) -> str:
        """Return the address to connect to for these symbols."""

    @abstractmethod
    async def subscribe(self, socket: Socket, symbols: Sequence[str]) -> None:
        """Ask for what the address does not name."""

    @abstractmethod
    def take(self, socket: Socket, payload: bytes, ts: int) -> None:
        """Read one message; raises `DataError` when it cannot be."""

    @abstractmethod
    def probe(self, line: Line, names: Sequence[str]) -> None:
        """Ask again for symbols from which nothing has come; must return at once."""

    def _state(self, name: str) -> SymbolState:
        return SymbolState(name)

    def _extra(self) -> list[Coroutine[Any, Any, None]]:
        """Return what else runs beside the lines."""
        return []

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

    def _is_dead(self, line: Line, socket: Socket, now: float) -> bool:
        """Whether a connection that answers pings brings nothing any more."""
        return now - socket.last_data > self.options.silence_s

    def _is_deaf(self, state: SymbolState, now: float) -> bool:
        """Whether a symbol gets nothing although its connection lives."""
        return False

    # --- the feed ---

    async def run(self, sink: MarketSink) -> None:
        """Bring books to the sink until cancelled.

        Raises:
            MissingDependencyError: when the packages of `arbkit[live]` are not installed.
        """
        self._sink = sink
        size = self.options.symbols_per_connection
        chunks = [self.symbols[at : at + size] for at in range(0, len(self.symbols), size)]
        self._lines = [Line(self, chunk) for chunk in chunks]
        try:
            await together(*(line.run() for line in self._lines), self._watch(), *self._extra())
        finally:
            await self._close()

    def stats(self) -> Mapping[str, Any]:
        """Return counters: messages, books, gaps, reconnects, malformed, bytes, last_ts per symbol, ..."""
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:
            now = 0.0
        return {
            "venue": self.venue,
            "connected": sum(line.socket is not None for line in self._lines),
            "connections": len(self._lines),
            **self.counters.as_dict(),
            "last_ts": {name: state.last_ts for name, state in self.states.items()},
            "symbols": {name: state.as_dict(now) for name, state in self.states.items()},
        }

    # --- what a line asks ---

    async def read(self, socket: Socket) -> None:
        """Read messages until the connection ends; those that make no sense are counted and passed over."""
        recv, clock, counters = socket.ws.recv, self.clock, self.counters
        on_frame, loop = self.on_frame, asyncio.get_running_loop()
        while True:
            payload = await recv(decode=False)
            ts = clock()
            counters.messages += 1
            counters.bytes += len(payload)
            if on_frame is not None:
                on_frame(ts, payload)
            try:
                self.take(socket, payload, ts)
            except (DataError, RecursionError) as error:
                counters.malformed += 1
                counters.last_error = str(error)[:200]
            else:
                socket.last_data = loop.time()

    async def gate(self) -> None:
        """Wait until another connection may be opened."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._gate_open)
        self._gate_open = start + self.options.connect_gap_s
        if start > now:
            await asyncio.sleep(start - now)

    def opened(self, line: Line, socket: Socket) -> None:
        """Give all symbols of a line to its new connection."""
        self.counters.connects += 1
        now = asyncio.get_running_loop().time()
        for state in self._of(line):
            state.owner, state.asked, state.seen = socket, now, state.seen or now
            state.pending.clear()
            self._begin(state)
        self._tell(FeedState.CONNECTED, detail=f"{len(line.symbols)} symbols")

    def lost(self, line: Line, reason: str, socket: Socket | None = None) -> None:
        """Void the books of a line that has no connection, or of one of its two connections."""
        if socket is None:
            self.counters.reconnects += 1
            self._tell(FeedState.DISCONNECTED, detail=reason)
        for state in self._of(line):
            if socket is None or state.owner is socket:
                state.owner = None
                self._void(state, "disconnected", reason)
                self._begin(state)

    def taken_over(self, line: Line, socket: Socket) -> None:
        """Give the symbols that have not gone over by themselves to the new connection."""
        self.counters.handovers += 1
        for state in self._of(line):
            if state.owner is not socket:
                self._go_over(state, socket)

    def failed(self, reason: str) -> None:
        """Count a connection that could not be opened."""
        self.counters.refused += 1
        self.counters.last_error = reason
        self._tell(FeedState.DISCONNECTED, detail=reason)

    # --- what a venue's class uses ---

    def _begin(self, state: SymbolState) -> None:
        """Begin the book of a symbol anew."""
        state.epoch += 1

    def _go_over(self, state: SymbolState, socket: Socket) -> None:
        """Let the messages of another connection count from here on."""
        state.owner = socket
        state.pending.clear()
        self._note_move(socket)

    def _note_move(self, socket: Socket) -> None:
        for line in self._lines:
            if line.successor is socket and all(state.owner is socket for state in self._of(line)):
                line.moved.set()

    def _is_successor(self, state: SymbolState, socket: Socket) -> bool:
        """Whether a message of a connection that does not own the symbol comes from the next one."""
        return any(line.successor is socket and state.name in line.symbols for line in self._lines)

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

    def _of(self, line: Line) -> list[SymbolState]:
        return [self.states[name] for name in line.symbols]

    async def _watch(self) -> None:
        """Look for symbols and connections that have gone quiet."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.options.check_s)
            now = loop.time()
            for line in self._lines:
                if line.socket is not None:
                    self._look_at(line, line.socket, now)

    def _look_at(self, line: Line, socket: Socket, now: float) -> None:
        if self._is_dead(line, socket, now):
            socket.give_up(f"no data for {now - socket.last_data:.1f} s")
            return
        quiet = []
        for state in self._of(line):
            if now - max(state.seen, state.asked) <= self.options.stale_s:
                continue
            if not state.stale:
                state.stale = True
                self._tell(FeedState.STALE, state.name, f"nothing for {now - state.seen:.1f} s")
            state.asked = now
            quiet.append(state.name)
        if quiet:
            self.probe(line, quiet)
        deaf = [state for state in self._of(line) if self._is_deaf(state, now)]
        if deaf:
            for state in deaf:
                state.behind, state.unanswered = False, 0
            line.renew.set()


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
