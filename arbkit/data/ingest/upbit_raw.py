"""Raw logs of Upbit order books, in long and short field names, to books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from arbkit.data.ingest.book_rows import BookRows
from arbkit.data.ingest.log import IngestLog
from arbkit.data.ingest.raw_reader import messages
from arbkit.data.ingest.sources import Source
from arbkit.data.ingest.spec import EntrySpec
from arbkit.data.ingest.table import Batch, info_of
from arbkit.data.manifest import InstrumentInfo
from arbkit.errors import DataError, nearest_names
from arbkit.wire import WholeBook
from arbkit.wire.upbit import parse_messages

__all__ = ["read_upbit"]

#: Depths that the venue offers; the shallowest that holds the first book is taken.
_DEPTHS: Final = (1, 5, 15, 30)


def read_upbit(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Read raw logs; every market in them is an instrument, or only `symbol` where it is given.

    Raises:
        DataError: when a file is damaged, or `symbol` does not occur.
    """
    markets: dict[str, tuple[InstrumentInfo, BookRows]] = {}
    seen: set[str] = set()
    for message in messages(sources, log):
        try:
            books = parse_messages(message.raw.payload)
        except DataError as error:
            text = message.raw.payload.decode("utf-8", "replace")
            log.refuse(message.place.source, message.place.line, str(error), text)
            continue
        log.other_messages += not books
        for book in books:
            seen.add(book.symbol)
            if entry.symbol and book.symbol != entry.symbol:
                log.other_messages += 1
                continue
            if book.symbol not in markets:
                markets[book.symbol] = _open(entry, book)
            info, rows = markets[book.symbol]
            _add(info, rows, book, message.raw.ts_recv, log)
            if rows.full:
                yield info, rows.take()
    for info, rows in markets.values():
        if len(rows):
            yield info, rows.take()
    if entry.symbol and entry.symbol not in seen:
        near = nearest_names(entry.symbol, seen or {"none"})
        raise DataError(f"no order book of symbol {entry.symbol} in {', '.join(entry.files)}; {near}")


def _open(entry: EntrySpec, book: WholeBook) -> tuple[InstrumentInfo, BookRows]:
    depth = max(len(book.bids), len(book.asks))
    levels = entry.levels or next((size for size in _DEPTHS if size >= depth), min(depth, 100))
    quote, _, base = book.symbol.partition("-")
    info = info_of(
        entry,
        levels,
        venue=entry.venue or "upbit",
        symbol=book.symbol,
        base=entry.base or base,
        quote=entry.quote or quote,
    )
    return info, BookRows(levels)


def _add(info: InstrumentInfo, rows: BookRows, book: WholeBook, ts_recv: int | None, log: IngestLog) -> None:
    if max(len(book.bids), len(book.asks)) > info.levels:
        log.warn(f"{info.leg}: books deeper than {info.levels} levels were cut to that depth")
    rows.add(book.ts_event, ts_recv, book.bids, book.asks)
    log.rows += 1
