"""Books of Binance, USD-M futures and spot, from differences and a snapshot or from the top levels.

In mode "diffs" each symbol has a `BookBuilder`: differences wait until the snapshot is there, follow it by
the update-id rule, and a break in the ids voids this symbol alone until another snapshot is there. In mode
"partial" every message is the whole top of the book. When a connection is replaced, a symbol goes over once
the new connection's differences link to the book kept from the old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from arbkit.errors import ConfigError, DataError, nearest_names
from arbkit.units import MS_NS
from arbkit.venues.feeds.base import SocketFeed
from arbkit.venues.feeds.counters import SymbolState
from arbkit.venues.feeds.http import BusyError, PublicRest, WeightBudget
from arbkit.venues.feeds.line import Line, Socket
from arbkit.venues.feeds.options import Backoff
from arbkit.venues.protocol import VenueError
from arbkit.wire import BookBuilder, DepthSnapshot, DepthUpdate, Outcome, WholeBook
from arbkit.wire.binance import parse_message, parse_snapshot
from arbkit.wire.book import Rule
from arbkit.wire.symbols import contract_multiple, split_binance

__all__ = ["BinanceFeed", "BinanceSpotFeed", "BinanceUsdmFeed"]

_MODES: Final = ("diffs", "partial")
_PARTIAL_DEPTHS: Final = (5, 10, 20)
#: Streams in the address; the others are subscribed in messages of so many, with a pause between them.
_IN_ADDRESS: Final = 50
_PER_MESSAGE: Final = 50
_MESSAGE_GAP_S: Final = 0.3
#: Levels a side beyond which far ones are forgotten, and how many stay.
_TRIM_ABOVE: Final = 4_000
_TRIM_TO: Final = 2_000
_PENDING_LIMIT: Final = 5_000


class BinanceFeed(SocketFeed):
    """What the two Binance markets share; see the module.

    Args:
        mode: "diffs" or "partial" (at most 20 levels).
        snapshot_limit: levels of a snapshot.
        budget: weight for snapshots.
        others: as `SocketFeed`.

    Raises:
        ConfigError: when a symbol, the depth or the mode breaks its rule.
    """

    rule: ClassVar[Rule]
    depth_path: ClassVar[str]
    stream_path: ClassVar[str]
    #: (levels up to, weight of a snapshot).
    weights: ClassVar[tuple[tuple[int, int], ...]]
    weight_per_minute: ClassVar[float]
    _running = False

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        mode: str = "diffs",
        snapshot_limit: int = 1000,
        budget: WeightBudget | None = None,
        **others: Any,
    ) -> None:
        if mode not in _MODES:
            raise ConfigError(f"`mode` must be diffs or partial, was {mode!r}; {nearest_names(mode, _MODES)}")
        self.mode = mode
        self.snapshot_limit = snapshot_limit
        super().__init__(symbols, **others)
        if mode == "partial" and self.depth > _PARTIAL_DEPTHS[-1]:
            raise ConfigError(
                f"`depth` must be at most {_PARTIAL_DEPTHS[-1]} in mode partial, was {self.depth}; "
                "use mode diffs"
            )
        self._rest = PublicRest(
            self.rest_url, budget or WeightBudget(self.weight_per_minute), self.options.open_s
        )

    # --- subscription ---

    def stream_of(self, symbol: str) -> str:
        """Return the name of a symbol's stream."""
        if self.mode == "diffs":
            return f"{symbol.lower()}@depth@100ms"
        levels = next(size for size in _PARTIAL_DEPTHS if size >= self.depth)
        return f"{symbol.lower()}@depth{levels}@100ms"

    def url_of(self, symbols: Sequence[str]) -> str:
        """Return the address with the first streams in it."""
        streams = "/".join(self.stream_of(name) for name in symbols[:_IN_ADDRESS])
        return f"{self.ws_url}{self.stream_path}?streams={streams}"

    async def subscribe(self, socket: Socket, symbols: Sequence[str]) -> None:
        """Ask for the streams that the address does not name, slowly enough."""
        rest = symbols[_IN_ADDRESS:]
        for number, at in enumerate(range(0, len(rest), _PER_MESSAGE), start=1):
            params = [self.stream_of(name) for name in rest[at : at + _PER_MESSAGE]]
            request = {"method": "SUBSCRIBE", "params": params, "id": number}
            await socket.ws.send(msgspec.json.encode(request), text=True)
            await asyncio.sleep(_MESSAGE_GAP_S)

    def opened(self, line: Line, socket: Socket) -> None:
        """Begin every book, and ask for those of which no update comes."""
        super().opened(line, socket)
        if self.mode == "diffs":
            self._spawn(self._first_snapshots(line, socket))

    async def _first_snapshots(self, line: Line, socket: Socket) -> None:
        await asyncio.sleep(self.options.snapshot_wait_s)
        for state in self._of(line):
            if state.owner is socket and not state.trusted:
                self._fetch(state)

    # --- messages ---

    def take(self, socket: Socket, payload: bytes, ts: int) -> None:
        """Read one message: a difference, the top of a book, or an answer."""
        message = parse_message(payload)
        if not isinstance(message, DepthUpdate | WholeBook):
            self._other(payload)
            return
        state = self.states.get(message.symbol)
        if state is None:
            self.counters.unknown += 1
            return
        mine = state.owner is socket
        if not mine and not self._is_successor(state, socket):
            return
        state.seen = asyncio.get_running_loop().time()
        state.behind, state.unanswered = False, 0
        if isinstance(message, DepthUpdate):
            self._difference(state, message, ts, socket, mine)
            return
        if not mine:
            self._go_over(state, socket)
        if message.sequence >= state.last_event or message.sequence < 0:
            state.last_event = message.sequence
            self._bring(state, ts, message.ts_event, (message.bids, message.asks), message.sequence)
        else:
            self.counters.old += 1

    def _difference(
        self, state: SymbolState, update: DepthUpdate, ts: int, socket: Socket, mine: bool
    ) -> None:
        if mine:
            self._apply(state, update, ts)
            if state.pending:
                self._link(state)
            return
        state.pending.append((update, ts))
        if len(state.pending) > _PENDING_LIMIT:
            state.pending.popleft()
        self._link(state, socket)

    def _link(self, state: SymbolState, socket: Socket | None = None) -> None:
        """Go over to the next connection where its differences continue the book that is kept."""
        builder = state.builder
        assert builder is not None
        first = state.pending[0][0]
        if builder.trusted and not builder.continues(first):
            return
        new = socket or self._next_socket(state)
        if new is None:
            return
        waiting = list(state.pending)
        self._go_over(state, new)
        for update, ts in waiting:
            self._apply(state, update, ts)

    def _next_socket(self, state: SymbolState) -> Socket | None:
        return next((line.successor for line in self._lines if state.name in line.symbols), None)

    def _apply(self, state: SymbolState, update: DepthUpdate, ts: int) -> None:
        builder = state.builder
        assert builder is not None
        outcome = builder.on_update(update)
        if outcome is Outcome.APPLIED:
            self._bring_built(state, builder, ts, update.event_ms)
        elif outcome is Outcome.GAP:
            gap = builder.last_gap
            detail = f"expected {gap.expected_id}, came {gap.received_id}" if gap is not None else ""
            self._void(state, "sequence", detail)
            self._fetch(state)
        elif outcome is Outcome.BUFFERED:
            self._fetch(state)

    def _bring_built(self, state: SymbolState, builder: BookBuilder, ts: int, event_ms: int | None) -> None:
        book, depth = builder.book, self.depth
        ts_event = None if event_ms is None else event_ms * MS_NS
        self._bring(state, ts, ts_event, (book.bids(depth), book.asks(depth)), builder.last_id)
        if not state.books & 1023 and max(book.depth()) > _TRIM_ABOVE:
            book.trim(_TRIM_TO)

    def _other(self, payload: bytes) -> None:
        if b'"error"' in payload:
            self.counters.refusals += 1
            self.counters.last_error = payload[:200].decode("utf-8", "replace")

    # --- snapshots ---

    def probe(self, line: Line, names: Sequence[str]) -> None:
        """Fetch the books of symbols from which nothing comes: they are quiet, or their stream is dead."""
        for name in names:
            self._fetch(self.states[name], probing=True)

    def _fetch(self, state: SymbolState, *, probing: bool = False) -> None:
        if state.fetching or (self.mode == "partial" and not probing):
            return
        state.fetching = True
        self._spawn(self._fetch_until_whole(state, state.epoch, probing))

    async def _fetch_until_whole(self, state: SymbolState, epoch: int, probing: bool) -> None:
        """Fetch a snapshot until the book is whole; another symbol's failures do not matter here."""
        backoff = Backoff(self.options.first_wait_s / 2, self.options.longest_wait_s)
        try:
            while state.epoch == epoch:
                wait = 0.0
                try:
                    snapshot = await self.snapshot(state.name)
                except BusyError as error:
                    wait = error.wait_s
                    self._failed_snapshot(str(error))
                except (VenueError, DataError) as error:
                    self._failed_snapshot(str(error))
                else:
                    if state.epoch != epoch or self._snapshot_fits(state, snapshot, probing):
                        return
                if probing:
                    state.unanswered += 1
                    return
                await asyncio.sleep(backoff.next_s(wait))
        finally:
            state.fetching = False
            # A connection may have been lost and found meanwhile: its book still wants a snapshot.
            if state.epoch != epoch and state.builder is not None and not state.builder.trusted:
                self._fetch_later(state)

    def _fetch_later(self, state: SymbolState) -> None:
        if state.owner is not None and not asyncio.get_running_loop().is_closed():
            asyncio.get_running_loop().call_soon(self._fetch_if_wanted, state)

    def _fetch_if_wanted(self, state: SymbolState) -> None:
        if self._running and state.builder is not None and not state.builder.trusted:
            self._fetch(state)

    async def snapshot(self, symbol: str) -> DepthSnapshot:
        """Fetch one book over REST.

        Raises:
            VenueError: when the venue does not answer with one.
            DataError: when the answer cannot be read.
        """
        weight = next(weight for levels, weight in self.weights if self.snapshot_limit <= levels)
        params = {"symbol": symbol, "limit": self.snapshot_limit}
        body = await self._rest.get(self.depth_path, params, weight)
        self.counters.snapshots += 1
        if self.on_frame is not None:
            query = "&".join(f"{name}={value}" for name, value in params.items())
            self.on_frame(self.clock(), body, f"{self.rest_url}{self.depth_path}?{query}")
        return parse_snapshot(body)

    def _failed_snapshot(self, reason: str) -> None:
        self.counters.snapshot_failures += 1
        self.counters.last_error = reason[:200]

    def _snapshot_fits(self, state: SymbolState, snapshot: DepthSnapshot, probing: bool) -> bool:
        """Take a snapshot; True when the book is whole."""
        ts = self.clock()
        builder = state.builder
        if builder is None:
            return self._whole_top(state, snapshot, ts)
        if builder.trusted and snapshot.last_id <= builder.last_id:
            if probing and snapshot.last_id == builder.last_id:
                self._bring_built(state, builder, ts, snapshot.event_ms)
            return True
        state.behind = probing and builder.trusted
        outcome = builder.on_snapshot(snapshot)
        if outcome is Outcome.APPLIED:
            self._bring_built(state, builder, ts, snapshot.event_ms)
            return True
        if outcome is Outcome.GAP:
            self._void(state, "sequence", "in the updates kept")
        return outcome is Outcome.STALE

    def _whole_top(self, state: SymbolState, snapshot: DepthSnapshot, ts: int) -> bool:
        if snapshot.last_id >= state.last_event:
            state.behind, state.last_event = 0 < state.last_event < snapshot.last_id, snapshot.last_id
            ts_event = None if snapshot.event_ms is None else snapshot.event_ms * MS_NS
            self._bring(state, ts, ts_event, (snapshot.bids, snapshot.asks), snapshot.last_id)
        return True

    # --- the feed ---

    async def run(self, sink: Any) -> None:
        """Bring books to the sink until cancelled."""
        self._running = True
        try:
            await super().run(sink)
        finally:
            self._running = False

    async def _close(self) -> None:
        self._running = False
        await super()._close()
        await self._rest.close()

    def _state(self, name: str) -> SymbolState:
        if name != name.upper():
            raise ConfigError(f"a symbol of {self.venue} must be in capitals, such as BTCUSDT, was {name!r}")
        _, multiple = contract_multiple(split_binance(name)[0])
        return SymbolState(name, float(multiple))

    def _begin(self, state: SymbolState) -> None:
        super()._begin(state)
        state.last_event = 0
        if self.mode == "diffs":
            state.builder = BookBuilder(self.rule)

    def _is_dead(self, line: Line, socket: Socket, now: float) -> bool:
        """A quiet connection is dead when the market is known to have moved, or nothing answers."""
        quiet = now - socket.last_data
        if quiet <= self.options.silence_s:
            return False
        suspicious = any(state.behind or state.unanswered for state in self._of(line))
        return suspicious or quiet > 10 * self.options.silence_s

    def _is_deaf(self, state: SymbolState, now: float) -> bool:
        """Whether the market of a symbol moves while its stream is silent."""
        return state.behind and state.seen < state.asked < now - self.options.check_s


class BinanceUsdmFeed(BinanceFeed):
    """Books of Binance USD-M futures."""

    venue = "binance_usdm"
    default_ws_url = "wss://fstream.binance.com"
    default_rest_url = "https://fapi.binance.com"
    rule = "futures"
    depth_path = "/fapi/v1/depth"
    stream_path = "/public/stream"
    weights = ((50, 2), (100, 5), (500, 10), (1000, 20))
    weight_per_minute = 1200.0


class BinanceSpotFeed(BinanceFeed):
    """Books of Binance spot."""

    venue = "binance_spot"
    default_ws_url = "wss://stream.binance.com:9443"
    default_rest_url = "https://api.binance.com"
    rule = "spot"
    depth_path = "/api/v3/depth"
    stream_path = "/stream"
    weights = ((100, 5), (500, 25), (1000, 50), (5000, 250))
    weight_per_minute = 3000.0
