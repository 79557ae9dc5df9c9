"""What all venues of the practice exchange share: a server, books, and faults in the answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from math import ceil
from typing import Any, ClassVar, Final

from aiohttp import web

from arbkit.errors import ConfigError, nearest_names
from arbkit.testing._http import Answer, Call, RefusedError
from arbkit.testing.books import BookState, Change, levels
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.listings import Listing
from arbkit.testing.sockets import Socket, reset
from arbkit.testing.tape import Tape
from arbkit.units import MS_NS, SECOND_NS
from arbkit.wire.book import Level

__all__ = ["Route", "Venue"]

Handler = Callable[[Call], Awaitable[Answer]]
_HOST: Final = "127.0.0.1"
_MAINTENANCE: Final = "<html><head><title>503</title></head><body>Under maintenance.</body></html>"
_BAD_GATEWAY: Final = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
_HOUR_MS: Final = 3_600_000


class Route:
    """One path, its name for faults, and what answers it."""

    def __init__(self, method: str, path: str, endpoint: str, handler: Handler, weight: Any = 1) -> None:
        self.method = method
        self.path = path
        self.endpoint = endpoint
        self.handler = handler
        self.weight = weight


class Venue:
    """One venue: an HTTP server on a port of its own, with its websockets and books."""

    name: ClassVar[str] = ""

    def __init__(self, core: Core, listings: Iterable[Listing]) -> None:
        self.core = core
        self.listings = {item.symbol: item for item in listings}
        self.books = {symbol: BookState(symbol) for symbol in self.listings}
        self.tapes = {symbol: Tape() for symbol in self.listings}
        self.sockets: set[Socket] = set()
        self.requests: Counter[str] = Counter()
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._jumps = 0
        self._tasks: list[asyncio.Task[Any]] = []

    # What a venue says of itself

    @property
    def rest_url(self) -> str:
        """Base address of the REST interface, in place of the real one."""
        return f"http://{_HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Base address of the websockets, in place of the real one."""
        return f"ws://{_HOST}:{self.port}"

    def routes(self) -> list[Route]:
        """Return the REST routes."""
        return []

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the websocket paths."""
        return {}

    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """Return what runs as long as the venue does."""
        return []

    def admit(self, call: Call, route: Route) -> None:
        """Count a request against the limits: headers into `call.headers`, or a `RefusedError`."""

    def publish(self, book: BookState, change: Change, stamp: int) -> None:
        """Send what has changed to whoever subscribed to it."""

    def stranger(self, stamp: int) -> None:
        """Send a book of a symbol that nobody asked for."""

    def after_book(self, symbol: str) -> None:
        """Let resting orders meet a new book."""

    def fault_answer(self, switch: Switch, call: Call) -> Answer:
        """Return the venue's answer for a fault that is an error of its own kind."""
        raise NotImplementedError

    def wait_s(self, switch: Switch) -> int:
        """Return the seconds that a refusal asks to wait: until the fault ends, or its `retry_after`."""
        left = switch.left_s(self.core.clock.now_ns())
        return int(switch.options["retry_after"]) if left is None else max(1, ceil(left))

    def malformed(self, call: Call) -> Answer:
        """Return the venue's answer to members that are no numbers where they must be."""
        raise NotImplementedError

    # Time

    def now_ms(self) -> int:
        """Return the venue's time in ms, right or wrong."""
        return self.now_ns() // MS_NS

    def now_ns(self) -> int:
        """Return the venue's time in ns, right or wrong."""
        now, faults = self.core.clock.now_ns(), self.core.faults
        if (switch := faults.find("clock_offset", self.name)) is not None:
            now += round(switch.options["seconds_off"] * SECOND_NS)
        if (switch := faults.hit("clock_jumps", self.name)) is not None:
            self._jumps += 1
            off = round(switch.options["seconds_off"] * SECOND_NS)
            now += off if self._jumps % 2 else -off
        return now

    # Books

    def push_book(self, symbol: str, bids: Iterable[Any], asks: Iterable[Any]) -> None:
        """Make this the symbol's book: whoever subscribed gets it, resting orders meet it. From any thread.

        Args:
            symbol: one of `listings`.
            bids, asks: (price, size) pairs in any order; numbers or their text.

        Raises:
            ConfigError: when the symbol is not listed, or a level is not two numbers.
        """
        better, worse = levels(bids, True), levels(asks, False)
        self.core.call(lambda: self._push(self.book_of(symbol), better, worse))

    def book_of(self, symbol: str) -> BookState:
        """Return a symbol's book.

        Raises:
            ConfigError: when it is not listed (with the nearest names).
        """
        book = self.books.get(symbol)
        if book is None:
            raise ConfigError(f"{self.name} does not list `{symbol}`; {nearest_names(symbol, self.books)}")
        return book

    def show(self, book: BookState) -> None:
        """Publish a book after something was taken of it."""
        self.publish(book, book.show(), self.stamp_ms(book.symbol))

    def stamp_ms(self, symbol: str) -> int:
        """Return the time that a message about a symbol carries."""
        faults, stamp = self.core.faults, self.now_ms()
        if faults.hit("micro_timestamp", self.name, symbol=symbol):
            return stamp * 1000
        if faults.hit("old_timestamp", self.name, symbol=symbol):
            return stamp - _HOUR_MS
        return stamp

    def _push(self, book: BookState, bids: list[Level], asks: list[Level]) -> None:
        faults = self.core.faults
        if faults.hit("halt_symbol", self.name, symbol=book.symbol):
            return
        book.replace(bids, asks)
        if bids and asks:
            moment = self.core.clock.now_ns() // MS_NS
            self.tapes[book.symbol].seen(moment, (bids[0][0] + asks[0][0]) / 2)
        spoilt = self._spoilt(book.symbol, bids, asks) if faults.active() else None
        change = book.show() if spoilt is None else book.show(*spoilt)
        stamp = self.stamp_ms(book.symbol)
        self.publish(book, change, stamp)
        if faults.hit("unknown_symbol", self.name, symbol=book.symbol):
            self.stranger(stamp)
        if spoilt is None:
            self.after_book(book.symbol)

    def _spoilt(
        self, symbol: str, bids: list[Level], asks: list[Level]
    ) -> tuple[list[Level], list[Level]] | None:
        def hit(fault: str) -> bool:
            return self.core.faults.hit(fault, self.name, symbol=symbol) is not None

        if hit("crossed_book") and bids and asks:
            return [(asks[0][0] * 1.01, bids[0][1]), *bids], asks
        if hit("empty_book"):
            return [], []
        if hit("one_sided_book"):
            return bids, []
        if hit("zero_price_book"):
            return bids, [*asks[:-1], (0.0, 1.0)]
        return None

    # The server

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        app = web.Application(client_max_size=2**20)
        for route in self.routes():
            app.router.add_route(route.method, route.path, self._rest(route))
        for path, handler in self.socket_paths().items():
            app.router.add_get(path, self._shake(handler))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"{self.name} cannot listen on port {port} of {_HOST}: {error.strerror}; name another"
            ) from error
        self.port = self._runner.addresses[0][1]
        self._tasks = [asyncio.ensure_future(_quiet(job)) for job in self.background()]
        self.core.faults.watch(self._switched)

    async def stop(self) -> None:
        """Cut every connection and stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in tuple(self.sockets):
            reset(socket.request.transport)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def fault_happened(self, switch: Switch) -> None:
        """React to a fault that is an event of the account."""

    def _switched(self, switch: Switch, on: bool) -> None:
        if on and switch.venue in (None, self.name) and self.name in switch.fault.venues:
            self.core.call(lambda: self._happen(switch))

    def _happen(self, switch: Switch) -> None:
        name = switch.fault.name
        if name in ("close_sockets", "half_open", "maintenance"):
            for socket in tuple(self.sockets):
                if not switch.endpoint or switch.endpoint == socket.channel:
                    if name == "half_open":
                        socket.lie_dead()
                    else:
                        socket.close(int(switch.options.get("code", 1001)))
            switch.hits += 1
            self.core.faults.hits[self.name, name] += 1
        elif switch.fault.scope == "account":
            self.fault_happened(switch)

    def _shake(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            faults = self.core.faults
            self.requests["handshake"] += 1
            if faults.hit("maintenance", self.name):
                return web.Response(status=503, text=_MAINTENANCE, content_type="text/html")
            if (switch := faults.hit("refuse_handshake", self.name)) is not None:
                wait = str(switch.options["retry_after"])
                return web.Response(status=switch.options["status"], headers={"Retry-After": wait})
            try:
                return await handler(request)
            except RefusedError as refusal:
                return _response(refusal.answer)

        return serve

    def _rest(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            self.requests[route.endpoint] += 1
            call = Call(
                request.method,
                request.path,
                route.endpoint,
                request.raw_path.partition("?")[2],
                (await request.read()).decode("utf-8", "replace"),
                request.content_type if request.body_exists else "",
                request.headers,
            )
            return await self._answer(request, call, route)

        return serve

    async def _answer(self, request: web.Request, call: Call, route: Route) -> web.StreamResponse:
        hit = self._striker(call)
        if (early := self._early(hit, call)) is not None:
            return _response(early)
        if hit("reset_before") is not None:
            return _cut(request)
        late = next((found for name in _LATE if (found := hit(name)) is not None), None)
        if late is not None and not late.options.get("accept", True):
            return _response(self._replaced(late, call))
        answer = await self._carried_out(call, route)
        if late is not None or hit("fill_before_answer") is not None:
            _run_after(answer)
            await self._flushed()
        if (slow := hit("slow_answer")) is not None:
            _run_after(answer)
            await self.core.clock.sleep(slow.options["delay"])
        if late is None:
            return await _sent(request, answer)
        if late.fault.name == "reset_after":
            return _cut(request)
        if late.fault.name == "truncated_body":
            return await _truncated(request, answer)
        return _response(self._replaced(late, call))

    def _striker(self, call: Call) -> Callable[[str], Switch | None]:
        def hit(name: str) -> Switch | None:
            return self.core.faults.hit(name, self.name, endpoint=call.endpoint, symbol=call.symbol)

        return hit

    def _early(self, hit: Callable[[str], Switch | None], call: Call) -> Answer | None:
        """Return the answer of a fault that lets nothing be done, or None."""
        if not self.core.faults.active():
            return None
        if hit("maintenance") is not None:
            return Answer(status=503, html=_MAINTENANCE)
        for name in ("banned", "rate_limited", "unavailable_503", "overloaded", "refuse"):
            if (switch := hit(name)) is not None:
                return self.fault_answer(switch, call)
        return None

    def _replaced(self, switch: Switch, call: Call) -> Answer:
        if switch.fault.name == "html_502":
            return Answer(status=502, html=_BAD_GATEWAY)
        return self.fault_answer(switch, call)

    async def _carried_out(self, call: Call, route: Route) -> Answer:
        try:
            self.admit(call, route)
            answer = await route.handler(call)
        except RefusedError as refusal:
            answer = refusal.answer
        except (ValueError, ArithmeticError):
            answer = self.malformed(call)
        answer.headers = {**call.headers, **answer.headers}
        return answer

    async def _flushed(self) -> None:
        await asyncio.gather(*(socket.flush() for socket in tuple(self.sockets)))
        await asyncio.sleep(0.03)  # the answer takes another connection: give the event time to arrive


#: Faults that strike once the request has been carried out.
_LATE: Final = ("reset_after", "truncated_body", "unknown_503", "timeout_error", "html_502")


async def _quiet(job: Callable[[], Awaitable[None]]) -> None:
    await job()


def _run_after(answer: Answer) -> None:
    after, answer.after = answer.after, None
    if after is not None:
        after()


def _response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, body=answer.body, content_type=answer.content_type, headers=answer.headers
    )


async def _sent(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Send an answer and only then do what follows from it."""
    response = _response(answer)
    with suppress(ConnectionError):  # whoever asked may be gone
        await response.prepare(request)
        await response.write_eof()
    _run_after(answer)
    return response


def _cut(request: web.Request) -> web.StreamResponse:
    reset(request.transport)
    return web.Response(status=500)


async def _truncated(request: web.Request, answer: Answer) -> web.StreamResponse:
    body = answer.body
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type
    response.content_length = len(body)
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    transport = request.transport
    if transport is not None:
        await asyncio.sleep(0.01)
        transport.close()
    return response
