"""The clock that stamps what arrives: wall time in ns, never the same stamp twice, never backwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Clock", "StampClock", "wall_clock"]

#: Returns nanoseconds since the epoch, UTC.
Clock = Callable[[], int]


class StampClock:
    """Strictly increasing stamps: where the wall clock stands still or jumps back, one ns is added.

    All feeds of a process share one, so that their messages have one order.

    Args:
        floor_ns: every stamp is later than this.
        source: where the time comes from.
    """

    def __init__(self, floor_ns: int = 0, source: Clock = time.time_ns) -> None:
        self._last = floor_ns
        self._source = source
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the next stamp."""
        with self._lock:
            now = self._source()
            if now <= self._last:
                now = self._last + 1
            self._last = now
            return now


#: The clock of this process.
wall_clock: Final = StampClock()
