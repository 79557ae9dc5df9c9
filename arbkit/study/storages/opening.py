"""Open and close a storage by its URL."""

from __future__ import annotations

from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage

from arbkit.errors import StorageError
from arbkit.study.storages.faults import storage_errors
from arbkit.study.storages.relational import open_postgresql, open_sqlite
from arbkit.study.storages.urls import (
    DUCKDB,
    JOURNAL,
    MEMORY,
    POSTGRESQL,
    REDIS,
    SQLITE,
    WORKS,
    file_of,
    redacted,
)

__all__ = ["close_storage", "open_storage"]


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
    if url.startswith(SQLITE):
        return open_sqlite(url, create)
    if url.startswith(POSTGRESQL):
        return open_postgresql(url, create)
    if url.startswith((DUCKDB, JOURNAL)):
        return _open_file(url, create)
    if url.startswith(REDIS):
        from arbkit.study.storages.journal import open_redis

        with storage_errors(url):
            return open_redis(url)
    raise StorageError(f"a storage URL must be {WORKS}, was {redacted(url)!r}")


def _open_file(url: str, create: bool) -> BaseStorage:
    path = file_of(url)
    assert path is not None
    if url.startswith(JOURNAL):
        from arbkit.study.storages.journal import open_journal

        return open_journal(url, path, create)
    if not path.name:
        raise StorageError(f"a storage URL must name a file, duckdb:///studies/NAME.duckdb, was {url!r}")
    from arbkit.study.storages.duck import DuckStorage

    return DuckStorage(path, create=create)


def close_storage(storage: BaseStorage) -> None:
    """Close the connections; an SQLite file is then whole on its own, without a log beside it."""
    inner = getattr(storage, "_backend", storage)
    storage.remove_session()
    if isinstance(inner, RDBStorage):
        inner.engine.dispose()
