"""One ingest run: every entry of a spec through its format into one atomic write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from arbkit._typing import PathLike
from arbkit.data.ingest.formats import find_format
from arbkit.data.ingest.log import IngestLog, IngestReport, LegReport, ProgressCall, clock_warning
from arbkit.data.ingest.own_parquet import folder_of, read_dataset
from arbkit.data.ingest.sources import find_sources
from arbkit.data.ingest.spec import EntrySpec, IngestSpec
from arbkit.data.ingest.table import Batch
from arbkit.data.manifest import InstrumentInfo, Manifest
from arbkit.data.writer import DatasetWriter, WriteMode, stamp_text
from arbkit.errors import ConfigError, DataError

__all__ = ["ingest", "input_bytes"]

_MAX_OFFSETS = 4_000_000


def ingest(
    spec: IngestSpec,
    path: PathLike | None = None,
    *,
    append: bool = False,
    on_progress: ProgressCall | None = None,
) -> IngestReport:
    """Read every file of a spec into a dataset, in one step or not at all.

    Args:
        spec: what to read; `${NAME}` in its paths comes from the environment unless filled in before.
        path: the dataset's folder, `datasets/NAME` by default. An existing dataset is replaced, or
            added to where `append`; it stays as it is when anything fails.
        append: add to an existing dataset.
        on_progress: told of (bytes read from disk so far, what is being read).

    Returns:
        What became of every row.

    Raises:
        ConfigError: when the spec lacks something or a format is unknown.
        DataError: when a file is missing, empty or damaged, lacks a column, or an entry gives no row.
    """
    started = time.monotonic()
    folder = Path("datasets", spec.name) if path is None else Path(path)
    for entry in spec.instruments:
        find_format(entry.format)
    spec = spec.expanded()
    input_bytes(spec)  # a missing file is found before an hour is spent on the ones before it
    log = IngestLog(on_progress=on_progress)
    clocks: dict[str, _Offsets] = {}
    with DatasetWriter(folder, name=spec.name, source=spec.source, mode=_mode(folder, append)) as writer:
        known: dict[str, InstrumentInfo] = {}
        for entry in spec.instruments:
            _write_entry(entry, writer, known, clocks, log)
        manifest = writer.commit()
    return _report(manifest, folder, known, clocks, log, time.monotonic() - started)


def input_bytes(spec: IngestSpec) -> int:
    """How many bytes on disk a spec reads.

    Raises:
        ConfigError: when a path needs an environment variable that is unset.
        DataError: when a file is missing or empty.
    """
    total = 0
    for entry in spec.expanded().instruments:
        files = [item for item in entry.files if folder_of(item) is None]
        paths = {source.path for source in find_sources(files)}
        total += sum(path.stat().st_size for path in paths)
    return total


def _mode(folder: Path, append: bool) -> WriteMode:
    return "append" if append else "replace"


def _write_entry(
    entry: EntrySpec,
    writer: DatasetWriter,
    known: dict[str, InstrumentInfo],
    clocks: dict[str, _Offsets],
    log: IngestLog,
) -> None:
    rows, refused = 0, log.quarantined
    for info, frame in _batches(entry, log):
        if known.setdefault(info.leg, info).descriptor() != info.descriptor():
            raise ConfigError(
                f"{info.leg} is described in two ways in one ingest; "
                "give each instrument its own venue or symbol"
            )
        writer.write(info, frame)
        clocks.setdefault(info.leg, _Offsets()).add(frame)
        rows += frame.height
        log.advance(0)  # the bytes of a batch are told of before its rows are read
    if not rows:
        raise DataError(_no_row(entry, log.quarantined - refused, log))
    writer.quarantine(log.take_refused())


def _batches(entry: EntrySpec, log: IngestLog) -> Iterator[Batch]:
    folders = [folder for item in entry.files if (folder := folder_of(item)) is not None]
    for folder in folders:
        yield from read_dataset(folder, log)
    rest = [item for item in entry.files if folder_of(item) is None]
    if rest:
        yield from find_format(entry.format).read(entry, find_sources(rest), log)


def _no_row(entry: EntrySpec, refused: int, log: IngestLog) -> str:
    where = ", ".join(entry.files)
    if refused:
        return f"{where}: no row could be read, {refused:,} were refused; the first: {log.first_refusal}"
    if log.untrusted_updates:
        return f"{where}: {log.untrusted_updates:,} updates and no usable snapshot, so no book could be built"
    if log.filtered_rows:
        return f"{where}: no row left, `where` and `hours_utc` left out {log.filtered_rows:,}"
    return f"{where}: no row of any instrument in the files"


class _Offsets:
    """Receive time minus event time of one instrument's rows."""

    def __init__(self) -> None:
        self.early = 0
        self.rows = 0
        self._kept: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Take the rows of a frame that have both stamps."""
        if "ts_recv" not in frame.columns or self.rows > _MAX_OFFSETS:
            return
        both = frame.select("ts_recv", "ts_event").drop_nulls()
        offset = both["ts_recv"].to_physical().to_numpy() - both["ts_event"].to_physical().to_numpy()
        self.rows += both.height
        self.early += int(np.count_nonzero(offset < 0))
        self._kept.append(offset)

    def merge(self, other: _Offsets) -> None:
        """Take in the rows of another one."""
        self.early += other.early
        self.rows += other.rows
        self._kept += other._kept

    def median_ns(self) -> int | None:
        """The median in ns, None where no row has both stamps."""
        return int(np.median(np.concatenate(self._kept))) if self.rows else None


def _warn_of_clocks(known: dict[str, InstrumentInfo], clocks: dict[str, _Offsets], log: IngestLog) -> None:
    """One warning per venue whose messages are received, in the median, before they were sent."""
    for venue in dict.fromkeys(info.venue for info in known.values()):
        both = _Offsets()
        legs = [leg for leg, info in known.items() if info.venue == venue]
        for leg in legs:
            both.merge(clocks[leg])
        median = both.median_ns()
        if median is not None and median < 0:
            name = legs[0] if len(legs) == 1 else f"{venue} ({len(legs)} instruments)"
            log.warn(clock_warning(name, median, both.early, both.rows))


def _report(
    manifest: Manifest,
    folder: Path,
    known: dict[str, InstrumentInfo],
    clocks: dict[str, _Offsets],
    log: IngestLog,
    seconds: float,
) -> IngestReport:
    legs = []
    for info in manifest.instruments:
        if info.leg not in known:
            continue
        median = clocks[info.leg].median_ns()
        legs.append(
            LegReport(
                leg=info.leg,
                rows=info.rows,
                start=stamp_text(info.start_ns),
                end=stamp_text(info.end_ns),
                levels=info.levels,
                unsorted_rows=info.unsorted_rows,
                median_latency_ms=None if median is None else round(median / 1e6, 3),
            )
        )
    _warn_of_clocks(known, clocks, log)
    return IngestReport(
        name=manifest.name,
        path=str(folder),
        manifest=manifest,
        legs=tuple(legs),
        rows=log.rows,
        quarantined=log.quarantined,
        reasons=dict(log.reasons.most_common()),
        blank_rows=log.blank_rows,
        filtered_rows=log.filtered_rows,
        other_messages=log.other_messages,
        untrusted_updates=log.untrusted_updates,
        gaps=tuple(log.gaps),
        warnings=tuple(log.warnings),
        seconds=round(seconds, 3),
    )
