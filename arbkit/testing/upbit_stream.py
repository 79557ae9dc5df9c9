"""Upbit's websocket: whole books in binary frames, subscriptions that replace each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from arbkit.testing._http import json_bytes
from arbkit.testing._upbit_json import book_message, number, short, trade_message
from arbkit.testing._upbit_tape_json import candle_message
from arbkit.testing.books import BookState
from arbkit.testing.limits import Sliding
from arbkit.testing.sockets import Host, Kind, Socket
from arbkit.testing.tape import Tape
from arbkit.units import SECOND_NS

if TYPE_CHECKING:
    from aiohttp import web


__all__ = ["IDLE_S", "Subscription", "UpbitSocket"]

#: Silence after which Upbit closes, seconds.
IDLE_S: Final = 120
_UP_EVERY_S: Final = 10
_DEPTHS: Final = (1, 5, 15, 30)
_PUBLIC: Final = ("ticker", "trade", "orderbook")
_PRIVATE: Final = ("myOrder", "myAsset")
_FORMATS: Final = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")
_CANDLE: Final = re.compile(r"candle\.(1s|(1|3|5|10|15|30|60|240)m)")


class Subscription(NamedTuple):
    """One entry of a request."""

    kind: str
    codes: dict[str, int]  # symbol -> depth
    level: float
    snapshot: bool
    realtime: bool
    asked: dict[str, Any]


class _BadRequestError(Exception):
    """The request is wrong; carries name and message."""


class UpbitHost(Host, Protocol):
    """What an Upbit socket needs of its venue."""

    books: dict[str, BookState]
    tapes: dict[str, Tape]

    def stamp_ms(self, symbol: str) -> int:
        """Return the time that a message about a symbol carries."""

    def ticker(self, symbol: str) -> dict[str, Any]:
        """Return a ticker message."""


class UpbitSocket(Socket):
    """One connection to `/websocket/v1` or its private sister."""

    binary = True
    venue: UpbitHost

    def __init__(self, venue: UpbitHost, request: web.Request, channel: str, owner: str = "") -> None:
        super().__init__(venue, request, channel, compress=True)
        self.limits = (Sliding(venue.core.clock, 5, 1), Sliding(venue.core.clock, 100, 60))
        self.owner = owner
        self.ticket = ""
        self.format = "DEFAULT"
        self.subscriptions: tuple[Subscription, ...] = ()
        self._says_up = False

    def error_frame(self) -> bytes:
        """Return Upbit's error object."""
        return _error("INTERNAL_SERVER_ERROR", "서버 오류가 발생했습니다.")

    async def on_text(self, text: str) -> None:
        """Take `PING` or a request."""
        if text.strip().upper() == "PING":
            self.send(b'{"status":"UP"}')
            self._says_up = True
            return
        try:
            self._request(text)
        except _BadRequestError as error:
            self.send(_error(*error.args))

    async def keep_alive(self) -> None:
        """Close after 120 s of silence; repeat `UP` every 10 s once asked with the text `PING`."""
        clock = self.venue.core.clock
        while True:
            await clock.sleep(_UP_EVERY_S)
            if self._says_up:
                self.send(b'{"status":"UP"}')
            elif clock.now_ns() - self.last_traffic_ns >= IDLE_S * SECOND_NS and not self.dead:
                self.close(1000, "idle timeout")
                return

    def wants_book(self, symbol: str) -> list[tuple[int, float]]:
        """Return depth and grouping of every running subscription to a book."""
        return [
            (item.codes[symbol], item.level)
            for item in self.subscriptions
            if item.kind == "orderbook" and item.realtime and symbol in item.codes
        ]

    def wants(self, kind: str, symbol: str) -> bool:
        """Tell whether messages of a kind about a symbol are asked for; no codes mean all of them."""
        return any(
            item.kind == kind and item.realtime and (not item.codes or symbol in item.codes)
            for item in self.subscriptions
        )

    def wanted_candles(self) -> list[tuple[str, str]]:
        """Return kind and symbol of every running subscription to candles."""
        return [
            (item.kind, symbol)
            for item in self.subscriptions
            if item.kind.startswith("candle.") and item.realtime
            for symbol in item.codes
        ]

    def give(self, message: dict[str, Any], kind: Kind, symbol: str = "") -> None:
        """Send a message in the format that was asked for."""
        self.send(encode(message, self.format), kind, symbol)

    def _request(self, text: str) -> None:
        try:
            entries = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise _BadRequestError("WRONG_FORMAT", "Format이 맞지 않습니다.") from error
        if not isinstance(entries, list) or not all(isinstance(item, dict) for item in entries):
            raise _BadRequestError("WRONG_FORMAT", "Format이 맞지 않습니다.")
        ticket = next((item["ticket"] for item in entries if "ticket" in item), None)
        if not ticket:
            raise _BadRequestError("NO_TICKET", "티켓이 존재하지 않습니다.")
        if any(item.get("method") == "LIST_SUBSCRIPTIONS" for item in entries):
            asked = [item.asked for item in self.subscriptions]
            self.send(json_bytes({"method": "LIST_SUBSCRIPTIONS", "result": asked, "ticket": str(ticket)}))
            return
        formats = [str(item["format"]) for item in entries if "format" in item]
        if any(name not in _FORMATS for name in formats):
            raise _BadRequestError("INVALID_PARAM", "지원하지 않는 format입니다.")
        wanted = [item for item in entries if "ticket" not in item and "format" not in item]
        if not wanted or any(not item.get("type") for item in wanted):
            raise _BadRequestError("NO_TYPE", "타입이 존재하지 않습니다.")
        subscriptions = tuple(self._subscription(item) for item in wanted)
        self.ticket = str(ticket)
        self.format = formats[-1] if formats else "DEFAULT"
        self.subscriptions = subscriptions
        for item in subscriptions:
            self._snapshots(item)

    def _subscription(self, item: dict[str, Any]) -> Subscription:
        kind, codes = str(item["type"]), item.get("codes", [])
        known = _PRIVATE if self.channel == "private" else _PUBLIC
        if kind not in known and not (known is _PUBLIC and _CANDLE.fullmatch(kind)):
            raise _BadRequestError("INVALID_PARAM", "지원하지 않는 타입입니다.")
        if not isinstance(codes, list) or (not codes and self.channel != "private"):
            raise _BadRequestError("NO_CODES", "코드가 존재하지 않습니다.")
        level = float(item.get("level", 0))
        only_snapshot = bool(item.get("is_only_snapshot", item.get("isOnlySnapshot", False)))
        only_realtime = bool(item.get("is_only_realtime", item.get("isOnlyRealtime", False)))
        asked: dict[str, Any] = {"type": kind, "codes": codes}
        if kind == "orderbook":
            asked["level"] = number(level)
        return Subscription(
            kind,
            dict(map(self._code, codes)),
            level,
            not only_realtime,
            not only_snapshot,
            asked,
        )

    def _code(self, code: Any) -> tuple[str, int]:
        symbol, dot, depth = str(code).partition(".")
        if dot and (not depth.isdigit() or int(depth) not in _DEPTHS):
            raise _BadRequestError("INVALID_PARAM", "지원하지 않는 unit입니다.")
        if symbol not in self.venue.books:
            raise _BadRequestError("INVALID_PARAM", f"지원하지 않는 코드입니다: {symbol}")
        return symbol, int(depth) if dot else 30

    def _snapshots(self, item: Subscription) -> None:
        if not item.snapshot or self.channel == "private":
            return
        for symbol, depth in item.codes.items():
            book = self.venue.books[symbol]
            if not book.updates:
                continue
            stamp = self.venue.stamp_ms(symbol)
            if item.kind == "orderbook":
                self.give(book_message(book, stamp, depth, item.level, "SNAPSHOT"), "book", symbol)
            elif item.kind == "trade":
                self.give(self._last_trade(book, stamp), "data", symbol)
            elif item.kind == "ticker":
                self.give(self.venue.ticker(symbol) | {"stream_type": "SNAPSHOT"}, "data", symbol)
            elif bars := self.venue.tapes[symbol].bars(item.kind.removeprefix("candle.")):
                self.give(candle_message(symbol, bars[-1], item.kind, "SNAPSHOT", stamp), "data", symbol)

    def _last_trade(self, book: BookState, stamp: int) -> dict[str, Any]:
        """Return the last trade that met the book; where there was none, the least size at its middle."""
        if prints := self.venue.tapes[book.symbol].prints:
            item = prints[-1]
            side, code = "BID" if item.taker_buys else "ASK", item.ts_ms * 10_000 + item.number % 10_000
            return trade_message(book, item.ts_ms, item.price, item.size, side, code, "SNAPSHOT")
        price = float(book.mid() or 0)
        return trade_message(book, stamp, price, 0.0001, "BID", stamp * 10_000, "SNAPSHOT")


def _error(name: str, message: str) -> bytes:
    return json_bytes({"error": {"name": name, "message": message}})


def encode(message: dict[str, Any], form: str) -> bytes:
    """Return a message in one of Upbit's formats."""
    value: Any = short(message) if form.startswith("SIMPLE") else message
    return json_bytes([value] if form.endswith("_LIST") else value)
