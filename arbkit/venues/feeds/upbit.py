"""Books of Upbit, and of Bithumb, whose public stream speaks the same language.

Every message is the whole book; there is no sequence number, so that a lost message cannot be seen: age is
the only measure. A book older by the venue's own stamp than the one before is left out, unless ten such come
in a row, when the venue's clock has been set back. A subscription replaces the one before, so the whole list
is sent again for a symbol that has gone quiet; the answer is a fresh book of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from arbkit.venues.feeds.base import SocketFeed
from arbkit.venues.feeds.counters import SymbolState
from arbkit.venues.feeds.line import Line, Socket
from arbkit.wire.symbols import split_upbit
from arbkit.wire.upbit import error_text, parse_messages

__all__ = ["BithumbFeed", "UpbitFeed"]

_OLDER_IN_A_ROW: Final = 10
#: At most 100 messages a minute, of which the keep-alive takes three.
_RESUBSCRIBE_GAP_S: Final = 2.0
_UNANSWERED: Final = 3


class UpbitFeed(SocketFeed):
    """Books of Upbit: `wss://api.upbit.com/websocket/v1`.

    The venue offers 1, 5, 15 or 30 levels; the next larger is asked for and cut.
    """

    venue = "upbit"
    default_ws_url = "wss://api.upbit.com"
    default_rest_url = "https://api.upbit.com"
    #: Depths to choose from, by the suffix of a code; none where the venue takes no suffix.
    offered: ClassVar[tuple[int, ...]] = (1, 5, 15, 30)

    def url_of(self, symbols: Sequence[str]) -> str:
        """Return the one address there is."""
        return f"{self.ws_url}/websocket/v1"

    async def subscribe(self, socket: Socket, symbols: Sequence[str]) -> None:
        """Ask for the whole list, which replaces the one before."""
        await socket.ws.send(self.request(symbols), text=True)

    def request(self, symbols: Sequence[str]) -> bytes:
        """Return the message that subscribes these symbols and no others."""
        units = next((size for size in self.offered if size >= self.depth), max(self.offered, default=0))
        codes = [f"{name}.{units}" if units else name for name in symbols]
        return msgspec.json.encode(
            [{"ticket": str(uuid.uuid4())}, {"type": "orderbook", "codes": codes}, {"format": "DEFAULT"}]
        )

    def take(self, socket: Socket, payload: bytes, ts: int) -> None:
        """Read one message: its books, or what the venue says of an error."""
        books = parse_messages(payload)
        if not books:
            self._other(payload)
            return
        now = asyncio.get_running_loop().time()
        for book in books:
            state = self.states.get(book.symbol)
            if state is None:
                self.counters.unknown += 1
                continue
            if state.owner is not socket:
                if not self._is_successor(state, socket):
                    continue
                self._go_over(state, socket)
            state.seen, state.unanswered = now, 0
            if book.ts_event is not None and self._is_older(state, book.ts_event):
                continue
            self._bring(state, ts, book.ts_event, (book.bids, book.asks))

    def probe(self, line: Line, names: Sequence[str]) -> None:
        """Send the whole list again: each symbol answers with its book."""
        socket = line.socket
        if socket is None:
            return
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(line, -_RESUBSCRIBE_GAP_S) < _RESUBSCRIBE_GAP_S:
            return
        self._asked[line] = now
        for name in names:
            self.states[name].unanswered += 1
        self._spawn(self._ask_again(socket, line.symbols))

    async def _ask_again(self, socket: Socket, symbols: Sequence[str]) -> None:
        # A connection that has just ended is the reader's to notice.
        with contextlib.suppress(Exception):
            await self.subscribe(socket, symbols)

    def _is_deaf(self, state: SymbolState, now: float) -> bool:
        """Whether a symbol that once had books does not answer a subscription."""
        return state.books > 0 and state.unanswered >= _UNANSWERED

    def _other(self, payload: bytes) -> None:
        if b'"error"' in payload and (text := error_text(payload)):
            self.counters.refusals += 1
            self.counters.last_error = text

    def _is_older(self, state: SymbolState, ts_event: int) -> bool:
        if ts_event >= state.last_event or state.older >= _OLDER_IN_A_ROW:
            state.last_event, state.older = ts_event, 0
            return False
        state.older += 1
        self.counters.old += 1
        return True

    def _state(self, name: str) -> SymbolState:
        split_upbit(name)
        return SymbolState(name)

    def _begin(self, state: SymbolState) -> None:
        super()._begin(state)
        state.last_event = state.older = 0


class BithumbFeed(UpbitFeed):
    """Books of Bithumb: `wss://ws-api.bithumb.com/websocket/v1`, at the one depth it sends, then cut."""

    venue = "bithumb"
    default_ws_url = "wss://ws-api.bithumb.com"
    default_rest_url = "https://api.bithumb.com"
    offered = ()
