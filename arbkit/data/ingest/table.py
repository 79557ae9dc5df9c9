"""Any CSV or Parquet file to the schema, by the columns that a spec names.

Every cell is read as text first: only so can a price of "n/a" be told from an empty one, and a row
that cannot be parsed be kept, with its line and its reason, in the quarantine.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import polars as pl
import pyarrow.parquet as pq
from pyarrow import ArrowException

from arbkit.data.ingest.log import IngestLog
from arbkit.data.ingest.sources import Source, text_blocks
from arbkit.data.ingest.spec import EntrySpec
from arbkit.data.ingest.stamps import read_stamps
from arbkit.data.manifest import InstrumentInfo
from arbkit.data.schema import BAR_COLUMNS, MAX_LEVELS, book_schema, candle_schema
from arbkit.errors import ConfigError, DataError, nearest_names
from arbkit.units import SECOND_NS

__all__ = ["Batch", "Raw", "info_of", "map_rows", "read_raw", "read_table"]

Batch = tuple[InstrumentInfo, pl.DataFrame]
_ROLES: Final = ("bid_px", "bid_sz", "ask_px", "ask_sz")
_NOT_BLANK: Final = b" \t\"'"
_PARQUET_ROWS: Final = 200_000


class Raw(NamedTuple):
    """Rows as they stood in the file: one frame, the line of each row, and its text."""

    frame: pl.DataFrame
    lines: Sequence[int]
    texts: Sequence[bytes] | None


class _Lines(Sequence[bytes]):
    """The lines of a block, split when one is asked for: hardly ever."""

    def __init__(self, block: bytes, count: int) -> None:
        self._block = block
        self._count = count
        self._split: list[bytes] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if self._split is None:
            self._split = self._block.split(b"\n")
        return self._split[index]


class Mapping(NamedTuple):
    """What a file's columns become: schema column -> source column, for one instrument."""

    info: InstrumentInfo
    columns: dict[str, str]


