"""One symbol's book at a venue: what the world says, what is shown, and what of it has been taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple

from arbkit.errors import ConfigError
from arbkit.wire.book import Level

__all__ = ["BookState", "Change", "Side", "levels"]

Side = Literal["bids", "asks"]
_HISTORY: Final = 256
_FIRST_ID: Final = 1_000_000
_PRICE: Final = itemgetter(0)
_ENDLESS: Final = float("inf")


class Change(NamedTuple):
    """What one update changed: levels with their new sizes (0 is gone) and the update ids it covers."""

    first_id: int
    last_id: int
    previous_id: int
    bids: list[Level]
    asks: list[Level]


class Past(NamedTuple):
    """A book as it was shown."""

    update_id: int
    bids: list[Level]
    asks: list[Level]


class BookState:
    """Prices and sizes of one symbol: floats as on the wire, exact decimals when orders meet them."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.bids: list[Level] = []  # what is shown
        self.asks: list[Level] = []
        self.update_id = _FIRST_ID
        self.updates = 0
        self.history: deque[Past] = deque(maxlen=_HISTORY)
        self._real: dict[Side, list[Level]] = {"bids": [], "asks": []}
        self._eaten: dict[Side, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def replace(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Take the world's next book: what was taken of the last one is there again."""
        self._real = {"bids": list(bids), "asks": list(asks)}
        self._eaten = {"bids": {}, "asks": {}}

    def show(self, bids: Sequence[Level] | None = None, asks: Sequence[Level] | None = None) -> Change:
        """Make what is shown what there is (or what is given) and return what that changed."""
        new_bids = self._left("bids") if bids is None else list(bids)
        new_asks = self._left("asks") if asks is None else list(asks)
        changed_bids, changed_asks = _changed(self.bids, new_bids), _changed(self.asks, new_asks)
        previous = self.update_id
        self.update_id += max(1, len(changed_bids) + len(changed_asks))
        self.updates += 1
        self.bids, self.asks = new_bids, new_asks
        self.history.append(Past(self.update_id, new_bids, new_asks))
        return Change(previous + 1, self.update_id, previous, changed_bids, changed_asks)

    def available(self, side: Side) -> list[tuple[Decimal, Decimal]]:
        """Return price and size that may still be taken, best first, exactly."""
        eaten = self._eaten[side]
        found = []
        for price, size in self._real[side]:
            if price > 0 and size > 0:
                exact = Decimal(repr(price))
                left = Decimal(repr(size)) - eaten.get(exact, Decimal(0))
                if left > 0:
                    found.append((exact, left))
        return found

    def eat(self, side: Side, price: Decimal, size: Decimal) -> None:
        """Take a size away at a price."""
        eaten = self._eaten[side]
        eaten[price] = eaten.get(price, Decimal(0)) + size

    def mid(self) -> Decimal | None:
        """Return the middle of the real best prices, or None where a side is missing."""
        bids, asks = self._real["bids"], self._real["asks"]
        if not bids or not asks:
            return None
        return (Decimal(repr(bids[0][0])) + Decimal(repr(asks[0][0]))) / 2

    def past(self, updates: int) -> Past:
        """Return the book as it was shown so many updates ago, or the oldest kept."""
        if not self.history:
            return Past(self.update_id, self.bids, self.asks)
        return self.history[max(-len(self.history), -1 - updates)]

    def _left(self, side: Side) -> list[Level]:
        if not self._eaten[side]:
            return self._real[side]
        return [(float(price), float(size)) for price, size in self.available(side)]


def levels(side: Iterable[Any], descending: bool) -> list[Level]:
    """Return price and size pairs as floats, best first.

    Raises:
        ConfigError: when one is not a pair of numbers, or a price is below 0.
    """
    rows = list(side)
    try:
        found = [(float(price), float(size)) for price, size in rows]
    except (TypeError, ValueError):
        found = [_level(item) for item in rows]
    for level in found:
        if not (0 <= level[0] < _ENDLESS and 0 <= level[1] < _ENDLESS):
            raise ConfigError(f"price and size of a level must be finite and at least 0, was {level!r}")
    return sorted(found, key=_PRICE, reverse=descending)


def _level(item: Any) -> Level:
    """Return one level of whatever holds at least two numbers."""
    try:
        return float(item[0]), float(item[1])
    except (TypeError, ValueError, IndexError) as error:
        raise ConfigError(f"a level of a book is a price and a size, was {item!r}") from error


def _changed(old: Sequence[Level], new: Sequence[Level]) -> list[Level]:
    """Return the levels whose size is another one, those that are gone with size 0."""
    before, after = dict(old), dict(new)
    changed = [level for level in after.items() if before.get(level[0]) != level[1]]
    changed += [(price, 0.0) for price in before if price not in after]
    return changed
