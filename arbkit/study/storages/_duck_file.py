"""The tables of a DuckDB study file, and the one short lock that each visit holds.

DuckDB admits one process that writes, and then no reader. So the file is attached for each flush and
detached after it, which takes 3 ms; DuckDB itself, whose start takes 40, stays. What is stored is one row per
trial, in columns that SQL reads at once:

    studies   study_id, name, directions, user_attrs, system_attrs (key -> JSON), version
    trials    study_id, number, state, started, completed (UTC), space, params (Optuna's internal numbers),
              objectives, user_attrs, system_attrs (key -> JSON), steps, step_values, version
    spaces    space, names, distributions (Optuna's JSON): what the numbers of `params` belong to
    params    a view: study_id, number, name, value
    meta      schema, version, last_study
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from arbkit.errors import StorageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["DuckFile"]

_SCHEMA: Final = 1
#: Another process that holds the file for a flush is waited for, this long.
_BUSY_S: Final = 20.0
#: How long another process may take from making the file to its first bytes.
_MADE_S: Final = 0.5
#: A flush writes the last group of rows anew: with DuckDB's own 122,880 it took 140 ms more, and grew.
_ROW_GROUP: Final = 2048
#: Where DuckDB's two database headers are, and the bytes up to the end of what they hold.
_HEADERS: Final = (4096, 4096 + 128)
_TABLES: Final = frozenset({"studies", "trials", "spaces", "meta"})
_MAKE: Final = """
    CREATE TABLE studies (study_id BIGINT, name VARCHAR, directions VARCHAR[],
        user_attrs MAP(VARCHAR, VARCHAR), system_attrs MAP(VARCHAR, VARCHAR), version BIGINT);
    CREATE TABLE trials (study_id BIGINT, number BIGINT, state VARCHAR, started TIMESTAMP,
        completed TIMESTAMP, space BIGINT, params DOUBLE[], objectives DOUBLE[],
        user_attrs MAP(VARCHAR, VARCHAR), system_attrs MAP(VARCHAR, VARCHAR),
        steps BIGINT[], step_values DOUBLE[], version BIGINT);
    CREATE TABLE spaces (space BIGINT, names VARCHAR[], distributions VARCHAR[]);
    CREATE TABLE meta (schema INTEGER, version BIGINT, last_study BIGINT);
    CREATE VIEW params AS SELECT study_id, number, unnest(names) AS name, unnest(params) AS value
        FROM trials JOIN spaces USING (space);
