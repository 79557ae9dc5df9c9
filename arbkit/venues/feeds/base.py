"""What the feeds over websockets share: lines, who owns which symbol, staleness."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any, ClassVar

from arbkit.errors import DataError
from arbkit.venues.clock import Clock, wall_clock
from arbkit.venues.feeds.counters import SymbolState
from arbkit.venues.feeds.feed import Feed, together
from arbkit.venues.feeds.line import Line, Socket
from arbkit.venues.feeds.options import FeedOptions
from arbkit.venues.protocol import FeedState, MarketSink

__all__ = ["SocketFeed"]


class SocketFeed(Feed):
    """A feed over websockets, which reconnects by itself for ever.

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
        super().__init__(symbols, depth=depth, clock=clock, options=options, on_frame=on_frame)
        self.ws_url = (ws_url or self.default_ws_url).rstrip("/")
        self.rest_url = (rest_url or self.default_rest_url).rstrip("/")
        self._lines: list[Line] = []
        self._gate_open = 0.0
        self._asked: dict[Line, float] = {}

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

    def _connections(self) -> tuple[int, int]:
        return sum(line.socket is not None for line in self._lines), len(self._lines)

    def _extra(self) -> list[Coroutine[Any, Any, None]]:
        """Return what else runs beside the lines."""
        return []

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

    def _of(self, line: Line) -> list[SymbolState]:
        return [self.states[name] for name in line.symbols]

    async def _watch(self) -> None:
        """Look for symbols and connections that have gone quiet.

        While the process itself stood still nobody was quiet: what came meanwhile has not been read.
        """
        loop, check_s = asyncio.get_running_loop(), self.options.check_s
        while True:
            due = loop.time() + check_s
            await asyncio.sleep(check_s)
            now = loop.time()
            if now - due > check_s:
                self._pass_over(now - due, now)
            for line in self._lines:
                if line.socket is not None:
                    self._look_at(line, line.socket, now)

    def _pass_over(self, seconds: float, now: float) -> None:
        """Let so many seconds not count."""
        for line in self._lines:
            if line.socket is not None:
                line.socket.last_data = min(line.socket.last_data + seconds, now)
        for state in self.states.values():
            if state.seen:
                state.seen = min(state.seen + seconds, now)
            state.asked = min(state.asked + seconds, now)

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
