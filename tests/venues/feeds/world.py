"""Two tiny venues on loopback that do what a test tells them, and a sink that keeps what a feed brings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from arbkit.venues import BookEvent, FeedState, FeedStatus, GapEvent
from arbkit.venues.feeds import FeedOptions

#: Patience scaled down to a test's.
QUICK = FeedOptions(
    ping_s=5.0,
    ping_timeout_s=5.0,
    stale_s=5.0,
    silence_s=5.0,
    life_s=0.0,
    handover_s=1.0,
    first_wait_s=0.01,
    longest_wait_s=0.05,
    connect_gap_s=0.0,
    snapshot_wait_s=0.01,
    check_s=0.01,
)


class Kept:
    """A sink that keeps everything and lets a test wait for something."""

    def __init__(self) -> None:
        self.books: list[BookEvent] = []
        self.gaps: list[GapEvent] = []
        self.statuses: list[FeedStatus] = []
        self._news = asyncio.Event()

    def on_book(self, event: BookEvent) -> None:
        self.books.append(event)
        self._news.set()

    def on_gap(self, event: GapEvent) -> None:
        self.gaps.append(event)
        self._news.set()

    def on_status(self, event: FeedStatus) -> None:
        self.statuses.append(event)
        self._news.set()

    def of(self, symbol: str) -> list[BookEvent]:
        return [book for book in self.books if book.symbol == symbol]

    def states(self, symbol: str = "") -> list[FeedState]:
        return [status.state for status in self.statuses if status.symbol == symbol]

    async def until(self, true: Callable[[], Any], most_s: float = 100.0) -> None:
        """Wait until it is true, looking whenever something new has come."""
        async with asyncio.timeout(most_s):
            while not true():
                self._news.clear()
                try:
                    await asyncio.wait_for(self._news.wait(), 0.02)
                except TimeoutError:
                    continue


class Venue:
    """An HTTP and websocket server; a subclass says what its requests mean."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.requests: list[Any] = []
        self.connects = 0
        self.refuse_connect: list[web.Response] = []
        self.mute_pongs = False
        self.stalled = False
        self.port = 0
        self.app = web.Application()

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def on_socket(self, request: web.Request) -> web.StreamResponse:
        self.connects += 1
        if self.refuse_connect:
            return self.refuse_connect.pop(0)
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        self.sockets.append(ws)
        try:
            await self.joined(ws, request)
            async for message in ws:
                if message.type is WSMsgType.PING and not self.mute_pongs:
                    await ws.pong(message.data)
                elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self.requests.append(json.loads(message.data))
                    await self.asked(ws, self.requests[-1])
        finally:
            self.sockets.remove(ws)
        return ws

    async def joined(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        """A client has connected."""

    async def asked(self, ws: web.WebSocketResponse, request: Any) -> None:
        """A client has sent a request."""

    async def drop(self) -> None:
        """Close every connection from this side."""
        for ws in list(self.sockets):
            await ws.close(code=WSCloseCode.GOING_AWAY)

    async def send(self, payload: str | bytes) -> None:
        """Send a frame to everyone."""
        for ws in list(self.sockets):
            await (ws.send_bytes(payload) if isinstance(payload, bytes) else ws.send_str(payload))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Any]:
        runner = web.AppRunner(self.app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()


class TinyUpbit(Venue):
    """Sends the book of each code that is asked for, and what a test pushes."""

    def __init__(self) -> None:
        super().__init__()
        self.app.router.add_get("/websocket/v1", self.on_socket)
        self.stamp = 1_746_601_573_000
        self.deaf: set[str] = set()

    def book(self, code: str, bid: float, ask: float, **other: Any) -> str:
        self.stamp += 1
        unit = {"ask_price": ask, "bid_price": bid, "ask_size": 2, "bid_size": 1}
        message = {"type": "orderbook", "code": code, "timestamp": self.stamp, "orderbook_units": [unit]}
        return json.dumps({**message, "level": 0, **other})

    async def asked(self, ws: web.WebSocketResponse, request: Any) -> None:
        for code in request[1]["codes"] if not self.stalled else ():
            name = code.partition(".")[0]
            if name not in self.deaf:
                await ws.send_bytes(self.book(name, 100, 101, stream_type="SNAPSHOT").encode())


class TinyBinance(Venue):
    """Keeps one book per symbol: `move` changes it, tells everyone, and REST shows it."""

    def __init__(self, *, spot: bool = False, symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")) -> None:
        super().__init__()
        self.spot = spot
        self.ids = dict.fromkeys(symbols, 100)
        self.bids = {symbol: {99.0: 1.0} for symbol in symbols}
        self.streams: list[str] = []
        self.deaf: set[str] = set()
        self.answers: list[web.Response] = []
        self.asked_for: list[str] = []
        self.app.router.add_get("/stream" if spot else "/public/stream", self.on_socket)
        self.app.router.add_get("/api/v3/depth" if spot else "/fapi/v1/depth", self.on_depth)

    async def joined(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.streams = request.query["streams"].split("/")

    async def on_depth(self, request: web.Request) -> web.Response:
        symbol = request.query["symbol"]
        self.asked_for.append(symbol)
        if self.answers:
            return self.answers.pop(0)
        return web.Response(text=self.snapshot(symbol))

    def snapshot(self, symbol: str, last_id: int | None = None) -> str:
        bids = [[str(price), str(size)] for price, size in self.bids[symbol].items()]
        return json.dumps({"lastUpdateId": last_id or self.ids[symbol], "bids": bids, "asks": [["101", "3"]]})

    def change(self, symbol: str, price: float, size: float) -> str:
        """Change the book; return the difference that tells it."""
        before = self.ids[symbol]
        self.ids[symbol] = before + 2
        self.bids[symbol] = {**self.bids[symbol], price: size}
        event = {"e": "depthUpdate", "E": 1_626_992_741_037, "s": symbol, "U": before + 1, "u": before + 2}
        event |= {"b": [[str(price), str(size)]], "a": [], "ps": "new"}
        if not self.spot:
            event["pu"] = before
        return json.dumps({"stream": f"{symbol.lower()}@depth@100ms", "data": event})

    async def move(self, symbol: str, price: float, size: float) -> None:
        message = self.change(symbol, price, size)
        if symbol not in self.deaf:
            await self.send(message)


async def played(feed: Any, play: Callable[[Kept], Any]) -> Kept:
    """Run a feed while a coroutine plays with its venue, then end it."""
    kept = Kept()
    running = asyncio.create_task(feed.run(kept))
    playing = asyncio.create_task(play(kept))
    try:
        done, _ = await asyncio.wait([running, playing], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        assert not running.done(), "a feed ends only when it is cancelled"
    finally:
        for task in (running, playing):
            task.cancel()
        await asyncio.wait([running, playing])
    return kept
