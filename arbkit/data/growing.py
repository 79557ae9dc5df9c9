"""A dataset that is read while it is being written: rows become live with every commit.

Each commit writes one small Parquet file per instrument, makes it durable, and replaces the manifest, so that
a reader always finds a whole dataset and a process killed at any moment loses what was not committed. Small
files are merged as they become many (eight of a size into one), and into one per rotation. A file that was
merged away stays on disk for a while, for readers who opened the dataset before.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import shutil
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import polars as pl

from arbkit._files import sync_folder
from arbkit._typing import PathLike
from arbkit.data._parts import Part, read_rows, row_groups, sync_file
from arbkit.data.manifest import (
    MANIFEST_NAME,
    FileInfo,
    InstrumentInfo,
    Manifest,
    TableInfo,
    utc_now,
)
from arbkit.data.schema import EVENT_SCHEMAS, conform
from arbkit.data.writer import (
    EVENTS_FOLDER,
    LOCK_NAME,
    STAGING,
    check_same_instrument,
    existing_manifest,
    free_name,
    locked,
    partition_folder,
    remove_unlisted,
    stamp_text,
)
from arbkit.errors import ConfigError, DataError
from arbkit.units import DAY_NS, HOUR_NS

__all__ = ["GrowingDataset"]

#: So many files of one size are merged into one of the next.
_FAN: Final = 8
_LARGEST: Final = 2
_DEFAULT_BYTES: Final = 256 * 2**20


@dataclass
class _Leg:
    """One instrument: its description, its files, and those of the present rotation that may be merged."""

    info: InstrumentInfo
    files: list[FileInfo] = field(default_factory=list)
    young: list[tuple[FileInfo, int]] = field(default_factory=list)
    slot: int = -1
    settling: list[list[FileInfo]] = field(default_factory=list)


class GrowingDataset:
    """A dataset open for many commits; one process at a time may have it open.

        with GrowingDataset("datasets/live", source="recorded") as dataset:
            dataset.commit([(info, frame)], tables={"funding": rates})

    Rows of an instrument must carry `ts_recv` and come in its order, later than all that are stored. Not
    thread safe: commit, tidy and close from one thread at a time.

    Args:
        path: the dataset's folder; made where it is missing, continued where it is a dataset.
        name, source: as of `DatasetWriter`.
        rotate_ns: how much time one merged file holds, at most a day.
        rotate_bytes: a rotation ends early when its files are larger than this.
        grace_s: how long a merged-away file stays on disk.

    Raises:
        ConfigError: when `rotate_ns` is not within 0 and a day.
        DataError: when the folder is something else, or another process is writing it.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        name: str | None = None,
        source: str = "",
        rotate_ns: int = HOUR_NS,
        rotate_bytes: int = _DEFAULT_BYTES,
        grace_s: float = 120.0,
    ) -> None:
        if not 0 < rotate_ns <= DAY_NS:
            raise ConfigError(f"a rotation must be longer than 0 and at most a day, was {rotate_ns} ns")
        self.path = Path(path)
        found = existing_manifest(
            self.path, "replace" if not (self.path / "manifest.json").exists() else "append"
        )
        self._made = [item for item in (self.path, *self.path.parents) if not item.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"a dataset needs a folder that may be written, {self.path}: {error.strerror}"
            ) from error
        self._rotate_ns, self._rotate_bytes, self._grace_s = rotate_ns, rotate_bytes, grace_s
        self._lock = locked(self.path)
        self._lock.__enter__()
        self._place = _place_of(self.path)
        remove_unlisted(self.path, found)
        self._staging = self.path / STAGING
        self._staging.mkdir()
        self._numbers = 0
        self._old: deque[tuple[float, Path]] = deque()
        self._placed_now: list[str] = []
        self._name = name or (found.name if found else self.path.resolve().name)
        self._source = source or (found.source if found else "")
        self._manifest = found
        self._legs: dict[str, _Leg] = {}
        for info in found.instruments if found else ():
            self._legs[info.leg] = self._continued(info, found.files_of(info.leg) if found else [])

    @property
    def manifest(self) -> Manifest | None:
        """What is live; None before the first commit of a new dataset."""
        return self._manifest

    def end_ns(self, leg: str | None = None) -> int:
        """Return the last stamp stored, of one instrument or of all; 0 where there is none."""
        legs = self._legs.values() if leg is None else [self._legs[leg]] if leg in self._legs else []
        return max((item.files[-1].end_ns for item in legs if item.files), default=0)

    def check(self, infos: Iterable[InstrumentInfo]) -> None:
        """Check that rows of these instruments may be added.

        Raises:
            DataError: naming the field in which a stored instrument differs.
        """
        for info in infos:
            if info.leg in self._legs:
                check_same_instrument(self._legs[info.leg].info, info, self.path)

    def commit(
        self,
        batches: Iterable[tuple[InstrumentInfo, pl.DataFrame]],
        tables: Mapping[str, pl.DataFrame] | None = None,
    ) -> int:
        """Make rows, and rows of event tables, live in one step; returns how many rows of books it were.

        Raises:
            OSError: when the disk does not take them; all is then as it was, and the same may be tried again.
            DataError: when a frame breaks the schema, its rows are not later than those stored, or the folder
                was removed.
        """
        self.check_there()
        with self._all_or_nothing():
            rows = self._commit(batches, tables)
        self._forget_old()
        return rows

    def check_there(self) -> None:
        """Check that the folder is still the one that was opened.

        Raises:
            DataError: when it was removed, or another stands in its place.
        """
        if _place_of(self.path) != self._place:
            raise DataError(
                f"{self.path}: the folder was removed while it was being written; "
                "what was not yet in it is lost, record to it again"
            )
        self._staging.mkdir(exist_ok=True)

    def _commit(
        self,
        batches: Iterable[tuple[InstrumentInfo, pl.DataFrame]],
        tables: Mapping[str, pl.DataFrame] | None,
    ) -> int:
        rows = 0
        for info, frame in batches:
            if frame.height:
                self._add(info, frame)
                rows += frame.height
        stored = tuple(self._manifest.tables) if self._manifest else ()
        written = [self._with_rows(name, frame) for name, frame in (tables or {}).items() if frame.height]
        fresh = {item.name: item for item in (*stored, *written)}
        if rows or written:
            self._publish(tuple(fresh[name] for name in sorted(fresh)))
            for item in stored:
                if fresh[item.name].path != item.path:
                    self._retire(item.path)
        return rows

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Where a step fails, go back to what was live before it, and free what it took of the disk."""
        legs = {
            name: replace(leg, files=[*leg.files], young=[*leg.young], settling=[*leg.settling])
            for name, leg in self._legs.items()
        }
        manifest = self._manifest
        self._placed_now = []
        try:
            yield
        except BaseException:
            self._legs, self._manifest = legs, manifest
            with contextlib.suppress(OSError):
                shutil.rmtree(self._staging, ignore_errors=True)
                # The step may have failed after its manifest had become live: that one's files stay, until
                # the next manifest, which goes on from the one before, makes them old.
                listed = (self.path / MANIFEST_NAME).read_text(encoding="utf-8")
                for path in self._placed_now:
                    if path not in listed:
                        (self.path / path).unlink(missing_ok=True)
            raise

    def tidy(self, budget_s: float = float("inf")) -> bool:
        """Merge small files for at most about so long; returns whether nothing is left to merge.

        Raises:
            OSError: when the disk does not take a merged file; the small ones then stay.
            DataError: when a file is gone or damaged; it is not merged any more.
        """
        self.check_there()
        started = time.monotonic()
        for leg in self._legs.values():
            while (group := self._next_group(leg)) is not None:
                if time.monotonic() - started >= budget_s:
                    return False
                self._merge_whole(leg, *group)
        return True

    def _merge_whole(self, leg: _Leg, group: list[FileInfo], size: int | None) -> None:
        name = leg.info.leg
        try:
            with self._all_or_nothing():
                self._merge(leg, group, size)
        except OSError:
            if size is None:
                self._legs[name].settling.insert(0, group)
            raise
        except DataError:
            gone = {item.path for item in group}
            here = self._legs[name]
            here.young = [pair for pair in here.young if pair[0].path not in gone]
            raise

    def rotate(self) -> None:
        """End the present rotation of every instrument: its files wait to be merged into one."""
        for leg in self._legs.values():
            self._end_rotation(leg)

    def close(self) -> None:
        """Let go of the dataset; what was committed stays.

        Merged-away files that readers may still have open are left to whoever opens the dataset next.
        """
        shutil.rmtree(self._staging, ignore_errors=True)
        self._forget_old()
        if self._manifest is None and self._made:
            shutil.rmtree(self.path, ignore_errors=True)
            with contextlib.suppress(OSError):  # Somebody else uses it.
                for folder in self._made[1:]:
                    folder.rmdir()
        self._lock.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _continued(self, info: InstrumentInfo, files: list[FileInfo]) -> _Leg:
        """Take up an instrument; the small files of its last rotation are merged with what comes."""
        leg = _Leg(info, files)
        if files:
            leg.slot = files[-1].start_ns // self._rotate_ns
            trailing = [item for item in files if item.start_ns // self._rotate_ns == leg.slot]
            leg.young = [(item, 0) for item in trailing]
        return leg

    def _add(self, info: InstrumentInfo, frame: pl.DataFrame) -> None:
        leg = self._legs.get(info.leg)
        if leg is None:
            leg = self._legs[info.leg] = _Leg(info)
        check_same_instrument(leg.info, info, self.path)
        rows = conform(frame, info.columns, source=info.leg)
        stamps = self._checked_stamps(leg, rows)
        slots = stamps // self._rotate_ns
        days = stamps // DAY_NS
        borders = np.flatnonzero((np.diff(slots) != 0) | (np.diff(days) != 0)) + 1
        edges = [0, *borders.tolist(), rows.height]
        flags = tuple(dict.fromkeys(leg.info.flags + info.flags))
        leg.info = info.model_copy(update={"flags": flags, "unsorted_rows": leg.info.unsorted_rows})
        for at, end in itertools.pairwise(edges):
            self._add_piece(leg, rows[at:end], int(stamps[at]), int(stamps[end - 1]))

    def _checked_stamps(self, leg: _Leg, rows: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        missing = rows["ts_recv"].null_count()
        if missing:
            raise DataError(f"{leg.info.leg}: recorded rows must carry `ts_recv`, missing on {missing}")
        stamps = rows["ts_recv"].to_physical().to_numpy()
        if (np.diff(stamps) < 0).any():
            raise DataError(f"{leg.info.leg}: recorded rows must come in the order of `ts_recv`")
        if leg.files and stamps[0] <= leg.files[-1].end_ns:
            raise DataError(
                f"{leg.info.leg}: recorded rows must be later than the stored ones, which end "
                f"{stamp_text(leg.files[-1].end_ns)}, was {stamp_text(int(stamps[0]))}; is the clock right?"
            )
        return stamps

    def _add_piece(self, leg: _Leg, rows: pl.DataFrame, first: int, last: int) -> None:
        slot = first // self._rotate_ns
        if slot != leg.slot:
            self._end_rotation(leg)
            leg.slot = slot
        part = self._part(first)
        part.add(rows, first, last)
        part.close()
        item = self._placed(leg.info, part)
        leg.files.append(item)
        leg.young.append((item, 0))
        if sum(file.bytes for file, _ in leg.young) >= self._rotate_bytes:
            self._end_rotation(leg)

    def _end_rotation(self, leg: _Leg) -> None:
        if len(leg.young) > 1:
            leg.settling.append([item for item, _ in leg.young])
        leg.young = []

    def _next_group(self, leg: _Leg) -> tuple[list[FileInfo], int | None] | None:
        """Return the files to merge next, and the size class of the result (None: settled)."""
        if leg.settling:
            return leg.settling.pop(0), None
        tail = leg.young[-_FAN:]
        if len(tail) == _FAN and tail[0][1] == tail[-1][1] < _LARGEST:
            return [item for item, _ in tail], tail[0][1] + 1
        return None

    def _merge(self, leg: _Leg, group: list[FileInfo], size: int | None) -> None:
        part = self._part(group[0].start_ns)
        for item in group:
            first = item.start_ns
            for frame in row_groups(self.path / item.path):
                stamps = frame["ts_recv"].to_physical()
                part.add(frame, first, int(stamps[-1]))
                first = int(stamps[-1])
        part.close()
        merged = self._placed(leg.info, part)
        gone = {item.path for item in group}
        at = next(place for place, item in enumerate(leg.files) if item.path in gone)
        leg.files = [item for item in leg.files if item.path not in gone]
        leg.files.insert(at, merged)
        if size is not None:
            leg.young = [pair for pair in leg.young if pair[0].path not in gone] + [(merged, size)]
        self._publish(tuple(self._manifest.tables) if self._manifest else ())
        for path in gone:
            self._retire(path)

    def _part(self, first_ns: int) -> Part:
        self._numbers += 1
        return Part(self._staging / f"{self._numbers}.parquet", "ts_recv", first_ns // DAY_NS * DAY_NS)

    def _placed(self, info: InstrumentInfo, part: Part) -> FileInfo:
        folder = partition_folder(info, part.period_ns)
        (self.path / folder).mkdir(parents=True, exist_ok=True)
        live = free_name(folder, part.content[:16], None)
        while (self.path / live).exists():
            live = live.with_stem(f"{live.stem}-{self._numbers}")
        size = part.path.stat().st_size
        part.path.replace(self.path / live)
        self._placed_now.append(live.as_posix())
        sync_folder(self.path / folder)
        return FileInfo(
            path=live.as_posix(),
            leg=info.leg,
            rows=part.rows,
            start_ns=part.start_ns,
            end_ns=part.end_ns,
            bytes=size,
            content=part.content,
        )

    def _with_rows(self, name: str, frame: pl.DataFrame) -> TableInfo:
        """Write an event table anew with more rows; they are few."""
        schema = EVENT_SCHEMAS[name]
        rows = conform(frame, schema, source=name)
        stored = next(
            (item for item in (self._manifest.tables if self._manifest else ()) if item.name == name), None
        )
        if stored is not None:
            rows = pl.concat([read_rows(self.path / stored.path), rows])
        rows = rows.sort("ts", maintain_order=True)
        self._numbers += 1
        staged = self._staging / f"{self._numbers}.parquet"
        rows.write_parquet(staged)
        sync_file(staged)
        content = hashlib.blake2b(rows.write_ndjson().encode(), digest_size=16).hexdigest()
        folder = self.path / EVENTS_FOLDER
        folder.mkdir(exist_ok=True)
        live = folder / f"{name}-{rows.height}-{self._numbers}.parquet"
        while live.exists():
            live = live.with_stem(f"{live.stem}-{self._numbers}")
        size = staged.stat().st_size
        staged.replace(live)
        where = f"{EVENTS_FOLDER}/{live.name}"
        self._placed_now.append(where)
        sync_folder(folder)
        return TableInfo(name=name, path=where, rows=rows.height, bytes=size, content=content)

    def _publish(self, tables: tuple[TableInfo, ...]) -> None:
        legs = sorted(self._legs)
        self._manifest = Manifest(
            name=self._name,
            source=self._source,
            created=utc_now(),
            instruments=tuple(_counted(self._legs[leg]) for leg in legs if self._legs[leg].files),
            files=tuple(item for leg in legs for item in self._legs[leg].files),
            quarantined=self._manifest.quarantined if self._manifest else 0,
            quarantine_files=self._manifest.quarantine_files if self._manifest else (),
            tables=tables,
        ).with_fingerprint()
        self._manifest.save(self.path)

    def _retire(self, path: str) -> None:
        self._old.append((time.monotonic() + self._grace_s, self.path / path))

    def _forget_old(self) -> None:
        now = time.monotonic()
        while self._old and self._old[0][0] <= now:
            self._old.popleft()[1].unlink(missing_ok=True)


def _place_of(folder: Path) -> tuple[int, int] | None:
    """Return what tells a dataset's folder from another at the same place; None where there is none."""
    try:
        found = (folder / LOCK_NAME).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _counted(leg: _Leg) -> InstrumentInfo:
    return leg.info.model_copy(
        update={
            "rows": sum(item.rows for item in leg.files),
            "start_ns": leg.files[0].start_ns,
            "end_ns": leg.files[-1].end_ns,
            "has_ts_recv": True,
        }
    )
