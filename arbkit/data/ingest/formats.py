"""The formats by name. A new one is a reader and a line here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from arbkit.data.ingest.binance_raw import read_binance
from arbkit.data.ingest.log import IngestLog
from arbkit.data.ingest.own_parquet import read_own_parquet
from arbkit.data.ingest.presets import (
    PAIR_COLUMNS,
    read_candles,
    read_pair_csv,
    read_tardis_book,
    read_tardis_quotes,
)
from arbkit.data.ingest.raw_reader import starts_with_answer
from arbkit.data.ingest.sources import Source
from arbkit.data.ingest.spec import EntrySpec
from arbkit.data.ingest.table import Batch, read_table
from arbkit.data.ingest.upbit_raw import read_upbit
from arbkit.errors import ConfigError, DataError, nearest_names

__all__ = ["FORMATS", "Format", "find_format", "sniff_format"]

Reader = Callable[[EntrySpec, Sequence[Source], IngestLog], Iterator[Batch]]
_HEAD_BYTES: Final = 16_384


@dataclass(frozen=True)
class Format:
    """A way to read files.

    Attributes:
        summary: one line for a listing.
        read: from entry, files and log to (instrument, rows) in turn; rows of one instrument come in the
            order of the files. What it cannot parse it refuses to the log.
    """

    summary: str
    read: Reader


def _read_cryptofeed(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Sessions recorded by cryptofeed: the venue is told by the addresses in them."""
    streams = [source for source in sources if not starts_with_answer(source)] or list(sources)
    head = _head(streams[0])
    venue = entry.venue.lower()
    if b"upbit" in head or venue.startswith("upbit"):
        return read_upbit(entry, sources, log)
    if b"binance" in head or venue.startswith("binance"):
        return read_binance(entry, sources, log)
    raise DataError(
        f"{streams[0].path}: a recorded session must be of Binance or Upbit, its addresses name neither"
    )


FORMATS: Final[dict[str, Format]] = {
    "table": Format("any CSV or Parquet, by the columns a spec names", read_table),
    "pair-csv": Format(f"two venues in one CSV: {','.join(PAIR_COLUMNS)}", read_pair_csv),
    "candles": Format("CSV of open, high, low, close; needs bar and stamp", read_candles),
    "tardis-book": Format("tardis book_snapshot_N CSV", read_tardis_book),
    "tardis-quotes": Format("tardis quotes CSV", read_tardis_quotes),
    "binance-raw": Format("Binance combined-stream log: snapshot and differences to books", read_binance),
    "upbit-raw": Format("Upbit order book log, long or short field names", read_upbit),
    "cryptofeed": Format(
        "sessions recorded by cryptofeed (Binance, Upbit), with their REST answers", _read_cryptofeed
    ),
    "arbkit-parquet": Format("this project's own Parquet files or datasets", read_own_parquet),
}


def find_format(name: str) -> Format:
    """Return a format by name.

    Raises:
        ConfigError: with the nearest names.
    """
    if name not in FORMATS:
        raise ConfigError(f"unknown format `{name}`; {nearest_names(name, FORMATS)}")
    return FORMATS[name]


def sniff_format(source: Source) -> str:
    """Tell a file's format by its beginning.

    Raises:
        ConfigError: when it is none that can be told apart; a table needs a spec.
    """
    if source.is_parquet:
        return "arbkit-parquet"
    head = _head(source)
    line = head.partition(b"\n")[0].strip()
    columns = {cell.strip().lower() for cell in line.decode("utf-8", "replace").lstrip("\ufeff").split(",")}
    rules: list[tuple[bool, str]] = [
        # Most of them is enough: the reader then says which one is missing.
        (len(columns.intersection(PAIR_COLUMNS)) >= 3, "pair-csv"),
        ("bids[0].price" in columns, "tardis-book"),
        ({"bid_price", "ask_price", "local_timestamp"} <= columns, "tardis-quotes"),
        ({"open", "high", "low", "close"} <= columns, "candles"),
        (bool(re.match(rb"(wss?://|https?://)\S+ (->|<->|<-) ", line)), "cryptofeed"),
        (b'"orderbook_units"' in head or b'"obu"' in head, "upbit-raw"),
        (b'"depthUpdate"' in head or b"@bookTicker" in head, "binance-raw"),
    ]
    for fits, name in rules:
        if fits:
            return name
    raise ConfigError(
        f"{source.path}: its format cannot be told by its beginning; name it with --format "
        f"({', '.join(FORMATS)}), or write a spec that names its columns"
    )


def _head(source: Source) -> bytes:
    try:
        with source.open() as stream:
            return stream.read(_HEAD_BYTES)
    except (EOFError, OSError) as error:
        raise DataError(f"{source.path}: damaged or cut off: {error}; fetch the file again") from error
