"""What happens to venues: a halt, a feed that stands still, a venue that breaks, closed wallets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.panel import Panel
from arbkit.stress.draft import Draft
from arbkit.stress.draws import normals
from arbkit.stress.scenario import flag, number, span
from arbkit.stress.timed import OnVenue, Timed, ramp, rows_between
from arbkit.units import MINUTE_NS, duration_ns

__all__ = ["Decoupled", "Halt", "StaleFeed", "Unreachable"]


@dataclass(frozen=True, kw_only=True)
class Halt(OnVenue):
    """One venue stops: no quotes, so nothing can be opened, closed or marked until it is back."""

    name: ClassVar[str] = "halt"
    summary: ClassVar[str] = "one venue has no quotes for 30 minutes"

    every: str | None = span("1d", "a period; none: the whole time is one", none=True)
    lasts: str = span("30m", "how long", zero=True)

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"{self.where()} has no quotes for {self.lasts}"

    def shock(self, panel: Panel) -> Panel:
        """Void the venue's quotes from each hit on."""
        draft, lasts = Draft(panel), duration_ns(self.lasts)
        for hit in self.hits(panel) if lasts else ():
            draft.void(self.leg(hit, falls=True), rows_between(panel, hit.ts, hit.ts + lasts))
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class StaleFeed(OnVenue):
    """One venue's last quote is repeated, with live receive times: no age limit sees it.

    The strategy decides on the quote that stands still; its orders are filled at the books as they were.
    """

    name: ClassVar[str] = "stale_feed"
    summary: ClassVar[str] = "one venue's last quote is repeated for 10 minutes with live receive times"

    every: str | None = span("1d", "a period; none: the whole time is one", none=True)
    lasts: str = span("10m", "how long", zero=True)

    @property
    def feed(self) -> bool:
        """Orders are filled on the books as they were."""
        return True

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"the feed of {self.where()} repeats one quote for {self.lasts}"

    def shock(self, panel: Panel) -> Panel:
        """Show the book of each hit's row on the rows that follow."""
        draft, lasts = Draft(panel), duration_ns(self.lasts)
        for hit in self.hits(panel) if lasts else ():
            rows = rows_between(panel, hit.ts, hit.ts + lasts)
            draft.repeat(self.leg(hit, falls=True), hit.row, slice(hit.row, max(rows.stop, hit.row)))
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class Unreachable(OnVenue):
    """One venue is down far and cannot be reached: no quotes, no orders, then prices far from the other's.

    The price comes back in a straight line. Until then nothing is entered, unless `entries`: a venue in this
    state is no bargain.
    """

    name: ClassVar[str] = "unreachable"
    summary: ClassVar[str] = "one venue is down 30 % and unreachable for an hour"

    every: str | None = span("30d", "a period; none: the whole time is one", none=True)
    move_pct: float = number(-30.0, "%", "how far its price is away", low=-99, high=1_000)
    lasts: str = span("1h", "how long it cannot be reached", zero=True)
    back: str = span("1d", "how long the way back takes after that")
    entries: bool = flag(False, "whether anything is entered before it is back")

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"{self.where()} is {self.move_pct:+g} % and unreachable for {self.lasts}, back in {self.back}"

    def shock(self, panel: Panel) -> Panel:
        """Void the venue from each hit on, then bring it back from where it fell to."""
        draft, move = Draft(panel), self.move_pct / 100
        lasts, back = duration_ns(self.lasts), duration_ns(self.back)
        for hit in self.hits(panel) if move or lasts else ():
            leg, there = self.leg(hit, falls=move <= 0), hit.ts + lasts
            rows = rows_between(panel, hit.ts, there + back)
            weight = ramp(panel.ts[rows], [(there, 1.0), (there + back, 0.0)])
            draft.scale(leg, rows, 1 + move * weight)
            draft.void(leg, rows_between(panel, hit.ts, there))
            if not self.entries:
                draft.bar_entries(rows)
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class Decoupled(Timed):
    """Wallets are closed: nothing holds the venues together, A walks away from B, and nothing is entered."""

    name: ClassVar[str] = "decoupled"
    summary: ClassVar[str] = "wallets closed for 24 h: A walks away from B, nothing is entered"

    every: str | None = span("30d", "a period; none: the whole time is one", none=True)
    lasts: str = span("24h", "how long the wallets are closed", zero=True)
    walk_pct: float = number(5.0, "% in a day", "standard deviation of the walk", low=0, high=100)
    back: str = span("1h", "how long the way back takes after that")

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"wallets closed for {self.lasts}: A walks away, {self.walk_pct:g} % in a day, no entries"

    def shock(self, panel: Panel) -> Panel:
        """Let A walk at random from each hit on, one step a minute, and come back; bar entries meanwhile."""
        draft, lasts, back = Draft(panel), duration_ns(self.lasts), duration_ns(self.back)
        for hit in self.hits(panel) if lasts else ():
            rows = rows_between(panel, hit.ts, hit.ts + lasts + back)
            draft.scale("a", rows, np.exp(self._walk(panel.ts[rows], hit.ts, hit.number, lasts, back)))
            draft.bar_entries(rows_between(panel, hit.ts, hit.ts + lasts))
        return draft.panel(f"scenario: {self.describe()}")

    def _walk(self, ts: IntArray, start: int, number: int, lasts: int, back: int) -> FloatArray:
        """Return the logarithm of A's move, float64 (n,)."""
        steps = max(1, lasts // MINUTE_NS)
        drawn = normals(self.seed, f"decoupled:{number}", np.arange(steps))
        path = np.concatenate(([0.0], np.cumsum(drawn))) * self.walk_pct / 100 / np.sqrt(1440)
        at = np.minimum((ts - start) / lasts, 1.0) * steps
        left = ramp(ts, [(start + lasts, 1.0), (start + lasts + back, 0.0)])
        walked: FloatArray = np.interp(at, np.arange(steps + 1), path) * left
        return walked
