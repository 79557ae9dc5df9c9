"""What the twin remembers: trades, and orders that have been decided but not filled yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from .market import Row
from .money import Outcome, RoundTrip

#: One leg's fill: the row's index and the row.
Fill = tuple[int, Row]


@dataclass(eq=False)
class Trade:
    direction: str
    entry_index: int
    entry_ts: int
    entry_spread: float
    entry_signal: float
    size: float
    notional: float
    long_entry: float
    short_entry: float
    long_fill: Fill
    short_fill: Fill
    reason: str | None = None
    exit_index: int | None = None
    exit_ts: int | None = None
    exit_spread: float | None = None
    unwind: float | None = None
    marks: list[float] = field(default_factory=list)
    trip: RoundTrip | None = None
    outcome: Outcome | None = None
    exit_fills: tuple[Fill, Fill] | None = None
    funding: float = 0.0
    liquidation_fee: float = 0.0
    beyond_book: bool = False
    leaving: bool = False

    @property
    def is_open(self) -> bool:
        return self.exit_index is None


@dataclass(eq=False)
class Order:
    """A decision on its way: an exit when `trade` is set, else an entry in `direction`."""

    direction: str
    index: int
    ts: int
    due: dict[str, int | None]
    trade: Trade | None = None
    reason: str = ""
    decided_spread: float = 0.0
    notional: float = 0.0
    fills: dict[str, Fill] = field(default_factory=dict)

    def offer(self, index: int, row: Row) -> bool:
        """Fill the legs that are due at this row; return whether both are filled."""
        for venue, due in self.due.items():
            if venue in self.fills:
                continue
            at_once = due is None and index == self.index
            later = due is not None and index > self.index and row.ts >= due
            if at_once or later:
                self.fills[venue] = (index, row)
        return len(self.fills) == 2
