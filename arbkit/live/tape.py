"""The tape of a pair: every row that was decided on, in Parquet, and its end in a plain file of records.

A row is written before it is decided on. What the operating system has survives the death of the process;
a record that was cut off is dropped. Full files become Parquet in a thread of their own.
"""

from __future__ import annotations

import errno
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray, PathLike, RecordArray
from arbkit.errors import DataError
from arbkit.kernels.live import LIVE_ROW_DTYPE

__all__ = ["Tape", "read_tape", "tape_dtype"]

_ROWS_PER_FILE: Final = 65_536
_SIDES: Final = 8


def tape_dtype(levels: int) -> np.dtype[Any]:
    """Return the record of a tape: a row, and its ladders where the pair uses depth."""
    if not levels:
        return LIVE_ROW_DTYPE
    return np.dtype([("row", LIVE_ROW_DTYPE), ("ladder", np.float64, (_SIDES, levels))])


class Tape:
    """Appends rows to the tape of one pair.

    Args:
        folder: where its files are; it is made.
        levels: book levels that each row carries.
        rows_per_file: rows until a file is closed and turned into Parquet.
        pool: turns files into Parquet; by default it is done at once.
    """

    def __init__(
        self,
        folder: PathLike,
        levels: int = 0,
        *,
        rows_per_file: int = _ROWS_PER_FILE,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.levels = levels
        self.rows = 0
        self._dtype = tape_dtype(levels)
        self._rows_per_file = rows_per_file
        self._pool = pool
        self._jobs: list[Future[None]] = []
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.folder.glob("*.bin")):
            _to_parquet(path, levels)
        self.rows = _count(self.folder)
        self._file, self._path, self._in_file = -1, Path(), 0

    def write(self, row: Any, ladder: FloatArray | None = None) -> None:
        """Append one row, a record of `LIVE_ROW_DTYPE`."""
        if self._file < 0:
            self._open()
        data = row.tobytes() if ladder is None else row.tobytes() + np.ascontiguousarray(ladder).tobytes()
        if os.write(self._file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self.rows += 1
        self._in_file += 1
        if self._in_file >= self._rows_per_file:
            self._rotate()

    def _open(self) -> None:
        self._path = self.folder / f"{self.rows:012d}.bin"
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._in_file = 0

    def _rotate(self) -> None:
        os.close(self._file)
        self._file = -1
        if self._pool is None:
            _to_parquet(self._path, self.levels)
        else:
            self._jobs = [job for job in self._jobs if not job.done()]
            self._jobs.append(self._pool.submit(_to_parquet, self._path, self.levels))

    def close(self) -> None:
        """Turn the end of the tape into Parquet and wait for what is being turned; idempotent."""
        if self._file >= 0:
            self._rotate()
        for job in self._jobs:
            job.result()
        self._jobs = []


def read_tape(folder: PathLike, levels: int = 0, *, first: int = 0) -> tuple[RecordArray, FloatArray]:
    """Read a tape, also one that is being written.

    Args:
        folder: where its files are.
        levels: book levels of its rows.
        first: number of the first row wanted.

    Returns:
        `LIVE_ROW_DTYPE` (n,) and the ladders, float64 (8, n, levels) in the order of `Ladders`.

    Raises:
        DataError: when a file is damaged or one is missing.
    """
    parts, ladders, expected = [], [], 0
    files = _files(Path(folder))
    for number, (path, begin) in enumerate(files):
        if number + 1 < len(files) and files[number + 1][1] <= first:
            expected = files[number + 1][1]  # all of it comes before
            continue
        if begin != expected:
            raise DataError(f"{folder}: the tape must be whole, rows {expected} to {begin - 1} are missing")
        rows, ladder = (_from_bin if path.suffix == ".bin" else _from_parquet)(path, levels)
        expected += rows.size
        if expected > first:
            parts.append(rows)
            ladders.append(ladder)
    if not parts:
        return np.zeros(0, LIVE_ROW_DTYPE), np.zeros((_SIDES, 0, levels))
    held = sum(part.size for part in parts)
    skip = max(0, first - (expected - held))
    return np.concatenate(parts)[skip:], np.concatenate(ladders, axis=1)[:, skip:]


def _files(folder: Path) -> list[tuple[Path, int]]:
    """Return the files in order, each once: one that is being turned counts as it was."""
    by_row = {int(path.stem): path for path in folder.glob("*.parquet")}
    by_row |= {int(path.stem): path for path in folder.glob("*.bin")}
    return [(by_row[row], row) for row in sorted(by_row)]


def _count(folder: Path) -> int:
    import polars as pl

    files = _files(folder)
    if not files:
        return 0
    path, begin = files[-1]
    return begin + int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _from_bin(path: Path, levels: int) -> tuple[RecordArray, FloatArray]:
    dtype = tape_dtype(levels)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"a tape must be readable, {path} is not: {error.strerror}") from error
    records = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
    if not levels:
        return records, np.zeros((_SIDES, records.size, 0))
    return np.ascontiguousarray(records["row"]), np.ascontiguousarray(records["ladder"].transpose(1, 0, 2))


def _to_parquet(path: Path, levels: int) -> None:
    """Write a closed file as Parquet, which appears whole, and remove it; an empty one just goes."""
    import polars as pl

    rows, ladders = _from_bin(path, levels)
    if rows.size:
        columns = {name: np.ascontiguousarray(rows[name]) for name in LIVE_ROW_DTYPE.names or ()}
        frame = pl.DataFrame(columns)
        if levels:
            flat = np.ascontiguousarray(ladders.transpose(1, 0, 2)).reshape(rows.size, _SIDES * levels)
            frame = frame.with_columns(pl.Series("ladder", flat, dtype=pl.Array(pl.Float64, _SIDES * levels)))
        part = path.with_suffix(".part")
        frame.write_parquet(part, compression="zstd", statistics=False)
        part.replace(path.with_suffix(".parquet"))
    path.unlink()


def _from_parquet(path: Path, levels: int) -> tuple[RecordArray, FloatArray]:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    rows = np.zeros(len(frame), LIVE_ROW_DTYPE)
    for name in LIVE_ROW_DTYPE.names or ():
        rows[name] = frame[name].to_numpy()
    if not levels:
        return rows, np.zeros((_SIDES, len(frame), 0))
    flat = frame["ladder"].to_numpy().reshape(len(frame), _SIDES, levels)
    return rows, np.ascontiguousarray(flat.transpose(1, 0, 2))
