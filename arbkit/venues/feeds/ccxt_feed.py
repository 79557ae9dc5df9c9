"""Books of other venues, asked for over REST through ccxt, round after round.

One symbol after the other is asked for, each at most once at a time, as fast as `poll_s` and the venue's own
limits allow. An answer that makes no sense is counted and passed over, and delays its symbol alone. A book
is known as of its answer: one that got none for `stale_s` is a gap. A venue whose answers do not change any
more, none of them, has stalled, however well it answers: its books are gaps until one of them moves.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any, Final

from arbkit.errors import DataError
from arbkit.units import MS_NS
from arbkit.venues.clock import Clock, wall_clock
from arbkit.venues.feeds.ccxt_client import CcxtClient, Heard, base_and_quote, ccxt_name, plain_name
from arbkit.venues.feeds.counters import SymbolState
from arbkit.venues.feeds.feed import Feed, together
from arbkit.venues.feeds.http import BusyError
from arbkit.venues.feeds.options import Backoff, FeedOptions
from arbkit.venues.protocol import FeedState, MarketSink, VenueError
from arbkit.wire import Level
from arbkit.wire.symbols import contract_multiple

__all__ = ["CcxtFeed"]

_OLDER_IN_A_ROW: Final = 10
#: A venue is given up for frozen after so many times the longest pause that it has ever made.
_PAUSES: Final = 3.0


class CcxtFeed(Feed):
    """Books of one venue through ccxt; see the module.

    Args:
        venue: `ccxt:kraken` or `kraken`.
        symbols: base and quote joined, `BTCUSD`; a linear perpetual is `BTCUSDT_PERP`.
        rest_url: another host than the venue's own.
        ws_url: not used.
        others: as `Feed`.

    Raises:
        ConfigError: when ccxt knows no such venue, or a symbol breaks the rule.
        MissingDependencyError: when ccxt is not installed.
    """

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        *,
        depth: int = 15,
        rest_url: str | None = None,
        ws_url: str | None = None,
        clock: Clock = wall_clock,
        options: FeedOptions | None = None,
        on_frame: Any = None,
    ) -> None:
        ccxt_name(venue)  # raises what is wrong with it
        self.venue = plain_name(venue)
        super().__init__(symbols, depth=depth, clock=clock, options=options, on_frame=on_frame)
        self._rest_url = rest_url
        self._client = self._new_client()
        self._last: dict[str, Any] = {}
        self._backoffs = {name: self._backoff() for name in self.symbols}
        self._due = dict.fromkeys(self.symbols, 0.0)
        self._answered = False
        self._moved = 0.0
        self._longest_pause = 0.0
        self._frozen = False

    async def run(self, sink: MarketSink) -> None:
        """Bring books to the sink until cancelled.

        Raises:
            ConfigError: when the venue does not list a symbol.
        """
        self._sink = sink
        self._moved = asyncio.get_running_loop().time()
        try:
            await together(self._ask_for_ever(), self._watch())
        finally:
            await self._close()
            await self._client.close()

    def _new_client(self) -> CcxtClient:
        return CcxtClient(self.venue, self._rest_url, self.options.open_s, self.clock)

    def _backoff(self) -> Backoff:
        return Backoff(self.options.first_wait_s, self.options.longest_wait_s)

    def _state(self, name: str) -> SymbolState:
        base_and_quote(name)
        return SymbolState(name)

    def _connections(self) -> tuple[int, int]:
        return int(self._answered), 1

    # --- asking ---

    async def _ask_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        await self._learn_markets()
        asking: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for name in self.symbols:
                    task = asking.get(name)
                    if task is not None and task.done():
                        task.result()
                        task = asking.pop(name)
                    if name not in asking and loop.time() >= self._due[name]:
                        self._due[name] = loop.time() + self.options.poll_s
                        asking[name] = loop.create_task(self._ask(self.states[name]))
                nearest = min((self._due[name] for name in self.symbols if name not in asking), default=None)
                pause = None if nearest is None else max(0.0, nearest - loop.time())
                if asking:
                    await asyncio.wait(asking.values(), timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(pause or 0.0)
        finally:
            for task in asking.values():
                task.cancel()
            if asking:
                await asyncio.wait(asking.values())

    async def _learn_markets(self) -> None:
        """Read what the venue lists, trying for ever, and take the contract sizes from it."""
        backoff = self._backoff()
        while True:
            try:
                markets = await self._client.markets()
            except (VenueError, DataError) as error:
                self._failed(error)
                self._tell(FeedState.DISCONNECTED, detail=str(error))
                wait = error.wait_s if isinstance(error, BusyError) else 0.0
                await asyncio.sleep(backoff.next_s(wait))
                continue
            for name, state in self.states.items():
                if name in markets:
                    state.multiple = float(contract_multiple(str(markets[name]["base"]))[1])
            return

    async def _ask(self, state: SymbolState) -> None:
        loop = asyncio.get_running_loop()
        state.asked = loop.time()
        try:
            book, heard = await self._client.book(state.name)
            self.counters.messages += 1
            self.counters.bytes += len(heard.body)
            sides = self._sides(state, book, heard)
        except (VenueError, DataError) as error:
            self._failed(error)
            wait = error.wait_s if isinstance(error, BusyError) else 0.0
            self._due[state.name] = loop.time() + self._backoffs[state.name].next_s(wait)
            return
        if self.on_frame is not None:
            self.on_frame(heard.ts, heard.body, heard.url)
        self._backoffs[state.name].reset()
        self._take(state, book, heard, sides)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, DataError):
            self.counters.malformed += 1
        else:
            self.counters.refused += 1
        self.counters.last_error = str(error)[:200]

    # --- answers ---

    def _sides(
        self, state: SymbolState, book: dict[str, Any], heard: Heard
    ) -> tuple[list[Level], list[Level]]:
        """Return both sides, best first, in coins: contracts are multiplied by their size."""
        size = self._client.contract_size(state.name)
        try:
            bids, asks = (_levels(book[side] or (), size) for side in ("bids", "asks"))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise DataError(f"a book of {self.venue} must have bids and asks, was {book!r:.100}") from error
        if not bids and not asks:
            # Of a page in HTML, half an answer or an error with status 200, ccxt makes an empty book.
            raise DataError(f"a book of {self.venue} must have a level, the answer was {heard.body[:80]!r}")
        return sorted(bids, reverse=True), sorted(asks)

    def _take(
        self, state: SymbolState, book: dict[str, Any], heard: Heard, sides: tuple[list[Level], list[Level]]
    ) -> None:
        now = asyncio.get_running_loop().time()
        if not self._answered:
            self._answered = True
            self.counters.connects += 1
            self._tell(FeedState.CONNECTED, detail=f"{len(self.symbols)} symbols, asked for over REST")
        state.seen = now
        stamp, nonce = book.get("timestamp"), book.get("nonce")
        if self._is_older(state, nonce if nonce is not None else stamp):
            return
        depth = self.depth
        if self._last.get(state.name) != (shown := (sides[0][:depth], sides[1][:depth])):
            self._last[state.name] = shown
            self._longest_pause = max(self._longest_pause, now - self._moved)
            self._moved = now
            if self._frozen:
                self._frozen = False
                self._tell(FeedState.CONNECTED, detail="books change again")
        if not self._frozen:
            ts_event = None if stamp is None else int(stamp) * MS_NS
            self._bring(state, heard.ts, ts_event, sides, -1 if nonce is None else int(nonce))

    def _is_older(self, state: SymbolState, order: int | None) -> bool:
        """Whether a cache on the venue's side has answered with an older book than the last."""
        if order is None:
            return False
        if order >= state.last_event or state.older >= _OLDER_IN_A_ROW:
            state.last_event, state.older = int(order), 0
            return False
        state.older += 1
        self.counters.old += 1
        return True

    # --- watching ---

    async def _watch(self) -> None:
        """Look for symbols without answers, and for answers that do not change."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.options.check_s)
            now = loop.time()
            for state in self.states.values():
                if state.trusted and now - state.seen > self.options.stale_s:
                    self._give_up(state, "unanswered", f"no answer for {now - state.seen:.1f} s")
            pause = max(self.options.silence_s, _PAUSES * self._longest_pause)
            if not self._frozen and self._last and now - self._moved > pause:
                self._frozen = True
                await self._renew(f"no book has changed for {now - self._moved:.1f} s")

    def _give_up(self, state: SymbolState, reason: str, detail: str) -> None:
        self._void(state, reason, detail)
        if not state.stale:
            state.stale = True
            self._tell(FeedState.STALE, state.name, detail)

    async def _renew(self, detail: str) -> None:
        """Void all books, and go on over new connections."""
        self._tell(FeedState.DISCONNECTED, detail=detail)
        for state in self.states.values():
            self._give_up(state, "frozen", detail)
        self.counters.reconnects += 1
        await self._client.reconnect()


def _levels(side: Any, contract_size: float) -> list[Level]:
    """Return the levels of a side that have a size; venues fill up a short side with zeros."""
    levels = [(float(level[0]), float(level[1]) * contract_size) for level in side]
    for price, size in levels:
        if not (math.isfinite(price) and math.isfinite(size) and size >= 0 and (price > 0 or size == 0)):
            raise ValueError(f"no level of a book: {price} x {size}")
    return [level for level in levels if level[1] > 0]
