"""Binance's websockets: streams by name, differences of books, pings that want their pong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from arbkit.testing._http import json_bytes
from arbkit.testing.limits import Sliding
from arbkit.testing.sockets import Host, Kind, Socket
from arbkit.units import SECOND_NS

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["INTERVALS", "BinanceSocket", "Stream", "parse_stream"]

#: Lengths of candles.
INTERVALS: Final = (
    *("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"),
)

_DAY_S: Final = 86_400
_MAX_STREAMS: Final = 1024
_STREAM: Final = re.compile(
    r"(?P<symbol>[a-z0-9_]+)@"
    r"(?:(?P<kind>depth(?P<top>5|10|20)?|bookTicker|markPrice|aggTrade|trade|forceOrder|ticker|miniTicker)"
    r"|kline_(?P<interval>" + "|".join(INTERVALS) + r"))"
    r"(?:@(?P<speed>100ms|250ms|500ms|1000ms|1s))?"
)
_OF_ALL: Final = re.compile(
    r"(?P<kind>!(?:bookTicker|(?:markPrice|forceOrder|ticker|miniTicker)(?=@arr)))(?:@arr)?(?:@(?P<speed>1s))?"
)


class Stream(msgspec.Struct, frozen=True):
    """A stream's name, taken apart.

    Attributes:
        kind: depth, depthN, bookTicker, markPrice, aggTrade, trade, forceOrder, ticker, miniTicker or kline;
            with `!` before it, that of all symbols, and `symbol` is empty.
        interval: of a kline.
    """

    name: str
    symbol: str
    kind: str
    top: int = 0
    speed: str = ""
    interval: str = ""


def parse_stream(name: str) -> Stream | None:
    """Return what a stream's name says, or None where it says nothing."""
    if name.startswith("!"):
        whole = _OF_ALL.fullmatch(name)
        return None if whole is None else Stream(name, "", whole["kind"], speed=whole["speed"] or "")
    found = _STREAM.fullmatch(name)
    if found is None:
        return None
    interval = found["interval"] or ""
    kind = "kline" if interval else found["kind"]
    top, speed = int(found["top"] or 0), found["speed"] or ""
    return Stream(name, found["symbol"].upper(), kind, top, speed, interval)


class BinanceHost(Host, Protocol):
    """What a Binance socket needs of its venue."""

    @property
    def messages_per_second(self) -> int:
        """Messages that a client may send."""

    @property
    def ping_s(self) -> float:
        """How often the server pings."""

    @property
    def pong_s(self) -> float:
        """How long it waits for the answer."""

    def serves(self, stream: Stream, channel: str) -> bool:
        """Tell whether a base carries a stream."""


class BinanceSocket(Socket):
    """One connection to a public or market base.

    Args:
        wrapped: whether events come as `{"stream":...,"data":...}`.
        ping_s: how often the server pings; `pong_s`: how long it waits for the answer.
    """

    venue: BinanceHost

    def __init__(
        self,
        venue: BinanceHost,
        request: web.Request,
        channel: str,
        *,
        wrapped: bool = False,
        streams: tuple[str, ...] = (),
    ) -> None:
        super().__init__(venue, request, channel)
        self.wrapped = wrapped
        self.limits = (Sliding(venue.core.clock, venue.messages_per_second, 1),)
        self.streams: dict[str, Stream] = {}
        self.by_symbol: dict[str, tuple[Stream, ...]] = {}
        self._pings: dict[bytes, int] = {}
        self._pings_sent = 0
        for name in streams:
            self._add(name)

    def error_frame(self) -> bytes:
        """Return Binance's error object."""
        return b'{"error":{"code":-1000,"msg":"An unknown error occurred while processing the request."}}'

    async def on_text(self, text: str) -> None:
        """Take SUBSCRIBE, UNSUBSCRIBE or LIST_SUBSCRIPTIONS."""
        try:
            request = msgspec.json.decode(text)
        except msgspec.DecodeError:
            self.send(_error(3, "Invalid JSON: expected value at line 1 column 1", None))
            return
        if not isinstance(request, dict):
            self.send(_error(2, "Invalid request: request must be an object", None))
            return
        number = request.get("id")
        method, params = request.get("method"), request.get("params", [])
        if method == "LIST_SUBSCRIPTIONS":
            self.send(json_bytes({"result": list(self.streams), "id": number}))
        elif method in ("SUBSCRIBE", "UNSUBSCRIBE") and isinstance(params, list) and params:
            self._change(str(method), [str(name) for name in params], number)
        else:
            self.send(_error(2, "Invalid request: unknown method or params", number))

    def on_pong(self, payload: bytes) -> None:
        """Take the answer to a ping: an unknown payload is no answer."""
        self._pings.pop(payload, None)

    async def keep_alive(self) -> None:
        """Ping; close where the pong stays away, and after 24 hours."""
        clock, venue = self.venue.core.clock, self.venue
        started = pinged = clock.now_ns()
        step = min(venue.ping_s, venue.pong_s) / 4
        while True:
            await clock.sleep(step)
            now = clock.now_ns()
            if self.dead:
                continue
            if now - started >= _DAY_S * SECOND_NS:
                self.close(1000, "24 hours")
                return
            if any(now - sent > venue.pong_s * SECOND_NS for sent in self._pings.values()):
                self.close(1008, "Pong timeout")
                return
            if now - pinged >= venue.ping_s * SECOND_NS:
                pinged = now
                self._pings_sent += 1
                payload = f"{now // 10**6}{self._pings_sent:04d}".encode()
                self._pings[payload] = now
                await self.ws.ping(payload)

    def event(self, stream: str, data: bytes, kind: Kind, symbol: str) -> None:
        """Send an event, wrapped if this connection wants it so."""
        if self.wrapped:
            data = b'{"stream":"' + stream.encode() + b'","data":' + data + b"}"
        self.send(data, kind, symbol)

    def _add(self, name: str) -> bool:
        stream = parse_stream(name)
        if stream is None:
            return False
        if self.venue.serves(stream, self.channel):
            self.streams[name] = stream
            self._index()
        return True

    def _index(self) -> None:
        self.by_symbol = {}
        for stream in self.streams.values():
            self.by_symbol[stream.symbol] = (*self.by_symbol.get(stream.symbol, ()), stream)

    def _change(self, method: str, names: list[str], number: Any) -> None:
        if any(parse_stream(name) is None for name in names):
            self.send(_error(2, "Invalid request: unknown stream name", number))
            return
        if method == "UNSUBSCRIBE":
            for name in names:
                self.streams.pop(name, None)
            self._index()
        elif len(self.streams) + len(names) > _MAX_STREAMS:
            self.send(_error(2, f"Invalid request: more than {_MAX_STREAMS} streams", number))
            return
        else:
            for name in names:
                self._add(name)
        self.send(json_bytes({"result": None, "id": number}))


def _error(code: int, message: str, number: Any) -> bytes:
    return json_bytes({"error": {"code": code, "msg": message}, "id": number})
