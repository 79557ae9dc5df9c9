"""How patient a feed is, and how fast it may ask."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields

from arbkit.errors import ConfigError

__all__ = ["Backoff", "FeedOptions"]


@dataclass(frozen=True, kw_only=True)
class FeedOptions:
    """Times of a feed, in seconds; what is right for the real venues stands here.

    Attributes:
        ping_s, ping_timeout_s: a ping is sent this often, and answered within this time, or the connection
            is given up.
        stale_s: a symbol from which nothing came for so long is stale, and is asked for again.
        silence_s: a connection that brought no data for so long is given up, although pings are answered.
        life_s: after so long a connection is replaced by a new one before the old one is closed; 0: never.
        handover_s: how long both are then kept.
        first_wait_s, longest_wait_s: between attempts to connect, doubled each time, with jitter.
        settled_s: a connection that lived so long starts the waiting anew.
        connect_gap_s: between two attempts of one feed.
        open_s: how long a connection may take to open, and a REST answer to come.
        snapshot_wait_s: after the subscription, before a book is asked for although no update came.
        check_s: how often all this is looked at.
        symbols_per_connection: how many share one.
        poll_s: where books are asked for over REST, how often each.
    """

    ping_s: float = 20.0
    ping_timeout_s: float = 20.0
    stale_s: float = 20.0
    silence_s: float = 30.0
    life_s: float = 23.5 * 3600
    handover_s: float = 20.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    settled_s: float = 30.0
    connect_gap_s: float = 0.25
    open_s: float = 10.0
    snapshot_wait_s: float = 1.0
    check_s: float = 1.0
    symbols_per_connection: int = 100
    poll_s: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in ("life_s", "connect_gap_s", "snapshot_wait_s") and not value > 0:
                raise ConfigError(f"`{field.name}` of a feed must be above 0, was {value}")


class Backoff:
    """Waiting times that double up to a limit, each shortened at random by up to half."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._tries = 0

    def reset(self) -> None:
        """Start again at the shortest."""
        self._tries = 0

    def next_s(self, at_least: float = 0.0) -> float:
        """Return the next waiting time, at least what a venue has asked for."""
        wait = min(self._longest_s, self._first_s * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return max(at_least, wait * random.uniform(0.5, 1.0))