"""
#: One process may not open a file twice in different ways, so its threads take turns.
_TURNS: Final[defaultdict[Path, threading.RLock]] = defaultdict(threading.RLock)
_TURNS_GUARD: Final = threading.Lock()
#: What a process had running when it was forked: its threads are not in the new one, so it is left alone.
_INHERITED: Final[list[DuckDBPyConnection | None]] = []


class DuckFile:
    """One study file.

    Guarantees: the file is open only inside `reading` and `writing`; what `writing` did is committed
    when it ends and undone when it raises; whatever DuckDB raises becomes a `StorageError`.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path.resolve()
        self._turn = _turn_of(self.path)
        self._duckdb: DuckDBPyConnection | None = None
        self._process = os.getpid()
        self._check(create)

    @contextmanager
    def reading(self) -> Iterator[DuckDBPyConnection]:
        """Open the file beside other readers."""
        with self._turn, self._opened(read_only=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[DuckDBPyConnection]:
        """Open the file alone, in one transaction."""
        with self._turn, self._opened(read_only=False) as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def stamp(self) -> bytes:
        """Return what changes whenever a process has written: both headers of the file, which count its
        checkpoints, and what is known of the log beside it."""
        # Closing any handle of a file drops the process's lock on it: never while a connection is open.
        with self._turn, self.path.open("rb") as stream:
            stream.seek(_HEADERS[0])
            found = stream.read(_HEADERS[1])
            log = self._log.stat() if self._log.exists() else None
        return found if log is None else found + f"{log.st_ino} {log.st_size} {log.st_mtime_ns}".encode()

    @property
    def _log(self) -> Path:
        return self.path.with_name(f"{self.path.name}.wal")

    @contextmanager
    def _opened(self, *, read_only: bool) -> Iterator[DuckDBPyConnection]:
        import duckdb

        try:
            connection = self._attached(read_only)
            yield connection
            connection.execute("USE memory; DETACH study")
        except BaseException as error:
            self._stop()
            if not isinstance(error, duckdb.Error):
                raise
            raise StorageError(
                f"the study storage must be reachable and whole, {str(self.path)!r} is not: "
                f"{_first_line(error)}; nothing stored was changed, mend it and run `arbkit study resume`"
            ) from error

    def _attached(self, read_only: bool) -> DuckDBPyConnection:
        """Open the file in the DuckDB of this object, waiting for another process that holds it."""
        import duckdb

        connection = self._running()
        path, mode = str(self.path).replace("'", "''"), ", READ_ONLY" if read_only else ""
        until, pause = time.monotonic() + _BUSY_S, 0.01
        while True:
            try:
                connection.execute(f"ATTACH '{path}' AS study (ROW_GROUP_SIZE {_ROW_GROUP}{mode})")
                connection.execute("USE study")
                return connection
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise
                if time.monotonic() > until:
                    raise self._held(error) from error
            time.sleep(pause)
            pause = min(2 * pause, 0.2)

    def _running(self) -> DuckDBPyConnection:
        """Return DuckDB without a file: its start takes ten times as long as to open and close one."""
        import duckdb

        if self._process != os.getpid():
            _INHERITED.append(self._duckdb)
            self._duckdb = None
        if self._duckdb is None:
            # More threads take more time together, for blocks as small as ours.
            self._duckdb, self._process = duckdb.connect(config={"threads": 1}), os.getpid()
            # Trying every compression on each flush took as long as all the rest of it; and what goes into
            # the file at once need not be logged before.
            self._duckdb.execute("SET force_compression = 'uncompressed'; SET checkpoint_threshold = '0b'")
        return self._duckdb

    def _stop(self) -> None:
        if self._duckdb is not None:
            self._duckdb.close()
        self._duckdb = None

    def _held(self, error: Exception) -> StorageError:
        holder = re.search(r"PID (\d+)", str(error))
        return StorageError(
            f"a DuckDB file must be open in one process at a time, {str(self.path)!r} is held by "
            f"{f'process {holder[1]}' if holder else 'another'}; end it, or read what "
            "`arbkit study export` writes instead"
        )

    def _check(self, create: bool) -> None:
        """Refuse whatever is not a study storage; make the tables of one that is new."""
        if create:
            self._clear_nothing()
        if not self.path.exists():
            if not create:
                raise StorageError(
                    f"a study storage must exist, {str(self.path)!r} does not; `arbkit study ls` lists "
                    "what is there"
                )
            self._make()
            return
        if not self.path.is_file():
            raise StorageError(f"a study storage must be a file, {str(self.path)!r} is not")
        with self._turn, self.path.open("rb") as stream:
            head = stream.read(12)
        if head[8:12] != b"DUCK":
            raise StorageError(
                f"a study storage must be a DuckDB file, {str(self.path)!r} is not; it was left untouched"
            )
        with self.reading() as connection:
            tables = _tables(connection)
            schema = _schema(connection) if tables >= _TABLES else None
        if not tables and create:
            self._make()
        elif schema != _SCHEMA:
            raise StorageError(
                f"a study storage must hold arbkit's tables of schema {_SCHEMA}, {str(self.path)!r} holds "
                f"{', '.join(sorted(tables)[:5]) or 'none'}"
                f"{f' of schema {schema}' if schema is not None else ''}; it was left untouched"
            )

    def _clear_nothing(self) -> None:
        """Remove an empty file, which a process leaves that was stopped as it made it: DuckDB refuses it."""
        until = time.monotonic() + _MADE_S
        while self.path.is_file() and self.path.stat().st_size == 0:
            if time.monotonic() > until:
                self.path.unlink(missing_ok=True)
                return
            time.sleep(0.05)

    def _make(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the folder of a storage must be writable, {str(self.path.parent)!r} is not: {error}"
            ) from error
        with self.writing() as connection:
            # Another process may have made them between the look and the lock.
            if not _tables(connection):
                connection.execute(_MAKE)
                connection.execute("INSERT INTO meta VALUES (?, 0, 0)", [_SCHEMA])


def _turn_of(path: Path) -> threading.RLock:
    with _TURNS_GUARD:
        return _TURNS[path]


def _tables(connection: DuckDBPyConnection) -> set[str]:
    query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'study'"
    return {name for (name,) in connection.execute(query).fetchall()}


def _schema(connection: DuckDBPyConnection) -> Any:
    rows = connection.execute("SELECT schema FROM meta").fetchall()
    return rows[0][0] if rows else None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
