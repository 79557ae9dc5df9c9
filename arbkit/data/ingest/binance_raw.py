"""Raw logs of Binance (spot, USD-M, COIN-M) to books: snapshot and differences, or the book ticker.

A missing update voids the book: one row without prices marks the moment, so that nothing downstream
goes on with the last good quote, and no further row follows until the next snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from arbkit.data.ingest.book_rows import BookRows
from arbkit.data.ingest.log import GapRecord, IngestLog
from arbkit.data.ingest.raw_reader import Message, Place, messages
from arbkit.data.ingest.sources import Source
from arbkit.data.ingest.spec import EntrySpec
from arbkit.data.ingest.table import Batch, info_of
from arbkit.data.manifest import InstrumentInfo
from arbkit.errors import DataError, nearest_names
from arbkit.units import MS_NS
from arbkit.wire import (
    BookBuilder,
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Level,
    Outcome,
    WholeBook,
)
from arbkit.wire.binance import BinanceMessage, parse_message
from arbkit.wire.symbols import split_binance

__all__ = ["COIN_M_CONTRACT_USD", "read_binance"]

#: USD per COIN-M contract, where the spec gives no `contract_size`; every other coin has 10.
COIN_M_CONTRACT_USD: Final = {"BTC": 100.0}
_COIN_M: Final = re.compile(r"([A-Z0-9]+)USD_(PERP|\d{6})")
_DEFAULT_LEVELS: Final = 10
_STREAM_BYTES: Final = 64


def read_binance(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Read raw logs; every symbol in them is an instrument, or only `symbol` where it is given.

    Raises:
        ConfigError: when base and quote of a symbol cannot be told from its name.
        DataError: when a file is damaged, or `symbol` does not occur.
    """
    reader = _Reader(entry, log)
    for message in messages(sources, log):
        yield from reader.take(message)
    yield from reader.finish()


class _Reader:
    """Sorts messages by symbol and hands out frames as they fill."""

    def __init__(self, entry: EntrySpec, log: IngestLog) -> None:
        self._entry = entry
        self._log = log
        self._wanted_stream = b"@bookTicker" if entry.content == "book_ticker" else b"@depth"
        self._books: dict[str, _Instrument] = {}
        self._seen: set[str] = set()
        self._nameless: list[tuple[DepthSnapshot, Message]] = []

    def take(self, message: Message) -> Iterator[Batch]:
        """Take one message; yields rows where enough have come together."""
        # Nine messages in ten are of another stream: telling by the name saves decoding them.
        start = message.raw.payload[:_STREAM_BYTES]
        if b"@" in start and self._wanted_stream not in start:
            self._log.other_messages += 1
            return
        try:
            parsed = parse_message(message.raw.payload)
        except DataError as error:
            text = message.raw.payload.decode("utf-8", "replace")
            self._log.refuse(message.place.source, message.place.line, str(error), text)
            return
        symbol = self._symbol_of(parsed, message)
        if symbol is None:
            return
        self._seen.add(symbol)
        if self._entry.symbol and symbol != self._entry.symbol:
            self._log.other_messages += 1
            return
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = _Instrument(self._entry, symbol, self._log)
            self._give_nameless(book)
        book.take(parsed, message)
        if book.rows.full:
            yield book.info, book.flush()

    def finish(self) -> Iterator[Batch]:
        """Yield the rows that are left, and say what could not be used."""
        for book in self._books.values():
            if len(book.rows):
                yield book.info, book.flush()
            book.say_what_was_left()
        for _, message in self._nameless:
            self._refuse_nameless(message)
        if self._entry.symbol and self._entry.symbol not in self._seen:
            near = nearest_names(self._entry.symbol, self._seen or {"none"})
            raise DataError(
                f"no message of symbol {self._entry.symbol} in {', '.join(self._entry.files)}; {near}"
            )

    def _symbol_of(self, parsed: BinanceMessage, message: Message) -> str | None:
        """The symbol of a message of the wanted content; None where there is nothing to do."""
        wanted = (
            BookTicker if self._entry.content == "book_ticker" else (DepthUpdate, DepthSnapshot, WholeBook)
        )
        if not isinstance(parsed, wanted):
            self._log.other_messages += 1
            return None
        symbol = parsed.symbol or message.raw.symbol
        if symbol:
            return symbol
        if len(self._books) == 1:
            return next(iter(self._books))
        if not isinstance(parsed, DepthSnapshot) or self._books:
            self._refuse_nameless(message)
        else:
            self._nameless.append((parsed, message))
        return None

    def _give_nameless(self, book: _Instrument) -> None:
        """Snapshots without a symbol that came before any update belong to the first one seen."""
        for snapshot, message in self._nameless:
            book.take(snapshot, message)
        self._nameless.clear()

    def _refuse_nameless(self, message: Message) -> None:
        reason = "the message names no symbol and the log does not hold exactly one"
        place = message.place
        self._log.refuse(place.source, place.line, reason, message.raw.payload.decode("utf-8", "replace"))


