"""Writing a dataset: rows stream in, partitions come out, and they become live in one step or not at all.

New files are written to a staging folder inside the dataset, synced, and renamed to their partition under a
name no live file has. Only then is `manifest.json` replaced, which is the one step that changes the dataset:
a process killed before it leaves the old dataset, after it the new one. Files that the manifest does not
list are ignored by every reader and removed by the next write.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import quote

import numpy as np
import polars as pl

from arbkit._files import sync_folder
from arbkit._typing import IntArray, PathLike
from arbkit.data._parts import Part, merge_parts, sync_file
from arbkit.data.manifest import (
    MANIFEST_NAME,
    FileInfo,
    InstrumentInfo,
    Manifest,
    utc_now,
)
from arbkit.data.schema import QUARANTINE_SCHEMA, conform
from arbkit.errors import DataError
from arbkit.units import SECOND_NS

try:
    import fcntl
except ImportError:  # pragma: no cover - only where there is no POSIX file lock
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "EVENTS_FOLDER",
    "LOCK_NAME",
    "OWN_NAMES",
    "RAW_FOLDER",
    "STAGING",
    "DatasetWriter",
    "WriteMode",
    "check_same_instrument",
    "existing_manifest",
    "free_name",
    "live_paths",
    "locked",
    "partition_folder",
    "remove_unlisted",
    "stamp_text",
]

WriteMode = Literal["create", "append", "replace"]
STAGING: Final = ".staging"
#: Where event tables lie, and the frames of a recorder.
EVENTS_FOLDER: Final = "events"
RAW_FOLDER: Final = "raw"
#: How the names in a dataset's folder begin.
OWN_NAMES: Final = ("venue=", "quarantine", ".", EVENTS_FOLDER, RAW_FOLDER, MANIFEST_NAME)
LOCK_NAME: Final = ".lock"
_OPEN_PARTS: Final = 8
_TRUNCATE: Final = {"day": "1d", "month": "1mo", "year": "1y"}
#: Fields in which an append must agree with what is stored.
_FIXED: Final = ("base", "quote", "kind", "contract_size", "inverse", "levels", "bar_s")


class DatasetWriter:
    """Writes one dataset; nothing is visible before `commit`.

        with DatasetWriter("datasets/kimchi", source="synthetic") as writer:
            writer.write(InstrumentInfo(venue="upbit", symbol="KRW-BTC", quote="KRW", levels=5), frames)
            writer.quarantine(refused_rows)
            manifest = writer.commit()

    Rows are sorted within each instrument by its clock (`ts_recv` where every row has it, else `ts_event`);
    ties keep the order of arrival. Sorted input streams through; rows that come late are sorted into their
    partition and counted in `InstrumentInfo.unsorted_rows`. Memory is bounded by one row group per
    instrument, or by one partition where rows come late. Leaving the `with` block without `commit` leaves
    the dataset as it was.

    Args:
        path: the dataset's folder.
        name: the dataset's name; the folder's name by default.
        source: where the rows come from, in words.
        mode: "create" refuses to touch an existing dataset, "append" adds to it and refuses rows whose time
            overlaps a stored file of the same instrument, "replace" puts a new dataset in its place.

    Raises:
        DataError: when the folder is something else, the mode does not fit, or another process is writing.
    """

    def __init__(
        self, path: PathLike, *, name: str | None = None, source: str = "", mode: WriteMode = "create"
    ) -> None:
        self.path = Path(path)
        self._old = existing_manifest(self.path, mode)
        self._mode = mode
        self._name = name or (self._old.name if self._old else self.path.resolve().name)
        self._source = source
        self._made_folder = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = locked(self.path)
        self._lock.__enter__()
        self._staging = self.path / STAGING
        remove_unlisted(self.path, self._old)
        self._staging.mkdir()
        self._streams: dict[str, _Stream] = {}
        self._refused: list[pl.DataFrame] = []
        self._done = False

    def write(self, info: InstrumentInfo, frames: pl.DataFrame | Iterable[pl.DataFrame]) -> None:
        """Take rows of one instrument; may be called again for the same one, and for several in turn.

        Raises:
            DataError: when a frame breaks the schema, or its time overlaps stored rows.
        """
        if self._done:
            raise DataError("a committed dataset writer takes no more rows; open a new one in mode `append`")
        stream = self._streams.get(info.leg)
        if stream is None:
            stream = self._streams[info.leg] = self._open_stream(info)
        for frame in [frames] if isinstance(frames, pl.DataFrame) else frames:
            stream.write(frame)

    def quarantine(self, rows: pl.DataFrame) -> None:
        """Keep rows that could not be parsed: columns source, line, reason, text."""
        unknown = set(rows.columns) ^ set(QUARANTINE_SCHEMA)
        if unknown:
            raise DataError(f"quarantined rows must hold {', '.join(QUARANTINE_SCHEMA)}, was {rows.columns}")
        if rows.height:
            self._refused.append(rows.select(QUARANTINE_SCHEMA.names()).cast(QUARANTINE_SCHEMA))

    def commit(self) -> Manifest:
        """Make everything written live in one step, and return the new manifest.

        Raises:
            DataError: when no row was written.
        """
        old = self._old if self._mode == "append" else None
        staged = [(stream, part) for stream in self._streams.values() for part in stream.finish()]
        if not staged:
            raise DataError(f"{self.path}: a write must hold at least one row, was none")
        files = [self._publish(stream, part) for stream, part in staged]
        for folder in {parent for item in files for parent in Path(item.path).parents}:
            sync_folder(self.path / folder)
        refused_file = self._publish_quarantine()
        manifest = Manifest(
            name=self._name,
            source=self._source or (old.source if old else ""),
            created=utc_now(),
            instruments=_merged([stream.info for stream in self._streams.values()], old),
            files=tuple(old.files if old else ()) + tuple(files),
            quarantined=(old.quarantined if old else 0) + sum(frame.height for frame in self._refused),
            quarantine_files=tuple(old.quarantine_files if old else ()) + refused_file,
            tables=tuple(old.tables if old else ()),
        ).with_fingerprint()
        manifest.save(self.path)
        self._done = True
        remove_unlisted(self.path, manifest)
        return manifest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the dataset; what was not committed is thrown away."""
        for stream in self._streams.values():
            stream.abandon()
        shutil.rmtree(self._staging, ignore_errors=True)
        self._lock.__exit__(None, None, None)
        if not self._done and self._made_folder:
            shutil.rmtree(self.path, ignore_errors=True)

    def _open_stream(self, info: InstrumentInfo) -> _Stream:
        old = self._old if self._mode == "append" else None
        known = [item for item in old.instruments if item.leg == info.leg] if old else []
        if known:
            check_same_instrument(known[0], info, self.path)
        staging = self._staging / str(len(self._streams))
        staging.mkdir()
        stored = old.files_of(info.leg) if old else []
        return _Stream(info, staging, stored, known[0] if known else None)

    def _publish(self, stream: _Stream, part: Part) -> FileInfo:
        info = stream.info
        folder = partition_folder(info, part.period_ns)
        (self.path / folder).mkdir(parents=True, exist_ok=True)
        live = free_name(folder, part.content[:16], self._old)
        size = part.path.stat().st_size
        part.path.replace(self.path / live)
        return FileInfo(
            path=live.as_posix(),
            leg=info.leg,
            rows=part.rows,
            start_ns=part.start_ns,
            end_ns=part.end_ns,
            bytes=size,
            content=part.content,
        )

    def _publish_quarantine(self) -> tuple[str, ...]:
        if not self._refused:
            return ()
        taken = set(self._old.quarantine_files if self._old else ())
        names = (f"quarantine{'' if number == 1 else f'-{number}'}.parquet" for number in range(1, 10**6))
        live = next(name for name in names if name not in taken)
        staged = self._staging / live
        pl.concat(self._refused).write_parquet(staged)
        sync_file(staged)
        staged.replace(self.path / live)
        return (live,)


