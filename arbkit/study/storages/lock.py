"""One process at a time runs a study that is kept in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from arbkit.errors import StorageError
from arbkit.study.storages.urls import file_of

__all__ = ["run_lock"]


@contextmanager
def run_lock(url: str, name: str) -> Iterator[None]:
    """Keep a second process on this machine from running the same study of a file.

    Raises:
        StorageError: when another process is running it.
    """
    file = file_of(url)
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