class _Instrument:
    """One symbol: its book, and the rows made from it."""

    def __init__(self, entry: EntrySpec, symbol: str, log: IngestLog) -> None:
        self._log = log
        self._levels = 1 if entry.content == "book_ticker" else entry.levels or _DEFAULT_LEVELS
        self.info, contract = _describe(entry, symbol, self._levels)
        self.rows = BookRows(self._levels, contract_size=contract, inverse=self.info.inverse)
        self._builder: BookBuilder | None = None
        self._early: list[tuple[DepthSnapshot, Message]] = []
        self._untrusted = 0
        self._rows_made = 0

    def take(self, parsed: BinanceMessage, message: Message) -> None:
        """Take one message of this symbol."""
        recv = message.raw.ts_recv
        if isinstance(parsed, DepthUpdate):
            self._update(parsed, message)
        elif isinstance(parsed, DepthSnapshot):
            self._snapshot(parsed, message)
        elif isinstance(parsed, BookTicker):
            bid, ask = (parsed.bid_px, parsed.bid_sz), (parsed.ask_px, parsed.ask_sz)
            self._add(_ns(parsed.event_ms), recv, [bid], [ask])
        elif isinstance(parsed, WholeBook):
            self._add(parsed.ts_event, recv, parsed.bids, parsed.asks)

    def flush(self) -> pl.DataFrame:
        """Hand over the rows so far."""
        return self.rows.take()

    def say_what_was_left(self) -> None:
        """Report updates that made no row, and a book that ends untrusted."""
        self._log.untrusted_updates += self._untrusted
        if self._builder is not None and not self._builder.trusted:
            self._log.warn(f"{self.info.leg}: the log ends while the book is not trusted")
        if not self._rows_made:
            self._log.warn(f"{self.info.leg}: no usable snapshot in the log, so no row")

    def _update(self, update: DepthUpdate, message: Message) -> None:
        if self._builder is None:
            self._builder = BookBuilder("spot" if update.previous_id is None else "futures")
            for snapshot, earlier in self._early:
                self._snapshot(snapshot, earlier)
        outcome = self._builder.on_update(update)
        if outcome is Outcome.APPLIED:
            self._add_book(_ns(update.event_ms), message)
        elif outcome is Outcome.GAP:
            self._gap(_ns(update.event_ms), message)
        elif outcome is Outcome.BUFFERED:
            self._untrusted += 1

    def _snapshot(self, snapshot: DepthSnapshot, message: Message) -> None:
        if self._builder is None:
            self._early.append((snapshot, message))
            return
        outcome = self._builder.on_snapshot(snapshot)
        if outcome is Outcome.APPLIED:
            self._add_book(_ns(snapshot.event_ms), message)
        elif outcome is Outcome.GAP:
            self._gap(_ns(snapshot.event_ms), message)
        elif outcome is Outcome.OLD_SNAPSHOT:
            place = message.place
            self._log.warn(
                f"{self.info.leg}: snapshot {snapshot.last_id} ({place.source} line {place.line}) is older "
                "than every update at hand and was not used"
            )

    def _gap(self, ts_event: int | None, message: Message) -> None:
        assert self._builder is not None
        gap = self._builder.last_gap
        assert gap is not None
        place: Place = message.place
        self._log.gaps.append(
            GapRecord(self.info.leg, place.source, place.line, gap.expected_id, gap.received_id)
        )
        self._add(ts_event, message.raw.ts_recv, [], [])

    def _add_book(self, ts_event: int | None, message: Message) -> None:
        assert self._builder is not None
        book = self._builder.book
        self._add(ts_event, message.raw.ts_recv, book.bids(self._levels), book.asks(self._levels))

    def _add(self, ts_event: int | None, ts_recv: int | None, bids: list[Level], asks: list[Level]) -> None:
        if ts_event is None and ts_recv is None:
            self._log.warn(f"{self.info.leg}: messages without any time made no row of their own")
            return
        self.rows.add(ts_event, ts_recv, bids, asks)
        self._rows_made += 1
        self._log.rows += 1


def _ns(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * MS_NS


def _describe(entry: EntrySpec, symbol: str, levels: int) -> tuple[InstrumentInfo, float | None]:
    """Return the instrument and the contract size its sizes are to be turned by."""
    base, quote = (entry.base, entry.quote) if entry.base and entry.quote else split_binance(symbol)
    coin_m = _COIN_M.fullmatch(symbol)
    if coin_m is None:
        flags = entry.flags
        contract, inverse = entry.contract_size, entry.inverse
        kind = entry.kind or "spot"
    else:
        contract = entry.contract_size or COIN_M_CONTRACT_USD.get(coin_m[1], 10.0)
        inverse, kind = True, "perpetual"
        flags = entry.flags if coin_m[2] == "PERP" else (*entry.flags, f"dated future {coin_m[2]}")
    if contract is not None:
        unit = quote if inverse else base
        flags = (*flags, f"sizes converted from contracts of {contract:g} {unit}")
    info = info_of(
        entry, levels, symbol=symbol, base=base, quote=quote, kind=kind, inverse=inverse, flags=flags
    )
    return info, contract
