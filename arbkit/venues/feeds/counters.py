"""What a feed counts, and what it knows of each symbol."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arbkit.wire import BookBuilder, DepthUpdate

if TYPE_CHECKING:
    from arbkit.venues.feeds.line import Socket

__all__ = ["Counters", "SymbolState"]


@dataclass(slots=True)
class Counters:
    """Totals of one feed since it was made.

    Attributes:
        refused: attempts to connect that failed.
        refusals: error objects that a venue sent.
        malformed: messages that could not be read.
        old: books left out because the venue's stamp lay before the last one's.
        unknown: books of symbols that were not asked for.
        snapshots, snapshot_failures: books fetched over REST, and attempts that failed.
    """

    messages: int = 0
    bytes: int = 0
    books: int = 0
    gaps: int = 0
    connects: int = 0
    reconnects: int = 0
    handovers: int = 0
    malformed: int = 0
    refused: int = 0
    refusals: int = 0
    old: int = 0
    unknown: int = 0
    snapshots: int = 0
    snapshot_failures: int = 0
    last_error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the counters by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True, eq=False)
class SymbolState:
    """One symbol of a feed.

    Attributes:
        multiple: coins per contract; prices are divided by it, sizes multiplied.
        owner: the connection whose messages count.
        trusted: whether the last thing said of the book was a book.
        builder: the book kept from differences, where there is one.
        pending: differences of the connection that is about to take over.
        seen, asked: time of the loop at the last message, and when the symbol was last asked for.
        older: books in a row whose stamp lay before the one kept.
        behind: whether a snapshot has shown changes that the stream did not bring.
        unanswered: how often in a row a quiet symbol was asked for in vain.
        epoch: raised whenever the book is begun anew; an answer to an older question is thrown away.
    """

    name: str
    multiple: float = 1.0
    owner: Socket | None = None
    trusted: bool = False
    stale: bool = False
    seen: float = 0.0
    asked: float = 0.0
    books: int = 0
    gaps: int = 0
    last_ts: int = 0
    last_event: int = 0
    lag_ms: float = 0.0
    older: int = 0
    builder: BookBuilder | None = None
    pending: deque[tuple[DepthUpdate, int]] = field(default_factory=deque)
    epoch: int = 0
    fetching: bool = False
    behind: bool = False
    unanswered: int = 0

    def as_dict(self, now: float) -> dict[str, Any]:
        """Return what `stats` tells of the symbol; `now` is the time of the loop."""
        return {
            "books": self.books,
            "gaps": self.gaps,
            "trusted": self.trusted,
            "stale": self.stale,
            "last_ts": self.last_ts,
            "age_s": round(now - self.seen, 3) if self.seen else None,
            "lag_ms": self.lag_ms,
        }
