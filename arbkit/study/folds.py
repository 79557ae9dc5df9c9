"""Metrics of every trial on every fold of the training part, as Parquet beside the study.

    studies/NAME.metrics/folds-000000000-000002048.parquet    trials 0 to 2047

One row per trial, pair and fold. A part is written before its trials are stored, under the numbers it holds,
and appears whole or not at all: every stored trial has its metrics, and what a killed run wrote for others is
removed when the study goes on. A trial that repeats an earlier point has no rows: `duplicate_of` names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from arbkit._typing import IntArray, RecordArray
from arbkit.errors import StorageError
from arbkit.records import METRICS_DTYPE
from arbkit.study.storages import MEMORY, file_of

__all__ = ["FOLD_DTYPE", "FoldFiles", "fold_rows", "metrics_folder"]

#: One trial on one fold: its number, the fold, and the metrics there.
FOLD_DTYPE: Final = np.dtype([("number", np.int64), ("fold", np.int64), ("metrics", METRICS_DTYPE)])
_PART: Final = re.compile(r"folds-(\d+)-(\d+)\.parquet")


def metrics_folder(url: str, name: str) -> Path | None:
    """Return where the metrics of a study are kept beside it; None for a study in memory."""
    if url == MEMORY:
        return None
    file = file_of(url)
    return (Path("studies") if file is None else file.parent) / f"{name}.metrics"


def fold_rows(numbers: IntArray, folds: Sequence[RecordArray]) -> RecordArray:
    """Join the metrics of trials on each fold into `FOLD_DTYPE`, in order of trial and fold.

    Args:
        numbers: of the trials, (n,).
        folds: per fold `METRICS_DTYPE` (n,).
    """
    rows = np.zeros((numbers.size, len(folds)), FOLD_DTYPE)
    rows["number"] = numbers[:, None]
    rows["fold"] = np.arange(len(folds))
    for fold, records in enumerate(folds):
        rows["metrics"][:, fold] = records
    return rows.ravel()


class FoldFiles:
    """The Parquet parts of one study.

    Args:
        folder: where they are; None keeps nothing.
        pair: what the column `pair` says.
        count: how many folds there are.
        names: the metrics that are measured.
    """

    def __init__(self, folder: Path | None, pair: str, count: int, names: Sequence[str]) -> None:
        self.count = count
        self._folder = folder
        self._pair = pair
        self._names = names

    def restart(self, stored: int) -> None:
        """Remove what was written for trials that are not stored."""
        if self._folder is None:
            return
        for file in self._folder.glob("*"):
            part = _PART.fullmatch(file.name)
            if file.name.endswith(".part") or (part is not None and int(part[1]) >= stored):
                file.unlink(missing_ok=True)

    def write(self, first: int, rows: RecordArray) -> None:
        """Write the rows of a block of trials.

        Args:
            first: number of the block's first trial, which may have no rows.
            rows: `FOLD_DTYPE`.

        Raises:
            StorageError: when the folder cannot be written.
        """
        if self._folder is None:
            return
        import polars as pl

        columns = {"number": rows["number"], "pair": [self._pair] * rows.size, "fold": rows["fold"]}
        columns |= {name: rows["metrics"][name] for name in self._names}
        frame = pl.DataFrame(columns, nan_to_null=False)
        end = int(rows["number"].max()) + 1
        file = self._folder / f"folds-{first:09d}-{end:09d}.parquet"
        staged = file.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(staged)
            staged.replace(file)
        except OSError as error:
            raise StorageError(
                f"the folder of a study's metrics must be writable, {str(self._folder)!r} is not: {error}"
            ) from error
