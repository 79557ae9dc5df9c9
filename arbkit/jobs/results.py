"""Finished jobs as rows of `tuning_results` on PostgreSQL, with files beside the results while it is away.

Rows are written aside first, as JSON, then put into the table, and the file goes once they are committed.
Neither a kill nor a database that is away can lose one, and one that is put in twice is there once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from arbkit.errors import ConfigError, MissingDependencyError, StorageError
from arbkit.jobs.json_text import plain
from arbkit.jobs.ranking import ASIDE
from arbkit.jobs.run import Finished
from arbkit.study.storages import redacted
from arbkit.study.tuning_results import COLUMNS, Relation, ensure_tuning_results

__all__ = ["ResultsTable", "row_of"]

_SCHEMES: Final = ("postgresql://", "postgres://", "postgresql+psycopg://")
_CONNECT_S: Final = 5
#: A database that is away is tried again this much later, while jobs go on.
_RETRY_S: Final = 5.0
_NOT_PARAMETERS: Final = ("tag", "output_json")


def row_of(finished: Finished) -> dict[str, Any]:
    """Return the row of a finished job; the same job on the same data has the same `run_id`."""
    job, metrics = finished.job, finished.document["metrics"]
    config = {
        name: value for name, value in finished.document["config"].items() if name not in _NOT_PARAMETERS
    }
    identity = [job.session_id, job.job_id, plain(config), finished.panel.fingerprint]
    digest = hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=16).digest()
    meta = finished.panel.meta
    return {
        "run_id": str(uuid.UUID(bytes=digest)),
        "session_id": job.session_id,
        "created_at": dt.datetime.now(dt.UTC).isoformat(),
        "param_set": {"job_id": job.job_id, **plain(config)},
        "total_pnl": metrics["mtm_pnl_usd"],
        "total_trades": metrics["total_trades"],
        "total_entries": metrics["total_trades"],
        "total_exits": metrics["closed_trades"],
        "winning_trades": metrics["winning_trades"],
        "losing_trades": metrics["losing_trades"],
        "winrate": metrics["win_rate"],
        "avg_pnl_per_trade": metrics["avg_pnl_per_trade_usd"],
        "campaign_id": job.campaign_id,
        "duration_seconds": metrics["runtime_seconds"],
        "test_mode": True,
        "symbols": f"{meta.leg_a},{meta.leg_b}",
    }


class ResultsTable:
    """Takes finished jobs into `tuning_results`; a `Sink` of `run_jobs`.

    Args:
        url: postgresql://USER:PASSWORD@HOST/DATABASE.
        results_dir: where rows are kept while the database is away, in the folder `tuning_results_aside`.
        say: is told, once each time, that the database went away and that it came back.

    Raises:
        ConfigError: for another URL.
        MissingDependencyError: when psycopg is not installed.
    """

    def __init__(self, url: str, results_dir: str | Path, say: Callable[[str], None] | None = None) -> None:
        if not url.startswith(_SCHEMES):
            raise ConfigError(
                "`--results-db` must be postgresql://USER:PASSWORD@HOST/DATABASE, was " + repr(redacted(url))
            )
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._folder = Path(results_dir) / ASIDE
        self._say = say
        self._psycopg = _driver()
        self._connection: Any = None
        self._relation: Relation | None = None
        self._types: dict[str, str] = {}
        self._away_since: float | None = None
        self._count = 0
        self.put = 0

    def hold(self, finished: Sequence[Finished]) -> None:
        """Write the rows of a batch aside."""
        self._count += 1
        rows = [row_of(item) for item in finished]
        name = f"{time.time_ns()}-{os.getpid()}-{self._count:06d}.json"
        part = self._folder / f".{name}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(rows, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
            part.replace(self._folder / name)
        except OSError as error:
            raise ConfigError(
                f"the folder of results must be writable, {str(part)!r} failed: {error}"
            ) from error

    def flush(self) -> None:
        """Put in what lies aside; a database that is away is left alone for a while."""
        if self._away_since is None or time.monotonic() - self._away_since >= _RETRY_S:
            self.deliver()

    def deliver(self) -> int:
        """Put in what lies aside, and return how many rows still do.

        Raises:
            StorageError: when the database is there and refuses the rows; they stay aside.
        """
        try:
            if self._connection is None:
                self._connect()
            for file in self._files():
                self._insert(file)
        except self._psycopg.OperationalError as error:
            self._gone(error)
        except self._psycopg.Error as error:
            self.close()
            raise StorageError(
                f"the database must take the rows of `tuning_results`, {redacted(self._url)!r} refused them: "
                f"{_first_line(error)}; {self.waiting} rows are kept in {str(self._folder)!r}"
            ) from error
        else:
            if self._away_since is not None and self._say is not None:
                self._say("the database is back; what was written aside is in it")
            self._away_since = None
            with contextlib.suppress(OSError):
                self._folder.rmdir()
        return self.waiting

    @property
    def waiting(self) -> int:
        """How many rows lie aside."""
        return sum(len(_rows_of(file)) for file in self._files())

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with contextlib.suppress(self._psycopg.Error):
                self._connection.close()
            self._connection = None

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.json"))

    def _connect(self) -> None:
        self._connection = self._psycopg.connect(
            self._url, connect_timeout=_CONNECT_S, autocommit=True, client_encoding="utf8"
        )
        self._relation = ensure_tuning_results(self._connection)
        found = self._connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = %s AND table_schema = ANY(current_schemas(false))",
            (self._relation.table,),
        )
        self._types = dict(found.fetchall())

    def _insert(self, file: Path) -> None:
        assert self._relation is not None
        rows, table = _rows_of(file), self._relation.table
        names = [name for name in COLUMNS if name in self._types]
        places = ", ".join(f"%({name})s::{self._cast(name)}" for name in names)
        # A table of the user's own may lack the key that `ON CONFLICT` needs.
        statement = (
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {places} WHERE NOT EXISTS "
            f"(SELECT 1 FROM {table} WHERE run_id = %(run_id)s::{self._cast('run_id')})"
        )
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(statement, [self._adapted(row) for row in rows])
        file.unlink(missing_ok=True)
        self.put += len(rows)

    def _cast(self, name: str) -> str:
        return {"ARRAY": "text[]", "USER-DEFINED": "text"}.get(self._types[name], self._types[name])

    def _adapted(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row as its table takes it: JSON as text, symbols as an array where it is one."""
        adapted = {**row, "param_set": json.dumps(row["param_set"], ensure_ascii=False)}
        if self._types.get("symbols") == "ARRAY":
            adapted["symbols"] = row["symbols"].split(",")
        return adapted

    def _gone(self, error: Exception) -> None:
        self.close()
        if self._away_since is None and self._say is not None:
            self._say(
                f"the database {redacted(self._url)!r} is away ({_first_line(error)}); rows are kept in "
                f"{str(self._folder)!r} and put in when it is back"
            )
        self._away_since = time.monotonic()


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise MissingDependencyError(
            "`--results-db` needs a package that is not installed: pip install 'psycopg[binary]'"
        ) from error
    return psycopg


def _rows_of(file: Path) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []  # Another process has put it in meanwhile.
    return rows


def _first_line(error: Exception) -> str:
    return redacted(" ".join(str(error).split())) or type(error).__name__
