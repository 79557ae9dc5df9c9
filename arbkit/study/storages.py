"""Where studies are kept: a URL to an Optuna storage, opened without harm to what is already there.

    sqlite:///FILE                      the default; a file in Optuna's own schema
    postgresql://USER:PASSWORD@HOST/DB  a server, in the same schema; needs psycopg
    memory://                           nothing is kept

SQLite and PostgreSQL studies are plain Optuna studies: `optuna.load_study` and optuna-dashboard open them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy.exc import SQLAlchemyError

from arbkit.errors import MissingDependencyError, StorageError
from arbkit.study._bulk import append_in_bulk, supports
from arbkit.study._quick import QuickStorage

__all__ = [
    "MEMORY",
    "append_trials",
    "close_storage",
    "open_storage",
    "redacted",
    "run_lock",
    "sqlite_file",
    "storage_errors",
]

MEMORY: Final = "memory://"
_SQLITE: Final = "sqlite:///"
_WORKS: Final = "sqlite:///studies/NAME.db, postgresql://USER:PASSWORD@HOST/DATABASE or memory://"
#: A second process that holds the file for a moment is waited for, this long.
_BUSY_S: Final = 30


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for any other."""
    return Path(url.removeprefix(_SQLITE).partition("?")[0]) if url.startswith(_SQLITE) else None


def redacted(text: str) -> str:
    """Return a URL (or a text that holds one) without its password."""
    head, at, tail = text.rpartition("@")
    scheme, separator, rest = head.partition("://")
    if not at or not separator or ":" not in rest:
        return text
    return f"{scheme}://{rest.partition(':')[0]}:***@{tail}"


def open_storage(url: str, *, create: bool = False) -> BaseStorage:
    """Open the storage at a URL.

    Args:
        url: one of the forms above.
        create: make the file, its folder and its tables where they are missing. Without it nothing
            is written.

    Raises:
        StorageError: for an unknown scheme, a file that is not a study storage, or a server that does
            not answer. What is there is left as it was.
    """
    if url == MEMORY:
        return InMemoryStorage()
    if url.startswith(_SQLITE):
        return _open_sqlite(url, create)
    if url.startswith(("postgresql://", "postgresql+psycopg://", "postgres://")):
        return _open_postgresql(url, create)
    raise StorageError(f"a storage URL must be {_WORKS}, was {redacted(url)!r}")


def _open_sqlite(url: str, create: bool) -> BaseStorage:
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
            storage = _relational(url, create, {"connect_args": {"timeout": _BUSY_S}})
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


def _tables(file: Path) -> set[str]:
    # Through SQLite even for the header: closing a plain file handle would drop the locks that other
    # connections of this process hold, and another process could then remove the log under them. A
    # study was corrupted that way; test_a_study_killed_at_any_moment_is_resumed_exactly guards it.
    address = f"{file.resolve().as_uri()}?mode=ro"
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


def _open_postgresql(url: str, create: bool) -> BaseStorage:
    _, _, rest = url.partition("://")
    with storage_errors(url):
        return _relational(f"postgresql+psycopg://{rest}", create, {"pool_pre_ping": True})


def _relational(url: str, create: bool, options: dict[str, Any]) -> RDBStorage:
    try:
        return QuickStorage(url, engine_kwargs=options, skip_table_creation=not create)
    except ImportError as error:
        raise MissingDependencyError(
            "a postgresql:// storage needs a package that is not installed: pip install 'psycopg[binary]'"
        ) from error
    except RuntimeError as error:
        # How Optuna says that the tables were made by another version of it.
        raise StorageError(
            f"a study storage must be of this version of Optuna ({optuna.__version__}), "
            f"{redacted(url)!r} is not: {error}"
        ) from error


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what Optuna and SQLAlchemy raise about a storage into a `StorageError` naming the remedy."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        first = redacted(str(cause or error).strip().splitlines()[0])
        raise StorageError(
            f"the study storage must be reachable and whole, {redacted(url)!r} is not: {first}; "
            "nothing stored was changed, mend it and run `arbkit study resume`"
        ) from error


def close_storage(storage: BaseStorage) -> None:
    """Close the connections; an SQLite file is then whole on its own, without a log beside it."""
    inner = getattr(storage, "_backend", storage)
    storage.remove_session()
    if isinstance(inner, RDBStorage):
        inner.engine.dispose()


def append_trials(storage: BaseStorage, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    """Store finished trials, in order, under the numbers they already have.

    Raises:
        StorageError: when another process has stored a trial under one of the numbers.
    """
    inner = getattr(storage, "_backend", storage)
    if not trials:
        return
    if isinstance(inner, RDBStorage) and supports(trials):
        append_in_bulk(inner, study_id, trials)
        return
    for trial in trials:
        storage.create_new_trial(study_id, template_trial=trial)


@contextmanager
def run_lock(url: str, name: str) -> Iterator[None]:
    """Keep a second process on this machine from running the same SQLite study.

    Raises:
        StorageError: when another process is running it.
    """
    file = sqlite_file(url)
    if file is None or os.name != "posix":
        yield
        return
    import fcntl

    lock = file.parent / f".{file.name}.{name}.lock"
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(
                f"a study must be run by one process at a time, another is running {name!r}"
            ) from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
