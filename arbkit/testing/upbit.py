"""Upbit's public half: markets, books, tickers over REST and websocket; Bithumb speaks the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, ClassVar, Final

from aiohttp import web

from arbkit.testing._http import Answer, Call, RefusedError, text_of
from arbkit.testing._upbit_json import book_message, number, units
from arbkit.testing.books import BookState, Change
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.limits import Bans, Sliding, Window
from arbkit.testing.upbit_stream import UpbitSocket, encode
from arbkit.testing.venue import Route, Venue

__all__ = ["Bithumb", "UpbitBooks"]

_PER_SECOND: Final = {
    "market": 10,
    "orderbook": 10,
    "ticker": 10,
    "trade": 10,
    "candle": 10,
    "default": 30,
    "order": 12,
    "order-test": 8,
}
#: What a fault's refusal is called when the caller does not say.
_REFUSED: Final = "create_bid_error"


def upbit_error(status: int, name: str | int, message: str = "") -> RefusedError:
    """Return Upbit's error object as a refusal."""
    return RefusedError(
        status, {"error": {"name": name, "message": message or f"요청이 거부되었습니다: {name}"}}
    )


class UpbitBooks(Venue):
    """The public half; `ws_path` and the routes' prefix are those of the real venue."""

    name = "upbit"
    prefix: ClassVar[str] = "/v1"
    ws_path: ClassVar[str] = "/websocket/v1"

    def __init__(self, core: Core, listings: Any) -> None:
        super().__init__(core, listings)
        self._groups = {name: Window(core.clock, limit, 1) for name, limit in _PER_SECOND.items()}
        self._groups["order-cancel-all"] = Window(core.clock, 1, 2)
        self._connects = Sliding(core.clock, 5, 1)
        self._origins = Sliding(core.clock, 1, 10)
        self.bans = Bans(core.clock, patience=10, first_s=10)

    def routes(self) -> list[Route]:
        """Return the quotation routes; the weight is the limit group."""
        rows: list[tuple[str, str, Callable[[Call], Awaitable[Answer]], str]] = [
            ("/market/all", "markets", self._markets, "market"),
            ("/orderbook", "depth", self._orderbook, "orderbook"),
            ("/orderbook/instruments", "instruments", self._instruments, "orderbook"),
            ("/ticker", "ticker", self._ticker, "ticker"),
            ("/ticker/all", "ticker", self._ticker_all, "ticker"),
            ("/trades/ticks", "trades", self._trades, "trade"),
        ]
        return [Route("GET", self.prefix + path, name, act, group) for path, name, act, group in rows]

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the websocket paths."""
        return {self.ws_path: self._public_socket}

    def admit(self, call: Call, route: Route) -> None:
        """Count against the route's group: `Remaining-Req`, 429, then 418."""
        group = str(route.weight)
        window = self._groups[group]
        if not self.core.limits:
            call.headers["Remaining-Req"] = f"group={group}; min=1800; sec={window.limit - 1}"
            return
        if "Origin" in call.request_headers and not self._origins.use():
            raise upbit_error(429, "too_many_requests", "1 request per 10 seconds with an Origin.")
        if (left := self.bans.left_s()) > 0:
            raise upbit_error(418, "too_many_requests", f"Blocked for {left:.0f} seconds.")
        allowed = window.use()
        call.headers["Remaining-Req"] = f"group={group}; min=1800; sec={window.left}"
        if not allowed:
            self.bans.refused()
            raise upbit_error(429, "too_many_requests", "Too many API requests.")

    def publish(self, book: BookState, change: Change, stamp: int) -> None:
        """Send the whole book, to the depth each asked for, in the format each asked for."""
        made: dict[tuple[int, float, str], bytes] = {}
        for socket in tuple(self.sockets):
            if not isinstance(socket, UpbitSocket) or not socket.subscriptions:
                continue
            for depth, level in socket.wants_book(book.symbol):
                key = (depth, level, socket.format)
                if key not in made:
                    message = book_message(book, stamp, depth, level, "REALTIME")
                    made[key] = encode(message, socket.format)
                socket.send(made[key], "book", book.symbol)
            if socket.wants("ticker", book.symbol):
                message = self.ticker(book.symbol) | {"stream_type": "REALTIME"}
                socket.send(encode(message, socket.format), "data", book.symbol)

    def stranger(self, stamp: int) -> None:
        """Send a book of KRW-ZZZZ to everyone."""
        book = BookState("KRW-ZZZZ")
        book.replace([(1.0, 1.0)], [(1.1, 1.0)])
        book.show()
        for socket in tuple(self.sockets):
            if isinstance(socket, UpbitSocket) and socket.channel == "public":
                socket.give(book_message(book, stamp, 15, 0, "REALTIME"), "data")

    def ticker(self, symbol: str) -> dict[str, Any]:
        """Return a ticker message: every price is the middle of the book."""
        mid, stamp = number(float(self.books[symbol].mid() or 0)), self.now_ms()
        prices = ("opening_price", "high_price", "low_price", "trade_price", "prev_closing_price")
        return {
            "type": "ticker",
            "code": symbol,
            **dict.fromkeys(prices, mid),
            "change": "EVEN",
            "change_price": 0,
            "signed_change_rate": 0,
            "trade_volume": 0.0,
            "acc_trade_volume_24h": 0.0,
            "acc_trade_price_24h": 0.0,
            "trade_timestamp": stamp,
            "market_state": "ACTIVE",
            "market_warning": "CAUTION" if self.listings[symbol].warning else "NONE",
            "timestamp": stamp,
        }

    def malformed(self, call: Call) -> Answer:
        """Return Upbit's words for a member that cannot be read."""
        return upbit_error(400, "validation_error").answer

    def fault_answer(self, switch: Switch, call: Call) -> Answer:
        """Return Upbit's words for an injected error."""
        name, options = switch.fault.name, switch.options
        if name == "rate_limited":
            answer = upbit_error(429, "too_many_requests", "Too many API requests.").answer
            answer.headers["Retry-After"] = str(self.wait_s(switch))
            return answer
        if name == "banned":
            text = f"Blocked for {self.wait_s(switch)} seconds."
            return upbit_error(418, "too_many_requests", text).answer
        if name == "refuse":
            return upbit_error(400, options["name"] or _REFUSED).answer
        if name == "unavailable_503":
            return upbit_error(503, "service_unavailable").answer
        status = 500 if name == "timeout_error" else 503
        return upbit_error(status, "server_error").answer

    async def _public_socket(self, request: web.Request) -> web.StreamResponse:
        self.admit_socket()
        return await UpbitSocket(self, request, "public").serve()

    def admit_socket(self) -> None:
        """Count a connection: five a second."""
        if not self._connects.use() and self.core.limits:
            raise upbit_error(429, "too_many_requests")

    # Quotation endpoints: JSON numbers

    def _asked(self, call: Call) -> list[str]:
        names = [name for name in call.params.get("markets", "").split(",") if name]
        if not names:
            raise upbit_error(400, 400, "Missing request parameter: markets")
        if any(name not in self.books for name in names):
            raise upbit_error(404, 404, "Code not found")
        return names

    async def _markets(self, call: Call) -> Answer:
        details = call.params.get("is_details", call.params.get("isDetails", "false")) == "true"
        caution = (
            "PRICE_FLUCTUATIONS",
            "TRADING_VOLUME_SOARING",
            "DEPOSIT_AMOUNT_SOARING",
            "GLOBAL_PRICE_DIFFERENCES",
            "CONCENTRATION_OF_SMALL_ACCOUNTS",
        )
        rows = []
        for item in self.listings.values():
            row: dict[str, Any] = {
                "market": item.symbol,
                "korean_name": item.base,
                "english_name": item.base,
            }
            if details:
                row["market_event"] = {"warning": item.warning, "caution": dict.fromkeys(caution, False)}
            rows.append(row)
        return Answer(rows)

    async def _orderbook(self, call: Call) -> Answer:
        depth = int(call.params.get("count", "30"))
        level = float(call.params.get("level", "0"))
        rows = []
        for symbol in self._asked(call):
            book = self.books[symbol]
            if not book.updates or (level and level not in map(float, self._levels(symbol))):
                continue
            found, total_ask, total_bid = units(book, min(depth, 30), level)
            rows.append(
                {
                    "market": symbol,
                    "timestamp": self.stamp_ms(symbol),
                    "total_ask_size": total_ask,
                    "total_bid_size": total_bid,
                    "orderbook_units": found,
                    "level": number(level),
                }
            )
        return Answer(rows)

    def tick_size(self, symbol: str, price: Decimal | None = None) -> Decimal:
        """Return the price step at a price, by default that of the book's middle."""
        listing = self.listings[symbol]
        tick = listing.tick_at(price or self.books[symbol].mid() or Decimal(1))
        switch = self.core.faults.find("change_ticks", self.name, symbol=symbol)
        return tick * Decimal(str(switch.options["factor"])) if switch is not None else tick

    def _levels(self, symbol: str) -> list[str]:
        tick = self.tick_size(symbol)
        if self.listings[symbol].quote != "KRW":
            return ["0"]
        return ["0", text_of(tick * 10), text_of(tick * 100)]

    async def _instruments(self, call: Call) -> Answer:
        rows = [
            {
                "market": symbol,
                "quote_currency": self.listings[symbol].quote,
                "tick_size": text_of(self.tick_size(symbol)),
                "supported_levels": self._levels(symbol),
            }
            for symbol in self._asked(call)
        ]
        return Answer(rows)

    async def _ticker(self, call: Call) -> Answer:
        return Answer([self._rest_ticker(symbol) for symbol in self._asked(call)])

    async def _ticker_all(self, call: Call) -> Answer:
        quotes = call.params.get("quote_currencies", "KRW").split(",")
        return Answer(
            [self._rest_ticker(name) for name, item in self.listings.items() if item.quote in quotes]
        )

    def _rest_ticker(self, symbol: str) -> dict[str, Any]:
        ticker = self.ticker(symbol)
        return {"market": symbol, **{key: ticker[key] for key in ticker if key not in ("type", "code")}}

    async def _trades(self, call: Call) -> Answer:
        symbol = call.params.get("market", "")
        if symbol not in self.books:
            raise upbit_error(404, 404, "Code not found")
        return Answer([])


class Bithumb(UpbitBooks):
    """Bithumb's public books: Upbit's protocol; orders are not taken."""

    name = "bithumb"

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the websocket path of `wss://ws-api.bithumb.com`."""
        return {"/websocket/v1": self._public_socket}
