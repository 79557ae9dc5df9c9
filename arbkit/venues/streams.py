"""A private stream: connected for ever, and never believed to be complete.

Silence on it proves nothing, and what happened while it was away is not sent again. So after each connection
the state is read over REST and the sink is told `reconnected`, and orders are asked about whatever the stream
says.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from arbkit.venues.http import aiohttp_module
from arbkit.venues.protocol import AccountSink, Balance, VenueError

__all__ = ["Channel", "PrivateStream", "StreamOverError"]

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0
_HEARTBEAT_S: Final = 15.0
#: A connection that held this long starts the pauses anew.
_GOOD_S: Final = 30.0
_MOST_BYTES: Final = 16 * 2**20


class StreamOverError(VenueError):
    """The venue has said that nothing more will come on this connection."""


class Channel(NamedTuple):
    """How one connection is made: session, address, headers, and what is sent first.

    `keep_s` and `keep` name something to be done regularly while it is open; `lifetime_s` ends it.
    """

    session: Any
    address: str
    headers: Mapping[str, str] = {}
    greeting: str = ""
    keep_s: float = 0.0
    keep: Callable[[], Awaitable[None]] | None = None
    lifetime_s: float = 23.5 * 3600


class _Account(Protocol):
    """What a stream needs of its client."""

    venue: str

    async def balances(self) -> Mapping[str, Balance]:
        """Return what the account holds."""

    async def positions(self) -> Mapping[str, Any]:
        """Return what it is long and short."""


class PrivateStream:
    """Keeps one private connection.

    Args:
        client: whose state is read after each connection.
        open_channel: how to connect, asked anew each time.
        on_message: takes one frame and hands it to the sink; may raise `StreamOverError`.
        counts: where connections, frames and malformed frames are counted.
    """

    def __init__(
        self,
        client: _Account,
        open_channel: Callable[[], Awaitable[Channel]],
        on_message: Callable[[str | bytes, AccountSink], None],
        counts: Counter[str],
    ) -> None:
        self._client = client
        self._open_channel = open_channel
        self._on_message = on_message
        self._counts = counts

    async def run(self, sink: AccountSink) -> None:
        """Bring messages until cancelled."""
        aiohttp = aiohttp_module()
        pause = _FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            wait = 0.0
            try:
                await self._hold(await self._open_channel(), sink)
            except StreamOverError:
                self._counts["stream_over"] += 1
            except VenueError as error:
                wait = error.retry_after_s or 0.0
                self._counts["stream_refused"] += 1
            except (TimeoutError, aiohttp.ClientError, OSError):
                self._counts["stream_lost"] += 1
            if time.monotonic() - began > _GOOD_S:
                pause = _FIRST_PAUSE_S
            sink.on_account(self._client.venue, "disconnected", {})
            await asyncio.sleep(max(wait, pause * random.uniform(0.5, 1.0)))
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _hold(self, channel: Channel, sink: AccountSink) -> None:
        async with channel.session.ws_connect(
            channel.address, headers=channel.headers, heartbeat=_HEARTBEAT_S, max_msg_size=_MOST_BYTES
        ) as socket:
            self._counts["stream_connections"] += 1
            if channel.greeting:
                await socket.send_str(channel.greeting)
            # The reader runs while the state is read: what happens meanwhile must not wait in a full buffer.
            tasks = [
                asyncio.create_task(self._read(socket, sink)),
                asyncio.create_task(self._read_state(sink)),
                asyncio.create_task(self._keep(channel)),
            ]
            try:
                await self._until_one_ends(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_one_ends(self, tasks: list[asyncio.Task[None]]) -> None:
        """Return when the reader or the keeper ends; the reading of the state may end before."""
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if tasks[0].done() or tasks[2].done():
                return

    async def _read(self, socket: Any, sink: AccountSink) -> None:
        aiohttp = aiohttp_module()
        async for message in socket:
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                continue
            self._counts["stream_messages"] += 1
            try:
                self._on_message(message.data, sink)
            except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError):
                self._counts["stream_malformed"] += 1

    async def _read_state(self, sink: AccountSink) -> None:
        venue = self._client.venue
        sink.on_account(venue, "reconnected", {})
        try:
            sink.on_account(venue, "balances", {"rows": await self._client.balances()})
            sink.on_account(venue, "positions", {"rows": await self._client.positions()})
        except VenueError:
            self._counts["state_unread"] += 1

    async def _keep(self, channel: Channel) -> None:
        """Do what keeps the connection alive, and end it when its life is over."""
        ends = time.monotonic() + channel.lifetime_s
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(left, channel.keep_s or left))
            if channel.keep is not None and time.monotonic() < ends:
                await channel.keep()
