"""How often a venue may be asked: counted here, corrected by what its answers say.

Each group of requests has windows. What was sent is remembered for the length of the window, which is at
least as strict as the venue's own counting, wherever its windows begin. After a 429 or 418 nothing of the
group leaves until the venue's time is over: asking on is what turns a limit into a ban.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from arbkit.venues.protocol import VenueError

__all__ = ["Limiter", "Window"]


class Window(NamedTuple):
    """At most `limit` units within `seconds`."""

    limit: int
    seconds: float


class _Group:
    __slots__ = ("blocked_until", "sent", "windows")

    def __init__(self, windows: Sequence[Window]) -> None:
        self.windows = tuple(windows)
        self.sent: list[deque[tuple[float, int]]] = [deque() for _ in self.windows]
        self.blocked_until = 0.0

    def used(self, index: int, now: float) -> int:
        """Return what was sent within one window, forgetting what is older."""
        log, oldest = self.sent[index], now - self.windows[index].seconds
        while log and log[0][0] <= oldest:
            log.popleft()
        return sum(cost for _, cost in log)

    def wait(self, cost: int, now: float) -> float:
        """Return how long to wait before this much may be sent."""
        longest = self.blocked_until - now
        for index, window in enumerate(self.windows):
            excess = self.used(index, now) + cost - window.limit
            for sent_at, gone in self.sent[index]:
                if excess <= 0:
                    break
                excess -= gone
                longest = max(longest, sent_at + window.seconds - now)
        return max(longest, 0.0)

    def note(self, cost: int, now: float) -> None:
        """Remember what is sent."""
        for log in self.sent:
            log.append((now, cost))


class Limiter:
    """The limits of one account or address.

    Args:
        groups: windows by name of the group; a group that is not named is not limited.
        patience_s: a request waits this long for its turn; where it would be longer it is refused.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[Window]],
        *,
        patience_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups = {name: _Group(windows) for name, windows in groups.items()}
        self._patience_s = patience_s
        self._clock = clock
        self.waits = 0
        self.refusals = 0

    async def acquire(self, costs: Mapping[str, int], patience_s: float | None = None) -> None:
        """Wait for the turn of one request.

        Args:
            costs: units by group.
            patience_s: instead of the limiter's own.

        Raises:
            VenueError: `rate_limited`, when the wait is longer than the patience. Nothing was sent.
        """
        patience_s = self._patience_s if patience_s is None else patience_s
        while (wait := self._wait(costs)) > 0:
            if wait > patience_s:
                self.refusals += 1
                raise VenueError(
                    f"the venue's limit of {' and '.join(costs)} requests is used up for {wait:.1f} s",
                    "rate_limited",
                    retry_after_s=wait,
                )
            self.waits += 1
            await asyncio.sleep(wait)
        now = self._clock()
        for name, cost in costs.items():
            self._group(name).note(cost, now)

    def _wait(self, costs: Mapping[str, int]) -> float:
        now = self._clock()
        return max((self._group(name).wait(cost, now) for name, cost in costs.items()), default=0.0)

    def _group(self, name: str) -> _Group:
        if name not in self._groups:
            self._groups[name] = _Group(())
        return self._groups[name]

    def windows(self, name: str) -> tuple[Window, ...]:
        """Return the windows of a group, none where it is not limited."""
        return self._group(name).windows

    def observe(self, name: str, seconds: float, used: int) -> None:
        """Take the venue's own count of one window: others may ask from the same address."""
        group, now = self._group(name), self._clock()
        for index, window in enumerate(group.windows):
            if window.seconds == seconds and (missing := used - group.used(index, now)) > 0:
                group.sent[index].append((now, missing))

    def block(self, names: Sequence[str], seconds: float) -> None:
        """Send nothing more of these groups for so long."""
        until = self._clock() + seconds
        for name in names:
            group = self._group(name)
            group.blocked_until = max(group.blocked_until, until)

    def blocked_s(self, name: str) -> float:
        """Return how long a group stays blocked, seconds."""
        return max(self._group(name).blocked_until - self._clock(), 0.0)
