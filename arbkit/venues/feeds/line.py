"""One connection kept alive for ever: opened, watched, opened again, replaced before the venue ends it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from arbkit.errors import MissingDependencyError
from arbkit.venues.feeds.options import Backoff, FeedOptions

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

__all__ = ["Line", "LineOwner", "Socket", "is_loopback"]

_FRAME_LIMIT = 16 * 2**20
_QUEUED_FRAMES = 1024


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine, where no proxy is wanted."""
    return (urlsplit(url).hostname or "") in ("localhost", "127.0.0.1", "::1")


class Socket:
    """One open connection and the task that reads it."""

    def __init__(self, ws: ClientConnection, opened: float) -> None:
        self.ws = ws
        self.opened = opened
        self.last_data = opened
        self.reason = ""
        self.reader: asyncio.Task[None] | None = None

    def give_up(self, reason: str) -> None:
        """End the connection; the line opens another one."""
        self.reason = self.reason or reason
        if self.reader is not None:
            self.reader.cancel()

    async def close(self) -> None:
        """Stop reading and close."""
        if self.reader is not None:
            self.reader.cancel()
            await asyncio.wait([self.reader])
        with contextlib.suppress(Exception):
            await self.ws.close()


class LineOwner(Protocol):
    """What a line asks of its feed."""

    options: FeedOptions

    def url_of(self, symbols: Sequence[str]) -> str:
        """Return the address to connect to."""

    async def subscribe(self, socket: Socket, symbols: Sequence[str]) -> None:
        """Ask for the symbols that the address does not name."""

    async def read(self, socket: Socket) -> None:
        """Read messages until the connection ends."""

    async def gate(self) -> None:
        """Wait until another connection may be opened."""

    def opened(self, line: Line, socket: Socket) -> None:
        """Take note of a connection that is the only one of its line."""

    def lost(self, line: Line, reason: str, socket: Socket | None = None) -> None:
        """Take note that the symbols (of one connection) have none."""

    def taken_over(self, line: Line, socket: Socket) -> None:
        """Give everything to the new connection."""

    def failed(self, reason: str) -> None:
        """Take note of a connection that could not be opened."""


