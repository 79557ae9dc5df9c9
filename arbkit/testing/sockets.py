"""One websocket of the practice exchange: a queue, a writer, and what may go wrong with either."""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
from collections import deque
from contextlib import suppress
from typing import Any, Final, Literal, Protocol

from aiohttp import WSMsgType, web

from arbkit.testing.core import Core
from arbkit.testing.limits import Sliding

__all__ = ["Host", "Kind", "Socket", "reset"]

#: What a message is, for the faults: answers to requests are never touched.
Kind = Literal["answer", "book", "data", "user"]
#: Messages that wait for a slow reader before it is cut off.
_QUEUE_LIMIT: Final = 200_000
_UNKNOWN: Final = b'"zz_new_member":{"a":[1,"b"]},"zz_flag":null,'
_JUNK: Final = b"<<< 502 upstream, not JSON >>>"


def reset(transport: asyncio.Transport | None) -> None:
    """Cut a connection so that the peer sees a reset."""
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Host(Protocol):
    """What a socket needs of its venue."""

    @property
    def name(self) -> str:
        """Its name."""

    core: Core
    sockets: set[Socket]


class Socket:
    """A connected client. Venues say what its messages mean and what keeps it alive.

    Args:
        venue: whose it is.
        request: the handshake.
        channel: `public`, `market` or `private`, for faults.
        compress: whether permessage-deflate is offered.
    """

    limits: tuple[Sliding, ...] = ()
    binary = False

    def __init__(
        self, venue: Host, request: web.Request, channel: str = "public", *, compress: bool = False
    ) -> None:
        self.venue = venue
        self.channel = channel
        self.ws = web.WebSocketResponse(
            autoping=False, autoclose=False, compress=compress, max_msg_size=2**20
        )
        self.request = request
        self.dead = False
        self.last_traffic_ns = venue.core.clock.now_ns()
        self.sent = 0
        self._queue: deque[bytes] = deque()
        self._late: dict[str, bytes] = {}
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []

    async def serve(self) -> web.WebSocketResponse:
        """Shake hands and serve until either side goes."""
        self.venue.sockets.add(self)  # what happens while hands are shaken waits in the queue
        try:
            await self.ws.prepare(self.request)
            self._tasks += [asyncio.create_task(self._write()), asyncio.create_task(self._keep())]
            await self.opened()
            await self._read()
        finally:
            self.venue.sockets.discard(self)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.gone()
        return self.ws

    async def opened(self) -> None:
        """Called once the hands are shaken."""

    def gone(self) -> None:
        """Called when the connection is over."""

    async def on_text(self, text: str) -> None:
        """Take one message of the client."""

    def on_pong(self, payload: bytes) -> None:
        """Take a pong of the client."""

    async def keep_alive(self) -> None:
        """Run beside: ping, close when idle. Returning ends nothing."""

    def error_frame(self) -> bytes:
        """Return what the venue sends when something is wrong on its side."""
        return b'{"error":{"name":"INTERNAL_ERROR","message":"internal error"}}'

    def send(self, payload: bytes, kind: Kind = "answer", symbol: str = "") -> None:
        """Queue a message; must be called on the loop."""
        if self.dead or self.ws.closed:
            return
        faults, name = self.venue.core.faults, self.venue.name
        if kind == "answer" or not (self._late or faults.active()):
            self._put(payload)
            return

        def hit(fault: str) -> bool:
            return faults.hit(fault, name, endpoint=self.channel, symbol=symbol) is not None

        if hit("stall_data"):
            return
        if hit("extra_members"):
            payload = _with_unknown(payload)
        if hit("truncated_frame"):
            payload = payload[: len(payload) // 2]
        elif hit("junk_frame"):
            payload = _JUNK
        elif hit("error_frame"):
            payload = self.error_frame()
        if kind != "book":
            self._put(payload)
            return
        if hit("drop_book"):
            return
        if symbol not in self._late and hit("reorder_book"):
            self._late[symbol] = payload
            return
        self._put(payload)
        if hit("duplicate_book"):
            self._put(payload)
        if symbol in self._late:
            self._put(self._late.pop(symbol))

    def close(self, code: int, reason: str = "") -> None:
        """Close, with a closing frame but for code 1006; must be called on the loop."""
        if code == 1006:
            reset(self.request.transport)
            return
        task = asyncio.get_running_loop().create_task(self._closing(code, reason))
        self._tasks.append(task)

    def lie_dead(self) -> None:
        """Stay connected and do nothing any more."""
        self.dead = True
        self._queue.clear()

    def touch(self) -> None:
        """Note that there was traffic."""
        self.last_traffic_ns = self.venue.core.clock.now_ns()

    def _put(self, payload: bytes) -> None:
        if len(self._queue) >= _QUEUE_LIMIT:
            self.close(1008, "too slow a reader")
            return
        self._queue.append(payload)
        self._ready.set()

    async def flush(self) -> None:
        """Wait until what is queued has been handed to the network."""
        while self._queue and not self.ws.closed and not self.dead:
            await asyncio.sleep(0)

    async def _closing(self, code: int, reason: str) -> None:
        self.ws._timeout = 0.5  # what a client may take to answer
        with suppress(ConnectionError, RuntimeError):  # gone already, or hands not shaken yet
            await self.ws.close(code=code, message=reason.encode())

    async def _write(self) -> None:
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                while self._queue:
                    payload = self._queue[0]
                    if self.binary:
                        await self.ws.send_bytes(payload)
                    else:
                        await self.ws.send_str(payload.decode("utf-8", "replace"))
                    if self._queue:
                        self._queue.popleft()
                    self.sent += 1
                    self.touch()
        except (ConnectionError, RuntimeError):
            return  # it has gone; the reader sees it too

    async def _keep(self) -> None:
        try:
            await self.keep_alive()
        except (ConnectionError, RuntimeError):
            return

    async def _read(self) -> None:
        while True:
            message = await self.ws.receive()
            if message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR):
                return
            if self.dead:
                continue
            if message.type is WSMsgType.CLOSE:
                await self.ws.close()
                return
            self.touch()
            if not self._within_limits():
                self.close(1008, "Too many requests")
                continue
            await self._take(message)

    async def _take(self, message: Any) -> None:
        if message.type is WSMsgType.PING:
            faults = self.venue.core.faults
            if faults.hit("mute_pongs", self.venue.name, endpoint=self.channel) is None:
                await self.ws.pong(message.data)
        elif message.type is WSMsgType.PONG:
            self.on_pong(bytes(message.data))
        elif message.type is WSMsgType.TEXT:
            await self.on_text(message.data)
        elif message.type is WSMsgType.BINARY:
            await self.on_text(message.data.decode("utf-8", "replace"))

    def _within_limits(self) -> bool:
        broken = [limit for limit in self.limits if not limit.use()]  # each of them counts
        return not broken or not self.venue.core.limits


def _with_unknown(payload: bytes) -> bytes:
    payload = payload.replace(b'"data":{', b'"data":{' + _UNKNOWN, 1)
    return b"{" + _UNKNOWN + payload[1:] if payload[:1] == b"{" else payload
