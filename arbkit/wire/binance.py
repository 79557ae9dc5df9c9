"""Binance payloads (spot, USD-M and COIN-M futures) to our own immutable types.

Prices and sizes are text on the wire and floats here. Unknown members are ignored, which the venue
asks for. COIN-M sizes are contracts: turning them into coins is the caller's work.
"""

from __future__ import annotations

from math import inf
from typing import Final

import msgspec

from arbkit.errors import DataError
from arbkit.units import MS_NS
from arbkit.wire.book import DepthSnapshot, DepthUpdate, Level, Milliseconds, WholeBook

__all__ = ["BinanceMessage", "BookTicker", "Ignored", "parse_message", "parse_snapshot"]


class BookTicker(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "update_id": "u",
        "symbol": "s",
        "bid_px": "b",
        "bid_sz": "B",
        "ask_px": "a",
        "ask_sz": "A",
        "event_ms": "E",
        "transaction_ms": "T",
    },
):
    """Best bid and best ask. Spot sends no times."""

    update_id: int
    symbol: str
    bid_px: float
    bid_sz: float
    ask_px: float
    ask_sz: float
    event_ms: Milliseconds | None = None
    transaction_ms: Milliseconds | None = None


class Ignored(msgspec.Struct, frozen=True, gc=False):
    """A well-formed message that carries no book: a trade, a kline, an answer to a request."""

    kind: str


BinanceMessage = DepthUpdate | DepthSnapshot | BookTicker | WholeBook | Ignored


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """Every key that tells what a message is; the payload itself stays raw."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    event: str = msgspec.field(default="", name="e")
    last_id: int | None = msgspec.field(default=None, name="lastUpdateId")
    best_bid_size: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="B")


class _TopOfBook(msgspec.Struct, frozen=True, gc=False, rename={"last_id": "lastUpdateId"}):
    last_id: int
    bids: list[Level]
    asks: list[Level]


# Lax decoding lets the decoder itself turn "61837.63" into a float.
_envelope: Final = msgspec.json.Decoder(_Envelope)
_update: Final = msgspec.json.Decoder(DepthUpdate, strict=False)
_snapshot: Final = msgspec.json.Decoder(DepthSnapshot, strict=False)
_ticker: Final = msgspec.json.Decoder(BookTicker, strict=False)
_top: Final = msgspec.json.Decoder(_TopOfBook, strict=False)
_PARTIAL: Final = ("depth5", "depth10", "depth20")


def parse_message(payload: bytes | str) -> BinanceMessage:
    """Parse one websocket message or REST depth answer, with or without the `/stream` wrapper.

    Returns:
        What the message carries; `Ignored` for everything that is not a book.

    Raises:
        DataError: when the text is no JSON, or a book message lacks a member or has one of the
            wrong kind; the cause is kept.
    """
    try:
        envelope = _envelope.decode(payload)
        if envelope.stream:
            return _checked(_of_stream(envelope.stream, bytes(envelope.data)))
        return _checked(_bare(envelope, payload))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"a Binance message must be valid JSON of a known shape: {error}") from error


def parse_snapshot(payload: bytes | str) -> DepthSnapshot:
    """Parse the answer of REST `/depth`.

    Raises:
        DataError: when it is not one.
    """
    try:
        snapshot = _snapshot.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"a Binance depth answer must hold lastUpdateId, bids and asks: {error}") from error
    _check_levels(snapshot.bids, snapshot.asks)
    return snapshot


def _of_stream(stream: str, data: bytes) -> BinanceMessage:
    symbol, _, kind = stream.partition("@")
    name = kind.partition("@")[0]
    if name == "depth":
        return _update.decode(data)
    if name == "bookTicker":
        return _ticker.decode(data)
    if name in _PARTIAL:
        return _partial(symbol, data)
    return Ignored(name)


def _bare(envelope: _Envelope, payload: bytes | str) -> BinanceMessage:
    if envelope.event == "depthUpdate":
        return _update.decode(payload)
    if envelope.last_id is not None:
        return _snapshot.decode(payload)
    if envelope.event == "bookTicker" or (bytes(envelope.best_bid_size) and not envelope.event):
        return _ticker.decode(payload)
    return Ignored(envelope.event or "answer")


def _partial(symbol: str, data: bytes) -> WholeBook:
    """The top N of a book: futures send it in the shape of an update, spot without symbol or time."""
    if b'"depthUpdate"' in data:
        update = _update.decode(data)
        ts_event = None if update.event_ms is None else update.event_ms * MS_NS
        return WholeBook(update.symbol, ts_event, update.bids, update.asks, update.final_id)
    top = _top.decode(data)
    return WholeBook(symbol.upper(), None, top.bids, top.asks, top.last_id)


def _checked(message: BinanceMessage) -> BinanceMessage:
    if isinstance(message, (DepthUpdate, DepthSnapshot, WholeBook)):
        _check_levels(message.bids, message.asks)
    return message


def _check_levels(*sides: list[Level]) -> None:
    """A lax float may be "nan" or "inf" and would unsort the book for good."""
    for levels in sides:
        for price, size in levels:
            if not (0 <= price < inf and 0 <= size < inf):
                raise DataError(f"a price and a size must be finite and at least 0, was [{price}, {size}]")
