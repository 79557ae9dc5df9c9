"""Where the values of a state store lie: the interface, to which SQLite and Redis are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from arbkit.live.stores.schema import Entry, StateEntry

__all__ = ["StateBackend"]


class StateBackend(Protocol):
    """One place for values with lifetimes.

    `write` is called from one thread only, the others from any. What cannot be reached raises `StorageError`;
    nothing else is raised for what a server or a disk does.

    Attributes:
        url: what it was opened with, without a password.
    """

    url: str

    def write(self, entries: Sequence[Entry], now: int) -> None:
        """Write all entries or none, each to live until it `expires`; `now` in nanoseconds."""

    def read(self, key: str, now: int) -> StateEntry | None:
        """Return one value, None where there is none or its time is over."""

    def items(self, prefix: str, now: int) -> list[StateEntry]:
        """Return the values whose keys begin so, sorted by key."""

    def connections(self) -> int:
        """Return how many connections `write` has made: behind another one there may be less than before."""

    def close(self) -> None:
        """Let go of everything; idempotent."""
