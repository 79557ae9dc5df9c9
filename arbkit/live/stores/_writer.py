"""What is written when: the latest value per key, again while it lives, all of it after an outage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from arbkit.errors import StorageError
from arbkit.live.stores.backend import StateBackend
from arbkit.live.stores.schema import Entry
from arbkit.units import SECOND_NS

__all__ = ["Writer", "room_for"]

#: A living value is written again so many times per lifetime.
_REFRESHES: Final = 3
#: What is kept is looked through this often, not at every turn.
_LOOK_NS: Final = SECOND_NS


class Writer:
    """Brings values to a backend, one turn after the other; used by one thread.

    Attributes:
        away_since: since when the backend cannot be used, nanoseconds; None while it can.
        written, failures, dropped: entries written, turns that failed, and values let go for want of room.
    """

    def __init__(self, backend: StateBackend, limit: int, say: Callable[[str], None]) -> None:
        self.away_since: int | None = None
        self.written = self.failures = self.dropped = 0
        self.held: dict[str, Entry] = {}
        self._backend = backend
        self._limit = limit
        self._say = say
        self._connections = 0
        self._looked = 0

    def turn(self, entries: Iterable[Entry], now: int) -> bool:
        """Take new entries and write what is due; return whether everything known is in the store."""
        fresh = {entry.key: entry for entry in entries}
        self.held.update(fresh)
        if abs(now - self._looked) >= _LOOK_NS or len(self.held) > self._limit:
            self._look(fresh, now)
        due = list((fresh if self.away_since is None else self.held).values())
        if not due:
            return self.away_since is None
        try:
            self._write(due, now)
        except StorageError as error:
            self._failed(str(error), now)
            return False
        if self.away_since is not None:
            self._returned((now - self.away_since) / SECOND_NS)
        return True

    def _look(self, fresh: dict[str, Entry], now: int) -> None:
        """Let go of what has ended; add to what is written what needs a new lifetime."""
        self._looked = now
        for key in [key for key, entry in self.held.items() if entry.expires <= now and not entry.live]:
            del self.held[key]
        for key, entry in self.held.items():
            if entry.live and entry.expires - now < entry.lifetime - entry.lifetime // _REFRESHES:
                fresh[key] = self.held[key] = entry._replace(expires=now + entry.lifetime)
        if len(self.held) > self._limit:
            self.dropped += room_for(self.held, self._limit - self._limit // 10)

    def _write(self, due: list[Entry], now: int) -> None:
        self._backend.write(due, now)
        self.written += len(due)
        made = self._backend.connections()
        # The first connection finds what this run wrote itself; a later one may find an emptied server.
        if made != self._connections:
            again = self._connections > 0 and self.away_since is None
            self._connections = made
            if again:
                done = {entry.key for entry in due}
                rest = [entry for key, entry in self.held.items() if key not in done]
                self._backend.write(rest, now)
                self.written += len(rest)

    def _failed(self, message: str, now: int) -> None:
        self.failures += 1
        if self.away_since is None:
            self.away_since = now
            self._say(f"{message}; the run goes on and keeps the latest values")

    def _returned(self, seconds: float) -> None:
        self.away_since = None
        self._say(
            f"the state store {self._backend.url} is back after {seconds:.1f} s; "
            f"{len(self.held)} values were written again"
        )


def room_for(entries: dict[str, Entry], limit: int) -> int:
    """Take out what ends first, living values last, until at most `limit` are left; return how many."""
    over = len(entries) - limit
    if over <= 0:
        return 0
    for entry in sorted(entries.values(), key=lambda item: (item.live, item.expires))[:over]:
        del entries[entry.key]
    return over
