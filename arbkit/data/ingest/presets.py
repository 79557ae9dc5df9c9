"""Named table formats: each fills in the part of a spec that its files settle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from arbkit.data.ingest.log import IngestLog
from arbkit.data.ingest.sources import Source
from arbkit.data.ingest.spec import ColumnsSpec, EntrySpec, TimeSpec
from arbkit.data.ingest.table import Batch, read_raw, read_table
from arbkit.errors import DataError, nearest_names
from arbkit.wire.symbols import split_binance
from arbkit.wire.upbit import stamp_ns

__all__ = ["PAIR_COLUMNS", "read_candles", "read_pair_csv", "read_tardis_book", "read_tardis_quotes"]

PAIR_COLUMNS: Final = ("timestamp", "best_bid_a", "best_ask_a", "best_bid_b", "best_ask_b")
_STAMP_NAMES: Final = (
    "timestamp", "time", "date", "datetime", "open_time", "ts", "candle_date_time_utc",
)  # fmt: skip
_BAR_NAMES: Final = {
    "open": ("open", "opening_price", "o"),
    "high": ("high", "high_price", "h"),
    "low": ("low", "low_price", "l"),
    "close": ("close", "trade_price", "price", "c"),
    "volume": ("volume", "candle_acc_trade_volume", "vol", "vol.", "v"),
}


def read_pair_csv(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Read `timestamp, best_bid_a, best_ask_a, best_bid_b, best_ask_b`: one file, two instruments.

    Venues are `a` and `b` and the symbol is PAIR unless given; prices are in `quote`, USD unless given.
    """
    if not entry.quote:
        log.warn("quote currency of the pair was not given and is taken as USD; give it with --quote")
    quote = entry.quote or "USD"
    symbol = entry.symbol or "PAIR"
    other = entry.other
    first = {"venue": entry.venue or "a", "symbol": symbol, "quote": quote}
    second: dict[str, Any] = {"venue": "b", "symbol": symbol, "base": entry.base, "quote": quote}
    if other is not None:
        said = other.model_dump(exclude_unset=True)
        second |= {name: value for name, value in said.items() if value not in ("", None)}
    blank_rows = log.blank_rows
    for side, leg in (("a", first), ("b", second)):
        log.blank_rows = blank_rows  # the file is read once per side, its blank rows count once
        columns = {"bid_px": f"best_bid_{side}", "ask_px": f"best_ask_{side}"}
        yield from read_table(_table(entry, sources, "timestamp", columns, leg), sources, log)


def read_tardis_book(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Read tardis `book_snapshot_N`: `bids[0].price`, `bids[0].amount`, ... and two clocks in us."""
    columns = {
        "bid_px": "bids[{level}].price",
        "bid_sz": "bids[{level}].amount",
        "ask_px": "asks[{level}].price",
        "ask_sz": "asks[{level}].amount",
    }
    yield from _read_tardis(entry, sources, columns, log)


def read_tardis_quotes(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Read tardis `quotes`: best bid and ask, and two clocks in us."""
    columns = {"bid_px": "bid_price", "bid_sz": "bid_amount", "ask_px": "ask_price", "ask_sz": "ask_amount"}
    yield from _read_tardis(entry, sources, columns, log)


def read_candles(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Read candles whose columns carry common names; `bar` and `stamp` must be given.

    Raises:
        DataError: when a stamp or close column is not among the common names.
    """
    names = _header(entry, sources)
    known = {name.lower().strip(): name for name in names}
    stamp = next((known[name] for name in _STAMP_NAMES if name in known), None)
    columns = {
        role: known[found]
        for role, spellings in _BAR_NAMES.items()
        if (found := next((name for name in spellings if name in known), None)) is not None
    }
    if stamp is None or "close" not in columns:
        wanted = _STAMP_NAMES if stamp is None else _BAR_NAMES["close"]
        raise DataError(
            f"{sources[0].path}: candles need a {'stamp' if stamp is None else 'close'} column: one of "
            f"{', '.join(wanted)}; the file has {', '.join(names)}; name the columns in a spec instead"
        )
    yield from read_table(_table(entry, sources, stamp, columns, {"kind": "candle"}), sources, log)


def _read_tardis(
    entry: EntrySpec, sources: Sequence[Source], columns: dict[str, str], log: IngestLog
) -> Iterator[Batch]:
    names = _header(entry, sources)
    found = dict(zip(names, _first_row(entry, sources), strict=False))
    symbol = entry.symbol or found.get("symbol", "")
    base, quote = (entry.base, entry.quote) if entry.quote else _split(symbol)
    leg = {
        "venue": entry.venue or found.get("exchange", "").replace("-", "_"),
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "where": {"symbol": symbol} if "symbol" in names else {},
        "recv_time": TimeSpec(column="local_timestamp", unit="us"),
        "time": TimeSpec(column="timestamp", unit="us"),
    }
    before = log.filtered_rows
    yield from read_table(_table(entry, sources, "timestamp", columns, leg), sources, log)
    if log.filtered_rows > before:
        log.warn(f"{symbol}: rows of other symbols in the same files were left out; ingest them as well")


def _split(symbol: str) -> tuple[str, str]:
    quote, dash, base = symbol.partition("-")
    return (base, quote) if dash else split_binance(symbol.upper())


def _table(
    entry: EntrySpec, sources: Sequence[Source], stamp: str, columns: dict[str, str], leg: dict[str, Any]
) -> EntrySpec:
    """The entry as a plain table; what the user said wins over what the format settles."""
    settled = {name: value for name, value in leg.items() if value not in ("", None)}
    if "time" not in settled:
        settled["time"] = TimeSpec(column=stamp, unit=_unit_of(entry, sources, stamp))
    if entry.time is not None:
        settled["time"] = entry.time
    return entry.model_copy(update={"columns": ColumnsSpec(**columns)} | settled)


def _unit_of(entry: EntrySpec, sources: Sequence[Source], stamp: str) -> Any:
    """The unit of numeric stamps, told by their size; None where they are text or times."""
    names = _header(entry, sources)
    if stamp not in names:
        raise DataError(
            f"{sources[0].path}: column `{stamp}` missing; for `{stamp}`, {nearest_names(stamp, names)}"
        )
    value = _first_row(entry, sources)[names.index(stamp)]
    try:
        number = int(float(value))
    except ValueError:
        return None
    if number <= 0 or str(value).count("-"):
        return None
    factor = stamp_ns(number) // number
    return {10**9: "s", 10**6: "ms", 10**3: "us", 1: "ns"}[factor]


def _header(entry: EntrySpec, sources: Sequence[Source]) -> list[str]:
    return _peek(entry, sources)[0]


def _first_row(entry: EntrySpec, sources: Sequence[Source]) -> list[str]:
    return _peek(entry, sources)[1]


def _peek(entry: EntrySpec, sources: Sequence[Source]) -> tuple[list[str], list[str]]:
    """Column names and first row of the first file; what that finds is reported when it is read for good."""
    for raw in read_raw(entry, sources[0], IngestLog()):
        if raw.frame.height:
            return raw.frame.columns, ["" if value is None else str(value) for value in raw.frame.row(0)]
    raise DataError(f"{sources[0].path}: holds no readable row")
