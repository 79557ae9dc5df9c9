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
        # Only who uses Redis has imported its package.
        redis = sys.modules.get("redis")
        if redis is None or not isinstance(error, redis.RedisError):
            raise
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: Exception) -> StorageError:
    cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
    first = redacted(str(cause or error).strip().splitlines()[0])
    return StorageError(
        f"the study storage must be reachable and whole, {redacted(url)!r} is not: {first}; "
        "nothing stored was changed, mend it and run `arbkit study resume`"
    )
