"""This project's own Parquet: schema files, or whole datasets, into another dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import polars as pl

from arbkit.data.dataset import is_dataset, open_dataset
from arbkit.data.ingest.log import IngestLog
from arbkit.data.ingest.sources import Source
from arbkit.data.ingest.spec import EntrySpec
from arbkit.data.ingest.table import Batch, info_of, read_raw
from arbkit.data.manifest import InstrumentInfo
from arbkit.data.schema import book_schema, candle_columns, candle_schema, conform, levels_of

__all__ = ["read_dataset", "read_own_parquet"]

_HIVE: Final = re.compile(r"(venue|symbol)=([^/]+)")
_SLICE: Final = 131_072


def read_dataset(folder: Path, log: IngestLog) -> Iterator[Batch]:
    """Yield every row of a dataset, as it describes itself."""
    dataset = open_dataset(folder)
    for info in dataset.instruments:
        log.reading = info.leg
        rows = dataset.scan(info.leg).collect()
        for start in range(0, rows.height, _SLICE):
            log.rows += min(_SLICE, rows.height - start)
            yield _undone(info), rows.slice(start, _SLICE)


def read_own_parquet(entry: EntrySpec, sources: Sequence[Source], log: IngestLog) -> Iterator[Batch]:
    """Read files with the schema's columns; venue and symbol come from the spec or the folder names.

    Raises:
        DataError: when a file is damaged or has columns the schema does not know.
    """
    for source in sources:
        log.reading = source.label
        named = {name: unquote(value) for name, value in _HIVE.findall(source.path.as_posix())}
        for raw in read_raw(entry, source, log):
            is_candle = set(candle_columns()) <= set(raw.frame.columns)
            levels = 0 if is_candle else max(levels_of(raw.frame.columns), 1)
            kind = "candle" if is_candle else entry.kind or "spot"
            info = info_of(
                entry,
                levels,
                kind=kind,
                venue=entry.venue or named.get("venue", ""),
                symbol=entry.symbol or named.get("symbol", ""),
            )
            schema = candle_schema() if is_candle else book_schema(levels)
            frame = raw.frame.drop(
                [name for name in ("venue", "symbol", "date") if name in raw.frame.columns]
            )
            if "ts_recv" in schema and "ts_recv" not in frame.columns:
                frame = frame.with_columns(pl.lit(None, dtype=schema["ts_recv"]).alias("ts_recv"))
            log.rows += frame.height
            yield info, conform(frame, schema, source=source.label)


def folder_of(path: str) -> Path | None:
    """The dataset folder a path names, None where it names none."""
    return Path(path) if is_dataset(path) else None


def _undone(info: InstrumentInfo) -> InstrumentInfo:
    """The description without what a writer counts."""
    return InstrumentInfo.model_validate(info.descriptor())
