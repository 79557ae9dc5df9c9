"""Trades and equity of the best trials, as Parquet beside the study.

    studies/NAME.best/trades-KEY.parquet
    studies/NAME.best/equity-KEY.parquet

The key is made from the data and the trials that are kept, so that files of an earlier best are never taken
for those of the present one; they are removed when the new ones are whole.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from arbkit.errors import StorageError
from arbkit.study.folds import metrics_folder
from arbkit.study.study import Study
from arbkit.units import SECOND_NS

__all__ = ["KEPT", "BestRuns", "best_folder", "best_runs"]

#: How many trials are kept unless somebody asks for another number.
KEPT: Final = 10
#: The finest of these grids with no more points than this shows the equity.
_GRIDS: Final = {"1s": 1, "10s": 10, "1m": 60, "10m": 600, "1h": 3_600, "1d": 86_400}
_MOST_POINTS: Final = 5_000


class BestRuns(NamedTuple):
    """What the best trials did on the training data; `number` says which trial, `rank` 1 is the best.

    Attributes:
        trades: `number`, `rank` and the columns of `BacktestResult.trades`.
        equity: `number`, `rank` and the columns of `BacktestResult.equity`, on a grid.
    """

    trades: pl.DataFrame
    equity: pl.DataFrame


def best_folder(url: str, name: str) -> Path | None:
    """Return where the runs of a study's best trials are kept; None for a study in memory."""
    beside = metrics_folder(url, name)
    return None if beside is None else beside.with_name(f"{name}.best")


def best_runs(study: Study, n: int = KEPT) -> BestRuns:
    """Return trades and equity of the best trials; simulate and keep them where they are not kept yet.

    Args:
        study: the study, which stays as it is.
        n: how many trials.

    Raises:
        StudyError: when the data changed since the study began.
        StorageError: when the files cannot be written.
    """
    best = study.best_trials(n)
    folder = best_folder(study.url, study.name)
    if folder is None:
        return _simulated(study, best)
    text = f"{study.record.dataset_fingerprint} {best['number'].to_list()}"
    key = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    files = [folder / f"{part}-{key}.parquet" for part in BestRuns._fields]
    if not all(file.exists() for file in files):
        _write(folder, files, _simulated(study, best))
    return BestRuns(*(pl.read_parquet(file) for file in files))


def _simulated(study: Study, best: pl.DataFrame) -> BestRuns:
    trades: list[pl.DataFrame] = []
    equity: list[pl.DataFrame] = []
    for rank, row in enumerate(best.iter_rows(named=True), 1):
        found = study.run(row)
        step = _grid((found.panel.end_ns - found.panel.start_ns) // SECOND_NS)
        whose = pl.lit(row["number"], pl.Int64).alias("number"), pl.lit(rank, pl.Int64).alias("rank")
        trades.append(found.trades.select(*whose, pl.all()))
        equity.append(found.equity(step).select(*whose, pl.all()))
    empty = pl.DataFrame(schema={"number": pl.Int64, "rank": pl.Int64})
    return BestRuns(pl.concat(trades) if trades else empty, pl.concat(equity) if equity else empty)


def _grid(seconds: int) -> str:
    fitting = (name for name, step in _GRIDS.items() if seconds / step <= _MOST_POINTS)
    return next(fitting, "1d")


def _write(folder: Path, files: list[Path], runs: BestRuns) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, frame in zip(files, runs, strict=True):
            staged = file.with_suffix(f".{os.getpid()}.part")
            frame.write_parquet(staged)
            staged.replace(file)
        for old in folder.glob("*-*.parquet"):
            if old not in files:
                old.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"the folder of a study's best runs must be writable, {str(folder)!r} is not: {error}"
        ) from error
