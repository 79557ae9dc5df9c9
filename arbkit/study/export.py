"""Trials into a file that other programs read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from arbkit.errors import ConfigError, StorageError, nearest_names
from arbkit.study.study import Study

__all__ = ["export_trials"]


def export_trials(study: Study, path: str | Path) -> Path:
    """Write all trials to a .csv, .parquet or .json file; the file is whole or not there.

    The columns are those of `Study.trials`. JSON also holds the study's record.

    Raises:
        ConfigError: for another ending.
        StorageError: when the file cannot be written.
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in _WRITERS:
        names = [item.removeprefix(".") for item in _WRITERS]
        raise ConfigError(
            f"an export must end in .csv, .parquet or .json, was {str(target)!r}; "
            f"{nearest_names(ending.removeprefix('.'), names)}"
        )
    frame = study.trials()
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _WRITERS[ending](study, frame, partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"an export must go to a writable folder, {str(target)!r} failed: {error}"
        ) from error
    return target


def _csv(_study: Study, frame: pl.DataFrame, path: Path) -> None:
    frame.write_csv(path)


def _parquet(_study: Study, frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path)


def _json(study: Study, frame: pl.DataFrame, path: Path) -> None:
    content = {"study": study.name, **vars(study.record), "trials": frame.to_dicts()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


_WRITERS: Final[dict[str, Callable[[Study, pl.DataFrame, Path], None]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".json": _json,
}
