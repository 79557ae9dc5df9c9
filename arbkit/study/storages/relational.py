"""Storages in Optuna's own schema: a SQLite file, or a PostgreSQL server."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, RDBStorage

from arbkit.errors import MissingDependencyError, StorageError
from arbkit.study.storages._quick import QuickStorage
from arbkit.study.storages.faults import storage_errors
from arbkit.study.storages.urls import redacted, sqlite_file
from arbkit.study.tuning_results import view_of_studies

__all__ = ["open_postgresql", "open_sqlite"]

#: A second process that holds the file for a moment is waited for, this long.
_BUSY_S: Final = 30


def open_sqlite(url: str, create: bool) -> BaseStorage:
    """Open a SQLite file; see `open_storage`."""
    file = sqlite_file(url)
    assert file is not None
    if not file.name:
        raise StorageError(f"a storage URL must name a file, sqlite:///studies/NAME.db, was {url!r}")
    fresh = _check_file(file, create)
    try:
        if fresh:
            file.parent.mkdir(parents=True, exist_ok=True)
        with storage_errors(url):
            if create:
                _use_write_ahead_log(file)
            storage = _relational(_address(url, file, create), create, {"connect_args": {"timeout": _BUSY_S}})
    except OSError as error:
        raise StorageError(
            f"the folder of a storage must be writable, {str(file.parent)!r} is not: {error}"
        ) from error
    sqlalchemy.event.listen(storage.engine, "connect", _sync_less)
    storage.engine.dispose()
    return storage


def _check_file(file: Path, create: bool) -> bool:
    """Refuse whatever is not a study storage; return whether the file is still to be made."""
    if not file.exists():
        if not create:
            raise StorageError(
                f"a study storage must exist, {str(file)!r} does not; `arbkit study ls` lists what is there"
            )
        return True
    if not file.is_file():
        raise StorageError(f"a study storage must be a file, {str(file)!r} is not")
    if create and file.stat().st_size == 0:
        return True
    tables = _tables(file)
    if not {"studies", "trials", "version_info"} <= tables and (tables or not create):
        raise StorageError(
            f"a study storage must hold Optuna's tables, {str(file)!r} holds "
            f"{', '.join(sorted(tables)[:5]) or 'none'}; it was left untouched"
        )
    return False


def _is_archived(file: Path) -> bool:
    """Whether a file is whole and nobody can change it: SQLite wants to write beside any other."""
    return not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()


def _address(url: str, file: Path, create: bool) -> str:
    """Return what SQLAlchemy, which decodes `%20` and the like, takes for the same file."""
    if create or not _is_archived(file):
        return url.replace("%", "%25")
    return f"sqlite:///file:{quote(quote(str(file.resolve())))}?mode=ro&immutable=1&uri=true"


def _tables(file: Path) -> set[str]:
    # Through SQLite even for the header: closing a plain file handle would drop the locks that other
    # connections of this process hold, and another process could then remove the log under them. A
    # study was corrupted that way; test_a_study_killed_at_any_moment_is_resumed_exactly guards it.
    address = f"{file.resolve().as_uri()}?mode=ro{'&immutable=1' if _is_archived(file) else ''}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_S)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error as error:
        if "not a database" in str(error):
            rule = "a study storage must be an SQLite file"
        else:
            rule = "a study storage must be readable"
        raise StorageError(f"{rule}, {str(file)!r} is not: {error}; it was left untouched") from error
    return {str(name) for (name,) in rows}


def _use_write_ahead_log(file: Path) -> None:
    """Readers do not block the writer, and a commit costs one write: 14 ms a trial without, 2 with."""
    with closing(sqlite3.connect(file, timeout=_BUSY_S)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _sync_less(connection: Any, _record: Any) -> None:
    """With a write-ahead log a kill loses nothing; a power cut at most the last commits."""
    connection.execute("PRAGMA synchronous=NORMAL")


def open_postgresql(url: str, create: bool) -> BaseStorage:
    """Open a PostgreSQL database; see `open_storage`."""
    _, _, rest = url.partition("://")
    with storage_errors(url):
        # Without an encoding a database made in the C locale would answer in bytes.
        options = {"pool_pre_ping": True, "connect_args": {"client_encoding": "utf8", "connect_timeout": 10}}
        storage = _relational(f"postgresql+psycopg://{rest}", create, options)
        if create:
            with storage.engine.connect() as connection:
                view_of_studies(connection.connection.driver_connection)
            storage.engine.dispose()
        return storage


def _relational(url: str, create: bool, options: dict[str, Any]) -> RDBStorage:
    try:
        return QuickStorage(url, engine_kwargs=options, skip_table_creation=not create)
    except ImportError as error:
        raise MissingDependencyError(
            "a postgresql:// storage needs a package that is not installed: pip install 'psycopg[binary]'"
        ) from error
    except ValueError as error:
        raise StorageError(
            f"a storage URL must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE, was {redacted(url)!r}: "
            f"{error}"
        ) from error
    except RuntimeError as error:
        # How Optuna says that the tables were made by another version of it.
        raise StorageError(
            f"a study storage must be of this version of Optuna ({optuna.__version__}), "
            f"{redacted(url)!r} is not: {error}"
        ) from error
