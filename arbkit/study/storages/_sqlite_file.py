"""The file of a SQLite study: what it is before anything is opened, and how it is opened to be read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from arbkit.errors import StorageError

__all__ = ["BUSY_S", "address_of", "check_file", "read_only", "use_write_ahead_log"]

#: A second process that holds the file for a moment is waited for, this long.
BUSY_S: Final = 30
#: As much of a file is mapped into memory to be read: a page that is copied costs more than what is in it.
_MAPPED: Final = 1 << 32


def check_file(file: Path, create: bool) -> bool:
    """Refuse whatever is not a study storage; return whether the file is still to be made.

    Raises:
        StorageError: naming what is there instead.
    """
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


def address_of(url: str, file: Path, create: bool) -> str:
    """Return what SQLAlchemy, which decodes `%20` and the like, takes for the same file."""
    if create or not _is_archived(file):
        return url.replace("%", "%25")
    return f"sqlite:///file:{quote(quote(str(file.resolve())))}?mode=ro&immutable=1&uri=true"


def read_only(file: Path) -> sqlite3.Connection:
    """Open a file so that nothing in it can be changed.

    Raises:
        sqlite3.Error: when it cannot be read.
    """
    address = f"{file.resolve().as_uri()}?mode=ro{'&immutable=1' if _is_archived(file) else ''}"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA mmap_size={_MAPPED}")
    except BaseException:
        connection.close()
        raise
    return connection


def use_write_ahead_log(file: Path) -> None:
    """Readers do not block the writer, and a commit costs one write: 14 ms a trial without, 2 with."""
    with closing(sqlite3.connect(file, timeout=BUSY_S)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _is_archived(file: Path) -> bool:
    """Whether a file is whole and nobody can change it: SQLite wants to write beside any other."""
    return not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()


def _tables(file: Path) -> set[str]:
    # Through SQLite even for the header: closing a plain file handle would drop the locks that other
    # connections of this process hold, and another process could then remove the log under them. A
    # study was corrupted that way; test_a_study_killed_at_any_moment_is_resumed_exactly guards it.
    try:
        with closing(read_only(file)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error as error:
        if "not a database" in str(error):
            rule = "a study storage must be an SQLite file"
        else:
            rule = "a study storage must be readable"
        raise StorageError(f"{rule}, {str(file)!r} is not: {error}; it was left untouched") from error
    return {str(name) for (name,) in rows}
