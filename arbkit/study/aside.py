"""Finished trials beside a study whose server is away: JSON files, put in when it is back.

The search goes on meanwhile. A block is appended, or written aside and then appended in its turn, so that a
kill loses no more than it does with the server there. What is aside `arbkit study resume` puts in first.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from arbkit.errors import StorageError
from arbkit.study.block import REPORT_DTYPE, TrialBlock
from arbkit.study.storages import redacted

__all__ = ["Aside", "block_from_json", "block_to_json"]

#: A server that is away is tried again this much later, while the search goes on.
_RETRY_S: Final = 1.0
#: How long the end of a run waits for it.
_PATIENCE_S: Final = 10.0

#: Appends a block, and what the sampler keeps after so many trials.
Append = Callable[[TrialBlock, dict[str, Any], int], None]


class Aside:
    """Stores blocks, aside where the server is away.

    Args:
        folder: where they are kept meanwhile.
        url: of the storage, for messages.
        study: tells this study from another one of its name.
        append: stores a block.
        stored: tells how many trials are stored.
    """

    def __init__(self, folder: Path, url: str, study: str, append: Append, stored: Callable[[], int]) -> None:
        self._folder = folder
        self._url = url
        self._study = study
        self._append = append
        self._stored = stored
        self._tried = -_RETRY_S

    def begin(self) -> None:
        """Put in what an earlier run of this study left; that of another study of its name is removed."""
        for file in self._files():
            if json.loads(file.read_text(encoding="utf-8"))["study"] != self._study:
                file.unlink()
        self._deliver()

    def store(self, block: TrialBlock, attrs: dict[str, Any], end: int) -> None:
        """Append a block, or write it aside."""
        if self._files():
            recent = time.monotonic() - self._tried < _RETRY_S
            self._keep(block, attrs, end)
            if not recent:
                self._try()
            return
        try:
            self._append(block, attrs, end)
        except Exception as error:
            if not _is_away(error):
                raise
            self._keep(block, attrs, end)
            self._tried = time.monotonic()

    def finish(self) -> None:
        """Put in what is aside, waiting a little for a server that is away.

        Raises:
            StorageError: when it does not come back; what is aside stays there.
        """
        until = time.monotonic() + _PATIENCE_S
        while (error := self._try()) is not None:
            if time.monotonic() >= until:
                raise StorageError(
                    f"the study storage must be reachable, {redacted(self._url)!r} is not; nothing is lost, "
                    f"finished trials are kept in {str(self._folder)!r}, and `arbkit study resume` puts them "
                    "in when it is back"
                ) from error
            time.sleep(_RETRY_S / 4)

    def _try(self) -> Exception | None:
        try:
            self._deliver()
        except Exception as error:
            if not _is_away(error):
                raise
            self._tried = time.monotonic()
            return error
        return None

    def _deliver(self) -> None:
        files = self._files()
        for file in files:
            kept = json.loads(file.read_text(encoding="utf-8"))
            block = block_from_json(kept["block"])
            # The server may have gone away after it took a block, and before it said so.
            there = self._stored() - block.first
            if 0 <= there < len(block):
                self._append(block.rows(there), kept["attrs"], kept["end"])
            file.unlink()
        if files:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self, block: TrialBlock, attrs: dict[str, Any], end: int) -> None:
        kept = {"study": self._study, "end": end, "attrs": attrs, "block": block_to_json(block)}
        part = self._folder / f".{block.first:012d}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(kept, allow_nan=False), encoding="utf-8")
            part.replace(self._folder / f"{block.first:012d}.json")
        except OSError as error:
            raise StorageError(
                f"while the study storage {redacted(self._url)!r} is away, the folder for finished trials "
                f"must be writable, {str(self._folder)!r} is not: {error}"
            ) from error

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.json"))


def _is_away(error: Exception) -> bool:
    """Tell a server that cannot be reached from one that refuses."""
    cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
    if isinstance(cause, DBAPIError) and cause.connection_invalidated:
        return True
    redis = sys.modules.get("redis")
    if redis is not None and isinstance(cause, (redis.ConnectionError, redis.TimeoutError)):
        return True
    psycopg = sys.modules.get("psycopg")  # Blocks are written without SQLAlchemy between.
    if psycopg is not None and isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError)):
        return True
    return isinstance(cause, (OperationalError, InterfaceError))


def block_to_json(block: TrialBlock) -> dict[str, Any]:
    """Return a block as plain values; every number comes back bit for bit."""
    return {
        "first": block.first,
        "distributions": {name: distribution_to_json(item) for name, item in block.distributions.items()},
        "states": block.states.tolist(),
        "params": _plain(block.params),
        "values": _plain(block.values),
        "started": block.started.astype(np.int64).tolist(),
        "completed": block.completed.astype(np.int64).tolist(),
        "constraints": {name: _plain(column) for name, column in block.constraints.items()},
        "attrs": {name: list(texts) for name, texts in block.attrs.items()},
        "system_attrs": {name: list(texts) for name, texts in block.system_attrs.items()},
        "reports": [[row, step, repr(value)] for row, step, value in block.reports.tolist()],
    }


def block_from_json(kept: dict[str, Any]) -> TrialBlock:
    """Return the block that `block_to_json` was given."""
    n = len(kept["states"])
    reports = [(row, step, float(value)) for row, step, value in kept["reports"]]
    return TrialBlock(
        kept["first"],
        {name: json_to_distribution(text) for name, text in kept["distributions"].items()},
        np.array(kept["states"], np.uint8),
        _array(kept["params"], n),
        _array(kept["values"], n),
        np.array(kept["started"], np.int64).astype("datetime64[us]"),
        np.array(kept["completed"], np.int64).astype("datetime64[us]"),
        {name: np.array([float(x) for x in column]) for name, column in kept["constraints"].items()},
        kept["attrs"],
        kept["system_attrs"],
        np.array(reports, REPORT_DTYPE),
    )


def _plain(array: Any) -> Any:
    """Return numbers as text: JSON has neither NaN nor infinities."""
    rows = array.tolist()
    return [[repr(item) for item in row] if isinstance(row, list) else repr(row) for row in rows]


def _array(rows: list[list[str]], n: int) -> Any:
    width = len(rows[0]) if rows else 0
    return np.array([[float(item) for item in row] for row in rows], np.float64).reshape(n, width)