class _Stream:
    """The rows of one instrument on their way into parts, one part per partition where all goes well."""

    def __init__(
        self, info: InstrumentInfo, staging: Path, stored: list[FileInfo], known: InstrumentInfo | None
    ) -> None:
        self.info = info
        self._staging = staging
        self._stored = stored
        self._known = known
        self._schema = info.columns
        self._has_recv: bool | None = known.has_ts_recv if known else None
        self._open: dict[int, Part] = {}
        self._parts: list[Part] = []
        self._latest_ns = np.iinfo(np.int64).min
        self._unsorted = 0

    def write(self, frame: pl.DataFrame) -> None:
        """Sort a frame where it needs it, cut it at partition borders, hand the pieces to their parts."""
        if frame.height == 0:
            return
        rows = conform(frame, self._schema, source=self.info.leg)
        clock = self._clock(rows)
        stamps = rows[clock].to_physical().to_numpy()
        late = self._count_late(stamps)
        if late:
            rows = rows.sort(clock, maintain_order=True)
            stamps = rows[clock].to_physical().to_numpy()
            self._unsorted += late
        periods = rows[clock].dt.truncate(_TRUNCATE[self.info.cut]).to_physical().to_numpy()
        borders = [0, *(np.flatnonzero(np.diff(periods)) + 1).tolist(), rows.height]
        for lo, hi in itertools.pairwise(borders):
            first, last = int(stamps[lo]), int(stamps[hi - 1])
            self._check_overlap(first, last)
            self._part(int(periods[lo]), clock).add(rows[lo:hi], first, last)

    def finish(self) -> list[Part]:
        """Close all parts, bring late rows into order, and fill in what was counted."""
        for part in self._parts:
            part.close()
        self._open = {}
        parts = [self._in_order(group, number) for number, group in enumerate(_by_period(self._parts))]
        for part in parts:
            self._check_overlap(part.start_ns, part.end_ns)
        ranges = [(part.start_ns, part.end_ns) for part in parts]
        ranges += [(item.start_ns, item.end_ns) for item in self._stored]
        self._parts = parts
        self.info = self.info.model_copy(
            update={
                "rows": sum(part.rows for part in parts) + sum(item.rows for item in self._stored),
                "start_ns": min((first for first, _ in ranges), default=0),
                "end_ns": max((last for _, last in ranges), default=0),
                "has_ts_recv": bool(self._has_recv),
                "unsorted_rows": self._unsorted + (self._known.unsorted_rows if self._known else 0),
            }
        )
        return parts

    def abandon(self) -> None:
        """Close what is still open."""
        for part in self._parts:
            part.abandon()

    def _in_order(self, group: list[Part], number: int) -> Part:
        if len(group) == 1 and group[0].ordered:
            return group[0]
        return merge_parts(group, self._staging / f"sorted-{number}.parquet")

    def _clock(self, rows: pl.DataFrame) -> str:
        missing = rows["ts_recv"].null_count() if "ts_recv" in rows.columns else rows.height
        if missing not in (0, rows.height) or self._has_recv is (missing > 0):
            raise DataError(
                f"{self.info.leg}: `ts_recv` must be given on all rows of an instrument or on none, "
                f"was missing on {missing} of {rows.height} rows"
                + (" while earlier rows have it" if self._has_recv else "")
                + (" while earlier rows lack it" if self._has_recv is False else "")
            )
        self._has_recv = missing == 0
        clock = "ts_recv" if self._has_recv else "ts_event"
        if rows[clock].null_count():
            raise DataError(
                f"{self.info.leg}: `{clock}` must be given on every row, was missing on "
                f"{rows[clock].null_count()} of {rows.height}"
            )
        return clock

    def _count_late(self, stamps: IntArray) -> int:
        highest = np.maximum.accumulate(np.concatenate(([self._latest_ns], stamps)))
        self._latest_ns = int(highest[-1])
        return int(np.count_nonzero(stamps < highest[:-1]))

    def _check_overlap(self, first: int, last: int) -> None:
        for item in self._stored:
            if first <= item.end_ns and last >= item.start_ns:
                raise DataError(
                    f"{self.info.leg}: appended rows must not overlap stored ones, "
                    f"were {stamp_text(first)} to {stamp_text(last)} while {item.path} holds "
                    f"{stamp_text(item.start_ns)} to {stamp_text(item.end_ns)}; "
                    "append only new rows, or write the dataset again in mode `replace`"
                )

    def _part(self, period_ns: int, clock: str) -> Part:
        part = self._open.pop(period_ns, None)
        if part is None:
            part = Part(self._staging / f"{len(self._parts)}.parquet", clock, period_ns)
            self._parts.append(part)
        self._open[period_ns] = part
        while len(self._open) > _OPEN_PARTS:
            self._open.pop(next(iter(self._open))).close()
        return part


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the dataset against other writers; the lock goes with the process, however it ends.

    Raises:
        DataError: when another process is writing to the dataset.
    """
    handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise DataError(f"{folder}: another process is writing this dataset; wait for it") from error
        yield
    finally:
        os.close(handle)


def remove_unlisted(folder: Path, manifest: Manifest | None) -> None:
    """Remove what an interrupted write or a replaced dataset left behind: files no manifest lists."""
    shutil.rmtree(folder / STAGING, ignore_errors=True)
    live = live_paths(manifest) if manifest else set()
    patterns = ("venue=*/symbol=*/date=*/*", "quarantine*.parquet", f"{EVENTS_FOLDER}/*")
    for path in [path for pattern in patterns for path in folder.glob(pattern)]:
        if path.relative_to(folder).as_posix() not in live:
            path.unlink(missing_ok=True)
    for path in folder.glob(f".{MANIFEST_NAME}.*"):
        path.unlink(missing_ok=True)
    for pattern in ("venue=*/symbol=*/date=*", "venue=*/symbol=*", "venue=*", EVENTS_FOLDER):
        for path in folder.glob(pattern):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def live_paths(manifest: Manifest) -> set[str]:
    """Return every file that belongs to the dataset, relative to its folder."""
    tables = {item.path for item in manifest.tables}
    return {item.path for item in manifest.files} | set(manifest.quarantine_files) | tables


def stamp_text(ns: int) -> str:
    """Write a stamp as a person would read it, to the millisecond."""
    try:
        moment = datetime.fromtimestamp(ns // SECOND_NS, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return f"{ns} ns"
    millis = ns % SECOND_NS // 1_000_000
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{millis:03d}" if millis else "") + "Z"


def existing_manifest(path: Path, mode: WriteMode) -> Manifest | None:
    """Return the manifest of a folder that may be written in this mode; None where there is none yet.

    Raises:
        DataError: when the folder is something else, or the mode does not fit.
    """
    if not path.exists():
        if mode == "append":
            raise DataError(f"{path}: no such dataset to append to; `arbkit data ls` lists what there is")
        return None
    if (path / MANIFEST_NAME).is_file():
        if mode == "create":
            raise DataError(
                f"{path}: the dataset exists already; append to it, replace it, or remove it with "
                f"`arbkit data rm {path}`"
            )
        return Manifest.load(path)
    if not path.is_dir() or any(not item.name.startswith(OWN_NAMES) for item in path.iterdir()):
        raise DataError(f"{path}: a dataset is written to a new or empty folder, this one holds other files")
    if mode == "append":
        raise DataError(f"{path}: not a dataset, it has no {MANIFEST_NAME}; write it in mode `create`")
    return None


def check_same_instrument(stored: InstrumentInfo, new: InstrumentInfo, path: Path) -> None:
    """Check that rows of `new` may follow those of `stored`.

    Raises:
        DataError: naming the field in which they differ.
    """
    for field in _FIXED:
        was, now = getattr(stored, field), getattr(new, field)
        if was != now:
            raise DataError(
                f"{path}: `{field}` of {stored.leg} must stay {was!r} when rows are appended, was {now!r}"
            )


def _merged(new: list[InstrumentInfo], old: Manifest | None) -> tuple[InstrumentInfo, ...]:
    merged = {item.leg: item for item in (old.instruments if old else ())}
    for item in new:
        before = merged.get(item.leg)
        if before is not None:
            item = item.model_copy(
                update={
                    "flags": tuple(dict.fromkeys(before.flags + item.flags)),
                    "max_age_s": item.max_age_s or before.max_age_s,
                    "tick_size": item.tick_size or before.tick_size,
                }
            )
        if item.rows:
            merged[item.leg] = item
    return tuple(merged[leg] for leg in sorted(merged))


def partition_folder(info: InstrumentInfo, period_ns: int) -> Path:
    """Return the folder, relative to the dataset's, of an instrument's rows of one period."""
    day = datetime.fromtimestamp(period_ns // SECOND_NS, tz=UTC).strftime("%Y-%m-%d")
    return Path(f"venue={quote(info.venue, safe='')}", f"symbol={quote(info.symbol, safe='')}", f"date={day}")


def free_name(folder: Path, content: str, old: Manifest | None) -> Path:
    """Return a path no live file has: a live file must stay as it is until the manifest is replaced."""
    taken = {item.path for item in old.files} if old else set()
    endings = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    paths = (folder / f"part-{content}{ending}.parquet" for ending in endings)
    return next(path for path in paths if path.as_posix() not in taken)


def _by_period(parts: list[Part]) -> list[list[Part]]:
    groups: dict[int, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.period_ns, []).append(part)
    return [groups[period] for period in sorted(groups)]
