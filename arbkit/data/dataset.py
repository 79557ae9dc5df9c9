"""Reading a dataset lazily, listing datasets and removing one; `DatasetWriter` writes them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from arbkit._typing import PathLike
from arbkit.data._parts import row_groups
from arbkit.data.manifest import MANIFEST_NAME, FileInfo, InstrumentInfo, Manifest
from arbkit.data.schema import EVENT_SCHEMAS, QUARANTINE_SCHEMA, check_parquet
from arbkit.data.writer import OWN_NAMES, DatasetWriter, locked, stamp_text
from arbkit.errors import CoverageError, DataError, nearest_names

__all__ = ["Dataset", "DatasetWriter", "is_dataset", "list_datasets", "open_dataset", "remove_dataset"]


class Dataset:
    """A dataset on disk, as its manifest stood when it was opened; rows are read only when collected."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._checked: set[str] = set()

    def __repr__(self) -> str:
        legs = ", ".join(item.leg for item in self.instruments)
        return f"Dataset({self.name!r}, {self.manifest.rows} rows: {legs})"

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.manifest.name

    @property
    def fingerprint(self) -> str:
        """A hash of the dataset's content: equal where the values are equal."""
        return self.manifest.fingerprint

    @property
    def instruments(self) -> tuple[InstrumentInfo, ...]:
        """What the dataset holds, one entry per instrument."""
        return self.manifest.instruments

    def instrument(self, leg: str) -> InstrumentInfo:
        """Return the instrument named "venue/symbol", or by its symbol alone where only one has it.

        Raises:
            DataError: with the nearest names, when there is none.
        """
        found = [item for item in self.instruments if leg in (item.leg, item.symbol)]
        exact = [item for item in found if item.leg == leg] or found
        if len(exact) == 1:
            return exact[0]
        legs = [item.leg for item in self.instruments]
        if exact:
            raise DataError(f"{self.path}: `{leg}` is at several venues, name one of {', '.join(legs)}")
        raise DataError(f"{self.path}: no instrument `{leg}` in the dataset; {nearest_names(leg, legs)}")

    def scan(self, leg: str, *, start_ns: int | None = None, end_ns: int | None = None) -> pl.LazyFrame:
        """Return an instrument's rows, lazily, sorted by its clock (`instrument(leg).clock`).

        Args:
            leg: "venue/symbol".
            start_ns: the first stamp wanted.
            end_ns: the stamp to stop before.

        Raises:
            DataError: when there is no such instrument, or a file is gone, damaged or of another schema.
            CoverageError: when no row is stored in the time asked for.
        """
        info = self.instrument(leg)
        files = [item for item in self.manifest.files_of(info.leg) if _within(item, start_ns, end_ns)]
        if not files:
            raise CoverageError(
                f"{self.path}: {info.leg} holds {stamp_text(info.start_ns)} to {stamp_text(info.end_ns)}, "
                f"nothing from {_limit(start_ns)} to {_limit(end_ns)}"
            )
        schema = info.columns
        paths = [self._checked_path(item, schema) for item in files]
        frame = pl.scan_parquet(
            paths,
            schema=schema,
            hive_partitioning=False,
            glob=False,
            missing_columns="raise",
            extra_columns="raise",
        ).set_sorted(info.clock)
        clock = pl.col(info.clock)
        if start_ns is not None:
            frame = frame.filter(clock >= _moment(start_ns))
        if end_ns is not None:
            frame = frame.filter(clock < _moment(end_ns))
        return frame

    def files(self, leg: str) -> list[Path]:
        """Return an instrument's files in time order, each checked to be whole and of its schema.

        Raises:
            DataError: when there is no such instrument, or a file is gone, damaged or of another schema.
        """
        info = self.instrument(leg)
        return [self._checked_path(item, info.columns) for item in self.manifest.files_of(info.leg)]

    def batches(self, leg: str) -> Iterator[pl.DataFrame]:
        """Yield an instrument's rows in time order, a row group at a time: memory stays small at any size.

        Raises:
            DataError: when there is no such instrument, or a file is gone, damaged or of another schema.
        """
        for _, frame in self.file_batches(leg):
            yield frame

    def file_batches(self, leg: str) -> Iterator[tuple[FileInfo, pl.DataFrame]]:
        """Yield the rows as `batches` does, each frame with the file it is from."""
        info = self.instrument(leg)
        for item in self.manifest.files_of(info.leg):
            path = self._checked_path(item, info.columns)
            for frame in row_groups(path):
                yield item, frame

    def quarantine(self) -> pl.DataFrame:
        """Return the rows that could not be parsed: source, line, reason, text."""
        frames = [pl.read_parquet(self.path / name) for name in self.manifest.quarantine_files]
        return pl.concat(frames) if frames else pl.DataFrame(schema=QUARANTINE_SCHEMA)

    @property
    def tables(self) -> tuple[str, ...]:
        """The event tables that the dataset holds, of `states`, `instruments`, `funding` and `gaps`."""
        return tuple(item.name for item in self.manifest.tables)

    def table(self, name: str) -> pl.DataFrame:
        """Return an event table, sorted by `ts`; without rows where the dataset has none of that name.

        Raises:
            DataError: when there is no such kind of table, or its file is gone or damaged.
        """
        if name not in EVENT_SCHEMAS:
            raise DataError(f"no event table `{name}`; {nearest_names(name, EVENT_SCHEMAS)}")
        schema = EVENT_SCHEMAS[name]
        for item in self.manifest.tables:
            if item.name == name:
                check_parquet(self.path / item.path, schema)
                return pl.read_parquet(self.path / item.path, hive_partitioning=False)
        return pl.DataFrame(schema=schema)

    def _checked_path(self, item: FileInfo, schema: pl.Schema) -> Path:
        path = self.path / item.path
        if item.path not in self._checked:
            check_parquet(path, schema)
            size = path.stat().st_size
            if size != item.bytes:
                raise DataError(
                    f"{path}: must be {item.bytes} bytes long, was {size}: the file was changed after it was "
                    "written; ingest the dataset again"
                )
            self._checked.add(item.path)
        return path


