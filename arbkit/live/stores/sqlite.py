"""State in a SQLite file: the default, which needs no server and can be read while it is written."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from arbkit.errors import StorageError
from arbkit.live.stores.schema import Entry, StateEntry, decoded
from arbkit.units import MINUTE_NS, SECOND_NS

__all__ = ["SqliteState"]

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS state (
        key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_ns INTEGER NOT NULL
    ) WITHOUT ROWID
"""
_PUT: Final = "INSERT OR REPLACE INTO state VALUES (?, ?, ?)"
#: Rows whose time is over are never shown; they are taken out this often.
_SWEEP_NS: Final = MINUTE_NS
_WAIT_S: Final = 2.0


class SqliteState:
    """Values as rows of one table; one transaction writes any number of them."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path.as_posix()}"
        self._path = path
        self._writer: sqlite3.Connection | None = None
        self._made = 0
        self._swept = 0
        self._turn = threading.Lock()

    def write(self, entries: Sequence[Entry], now: int) -> None:
        """Write all entries in one transaction."""
        rows = [(entry.key, entry.value.decode(), entry.expires) for entry in entries]
        with self._translated(), self._turn:
            writer = self._writer or self._open()
            try:
                with writer:
                    writer.executemany(_PUT, rows)
                    if now - self._swept > _SWEEP_NS:
                        writer.execute("DELETE FROM state WHERE expires_ns <= ?", (now,))
                        self._swept = now
            except sqlite3.Error:
                writer.close()
                self._writer = None
                raise

    def read(self, key: str, now: int) -> StateEntry | None:
        """Return one value that lives."""
        found = self._select("key = ?", (key,), now)
        return found[0] if found else None

    def items(self, prefix: str, now: int) -> list[StateEntry]:
        """Return the living values whose keys begin so."""
        return self._select("substr(key, 1, ?) = ?", (len(prefix), prefix), now)

    def connections(self) -> int:
        """Return how often the file was opened for writing."""
        return self._made

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        writer = sqlite3.connect(self._path, timeout=_WAIT_S, check_same_thread=False)
        try:
            writer.execute("PRAGMA journal_mode=WAL")
            writer.execute("PRAGMA synchronous=NORMAL")
            writer.execute(_TABLE)
        except sqlite3.Error:
            writer.close()
            raise
        self._writer = writer
        self._made += 1
        return writer

    def _select(self, condition: str, values: tuple[object, ...], now: int) -> list[StateEntry]:
        if not self._path.is_file():
            return []
        query = f"SELECT key, value, expires_ns FROM state WHERE {condition} AND expires_ns > ? ORDER BY key"
        with self._translated(), closing(sqlite3.connect(self._path, timeout=_WAIT_S)) as reader:
            if not reader.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
                return []
            rows = reader.execute(query, (*values, now)).fetchall()
        return [StateEntry(key, decoded(value), (expires - now) / SECOND_NS) for key, value, expires in rows]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"the state store {self.url} cannot be used: {error}") from error