def read_table(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Read mapped CSV and Parquet files of one instrument.

    Raises:
        ConfigError: when the entry lacks what a table needs.
        DataError: when a file lacks a column, or is empty or damaged.
    """
    _check_entry(entry)
    mapping: Mapping | None = None
    for source in sources:
        log.reading = source.label
        for raw in read_raw(entry, source, log):
            if mapping is None:
                mapping = _mapping(entry, raw.frame.columns, source)
            _check_columns(entry, mapping, raw.frame.columns, source)
            rows = map_rows(entry, mapping, _wanted(entry, raw, log), source, log)
            log.rows += rows.height
            yield mapping.info, rows


def info_of(entry: EntrySpec, levels: int, **changes: object) -> InstrumentInfo:
    """Describe the instrument of an entry; sizes are in base units by the time they are written."""
    for name in ("venue", "symbol", "quote"):
        if not (changes.get(name) or getattr(entry, name)):
            raise ConfigError(
                f"`{name}` of the instrument in {', '.join(entry.files)} must be given (in the spec, or "
                f"with --{name})"
            )
    kind = entry.kind or "spot"
    flags = list(entry.flags)
    if entry.contract_size is not None and kind != "candle":
        unit = "quote" if entry.inverse else "base"
        flags.append(f"sizes converted from contracts of {entry.contract_size:g} {unit}")
    values = {
        "venue": entry.venue,
        "symbol": entry.symbol,
        "base": entry.base,
        "quote": entry.quote,
        "kind": kind,
        "inverse": entry.inverse,
        "levels": 0 if kind == "candle" else levels,
        "max_age_s": entry.max_age_s,
        "tick_size": entry.tick_size,
        "bar_s": entry.bar_ns / SECOND_NS if entry.bar_ns else None,
        "flags": tuple(flags),
        "partition": entry.partition,
    }
    return InstrumentInfo.model_validate(values | changes)


def read_raw(entry: EntrySpec, source: Source, log: IngestLog) -> Iterator[Raw]:
    """Yield a file's rows as they stand, blank ones counted, ragged ones refused.

    Raises:
        DataError: when the file holds no row, is damaged, or is no table.
    """
    rows = _parquet_rows(source, log) if source.is_parquet else _csv_rows(entry, source, log)
    empty = True
    for raw in rows:
        empty = False
        yield raw
    if empty:
        raise DataError(f"{source.path}: holds no data row")


def map_rows(entry: EntrySpec, mapping: Mapping, raw: Raw, source: Source, log: IngestLog) -> pl.DataFrame:
    """Turn raw rows into schema rows; rows that cannot be parsed go to the quarantine."""
    assert entry.time is not None
    columns, bad = [], []
    for name, time in (("ts_event", entry.time), ("ts_recv", entry.recv_time)):
        if time is not None:
            stamps = read_stamps(raw.frame[time.column], entry.zoned(time), source).alias(name)
            bad.append((f"`{time.column}` must be a stamp", time.column, stamps.is_null()))
            columns.append(stamps)
    parsed: dict[str, pl.Series] = {}
    for column in dict.fromkeys(mapping.columns.values()):
        parsed[column], refused = _read_numbers(raw.frame[column], entry)
        if refused is not None:
            bad.append((f"`{column}` must be a number", column, refused))
    columns += [parsed[column].alias(name) for name, column in mapping.columns.items()]
    rows = pl.DataFrame(columns)
    keep = _refuse(bad, raw, source, log)
    if keep is not None:
        rows = rows.filter(keep)
    return _finish(entry, mapping.info, rows, log)


def _check_entry(entry: EntrySpec) -> None:
    where = ", ".join(entry.files)
    if entry.time is None:
        raise ConfigError(f"`time` (the column of the stamps) must be given for {where}")
    if entry.kind == "candle" and not entry.bar_ns:
        raise ConfigError(f"`bar` and `stamp` must be given for the candles in {where}")
    roles = [name for name in entry.columns.model_fields_set if getattr(entry.columns, name)]
    wanted = {*BAR_COLUMNS, "price"} if entry.kind == "candle" else {*_ROLES, "price"}
    for name in roles:
        if name not in wanted:
            raise ConfigError(
                f"`columns.{name}` does not fit kind {entry.kind}; {nearest_names(name, wanted)}"
            )
    if not {"price", "close", "bid_px", "ask_px"} & set(roles):
        raise ConfigError(f"`columns` must name the prices in {where}: {', '.join(sorted(wanted))}")


def _mapping(entry: EntrySpec, present: list[str], source: Source) -> Mapping:
    columns = entry.columns
    if entry.kind == "candle":
        names = {
            name: getattr(columns, name) or (columns.price if name != "volume" else None)
            for name in BAR_COLUMNS
        }
        return Mapping(info_of(entry, 0), {name: column for name, column in names.items() if column})
    levels = entry.levels or (_levels_present(entry, present) if columns.has_levels else 1)
    wanted: dict[str, str] = {}
    for level in range(levels):
        for role in _ROLES:
            fallback = columns.price if level == 0 and role.endswith("_px") else None
            column = columns.at_level(role, level) or fallback
            if column is not None:
                wanted[f"{role}_{level:02d}"] = column
    return Mapping(info_of(entry, levels), wanted)


def _levels_present(entry: EntrySpec, present: list[str]) -> int:
    names, level = set(present), 0
    while level < MAX_LEVELS and any(entry.columns.at_level(role, level) in names for role in _ROLES):
        level += 1
    return max(level, 1)


def _check_columns(entry: EntrySpec, mapping: Mapping, present: list[str], source: Source) -> None:
    times = [time.column for time in (entry.time, entry.recv_time) if time is not None]
    needed = dict.fromkeys([*times, *entry.where, *mapping.columns.values()])
    missing = [name for name in needed if name not in present]
    if missing:
        shown = ", ".join(f"`{name}`" for name in missing[:8]) + (", ..." if len(missing) > 8 else "")
        raise DataError(
            f"{source.path}: column{'s' if len(missing) > 1 else ''} {shown} missing; for `{missing[0]}`, "
            f"{nearest_names(missing[0], present)}"
        )


def _wanted(entry: EntrySpec, raw: Raw, log: IngestLog) -> Raw:
    """The rows that `where` asks for; the others are counted."""
    if not entry.where:
        return raw
    mask = pl.Series([True]).new_from_index(0, raw.frame.height)
    for column, value in entry.where.items():
        mask = mask & (raw.frame[column].cast(pl.String).fill_null("") == value)
    if mask.all():
        return raw
    kept = mask.arg_true().to_list()
    log.filtered_rows += raw.frame.height - len(kept)
    texts = None if raw.texts is None else [raw.texts[index] for index in kept]
    return Raw(raw.frame.filter(mask), [raw.lines[index] for index in kept], texts)


def _read_numbers(column: pl.Series, entry: EntrySpec) -> tuple[pl.Series, pl.Series | None]:
    """Return (numbers, where a cell says something that is no number); "nan" counts as empty."""
    if column.dtype != pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        refused = numbers.is_null() & column.is_not_null() | numbers.is_infinite().fill_null(False)
        return numbers, refused if refused.any() else None
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() == column.null_count() and not numbers.is_infinite().any():
        return numbers, None
    text = column.str.strip_chars()
    if entry.numbers.thousands:
        text = text.str.replace_all(entry.numbers.thousands, "", literal=True)
    if entry.numbers.decimal != ".":
        text = text.str.replace_all(entry.numbers.decimal, ".", literal=True)
    numbers = text.cast(pl.Float64, strict=False)
    said = text.fill_null("") != ""
    refused = said & (numbers.is_null() | numbers.is_infinite().fill_null(False))
    return numbers, refused if refused.any() else None


def _refuse(
    bad: list[tuple[str, str, pl.Series]], raw: Raw, source: Source, log: IngestLog
) -> pl.Series | None:
    """Quarantine rows with any bad cell; return which rows to keep, None for all."""
    masks = [mask for _, _, mask in bad if mask.any()]
    if not masks:
        return None
    any_bad = masks[0]
    for mask in masks[1:]:
        any_bad = any_bad | mask
    for row in any_bad.arg_true().to_list():
        rule, column = next((rule, column) for rule, column, mask in bad if mask[row])
        value = raw.frame[column][row]
        said = "empty" if value is None or value == "" else repr(value)
        text = raw.texts[row].decode("utf-8", "replace") if raw.texts else str(raw.frame.row(row, named=True))
        log.refuse(source.label, raw.lines[row], f"{rule}, was {said}", text)
    return ~any_bad


def _finish(entry: EntrySpec, info: InstrumentInfo, rows: pl.DataFrame, log: IngestLog) -> pl.DataFrame:
    if entry.bar_ns:
        shift = {("start", "end"): entry.bar_ns, ("end", "start"): -entry.bar_ns}.get(
            (entry.stamp or "", entry.price_at), 0
        )
        rows = rows.with_columns(pl.col("ts_event") + shift)
    times = [name for name in ("ts_event", "ts_recv") if name in rows.columns]
    rows = rows.with_columns(pl.col(times).cast(pl.Datetime("ns")).dt.replace_time_zone("UTC"))
    if entry.hours_utc:
        kept = rows.filter(pl.col("ts_event").dt.hour().is_in(entry.hours_utc))
        log.filtered_rows += rows.height - kept.height
        rows = kept
    if entry.contract_size is not None and info.levels:
        rows = contracts_to_base(rows, info.levels, entry.contract_size, inverse=entry.inverse)
    schema = candle_schema() if info.is_candle else book_schema(info.levels)
    return rows.select(
        pl.col(name) if name in rows.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in schema.items()
    )


def contracts_to_base(
    rows: pl.DataFrame, levels: int, contract_size: float, *, inverse: bool
) -> pl.DataFrame:
    """Turn sizes in contracts into base units: inverse ones are worth `contract_size` of the quote."""
    changes = []
    for level in range(levels):
        for side in ("bid", "ask"):
            size, price = f"{side}_sz_{level:02d}", f"{side}_px_{level:02d}"
            if size in rows.columns:
                base = pl.col(size) * contract_size
                changes.append(base / pl.col(price) if inverse else base)
    return rows.with_columns(change.alias(change.meta.root_names()[0]) for change in changes)


def _csv_rows(entry: EntrySpec, source: Source, log: IngestLog) -> Iterator[Raw]:
    names: list[str] | None = list(entry.header) if isinstance(entry.header, tuple) else None
    separator = entry.separator.encode()
    blank = _NOT_BLANK + separator
    with source.open(log.advance) as stream:
        for first, block in text_blocks(stream, source):
            if names is not None and (raw := _regular_block(entry, names, first, block)) is not None:
                yield raw
                continue
            lines = block.split(b"\n")
            numbered = [(first + index, line) for index, line in enumerate(lines) if line.strip(blank)]
            _count_blank(entry, source, first, lines, blank, log)
            if names is None and numbered:
                names = _header(entry, source, numbered[0][1])
                if entry.header is True:
                    start = numbered.pop(0)[0] - first + 1
                    rest = b"\n".join(lines[start:])
                    if (raw := _regular_block(entry, names, first + start, rest)) is not None:
                        yield raw
                        continue
            if names is not None and numbered:
                yield from _parse_block(entry, source, names, numbered, log)


def _regular_block(entry: EntrySpec, names: list[str], first: int, block: bytes) -> Raw | None:
    """A block in which every line has its fields, none is blank and none is quoted; else None.

    Looking at each line in Python costs four times as much as all the rest; a block that is not plainly
    regular is looked at that way.
    """
    count = block.count(b"\n") + 1
    if b'"' in block or block.count(entry.separator.encode()) != count * (len(names) - 1):
        return None
    try:
        frame = _read_csv(entry, names, block)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != count or frame.select(pl.all_horizontal(pl.all().is_null()).any()).item():
        return None
    return Raw(frame, range(first, first + count), _Lines(block, count))


def _count_blank(
    entry: EntrySpec, source: Source, first: int, block: list[bytes], blank: bytes, log: IngestLog
) -> None:
    for index, line in enumerate(block):
        if not line.strip(blank):
            if entry.blank_rows == "quarantine":
                log.refuse(source.label, first + index, "the row is blank", line.decode("utf-8", "replace"))
            else:
                log.blank_rows += 1


def _header(entry: EntrySpec, source: Source, line: bytes) -> list[str]:
    cells = [cell.strip() for cell in _cells(line, entry.separator)]
    if entry.header is False:
        return [f"column_{number}" for number in range(1, len(cells) + 1)]
    doubled = [cell for cell in cells if cells.count(cell) > 1]
    if doubled:
        raise DataError(f"{source.path}: a header must name each column once, `{doubled[0]}` stands twice")
    return cells


def _cells(line: bytes, separator: str) -> list[str]:
    text = line.decode("utf-8", "replace")
    try:
        return next(csv.reader([text], delimiter=separator))
    except csv.Error:  # a NUL or a carriage return inside: what it says is judged cell by cell
        return text.split(separator)


def _parse_block(
    entry: EntrySpec, source: Source, names: list[str], numbered: list[tuple[int, bytes]], log: IngestLog
) -> Iterator[Raw]:
    separator = entry.separator.encode()
    wanted, good = len(names), []
    for number, line in numbered:
        count = line.count(separator) + 1 if b'"' not in line else len(_cells(line, entry.separator))
        if count == wanted:
            good.append((number, line))
        else:
            text = line.decode("utf-8", "replace")
            log.refuse(source.label, number, f"a row must hold {wanted} fields, was {count}", text)
    if not good:
        yield Raw(pl.DataFrame(schema=dict.fromkeys(names, pl.String)), [], [])
        return
    lines = [line for _, line in good]
    yield Raw(_frame(entry, names, lines), [number for number, _ in good], lines)


def _frame(entry: EntrySpec, names: list[str], lines: list[bytes]) -> pl.DataFrame:
    try:
        frame = _read_csv(entry, names, b"\n".join(lines))
        if frame.height == len(lines):
            return frame
    except pl.exceptions.PolarsError:
        pass
    # A stray quote made the fast reader join lines: take them one by one.
    rows = [_cells(line, entry.separator) for line in lines]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _read_csv(entry: EntrySpec, names: list[str], text: bytes) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(text),
        has_header=False,
        schema=dict.fromkeys(names, pl.String),
        separator=entry.separator,
        encoding="utf8-lossy",
        raise_if_empty=False,
    )


def _parquet_rows(source: Source, log: IngestLog) -> Iterator[Raw]:
    try:
        with source.open(log.advance) as stream:
            file = pq.ParquetFile(io.BytesIO(stream.read()) if source.member else stream)
            start = 1
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield Raw(frame, range(start, start + frame.height), None)
                start += frame.height
    except (ArrowException, OSError) as error:
        raise DataError(
            f"{source.path}: not a complete Parquet file (half written or damaged): "
            f"{str(error).splitlines()[0]}; fetch the file again"
        ) from error
