"""Rows of the plain twin: when a row may be traded on, and the four spreads of section 1.

Everything here is written with Python floats, one expression per line of the rules, so that it can be
read beside docs/engine.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

A_FIRST = "LONG_A_SHORT_B"
B_FIRST = "LONG_B_SHORT_A"
DIRECTIONS = (A_FIRST, B_FIRST)

Levels = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Row:
    """One instant of both books; `fresh` is false when a quote is older than the panel allows.

    `ladders` maps "bid_a", "ask_a", "bid_b", "ask_b" to (price, size) levels, best first.
    """

    ts: int
    bid_a: float
    ask_a: float
    bid_b: float
    ask_b: float
    fair: float = 1.0
    entry_ok: bool = True
    fresh: bool = True
    ladders: dict[str, Levels] = field(default_factory=dict)
    fx_a: float = 1.0
    fx_b: float = 1.0
    scale: float = 1.0

    def price(self, side: str) -> float:
        """Return the top price of "bid_a", "ask_a", "bid_b" or "ask_b"."""
        return float(getattr(self, side))

    def mid(self, venue: str) -> float:
        return (self.price(f"bid_{venue}") + self.price(f"ask_{venue}")) / 2


def is_tradable(row: Row) -> bool:
    prices = (row.bid_a, row.ask_a, row.bid_b, row.ask_b)
    if not row.fresh:
        return False
    for price in prices:
        if not math.isfinite(price) or not price > 0:
            return False
    return row.bid_a < row.ask_a and row.bid_b < row.ask_b


def long_venue(direction: str) -> str:
    return "a" if direction == A_FIRST else "b"


def short_venue(direction: str) -> str:
    return "b" if direction == A_FIRST else "a"


def opposite(direction: str) -> str:
    return B_FIRST if direction == A_FIRST else A_FIRST


def earned(direction: str, bid_a: float, ask_a: float, bid_b: float, ask_b: float) -> float:
    """Return s: what crossing now in this direction earns, in bps."""
    if direction == A_FIRST:
        return (bid_b - ask_a) / ask_a * 1e4
    return (bid_a - ask_b) / ask_b * 1e4


def signal(direction: str, bid_a: float, ask_a: float, bid_b: float, ask_b: float, fair: float) -> float:
    """Return x: how far this direction stands from the fair ratio, in bps; NaN where fair is NaN."""
    if direction == A_FIRST:
        return (bid_b * fair - ask_a) / ask_a * 1e4
    return (bid_a - ask_b * fair) / (ask_b * fair) * 1e4


def s_of(row: Row, direction: str) -> float:
    return earned(direction, row.bid_a, row.ask_a, row.bid_b, row.ask_b)


def x_of(row: Row, direction: str) -> float:
    return signal(direction, row.bid_a, row.ask_a, row.bid_b, row.ask_b, row.fair)


def nanoseconds(amount: float, per_unit: float) -> int:
    return round(amount * per_unit)
