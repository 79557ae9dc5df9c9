"""What storages raise, in one sentence of ours."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from sqlalchemy.exc import SQLAlchemyError

from arbkit.errors import StorageError
from arbkit.study.storages.urls import redacted

__all__ = ["storage_errors"]


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what Optuna and SQLAlchemy raise about a storage into a `StorageError` naming the remedy."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        raise _unreachable(url, error) from error
    except Exception as error:
        if not isinstance(error, _of_drivers()):
            raise
        raise _unreachable(url, error) from error


def _of_drivers() -> tuple[type[Exception], ...]:
    """Return what the drivers of servers raise; only who uses one has imported it."""
    names = {"redis": "RedisError", "psycopg": "Error"}
    return tuple(getattr(sys.modules[name], base) for name, base in names.items() if name in sys.modules)


def _unreachable(url: str, error: Exception) -> StorageError:
    cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
    first = redacted(str(cause or error).strip().splitlines()[0])
    return StorageError(
        f"the study storage must be reachable and whole, {redacted(url)!r} is not: {first}; "
        "nothing stored was changed, mend it and run `arbkit study resume`"
    )
