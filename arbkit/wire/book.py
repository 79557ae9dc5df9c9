"""One venue's order book, rebuilt from a snapshot and the differences that follow it.

Sizes in a difference are absolute; a size of 0 removes the level, and removing a level that is not
there is normal. Which difference may follow which is the business of `BookBuilder`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from enum import Enum
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from arbkit.errors import ConfigError, nearest_names

__all__ = [
    "BookBuilder",
    "DepthSnapshot",
    "DepthUpdate",
    "Gap",
    "Level",
    "Milliseconds",
    "OrderBook",
    "Outcome",
    "Rule",
    "WholeBook",
]

Level = tuple[float, float]
#: Milliseconds since the epoch that still fit in 64 bits as nanoseconds.
Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=2**63 // 10**6)]
Rule = Literal["spot", "futures"]
_RULES: Final = ("spot", "futures")
_BUFFER_LIMIT: Final = 20_000


class DepthUpdate(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "symbol": "s",
        "first_id": "U",
        "final_id": "u",
        "previous_id": "pu",
        "event_ms": "E",
        "transaction_ms": "T",
        "bids": "b",
        "asks": "a",
    },
):
    """Levels that changed between two update ids; sizes are absolute, 0 removes.

    `previous_id` (pu) is sent by futures venues only.
    """

    first_id: int
    final_id: int
    bids: list[Level]
    asks: list[Level]
    symbol: str = ""
    previous_id: int | None = None
    event_ms: Milliseconds | None = None
    transaction_ms: Milliseconds | None = None


class DepthSnapshot(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"last_id": "lastUpdateId", "event_ms": "E", "transaction_ms": "T"},
):
    """A whole book as of one update id. Spot answers carry neither a symbol nor a time."""

    last_id: int
    bids: list[Level]
    asks: list[Level]
    symbol: str = ""
    event_ms: Milliseconds | None = None
    transaction_ms: Milliseconds | None = None


class WholeBook(msgspec.Struct, frozen=True, gc=False):
    """A book to its sent depth, best level first; it replaces whatever was known before.

    `ts_event` is nanoseconds since the epoch in UTC, None where the venue sends no time; `sequence` is the
    venue's update id, or -1.
    """

    symbol: str
    ts_event: int | None
    bids: list[Level]
    asks: list[Level]
    sequence: int = -1


class OrderBook:
    """Both sides of a book as sorted prices beside a price-to-size map.

    Prices are kept with the best one last: most changes happen near it, so the list moves few
    items. (Best first costs about a third more on a book of a thousand levels.)
    """

    __slots__ = ("_ask_keys", "_ask_sizes", "_bid_keys", "_bid_sizes")

    def __init__(self) -> None:
        self._bid_keys: list[float] = []
        self._ask_keys: list[float] = []
        self._bid_sizes: dict[float, float] = {}
        self._ask_sizes: dict[float, float] = {}

    def clear(self) -> None:
        """Forget every level."""
        self.replace([], [])

    def replace(self, bids: list[Level], asks: list[Level]) -> None:
        """Take these levels as the whole book; levels of size 0 are absent."""
        self._bid_sizes = {price: size for price, size in dict(bids).items() if size}
        self._ask_sizes = {price: size for price, size in dict(asks).items() if size}
        self._bid_keys = sorted(self._bid_sizes)
        self._ask_keys = sorted(-price for price in self._ask_sizes)

    def apply(self, bids: list[Level], asks: list[Level]) -> None:
        """Set the sizes of these levels; 0 removes one."""
        keys, sizes = self._bid_keys, self._bid_sizes
        for price, size in bids:
            if not size:
                if sizes.pop(price, None) is not None:
                    del keys[bisect_left(keys, price)]
            else:
                if price not in sizes:
                    insort(keys, price)
                sizes[price] = size
        keys, sizes = self._ask_keys, self._ask_sizes
        for price, size in asks:
            if not size:
                if sizes.pop(price, None) is not None:
                    del keys[bisect_left(keys, -price)]
            else:
                if price not in sizes:
                    insort(keys, -price)
                sizes[price] = size

    def trim(self, most: int) -> None:
        """Forget the levels of either side beyond its best `most`."""
        for keys, sizes, sign in (
            (self._bid_keys, self._bid_sizes, 1),
            (self._ask_keys, self._ask_sizes, -1),
        ):
            for key in keys[:-most]:
                del sizes[sign * key]
            del keys[:-most]

    def bids(self, levels: int) -> list[Level]:
        """The best bids, best first: at most `levels` of (price, size)."""
        sizes = self._bid_sizes
        return [(price, sizes[price]) for price in self._bid_keys[: -levels - 1 : -1]]

    def asks(self, levels: int) -> list[Level]:
        """The best asks, best first: at most `levels` of (price, size)."""
        sizes = self._ask_sizes
        return [(-key, sizes[-key]) for key in self._ask_keys[: -levels - 1 : -1]]

    def depth(self) -> tuple[int, int]:
        """How many (bids, asks) are known."""
        return len(self._bid_keys), len(self._ask_keys)


class Outcome(Enum):
    """What became of one message."""

    APPLIED = "applied"  # the book changed and is trusted
    BUFFERED = "buffered"  # kept until a snapshot arrives
    STALE = "stale"  # already contained in the book: dropped
    GAP = "gap"  # an update is missing: the book is not trusted until the next snapshot
    OLD_SNAPSHOT = "old_snapshot"  # older than every update kept: fetch another one


class Gap(NamedTuple):
    """A break in the update ids: the id that had to come next and the one that came."""

    expected_id: int
    received_id: int


class BookBuilder:
    """Keeps one book from a snapshot and its differences by the venue's update-id rule.

    spot      drop `u <= lastUpdateId`; first `U <= lastUpdateId + 1 <= u`; then `U == previous u + 1`
    futures   drop `u < lastUpdateId`; first `U <= lastUpdateId <= u` or `pu == lastUpdateId`;
              then `pu == previous u`

    A difference that was applied before (the same one twice) is stale, not a gap. Not thread safe.

    Args:
        rule: "spot" or "futures".

    Raises:
        ConfigError: when the rule is neither.
    """

    __slots__ = ("_buffer", "_linked", "book", "last_gap", "last_id", "rule", "trusted")

    def __init__(self, rule: Rule) -> None:
        if rule not in _RULES:
            raise ConfigError(f"`rule` must be spot or futures, was {rule!r}; {nearest_names(rule, _RULES)}")
        self.rule: Rule = rule
        self.book = OrderBook()
        self.trusted = False
        self.last_id = -1
        self.last_gap: Gap | None = None
        self._linked = False  # whether an update has been applied since the snapshot
        self._buffer: deque[DepthUpdate] = deque(maxlen=_BUFFER_LIMIT)

    def on_update(self, update: DepthUpdate) -> Outcome:
        """Take one difference."""
        if not self.trusted:
            self._buffer.append(update)
            return Outcome.BUFFERED
        if self._is_stale(update):
            return Outcome.STALE
        if not self._follows(update):
            self._distrust(update)
            return Outcome.GAP
        self.book.apply(update.bids, update.asks)
        self.last_id = update.final_id
        self._linked = True
        return Outcome.APPLIED

    def on_snapshot(self, snapshot: DepthSnapshot) -> Outcome:
        """Take a snapshot and replay what was kept.

        A snapshot older than a trusted book is stale. One that is older than every kept update
        leaves the book untrusted and the updates kept.
        """
        if self.trusted and snapshot.last_id < self.last_id:
            return Outcome.STALE
        kept = list(self._buffer)
        self.book.replace(snapshot.bids, snapshot.asks)
        self.last_id, self._linked, self.trusted = snapshot.last_id, False, True
        self._buffer.clear()
        for position, update in enumerate(kept):
            outcome = self.on_update(update)
            if outcome is Outcome.GAP:
                self._buffer.extend(kept[position + 1 :])
                return Outcome.GAP if self._linked else Outcome.OLD_SNAPSHOT
        return Outcome.APPLIED

    def continues(self, update: DepthUpdate) -> bool:
        """Whether an update is covered by the trusted book already, or is the one that comes next."""
        return self.trusted and (self._is_stale(update) or self._follows(update))

    def _is_stale(self, update: DepthUpdate) -> bool:
        if self.rule == "futures" and not self._linked:
            return update.final_id < self.last_id
        return update.final_id <= self.last_id

    def _follows(self, update: DepthUpdate) -> bool:
        if self.rule == "spot":
            if self._linked:
                return update.first_id == self.last_id + 1
            return update.first_id <= self.last_id + 1
        if self._linked:
            return update.previous_id == self.last_id
        return update.first_id <= self.last_id or update.previous_id == self.last_id

    def _distrust(self, update: DepthUpdate) -> None:
        came = update.first_id if self.rule == "spot" or update.previous_id is None else update.previous_id
        self.last_gap = Gap(self.last_id + (self.rule == "spot"), came)
        self.trusted = False
        self.book.clear()
        self._buffer.clear()
        self._buffer.append(update)
