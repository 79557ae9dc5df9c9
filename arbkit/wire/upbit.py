"""Upbit order books (websocket and REST, long and short field names) to our own immutable types.

Each message is the whole book to its sent depth. There is no sequence number: a lost message cannot
be seen, and only the time stamp orders them. Seen in recordings and handled here: a unit whose
`ask_price` is 0 although it has a size (that side has fewer levels than the other), and a time stamp
in microseconds on one market.
"""

from __future__ import annotations

from typing import Final

import msgspec

from arbkit.errors import DataError
from arbkit.units import MS_NS, SECOND_NS, US_NS
from arbkit.wire.book import WholeBook

__all__ = ["error_text", "parse_message", "parse_messages", "stamp_ns"]


class _ShortUnit(msgspec.Struct, frozen=True, gc=False):
    ask_price: float = msgspec.field(name="ap")
    bid_price: float = msgspec.field(name="bp")
    ask_size: float = msgspec.field(name="as")
    bid_size: float = msgspec.field(name="bs")


class _LongUnit(msgspec.Struct, frozen=True, gc=False):
    ask_price: float
    bid_price: float
    ask_size: float
    bid_size: float


class _Short(msgspec.Struct, frozen=True, gc=False):
    kind: str = msgspec.field(default="", name="ty")
    code: str = msgspec.field(default="", name="cd")
    timestamp: int = msgspec.field(default=0, name="tms")
    units: list[_ShortUnit] | None = msgspec.field(default=None, name="obu")


class _Long(msgspec.Struct, frozen=True, gc=False):
    kind: str = msgspec.field(default="orderbook", name="type")
    code: str = ""
    market: str = ""
    timestamp: int = 0
    units: list[_LongUnit] | None = msgspec.field(default=None, name="orderbook_units")


class _Error(msgspec.Struct, frozen=True):
    name: str | int = ""
    message: str = ""


class _ErrorAnswer(msgspec.Struct, frozen=True):
    error: _Error | None = None


_END_OF_TIME: Final = 2**63  # in ns, the year 2262

_short: Final = msgspec.json.Decoder(_Short | list[_Short])
_long: Final = msgspec.json.Decoder(_Long | list[_Long])
_error: Final = msgspec.json.Decoder(_ErrorAnswer)


def stamp_ns(stamp: int) -> int:
    """Turn an epoch stamp into nanoseconds, telling s, ms, us and ns apart by their size.

    Right for every moment between April 1970 and the year 2255; the result then fits in 64 bits.
    """
    if stamp < 9 * 10**9:
        return stamp * SECOND_NS
    if stamp < 9 * 10**12:
        return stamp * MS_NS
    return stamp * US_NS if stamp < 9 * 10**15 else stamp


def parse_messages(payload: bytes | str) -> list[WholeBook]:
    """Parse one message or REST answer: every order book in it, in order.

    Levels with a price of 0 do not exist and are left out. Trades, tickers and status messages
    give an empty list.

    Raises:
        DataError: when the text is no JSON, or an order book lacks a member; the cause is kept.
    """
    short = ('"obu"' in payload) if isinstance(payload, str) else (b'"obu"' in payload)
    try:
        decoded = (_short if short else _long).decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"an Upbit message must be valid JSON of a known shape: {error}") from error
    messages = decoded if isinstance(decoded, list) else [decoded]
    return [_book(message) for message in messages if message.units is not None]


def parse_message(payload: bytes | str) -> WholeBook | None:
    """Parse one message: its order book, or None where it carries none.

    Raises:
        DataError: as `parse_messages`.
    """
    books = parse_messages(payload)
    return books[0] if books else None


def error_text(payload: bytes | str) -> str:
    """Return what an error object says, as `NAME: message`; empty where the message is none."""
    try:
        error = _error.decode(payload).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f"{error.name}: {error.message}" if error is not None else ""


def _book(message: _Short | _Long) -> WholeBook:
    code = message.code or (message.market if isinstance(message, _Long) else "")
    if not code or not 0 < message.timestamp < _END_OF_TIME:
        raise DataError(
            f"an Upbit order book must name its market and its time, was code={code!r}, "
            f"timestamp={message.timestamp}"
        )
    units = message.units or []
    return WholeBook(
        symbol=code.partition(".")[0],
        ts_event=stamp_ns(message.timestamp),
        bids=[(unit.bid_price, unit.bid_size) for unit in units if unit.bid_price],
        asks=[(unit.ask_price, unit.ask_size) for unit in units if unit.ask_price],
    )