def open_dataset(path: PathLike | Dataset) -> Dataset:
    """Open a dataset folder; an open dataset is returned as it is.

    Raises:
        DataError: when the folder is no dataset or its manifest cannot be understood.
    """
    if isinstance(path, Dataset):
        return path
    folder = Path(path)
    return Dataset(folder, Manifest.load(folder))


def is_dataset(path: PathLike) -> bool:
    """Whether the path is a folder with a manifest."""
    return (Path(path) / MANIFEST_NAME).is_file()


def list_datasets(root: PathLike = "datasets") -> list[Path]:
    """Return the dataset folders at or anywhere below `root`, sorted; none where `root` is absent."""
    folder = Path(root)
    if is_dataset(folder):
        return [folder]
    return sorted(path.parent for path in folder.rglob(MANIFEST_NAME) if path.is_file())


def remove_dataset(path: PathLike) -> Manifest:
    """Remove a dataset and return the manifest it had; the manifest goes first, so no half dataset is seen.

    Raises:
        DataError: when the folder is no dataset, holds files that are not the dataset's, or is being written.
    """
    folder = Path(path)
    manifest = Manifest.load(folder)
    foreign = sorted(item.name for item in folder.iterdir() if not item.name.startswith(OWN_NAMES))
    if foreign:
        raise DataError(
            f"{folder}: the folder also holds {', '.join(foreign[:3])}; "
            "move what is not the dataset's away first"
        )
    with locked(folder):
        (folder / MANIFEST_NAME).unlink()
        shutil.rmtree(folder)
    return manifest


def _within(item: FileInfo, start_ns: int | None, end_ns: int | None) -> bool:
    return (start_ns is None or item.end_ns >= start_ns) and (end_ns is None or item.start_ns < end_ns)


def _moment(ns: int) -> pl.Expr:
    return pl.lit(ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))


def _limit(ns: int | None) -> str:
    return "there" if ns is None else stamp_text(ns)
