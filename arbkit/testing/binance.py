"""Binance's public half, USD-M futures and spot: books over REST and streams that agree with each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import web

from arbkit.testing._http import Answer, Call, RefusedError, json_bytes, text_of
from arbkit.testing.binance_stream import BinanceSocket, Stream
from arbkit.testing.books import BookState, Change
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.limits import Bans, Sliding, Window
from arbkit.testing.listings import Listing
from arbkit.testing.venue import Route, Venue
from arbkit.wire.book import Level

__all__ = ["BinanceBooks", "binance_error", "pairs"]

Weight = Callable[[Call], int]
_PUBLIC: Final = ("depth", "depth5", "depth10", "depth20", "bookTicker", "trade")
#: HTTP status of a refusal by its code; all others 400.
_STATUS: Final = {
    **dict.fromkeys((-1002, -2014, -2015), 401),
    **dict.fromkeys((-1003, -1015), 429),
    **dict.fromkeys((-1000, -1001, -1006), 500),
    -1007: 408,
    -1008: 503,
}
_FUTURES: Final = ("markPrice", "forceOrder")
_INTERVALS: Final = {"": 0.25, "100ms": 0.1, "250ms": 0.25, "500ms": 0.5, "1000ms": 1.0, "1s": 1.0}


def binance_error(status: int, code: int, message: str) -> RefusedError:
    """Return Binance's error object as a refusal."""
    return RefusedError(status, {"code": code, "msg": message})


def pairs(side: Iterable[Level], most: int | None = None) -> list[list[str]]:
    """Return levels as Binance writes them: lists of two texts."""
    found = [[f"{price:.8f}", f"{size:.8f}"] for price, size in side]
    return found if most is None else found[:most]


class _Pending:
    """Changes of one book that one speed of stream has not sent yet."""

    def __init__(self, change: Change) -> None:
        self.first_id, self.previous_id, self.last_id = change.first_id, change.previous_id, change.last_id
        self.bids, self.asks = dict(change.bids), dict(change.asks)

    def add(self, change: Change) -> None:
        self.last_id = change.last_id
        self.bids.update(change.bids)
        self.asks.update(change.asks)


