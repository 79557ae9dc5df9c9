"""One staged Parquet file: rows in, sorted row groups and a hash of their values out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from arbkit.errors import DataError

if TYPE_CHECKING:
    # Imported where it is used: what reads a manifest, or a panel that is kept, does without.
    import pyarrow.parquet as pq

__all__ = ["ROW_GROUP", "ColumnDigest", "Part", "merge_parts", "read_rows", "row_groups", "sync_file"]

#: Rows per row group: bounds what a writer holds in memory and what a filtered read skips.
ROW_GROUP: Final = 131_072
_BLOCK: Final = 16_384
#: Values of a frame whose columns are hashed at once.
_SMALL: Final = 65_536
_NO_TIME: Final = -(2**63)


class Part:
    """A Parquet file being written; rows arrive in frames that are each sorted by `clock`."""

    def __init__(self, path: Path, clock: str, period_ns: int) -> None:
        self.path = path
        self.clock = clock
        self.period_ns = period_ns
        self.rows = 0
        self.start_ns = 0
        self.end_ns = 0
        self.ordered = True
        self.closed = False
        self.content = ""
        self._waiting: list[pl.DataFrame] = []
        self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._digest = ColumnDigest()

    def add(self, frame: pl.DataFrame, first_ns: int, last_ns: int) -> None:
        """Append rows whose stamps run from `first_ns` to `last_ns`."""
        if self.rows == 0:
            self.start_ns, self.end_ns = first_ns, last_ns
        self.ordered &= self.rows == 0 or first_ns >= self.end_ns
        self.start_ns, self.end_ns = min(self.start_ns, first_ns), max(self.end_ns, last_ns)
        self.rows += frame.height
        self._waiting.append(frame)
        self._waiting_rows += frame.height
        if self._waiting_rows >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what waits, and make the file durable."""
        if self.closed:
            return
        try:
            self._flush()
            if self._writer is not None:
                self._writer.close()
            sync_file(self.path)
        except OSError:
            self.abandon()
            raise
        self.content = self._digest.hexdigest()
        self.closed = True

    def abandon(self) -> None:
        """Close the file handle of a part that will never be used."""
        if self._writer is not None and not self.closed:
            with contextlib.suppress(OSError):  # The disk that did not take the rows takes no end of file.
                self._writer.close()
        self.closed = True

    def _flush(self) -> None:
        if not self._waiting:
            return
        frame = pl.concat(self._waiting, rechunk=True)
        self._waiting, self._waiting_rows = [], 0
        table = frame.to_arrow()
        if self._writer is None:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(self.path, table.schema, **_encoding(frame.schema))
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        self._digest.update(frame)


def _encoding(schema: pl.Schema) -> dict[str, Any]:
    """Return how each column is packed.

    Prices move smoothly and pack best split by byte, sizes repeat and pack best by dictionary, stamps by
    their differences: half the time to write and a seventh less space than dictionaries throughout, measured
    on a million rows of five levels.
    """
    sizes = [name for name in schema if "_sz_" in name or name == "volume"]
    stamps = dict.fromkeys(("ts_event", "ts_recv"), "DELTA_BINARY_PACKED")
    packed = {name: stamps.get(name, "BYTE_STREAM_SPLIT") for name in schema if name not in sizes}
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": sizes,
        "column_encoding": packed,
    }


class ColumnDigest:
    """A hash of a table's values in their order, whatever the frames they came in.

    Per column the sum, modulo 2**64, of each value's mixed bits times an odd weight that belongs to its row;
    the columns' sums are hashed together. BLAKE2 over the bytes, the alternative tried, took twice as long
    (0.32 s against 0.15 s for a million rows of five levels). It guards against damage and mix-ups, not
    against forgers.
    """

    def __init__(self) -> None:
        self._sums: dict[str, int] = {}
        self._rows = 0

    def update(self, frame: pl.DataFrame) -> None:
        """Take more rows; in blocks that stay in the processor's cache, which halves the time.

        All columns of a small frame are taken at once: a recorder hands on 250 rows of 62 columns at a time,
        of which one call per column took four times as long.
        """
        if 0 < frame.height * frame.width <= _SMALL:
            self._update_small(frame)
            return
        columns = _value_bits(frame)
        for lo in range(0, frame.height, _BLOCK):
            hi = min(lo + _BLOCK, frame.height)
            places = np.arange(self._rows + lo, self._rows + hi, dtype=np.uint64)
            weights = _mixed(places) | np.uint64(1)
            for name, bits in columns.items():
                mixed = _mixed(bits[lo:hi])
                mixed *= weights
                self._sums[name] = (self._sums.get(name, 0) + int(mixed.sum())) % 2**64
        self._rows += frame.height

    def _update_small(self, frame: pl.DataFrame) -> None:
        weights = _mixed(np.arange(self._rows, self._rows + frame.height, dtype=np.uint64)) | np.uint64(1)
        names = [name for name, dtype in frame.schema.items() if dtype.is_float()]
        # A null becomes the NaN that `_value_bits` puts in its place.
        floats = np.ascontiguousarray(frame.select(names).to_numpy().T, dtype=np.float64)
        sums = dict(zip(names, (_mixed(floats.view(np.uint64)) * weights).sum(axis=1).tolist(), strict=True))
        for name, bits in _value_bits(frame.drop(names)).items():
            sums[name] = int((_mixed(bits) * weights).sum())
        for name in frame.columns:
            self._sums[name] = (self._sums.get(name, 0) + sums[name]) % 2**64
        self._rows += frame.height

    def hexdigest(self) -> str:
        """Return the hash of all rows taken so far."""
        text = json.dumps([self._rows, self._sums])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _mixed(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the bits well stirred (the finalizer of splitmix64), so that no two patterns cancel in a sum."""
    mixed = bits + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _value_bits(frame: pl.DataFrame) -> dict[str, npt.NDArray[np.uint64]]:
    plain = frame.select(
        (column.fill_null(float("nan")) if dtype.is_float() else column.to_physical().fill_null(_NO_TIME))
        for column, dtype in ((pl.col(name), dtype) for name, dtype in frame.schema.items())
    )
    return {
        column.name: np.ascontiguousarray(column.to_numpy()).view(np.uint64)
        for column in plain.iter_columns()
    }


def row_groups(path: Path) -> Iterator[pl.DataFrame]:
    """Yield a file's rows, a row group at a time.

    Raises:
        DataError: when the file's pages are damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=ROW_GROUP):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield frame
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged Parquet file: {error}; ingest the data again") from error


def merge_parts(parts: list[Part], path: Path) -> Part:
    """Write the rows of several parts of one period, given in order of arrival, as one sorted part."""
    rows = pl.concat([read_rows(part.path) for part in parts])
    clock = parts[0].clock
    merged = Part(path, clock, parts[0].period_ns)
    merged.add(
        rows.sort(clock, maintain_order=True),
        min(part.start_ns for part in parts),
        max(part.end_ns for part in parts),
    )
    merged.close()
    for part in parts:
        part.path.unlink()
    return merged


def read_rows(path: Path) -> pl.DataFrame:
    """Read one staged or live file whole, nothing but its own columns."""
    return pl.read_parquet(path, hive_partitioning=False)


def sync_file(path: Path) -> None:
    """Make a written file durable."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
