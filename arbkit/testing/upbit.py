"""Upbit's public half: markets, books, tickers over REST and websocket; Bithumb speaks the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final

from aiohttp import web

from arbkit.testing._http import Answer, Call, RefusedError, text_of
from arbkit.testing._upbit_json import book_message, number, units
from arbkit.testing._upbit_tape_json import (
    candle_message,
    candle_row,
    rest_ticker,
    ticker_message,
    trade_row,
)
from arbkit.testing.books import BookState, Change
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.limits import Bans, Sliding, Window
from arbkit.testing.tape import Bar
from arbkit.testing.upbit_stream import UpbitSocket, encode
from arbkit.testing.venue import Route, Venue
from arbkit.units import SECOND_NS

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
_STEPS: Final = (("seconds", "1s"), ("days", "1d"), ("weeks", "1w"), ("months", "1M"))
_MINUTES: Final = ("1", "3", "5", "10", "15", "30", "60", "240")
#: HTTP status of a refusal by its name; all others 400.
_STATUS: Final = {
    **dict.fromkeys(
        (
            *("invalid_query_payload", "jwt_verification", "expired_access_key", "nonce_used"),
            *("no_authorization_ip", "no_authorization_token", "invalid_access_key"),
        ),
        401,
    ),
    "out_of_scope": 403,
    "order_not_found": 404,
    "market_not_found": 404,
    "too_many_requests": 429,
    "server_error": 500,
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
        self._days: dict[str, tuple[int, Bar | None, Bar | None]] = {}

    def routes(self) -> list[Route]:
        """Return the quotation routes; the weight is the limit group."""
        rows: list[tuple[str, str, Callable[[Call], Awaitable[Answer]], str]] = [
            ("/market/all", "markets", self._markets, "market"),
            ("/orderbook", "depth", self._orderbook, "orderbook"),
            ("/orderbook/instruments", "instruments", self._instruments, "orderbook"),
            ("/ticker", "ticker", self._ticker, "ticker"),
            ("/ticker/all", "ticker", self._ticker_all, "ticker"),
            ("/trades/ticks", "trades", self._trades, "trade"),
            ("/candles/minutes/{unit}", "candles", self._minutes, "candle"),
            ("/candles/minutes", "candles", self._minutes, "candle"),
            *(
                (f"/candles/{name}", "candles", partial(self._candles, step), "candle")
                for name, step in _STEPS
            ),
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
        """Return a ticker message but for its stream type."""
        stamp = self.now_ms()
        second = self.core.clock.now_ns() // SECOND_NS
        if self._days.get(symbol, (0, None, None))[0] != second:
            tape, midnight = self.tapes[symbol], second // 86_400 * 86_400
            self._days[symbol] = (second, tape.since(midnight * 1000), tape.since((second - 86_400) * 1000))
        _, today, day = self._days[symbol]
        prints = self.tapes[symbol].prints
        last = prints[-1] if prints else None
        message = ticker_message(symbol, float(self.books[symbol].mid() or 0), today, day, last, stamp)
        if self.listings[symbol].warning:
            message["market_warning"] = "CAUTION"
        if self.core.faults.find("halt_symbol", self.name, symbol=symbol):
            message["is_trading_suspended"] = True
        return message

    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the timer of the candles."""
        return [*super().background(), self._send_candles]

    async def _send_candles(self) -> None:
        """Send the candles in which something happened, once a second."""
        sent: dict[tuple[int, str, str], int] = {}
        while True:
            await self.core.clock.sleep(1)
            now: dict[tuple[int, str, str], int] = {}
            for socket in tuple(self.sockets):
                if not isinstance(socket, UpbitSocket):
                    continue
                for kind, symbol in socket.wanted_candles():
                    bars = self.tapes[symbol].bars(kind.removeprefix("candle."))
                    key = (id(socket), kind, symbol)
                    if bars and bars[-1].last_ms != sent.get(key):
                        socket.give(
                            candle_message(symbol, bars[-1], kind, "REALTIME", self.now_ms()), "data", symbol
                        )
                    now[key] = bars[-1].last_ms if bars else 0
            sent = now

    def malformed(self, call: Call) -> Answer:
        """Return Upbit's words for a member that cannot be read."""
        return upbit_error(400, "validation_error").answer

    def fault_answer(self, switch: Switch, call: Call) -> Answer:
        """Return Upbit's words for an injected error."""
        name, options = switch.fault.name, switch.options
        if name == "rate_limited":
            return upbit_error(429, "too_many_requests", "Too many API requests.").answer
        if name == "banned":
            text = f"Blocked for {self.wait_s(switch)} seconds."
            return upbit_error(418, "too_many_requests", text).answer
        if name == "refuse":
            refused = options["name"] or _REFUSED
            return upbit_error(_STATUS.get(refused, 400), refused).answer
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
        return rest_ticker(self.ticker(symbol))

    def _asked_market(self, call: Call) -> str:
        symbol = call.params.get("market", "")
        if not symbol:
            raise upbit_error(400, 400, "Missing request parameter: market")
        if symbol not in self.books:
            raise upbit_error(404, 404, "Code not found")
        return symbol

    async def _trades(self, call: Call) -> Answer:
        symbol = self._asked_market(call)
        today = self.ticker(symbol)["opening_price"]
        count = min(500, int(call.params.get("count", "1")))
        found = reversed(self.tapes[symbol].prints)
        return Answer(
            [trade_row(symbol, item, float(today)) for item, _ in zip(found, range(count), strict=False)]
        )

    async def _minutes(self, call: Call) -> Answer:
        unit = call.path.rpartition("/")[2].replace("minutes", "1")
        if unit not in _MINUTES:
            raise upbit_error(400, 400, "Unsupported unit")
        return await self._candles(f"{unit}m", call)

    async def _candles(self, interval: str, call: Call) -> Answer:
        """Answer the latest candles before `to`, newest first; those without any change are left out."""
        symbol = self._asked_market(call)
        count = min(200, int(call.params.get("count", "1")))
        bars = self.tapes[symbol].bars(interval)
        if "to" in call.params:
            until = moment_ms(call.params["to"])
            bars = [bar for bar in bars if bar.start_ms < until]
        rows = [
            candle_row(symbol, bars[i], interval, bars[i - 1] if i else None)
            for i in range(max(0, len(bars) - count), len(bars))
        ]
        return Answer(rows[::-1])


def moment_ms(text: str) -> int:
    """Return a moment as Upbit takes it, `2026-11-02T10:13:14+09:00` or UTC without a zone, in ms."""
    found = datetime.fromisoformat(text.replace(" ", "T") if "+" not in text else text.replace(" ", "+"))
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


class Bithumb(UpbitBooks):
    """Bithumb's public books: Upbit's protocol; orders are not taken."""

    name = "bithumb"

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the websocket path of `wss://ws-api.bithumb.com`."""
        return {"/websocket/v1": self._public_socket}
