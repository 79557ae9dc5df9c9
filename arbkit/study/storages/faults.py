"""What storages raise, in one sentence of ours."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from arbkit.errors import StorageError
from arbkit.study.storages.urls import redacted

__all__ = ["storage_errors"]


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what Optuna and SQLAlchemy raise about a storage into a `StorageError` naming the remedy."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (sqlite3.Error, *_of_drivers())):
            raise
        raise _unreachable(url, error) from error


def _of_drivers() -> tuple[type[Exception], ...]:
    """Return what Optuna and the drivers raise; only who uses one has imported it."""
    names = {
        "redis": "RedisError",
        "psycopg": "Error",
        "sqlalchemy.exc": "SQLAlchemyError",
        "optuna.exceptions": "StorageInternalError",
    }
    return tuple(getattr(sys.modules[name], base) for name, base in names.items() if name in sys.modules)


def _unreachable(url: str, error: Exception) -> StorageError:
    cause = error.__cause__ if type(error).__name__ == "StorageInternalError" else error
    first = redacted(str(cause or error).strip().splitlines()[0])
    return StorageError(
        f"the study storage must be reachable and whole, {redacted(url)!r} is not: {first}; "
        "nothing stored was changed, mend it and run `arbkit study resume`"
    )
