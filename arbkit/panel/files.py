"""Panels as files: Parquet that keeps the meta data, and the pair CSV of older tools."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from arbkit._typing import PathLike
from arbkit.errors import DataError
from arbkit.panel.frames import panel_from_frame, require_columns
from arbkit.panel.funding import Funding
from arbkit.panel.panel import Panel, PanelMeta
from arbkit.panel.stamps import parsed_stamps

if TYPE_CHECKING:
    import polars as pl

__all__ = ["load_pair_file", "read_panel", "write_panel"]

#: Columns of the pair CSV, and the names they have on a panel.
PAIR_COLUMNS: Final = {
    "timestamp": "ts",
    "best_bid_a": "bid_a",
    "best_ask_a": "ask_a",
    "best_bid_b": "bid_b",
    "best_ask_b": "ask_b",
}
_PRICE_COLUMNS: Final = (*tuple(PAIR_COLUMNS)[1:], *tuple(PAIR_COLUMNS.values())[1:])
_META_KEY: Final = "arbkit.panel"
_FUNDING_KEY: Final = "arbkit.funding"
_GZIP: Final = b"\x1f\x8b"


def write_panel(panel: Panel, path: PathLike) -> None:
    """Write a panel as one Parquet file, atomically: a kill leaves the old file or the new one.

    Raises:
        DataError: when the file cannot be written there.
    """
    import pyarrow.parquet as pq

    target = Path(path)
    table = panel.to_frame().to_arrow()
    meta = json.dumps(dataclasses.asdict(panel.meta)).encode()
    extra = {_META_KEY: meta}
    if panel.funding is not None:
        extra[_FUNDING_KEY] = json.dumps([array.tolist() for array in panel.funding]).encode()
    table = table.replace_schema_metadata(extra)
    staged = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, staged, compression="zstd")
        staged.replace(target)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        staged.unlink(missing_ok=True)


def read_panel(path: PathLike) -> Panel:
    """Read a Parquet file with the columns of a panel; meta data written by `write_panel` are restored.

    Raises:
        DataError: when the file is missing, not readable as Parquet, or lacks a column.
    """
    # Not by pyarrow: its Parquet module imports pandas where that is installed, which takes most of a second.
    import polars as pl

    source = _existing(path)
    try:
        notes = pl.read_parquet_metadata(source)
        frame = pl.read_parquet(source, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{source} cannot be read as Parquet: it is damaged or half-written; make it again ({error})"
        ) from error
    text = notes.get(_META_KEY)
    try:
        meta = _meta_of(text) if text else PanelMeta(name=source.stem, source=str(source))
        if frame.height == 0 and not text:
            raise DataError("a data file must hold rows, this one has none")
        panel = panel_from_frame(_renamed(frame), meta)
        funding = notes.get(_FUNDING_KEY)
        return panel.replace(funding=Funding(*json.loads(funding))) if funding else panel
    except DataError as error:
        raise DataError(f"{source}: {error}") from error


def _meta_of(text: str) -> PanelMeta:
    known = {item.name for item in dataclasses.fields(PanelMeta)}
    try:
        values = {name: value for name, value in json.loads(text).items() if name in known}
    except (ValueError, AttributeError) as error:
        raise DataError("its meta data cannot be read; make it again") from error
    lists = {name: tuple(values.get(name, ())) for name in ("flags", "files")}
    return PanelMeta(**{**values, **lists})


def load_pair_file(path: PathLike, **meta: Any) -> Panel:
    """Read a panel from a pair CSV (gz too) or a Parquet file, both already in one currency.

    A pair CSV has the columns `timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b`; a timestamp is ISO
    text (naive ones are UTC) or a number of seconds, milliseconds, microseconds or nanoseconds since the
    epoch. An empty price is a missing quote.

    Args:
        path: the file.
        meta: fields of `PanelMeta` that the file does not carry.

    Raises:
        DataError: when the file is missing, empty, damaged, lacks a column or holds text in a price column.
    """
    source = _existing(path)
    if source.suffix == ".parquet":
        panel = read_panel(source)
        return panel.replace(**meta) if meta else panel
    frame = _read_csv(source)
    try:
        return panel_from_frame(
            _with_times(frame), PanelMeta(**{"name": source.stem, "source": str(source), **meta})
        )
    except DataError as error:
        raise DataError(f"{source}: {error}") from error


def _existing(path: PathLike) -> Path:
    source = Path(path)
    if not source.is_file():
        raise DataError(f"a data file must exist, {source} does not")
    if source.stat().st_size == 0:
        raise DataError(f"a data file must not be empty, {source} has 0 bytes")
    return source


def _renamed(frame: pl.DataFrame) -> pl.DataFrame:
    if "ts" not in frame.columns and "timestamp" in frame.columns:
        frame = frame.rename({old: new for old, new in PAIR_COLUMNS.items() if old in frame.columns})
        frame = _with_times(frame)
    return frame


def _read_csv(source: Path) -> pl.DataFrame:
    import polars as pl

    overrides: dict[str, Any] = {name: pl.Float64() for name in _PRICE_COLUMNS}
    try:
        frame = pl.read_csv(source, schema_overrides=overrides, infer_schema=False)
    except pl.exceptions.NoDataError as error:
        raise DataError(f"a data file must hold rows, {source} has none") from error
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise _csv_error(source, error) from error
    _require_pair_columns(source, frame)
    if frame.height == 0:
        raise DataError(f"a data file must hold rows, {source} has only a header")
    _refuse_short_lines(source, frame)
    if "timestamp" in frame.columns:
        frame = frame.rename({old: new for old, new in PAIR_COLUMNS.items() if old in frame.columns})
    return frame


def _require_pair_columns(source: Path, frame: pl.DataFrame) -> None:
    wanted = (
        PAIR_COLUMNS if "timestamp" in frame.columns or "ts" not in frame.columns else PAIR_COLUMNS.values()
    )
    try:
        require_columns(frame, tuple(wanted))
    except DataError as error:
        raise DataError(f"{source}: {error}") from error


def _refuse_short_lines(source: Path, frame: pl.DataFrame) -> None:
    """Refuse lines that end early, which polars fills with nulls: a cut-off line is no missing quote."""
    if not frame[frame.columns[-1]].null_count():
        return
    with source.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    with gzip.open(source) if packed else source.open("rb") as lines:
        if b"ask_b" not in lines.readline():
            return  # Packed in another way, which only polars reads.
        for number, line in enumerate(lines, start=2):
            if line.strip() and line.count(b",") < frame.width - 1:
                raise DataError(
                    f"every line must have {frame.width} fields, line {number} of {source} "
                    f"had {line.count(b',') + 1}: was the file written to its end?"
                )


def _csv_error(source: Path, cause: Exception) -> DataError:
    """Find the first cell that is no number, so that the message can name its line."""
    import polars as pl

    try:
        frame = pl.read_csv(source, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError):
        return DataError(f"{source} cannot be read as CSV: {str(cause).splitlines()[0]}")
    for name in frame.columns:
        if name in _PRICE_COLUMNS:
            bad = frame[name].is_not_null() & frame[name].cast(pl.Float64, strict=False).is_null()
            if bad.any():
                row = int(bad.arg_true()[0])
                return DataError(
                    f"column `{name}` must hold numbers, line {row + 2} of {source} "
                    f"held {frame[name][row]!r} ({int(bad.sum())} such rows)"
                )
    return DataError(f"{source} cannot be read as CSV: {str(cause).splitlines()[0]}")


def _with_times(frame: pl.DataFrame) -> pl.DataFrame:
    """Replace the text or numbers in `ts` by nanoseconds UTC."""
    stamps = parsed_stamps(frame["ts"])
    if stamps.null_count():
        row = int(stamps.is_null().arg_true()[0])
        raise DataError(
            "a timestamp must be ISO text or a number of seconds, ms, us or ns since the epoch, "
            f"row {row} (counted from 0) held {frame['ts'][row]!r} ({stamps.null_count()} such rows)"
        )
    return frame.with_columns(stamps.alias("ts"))
