"""Storages in Optuna's own schema: a SQLite file, or a PostgreSQL server."""

from __future__ import annotations

from typing import Any

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, RDBStorage

from arbkit.errors import MissingDependencyError, StorageError
from arbkit.study.storages._quick import QuickStorage
from arbkit.study.storages._sqlite_file import BUSY_S, address_of, check_file, use_write_ahead_log
from arbkit.study.storages.faults import storage_errors
from arbkit.study.storages.urls import redacted, sqlite_file
from arbkit.study.tuning_results import view_of_studies

__all__ = ["open_postgresql", "open_sqlite"]


def open_sqlite(url: str, create: bool) -> BaseStorage:
    """Open a SQLite file; see `open_storage`."""
    file = sqlite_file(url)
    assert file is not None
    if not file.name:
        raise StorageError(f"a storage URL must name a file, sqlite:///studies/NAME.db, was {url!r}")
    fresh = check_file(file, create)
    try:
        if fresh:
            file.parent.mkdir(parents=True, exist_ok=True)
        with storage_errors(url):
            if create:
                use_write_ahead_log(file)
            options = {"connect_args": {"timeout": BUSY_S}}
            storage = _relational(address_of(url, file, create), create, options)
    except OSError as error:
        raise StorageError(
            f"the folder of a storage must be writable, {str(file.parent)!r} is not: {error}"
        ) from error
    sqlalchemy.event.listen(storage.engine, "connect", _sync_less)
    storage.engine.dispose()
    return storage


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
