"""Counters of a run: distributions in a fixed place, whatever the number of values."""

from __future__ import annotations

import math
from typing import Any, Final

__all__ = ["Histogram"]

_PER_DOUBLING: Final = 16
_DOUBLINGS: Final = 48


class Histogram:
    """Counts values of at least 1 in steps of 4.4 %; memory stays the same however many there are."""

    def __init__(self) -> None:
        self._counts = [0] * (_DOUBLINGS * _PER_DOUBLING + 1)
        self.n = 0
        self.worst = 0.0

    def add(self, value: float) -> None:
        """Count a value; below 1 it counts as 1."""
        place = int(math.log2(value) * _PER_DOUBLING) if value > 1 else 0
        self._counts[min(place, _DOUBLINGS * _PER_DOUBLING)] += 1
        self.n += 1
        if value > self.worst:
            self.worst = value

    def percentile(self, share: float) -> float | None:
        """Return the value below which a share lies, at the upper end of its step; None without any."""
        if not self.n:
            return None
        wanted, seen = share * self.n, 0
        for place, count in enumerate(self._counts):
            seen += count
            if seen >= wanted and count:
                return float(min(self.worst, 2.0 ** ((place + 1) / _PER_DOUBLING)))
        return self.worst

    def to_dict(self, unit: float = 1.0) -> dict[str, Any]:
        """Return number, median, 99th percentile and the largest, divided by a unit."""
        parts = {"p50": self.percentile(0.5), "p99": self.percentile(0.99), "max": self.worst or None}
        return {"n": self.n} | {k: None if v is None else round(v / unit, 3) for k, v in parts.items()}