class BinanceBooks(Venue):
    """What USD-M and spot share.

    `conflate` gathers the changes of 100, 250 (500, 1000) ms into one event, as the real venue does; without
    it every change is an event of its own.
    """

    api: ClassVar[str] = ""
    messages_per_second: ClassVar[int] = 10
    ping_s: ClassVar[float] = 180
    pong_s: ClassVar[float] = 600
    weight_limit: ClassVar[int] = 2400
    depth_limits: ClassVar[tuple[int, ...]] = ()
    rates: ClassVar[tuple[tuple[str, str, int, int], ...]] = ()
    futures: ClassVar[bool] = True

    def __init__(self, core: Core, listings: Iterable[Listing], *, conflate: bool = False) -> None:
        super().__init__(core, listings)
        self.conflate = conflate
        self.weight = Window(core.clock, self.weight_limit, 60)
        self.bans = Bans(core.clock, patience=10, first_s=120)
        self._connects = Sliding(core.clock, 300, 300)
        self._pending: dict[tuple[str, str], _Pending] = {}
        self._best: dict[str, tuple[Any, Any]] = {}

    def routes(self) -> list[Route]:
        """Return the public routes."""
        rows: list[tuple[str, str, Callable[[Call], Awaitable[Answer]], Any]] = [
            ("time", "time", self._time, 1),
            ("ping", "ping", self._ping, 1),
            ("exchangeInfo", "exchange_info", self._exchange_info, 1 if self.futures else 20),
            ("depth", "depth", self._depth, self.depth_weight),
            ("ticker/bookTicker", "book_ticker", self._book_ticker, self.ticker_weight),
        ]
        return [Route("GET", self.api + path, name, act, weight) for path, name, act, weight in rows]

    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the timers of the conflated streams."""
        if not self.conflate:
            return []
        return [partial(self._flush_every, speed) for speed in _INTERVALS]

    def admit(self, call: Call, route: Route) -> None:
        """Count the weight: headers, 429 with Retry-After, then 418."""
        weight = route.weight(call) if callable(route.weight) else int(route.weight)
        if self.core.limits and (left := self.bans.left_s()) > 0:
            until = self.now_ms() + round(left * 1000)
            refusal = binance_error(418, -1003, f"Way too many requests; IP banned until {until}.")
            refusal.answer.headers["Retry-After"] = str(max(1, round(left)))
            raise refusal
        allowed = self.weight.use(weight)
        call.headers["X-MBX-USED-WEIGHT-1M"] = str(self.weight.used)
        if not allowed and self.core.limits:
            self.bans.refused()
            refusal = binance_error(429, -1003, f"Too many requests; current limit is {self.weight_limit}.")
            refusal.answer.headers["Retry-After"] = str(max(1, round(self.weight.ends_in_s())))
            raise refusal

    def admit_socket(self) -> None:
        """Count a connection: 300 in 5 minutes."""
        if not self._connects.use() and self.core.limits:
            raise binance_error(429, -1003, "Too many connection attempts.")

    def serves(self, stream: Stream, channel: str) -> bool:
        """Tell whether a base carries a stream; those of unknown symbols stay silent."""
        if stream.symbol and stream.symbol not in self.books:
            return False
        if not self.futures:
            return stream.kind.lstrip("!") not in _FUTURES
        return (stream.kind.lstrip("!") in _PUBLIC) == (channel == "public") and stream.interval != "1s"

    # Events

    def publish(self, book: BookState, change: Change, stamp: int) -> None:
        """Send differences, tops and best prices to whoever subscribed."""
        wanted = self._wanted(book.symbol)
        asked = {stream.speed for _, stream in wanted if stream.kind.startswith("depth")}
        for speed in _INTERVALS if self.conflate else asked:
            key = (book.symbol, speed)
            if key in self._pending:
                self._pending[key].add(change)
            else:
                self._pending[key] = _Pending(change)
            if not self.conflate:
                self._flush(book, speed, stamp, wanted)
        best = (book.bids[:1], book.asks[:1])
        if best != self._best.get(book.symbol):
            self._best[book.symbol] = best
            self._emit(wanted, "bookTicker", None, lambda: self._ticker_event(book, stamp), "book")
            self._emit(self._wanted(""), "!bookTicker", None, lambda: self._ticker_event(book, stamp), "book")

    def stranger(self, stamp: int) -> None:
        """Send a difference of ZZZZUSDT to everyone."""
        book = BookState("ZZZZUSDT")
        data = self._diff_event(book, _Pending(Change(2, 2, 1, [(1.0, 1.0)], [(1.1, 1.0)])), stamp)
        for socket in tuple(self.sockets):
            if isinstance(socket, BinanceSocket):
                socket.event("zzzzusdt@depth@100ms", data, "data", "")

    def _wanted(self, symbol: str) -> list[tuple[BinanceSocket, Stream]]:
        return [
            (socket, stream)
            for socket in tuple(self.sockets)
            if isinstance(socket, BinanceSocket)
            for stream in socket.by_symbol.get(symbol, ())
        ]

    def _emit(
        self,
        wanted: list[tuple[BinanceSocket, Stream]],
        kind: str,
        speed: str | None,
        make: Callable[[], bytes],
        what: Any,
    ) -> None:
        data: bytes | None = None
        for socket, stream in wanted:
            if stream.kind == kind and (speed is None or stream.speed == speed):
                data = make() if data is None else data
                socket.event(stream.name, data, what, stream.symbol)

    def _flush(
        self, book: BookState, speed: str, stamp: int, wanted: list[tuple[BinanceSocket, Stream]]
    ) -> None:
        pending = self._pending.pop((book.symbol, speed), None)
        if pending is None:
            return
        self._emit(wanted, "depth", speed, lambda: self._diff_event(book, pending, stamp), "book")
        for top in {stream.top for _, stream in wanted if stream.top}:
            make = partial(self._top_event, book, pending, top, stamp)
            self._emit(wanted, f"depth{top}", speed, make, "book")

    async def _flush_every(self, speed: str) -> None:
        seconds = 1.0 if speed == "" and not self.futures else _INTERVALS[speed]
        while True:
            await self.core.clock.sleep(seconds)
            for symbol, waiting in tuple(self._pending):
                if waiting == speed:
                    stamp = self.stamp_ms(symbol)
                    self._flush(self.books[symbol], speed, stamp, self._wanted(symbol))

    def _diff_event(self, book: BookState, pending: _Pending, stamp: int) -> bytes:
        event: dict[str, Any] = {"e": "depthUpdate", "E": stamp}
        if self.futures:
            event["T"] = stamp
        event |= {"s": book.symbol, "U": pending.first_id, "u": pending.last_id}
        if self.futures:
            event["pu"] = pending.previous_id
        return json_bytes(event | {"b": pairs(pending.bids.items()), "a": pairs(pending.asks.items())})

    def _top_event(self, book: BookState, pending: _Pending, top: int, stamp: int) -> bytes:
        bids, asks = pairs(book.bids, top), pairs(book.asks, top)
        if not self.futures:
            return json_bytes({"lastUpdateId": pending.last_id, "bids": bids, "asks": asks})
        event = {"e": "depthUpdate", "E": stamp, "T": stamp, "s": book.symbol, "U": pending.first_id}
        return json_bytes(event | {"u": pending.last_id, "pu": pending.previous_id, "b": bids, "a": asks})

    def _ticker_event(self, book: BookState, stamp: int) -> bytes:
        best = _best(book.bids, book.asks)
        event: dict[str, Any] = {"e": "bookTicker"} if self.futures else {}
        event |= {"u": book.update_id, "s": book.symbol, "b": best[0], "B": best[1], "a": best[2]}
        event["A"] = best[3]
        return json_bytes(event | ({"T": stamp, "E": stamp} if self.futures else {}))

    # Answers

    def listed(self, call: Call) -> str:
        """Return the symbol of a request.

        Raises:
            RefusedError: -1102 without one, -1121 when it is not listed.
        """
        symbol = call.params.get("symbol", "")
        if not symbol:
            raise binance_error(
                400,
                -1102,
                "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
            )
        if symbol not in self.books:
            raise binance_error(400, -1121, "Invalid symbol.")
        return symbol

    def malformed(self, call: Call) -> Answer:
        """Return Binance's words for a member that cannot be read."""
        return binance_error(400, -1100, "Illegal characters found in a parameter.").answer

    def fault_answer(self, switch: Switch, call: Call) -> Answer:
        """Return Binance's words for an injected error."""
        name, options = switch.fault.name, switch.options
        if name in ("rate_limited", "banned"):
            wait = self.wait_s(switch)
            until = self.now_ms() + round(wait * 1000)
            text = f"Way too many requests; IP banned until {until}."
            answer = binance_error(429 if name == "rate_limited" else 418, -1003, text).answer
            answer.headers["Retry-After"] = str(wait)
            return answer
        if name == "refuse":
            code = int(options["code"])
            return binance_error(_STATUS.get(code, 400), code, _words(code)).answer
        if name == "overloaded":
            return binance_error(503, -1008, "Server is currently overloaded with other requests.").answer
        if name == "unavailable_503":
            return RefusedError(503, {"code": 0, "msg": "Service Unavailable."}).answer
        if name == "timeout_error":
            text = "Timeout waiting for response from backend server. Send status unknown."
            return binance_error(408, -1007, text).answer
        text = "Unknown error, please check your request or try again later."
        return RefusedError(503, {"code": -1000, "msg": text}).answer

    def tick_of(self, listing: Listing) -> Decimal:
        """Return the price step of a symbol now."""
        switch = self.core.faults.find("change_ticks", self.name, symbol=listing.symbol)
        return listing.tick * Decimal(str(switch.options["factor"])) if switch is not None else listing.tick

    def status_of(self, listing: Listing) -> str:
        """Return the state of a symbol now."""
        halted = self.core.faults.find("halt_symbol", self.name, symbol=listing.symbol) is not None
        return ("SETTLING" if self.futures else "BREAK") if halted else listing.status

    def filters(self, listing: Listing) -> list[dict[str, Any]]:
        """Return the filters of a symbol."""
        size = {
            "minQty": text_of(listing.min_size),
            "maxQty": text_of(listing.max_size),
            "stepSize": text_of(listing.lot),
        }
        tick = text_of(self.tick_of(listing))
        return [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "100000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", **size},
            {"filterType": "MARKET_LOT_SIZE", **size},
        ]

    def symbol_info(self, listing: Listing) -> dict[str, Any]:
        """Return one symbol of exchangeInfo."""
        raise NotImplementedError

    def rate_limits(self) -> list[dict[str, Any]]:
        """Return the limits of exchangeInfo."""
        return [
            {"rateLimitType": kind, "interval": unit, "intervalNum": number, "limit": limit}
            for kind, unit, number, limit in self.rates
        ]

    def depth_weight(self, call: Call) -> int:
        """Return the weight of a depth request."""
        raise NotImplementedError

    def ticker_weight(self, call: Call) -> int:
        """Return the weight of a bookTicker request."""
        return 2 if "symbol" in call.params else 5 if self.futures else 4

    async def _time(self, call: Call) -> Answer:
        return Answer({"serverTime": self.now_ms()})

    async def _ping(self, call: Call) -> Answer:
        return Answer({})

    def exchange_info(self) -> dict[str, Any]:
        """Return exchangeInfo but for the symbols."""
        return {
            "timezone": "UTC",
            "serverTime": self.now_ms(),
            "rateLimits": self.rate_limits(),
            "exchangeFilters": [],
        }

    async def _exchange_info(self, call: Call) -> Answer:
        names = self.asked_symbols(call)[0]
        return Answer(
            {**self.exchange_info(), "symbols": [self.symbol_info(self.listings[n]) for n in names]}
        )

    def asked_symbols(self, call: Call) -> tuple[list[str], bool]:
        """Return the symbols of a request and whether it is about one: `symbol`, `symbols=[...]`, or all."""
        if "symbol" in call.params:
            return [self.listed(call)], True
        if "symbols" not in call.params or self.futures:
            return list(self.books), False
        try:
            names = msgspec.json.decode(call.params["symbols"], type=list[str])
        except msgspec.DecodeError as error:
            raise binance_error(400, -1100, "Illegal characters found in parameter 'symbols'.") from error
        if any(name not in self.books for name in names):
            raise binance_error(400, -1121, "Invalid symbol.")
        return names, False

    async def _depth(self, call: Call) -> Answer:
        book, limit = self.books[self.listed(call)], call.params.get("limit", "")
        default = 500 if self.futures else 100
        if limit and (not limit.isdigit() or not self._depth_allowed(int(limit))):
            raise binance_error(400, -4021, f"{limit} is not valid depth limit.")
        depth = int(limit or default)
        stale = self.core.faults.hit("stale_snapshot", self.name, endpoint="depth", symbol=book.symbol)
        shown = book.past(stale.options["updates"] if stale is not None else 0)
        stamp = self.stamp_ms(book.symbol)
        times = {"E": stamp, "T": stamp} if self.futures else {}
        sides = {"bids": pairs(shown.bids, depth), "asks": pairs(shown.asks, depth)}
        return Answer({"lastUpdateId": shown.update_id, **times, **sides})

    def _depth_allowed(self, limit: int) -> bool:
        return limit in self.depth_limits if self.depth_limits else 1 <= limit <= 5000

    def best(self, symbol: str) -> tuple[str, str, str, str]:
        """Return price and size of the best bid and the best ask, as Binance writes them."""
        book = self.books[symbol]
        return _best(book.bids, book.asks)

    async def _book_ticker(self, call: Call) -> Answer:
        names, single = self.asked_symbols(call)
        rows = []
        for name in names:
            best = self.best(name)
            row: dict[str, Any] = {"symbol": name, "bidPrice": best[0], "bidQty": best[1]}
            row |= {"askPrice": best[2], "askQty": best[3]}
            rows.append(row | ({"time": self.now_ms()} if self.futures else {}))
        return Answer(rows[0] if single else rows)

    async def serve_socket(self, request: web.Request, channel: str, *, wrapped: bool) -> web.StreamResponse:
        """Serve `/ws/...` and `/stream?streams=...`."""
        self.admit_socket()
        if wrapped:
            names = request.query.get("streams", "").split("/")
        else:
            names = request.match_info.get("streams", "").split("/")
        streams = tuple(name for name in names if name)
        return await BinanceSocket(self, request, channel, wrapped=wrapped, streams=streams).serve()


def _best(bids: Sequence[Level], asks: Sequence[Level]) -> tuple[str, str, str, str]:
    bid = bids[0] if bids else (0.0, 0.0)
    ask = asks[0] if asks else (0.0, 0.0)
    return f"{bid[0]:.8f}", f"{bid[1]:.8f}", f"{ask[0]:.8f}", f"{ask[1]:.8f}"


def _words(code: int) -> str:
    return {
        -1021: "Timestamp for this request is outside of the recvWindow.",
        -1022: "Signature for this request is not valid.",
        -1111: "Precision is over the maximum defined for this asset.",
        -1121: "Invalid symbol.",
        -2010: "Account has insufficient balance for requested action.",
        -2015: "Invalid API-key, IP, or permissions for action.",
        -2018: "Balance is insufficient.",
        -2019: "Margin is insufficient.",
        -2022: "ReduceOnly Order is rejected.",
        -2027: "Exceeded the maximum allowable position at current leverage.",
        -4061: "Order's position side does not match user's setting.",
        -4116: "ClientOrderId is duplicated.",
        -4131: "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
        -4164: "Order's notional must be no smaller than the minimum notional.",
        -4192: "Trade forbidden due to Cooling-off Period.",
    }.get(code, f"Refused with code {code}.")
