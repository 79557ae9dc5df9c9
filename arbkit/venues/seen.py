"""Which fills have been counted: those of late by their trade ids, older ones by the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from arbkit.units import SECOND_NS
from arbkit.venues.protocol import Fill

__all__ = ["KEPT_NS", "SeenFills"]

#: For how long orders that are over, and the trade ids of fills, stay in memory.
KEPT_NS: Final = 300 * SECOND_NS
#: How far a venue's stamps may be from ours.
_SKEW_NS: Final = 300 * SECOND_NS

Identity = tuple[str, str, str]


class SeenFills:
    """Remembers the trade ids of some minutes, however many fills there are.

    Args:
        has_fill: looks for a fill in the log, by venue, symbol and trade id.
    """

    def __init__(self, has_fill: Callable[[str, str, str], bool]) -> None:
        self._has_fill = has_fill
        self._ids: set[Identity] = set()
        self._arrived: deque[tuple[int, Identity]] = deque()
        #: Ids of fills executed from here on are all in memory.
        self.complete_since_ns = 0

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, fill: Fill) -> bool:
        return (fill.venue, fill.symbol, fill.trade_id) in self._ids

    def add(self, fill: Fill, now_ns: int, *, from_log: bool = False) -> bool:
        """Take note of a fill; returns whether it is new. One read from the log is not looked for there."""
        identity = (fill.venue, fill.symbol, fill.trade_id)
        if identity in self._ids:
            return False
        if not from_log and fill.ts < self.complete_since_ns and self._has_fill(*identity):
            return False
        self._ids.add(identity)
        self._arrived.append((now_ns, identity))
        return True

    def forget(self, before_ns: int) -> None:
        """Let go of what came before a time."""
        while self._arrived and self._arrived[0][0] < before_ns:
            arrived, identity = self._arrived.popleft()
            self._ids.discard(identity)
            self.complete_since_ns = max(self.complete_since_ns, arrived + _SKEW_NS)
