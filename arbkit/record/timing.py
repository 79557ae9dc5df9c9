"""How long things take, in classes of 50 us: a percentile of a month costs as much as one of a minute."""

from __future__ import annotations

from array import array
from typing import Final

__all__ = ["Durations"]

_CLASS_NS: Final = 50_000
_CLASSES: Final = 4_000


class Durations:
    """Counts of durations up to 200 ms; longer ones count as that, and the longest is kept."""

    def __init__(self) -> None:
        self._counts = array("q", bytes(8 * (_CLASSES + 1)))
        self.count = 0
        self.longest_ns = 0

    def add(self, ns: int) -> None:
        """Take one duration."""
        place = ns // _CLASS_NS
        self._counts[place if 0 <= place < _CLASSES else _CLASSES if place > 0 else 0] += 1
        self.count += 1
        if ns > self.longest_ns:
            self.longest_ns = ns

    def percentile_ms(self, share: float) -> float | None:
        """Return the upper edge of the class in which the share lies, ms; None where there is nothing."""
        if not self.count:
            return None
        wanted, seen = share * self.count, 0
        for place, number in enumerate(self._counts):
            seen += number
            if seen >= wanted:
                edge = (place + 1) * _CLASS_NS if place < _CLASSES else self.longest_ns
                return min(edge, self.longest_ns) / 1e6
        return self.longest_ns / 1e6