class Line:
    """The symbols that share a connection, and the connection they have now."""

    def __init__(self, owner: LineOwner, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self.socket: Socket | None = None
        self.successor: Socket | None = None
        #: Set when every symbol has gone over to the successor.
        self.moved = asyncio.Event()
        #: Set to ask for a new connection before its time.
        self.renew = asyncio.Event()
        self._owner = owner
        options = owner.options
        self._options = options
        self._backoff = Backoff(options.first_wait_s, options.longest_wait_s)

    async def run(self) -> None:
        """Keep the line connected until cancelled."""
        try:
            while True:
                self.socket = await self._opened()
                self._owner.opened(self, self.socket)
                self._start(self.socket)
                reason = await self._serve()
                self._owner.lost(self, reason)
        finally:
            await self._close_all()

    async def _close_all(self) -> None:
        for socket in (self.socket, self.successor):
            if socket is not None:
                await socket.close()
        self.socket = self.successor = None

    def _start(self, socket: Socket) -> None:
        socket.reader = asyncio.get_running_loop().create_task(self._owner.read(socket))

    async def _opened(self) -> Socket:
        """Open a connection, trying for ever."""
        while True:
            try:
                return await self._open_once()
            except _network_errors() as error:
                self._owner.failed(_reason_of(error))
                wait = self._backoff.next_s(_retry_after(error))
            await asyncio.sleep(wait)

    async def _open_once(self) -> Socket:
        websockets = _websockets()
        await self._owner.gate()
        url = self._owner.url_of(self.symbols)
        options = self._options
        ws = await websockets.connect(
            url,
            compression=None,
            proxy=None if is_loopback(url) else True,
            open_timeout=options.open_s,
            ping_interval=options.ping_s,
            ping_timeout=options.ping_timeout_s,
            close_timeout=1.0,
            max_size=_FRAME_LIMIT,
            max_queue=_QUEUED_FRAMES,
        )
        socket = Socket(ws, asyncio.get_running_loop().time())
        try:
            await self._owner.subscribe(socket, self.symbols)
        except BaseException:
            await socket.close()
            raise
        return socket

    async def _serve(self) -> str:
        """Stay with one connection after another; return why there is none any more."""
        while True:
            socket = self.socket
            assert socket is not None
            assert socket.reader is not None
            await self._until_old(socket)
            if socket.reader.done() or not await self._replaced(socket):
                return await self._ended(socket)

    async def _until_old(self, socket: Socket) -> None:
        """Wait until a connection has ended, or another one is wanted in its place."""
        assert socket.reader is not None
        life = self._options.life_s
        left = life - (asyncio.get_running_loop().time() - socket.opened) if life else None
        self.renew.clear()
        renewing = asyncio.create_task(self.renew.wait())
        try:
            await asyncio.wait([socket.reader, renewing], timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            renewing.cancel()

    async def _ended(self, socket: Socket) -> str:
        """Close what is left of a connection; an error that is not the network's is raised."""
        reader = socket.reader
        assert reader is not None
        self.socket = None
        if asyncio.get_running_loop().time() - socket.opened >= self._options.settled_s:
            self._backoff.reset()
        await socket.close()
        if reader.cancelled():
            return socket.reason or "closed"
        error = reader.exception()
        if error is not None and not isinstance(error, _network_errors()):
            raise error
        # The venue has ended it: wait a little, or every client of a restarting server would rush back.
        await asyncio.sleep(self._backoff.next_s() if error is not None else 0)
        return "closed" if error is None else _reason_of(error)

    async def _replaced(self, old: Socket) -> bool:
        """Open a second connection and go over to it; False when the old one ended before there was one."""
        assert old.reader is not None
        opening = asyncio.create_task(self._open_successor())
        try:
            await asyncio.wait([old.reader, opening], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not opening.done():
                opening.cancel()
                await asyncio.wait([opening])
        if opening.cancelled():
            return False
        opening.result()
        return await self._handed_over(old)

    async def _open_successor(self) -> None:
        new = await self._opened()
        self.moved.clear()
        self.successor = new
        self._start(new)

    async def _handed_over(self, old: Socket) -> bool:
        """Wait until every symbol has gone over, or as long as both are kept; close one of them."""
        new = self.successor
        assert new is not None
        assert new.reader is not None
        assert old.reader is not None
        moved = asyncio.create_task(self.moved.wait())
        try:
            await asyncio.wait(
                [old.reader, new.reader, moved],
                timeout=self._options.handover_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            moved.cancel()
        if new.reader.done() and not old.reader.done():
            self.successor = None
            await self._ended_early(new)
            return True
        if old.reader.done():
            self._owner.lost(self, _ending(old), old)  # raises what is not the network's
        self._owner.taken_over(self, new)
        self.socket, self.successor = new, None
        await old.close()
        return True

    async def _ended_early(self, new: Socket) -> None:
        """A successor that ended at once: the old connection goes on, and another is tried later."""
        reader = new.reader
        assert reader is not None
        await new.close()
        error = None if reader.cancelled() else reader.exception()
        if error is not None and not isinstance(error, _network_errors()):
            raise error
        await asyncio.sleep(self._backoff.next_s())


def _ending(socket: Socket) -> str:
    reader = socket.reader
    assert reader is not None
    if reader.cancelled() or reader.exception() is None:
        return socket.reason or "closed"
    error = reader.exception()
    assert error is not None
    if not isinstance(error, _network_errors()):
        raise error
    return _reason_of(error)


def _websockets() -> Any:
    try:
        import websockets
        import websockets.asyncio.client
    except ImportError as error:
        raise MissingDependencyError(
            "live market data need the package websockets; install arbkit[live]"
        ) from error
    return websockets.asyncio.client


def _network_errors() -> tuple[type[Exception], ...]:
    from websockets.exceptions import WebSocketException

    return (WebSocketException, OSError, EOFError, TimeoutError)


def _reason_of(error: BaseException) -> str:
    """Say in a few words what ended a connection."""
    close = getattr(error, "rcvd", None) or getattr(error, "sent", None)
    if close is not None:
        return f"closed {close.code} {close.reason}".strip()
    response = getattr(error, "response", None)
    if response is not None:
        return f"refused with HTTP {response.status_code}"
    return f"{type(error).__name__}: {error}".strip(": ")


def _retry_after(error: BaseException) -> float:
    """Return the seconds that a refused handshake asks to wait."""
    response = getattr(error, "response", None)
    text = response.headers.get("Retry-After", "") if response is not None else ""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return min(seconds, 600.0) if math.isfinite(seconds) else 0.0
