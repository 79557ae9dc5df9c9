"""Rate limits as the venues count them, on the exchange's clock, and the bans for who ignores them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from arbkit.testing.clock import ServerClock
from arbkit.units import SECOND_NS

__all__ = ["Bans", "Sliding", "Window"]


class Window:
    """A count that starts anew with every whole period of the clock."""

    def __init__(self, clock: ServerClock, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._clock = clock
        self._period = -1
        self._used = 0

    @property
    def used(self) -> int:
        """What has been used in this period."""
        self._turn()
        return self._used

    @property
    def left(self) -> int:
        """What is left in this period, 0 at least."""
        return max(0, self.limit - self.used)

    def use(self, amount: int = 1) -> bool:
        """Count; False when that is more than the limit."""
        self._turn()
        self._used += amount
        return self._used <= self.limit

    def ends_in_s(self) -> float:
        """Return the seconds until the count starts anew."""
        period = round(self.seconds * SECOND_NS)
        return (period - self._clock.now_ns() % period) / SECOND_NS

    def _turn(self) -> None:
        period = self._clock.now_ns() // round(self.seconds * SECOND_NS)
        if period != self._period:
            self._period, self._used = period, 0


class Sliding:
    """At most so many events within any stretch of so many seconds."""

    def __init__(self, clock: ServerClock, limit: int, seconds: float) -> None:
        self._clock = clock
        self._limit = limit
        self._span = round(seconds * SECOND_NS)
        self._times: deque[int] = deque()

    def use(self) -> bool:
        """Count one; False when that is one too many."""
        now = self._clock.now_ns()
        while self._times and self._times[0] <= now - self._span:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) <= self._limit


@dataclass
class Bans:
    """418 for who goes on after 429: each ban twice as long as the one before.

    Attributes:
        patience: refusals within a minute that are borne.
        first_s: length of the first ban.
    """

    clock: ServerClock
    patience: int = 10
    first_s: float = 10.0
    until_ns: int = 0
    number: int = 0
    _refused: deque[int] = field(default_factory=deque)

    def left_s(self) -> float:
        """Return how long the present ban still lasts, 0 without one."""
        return max(0.0, (self.until_ns - self.clock.now_ns()) / SECOND_NS)

    def refused(self) -> None:
        """Note that a request was refused with 429."""
        now = self.clock.now_ns()
        while self._refused and self._refused[0] < now - 60 * SECOND_NS:
            self._refused.popleft()
        self._refused.append(now)
        if len(self._refused) > self.patience:
            self.number += 1
            self.until_ns = now + round(self.first_s * 2 ** (self.number - 1) * SECOND_NS)
            self._refused.clear()
