"""When a shock hits, and which venue: seeded moments, several per period, or given times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import ConfigError
from arbkit.panel import Panel
from arbkit.panel._time import to_ns
from arbkit.stress.draft import LEGS, Leg
from arbkit.stress.draws import uniforms
from arbkit.stress.scenario import Scenario, Span, choice, span, whole
from arbkit.units import duration_ns

__all__ = ["VENUES", "Hit", "OnVenue", "Timed", "ramp", "rows_between"]

#: More shocks than these are no shocks, and take hours to write.
_MOST: Final = 100_000
#: `against` is the venue at which the shock hurts the trade that is open then, any one where none is.
VENUES: Final = ("against", "either", "a", "b")


class Hit(NamedTuple):
    """One shock: the row it hits, its time, which shock it is, and the leg held long then ("" for none)."""

    row: int
    ts: int
    number: int
    long: str


@dataclass(frozen=True, kw_only=True)
class Timed(Scenario):
    """A scenario that hits at moments.

    Moments are drawn evenly from the time of the panel, or from the spans that `placed` was given: `count` in
    each period of `every`. A moment stands for the first tradable row at or after it.

    Attributes:
        at: given times (ISO text, datetimes or nanoseconds) in place of drawn ones.
    """

    seed: int = whole(0, "another seed draws other moments")
    every: str | None = span(None, "a period; none: the whole time is one", none=True)
    count: int = whole(1, "shocks in each period", low=1)
    at: tuple[Any, ...] = ()
    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        moments: Any = self.at
        given = tuple(moments) if isinstance(moments, (list, tuple)) else (moments,)
        object.__setattr__(self, "at", given)
        for moment in given:
            _read_time(f"{self.name}.at", moment)

    def placed(self, spans: Sequence[Span]) -> Timed:
        """Return the scenario with its moments drawn from some spans, unless it has given times."""
        return self if not spans else self.replace(spans=tuple(spans))

    def hits(self, panel: Panel) -> list[Hit]:
        """Return the shocks in order of time; none on a panel without a tradable row."""
        tradable = np.flatnonzero(panel.tradable)
        if tradable.size == 0:
            return []
        spans = self.spans or (Span(panel.start_ns, panel.end_ns + 1),)
        moments = self._given() if self.at else self._drawn(spans)
        times, found = panel.ts[tradable], []
        for number, moment in enumerate(moments.tolist()):
            if not panel.start_ns <= moment <= panel.end_ns:
                continue
            place = int(np.searchsorted(times, moment))
            row = int(tradable[min(place, tradable.size - 1)])
            found.append(Hit(row, int(panel.ts[row]), number, _long_at(self.spans, moment)))
        return found

    def _given(self) -> IntArray:
        return np.sort(np.array([_read_time(f"{self.name}.at", moment) for moment in self.at], np.int64))

    def _drawn(self, spans: Sequence[Span]) -> IntArray:
        """Draw `count` moments in each equal share of the time that the spans cover."""
        starts, ends = _merged(spans)
        covered = np.concatenate(([0], np.cumsum(ends - starts)))
        whole_ns = int(ends[-1] - starts[0])
        periods = 1
        if self.every is not None:
            periods = max(1, round(whole_ns / duration_ns(self.every, name=f"{self.name}.every")))
        if periods * self.count > _MOST:
            raise ConfigError(
                f"`{self.name}` must hit at most {_MOST:,} times, `every` and `count` ask for "
                f"{periods * self.count:,}; give a longer period"
            )
        edges = starts[0] + whole_ns * np.arange(periods + 1, dtype=object) // periods
        moments: list[int] = []
        for k in range(periods):
            low, high = (_covered_until(int(edges[j]), starts, ends, covered) for j in (k, k + 1))
            if high > low:
                numbers = k * self.count + np.arange(self.count)
                drawn = low + uniforms(self.seed, f"{self.name}:moment", numbers) * (high - low)
                moments += [
                    _moment_of(at, starts, covered) for at in np.sort(drawn.astype(np.int64)).tolist()
                ]
        return np.array(moments, np.int64)


@dataclass(frozen=True, kw_only=True)
class OnVenue(Timed):
    """A scenario that hits one venue."""

    venue: str = choice("against", "a, b, either (drawn), or against the open trade", VENUES)

    def leg(self, hit: Hit, *, falls: bool) -> Leg:
        """Return the leg that a shock hits.

        Args:
            hit: which shock.
            falls: whether it hurts whoever is long there.
        """
        if self.venue in LEGS:
            return "a" if self.venue == "a" else "b"
        if self.venue == "against" and hit.long:
            long: Leg = "a" if hit.long == "a" else "b"
            return long if falls else _other(long)
        return LEGS[int(uniforms(self.seed, f"{self.name}:venue", hit.number)[0] < 0.5)]

    def where(self) -> str:
        """Return the venue in words."""
        named = {"a": "A", "b": "B", "against": "the venue that hurts", "either": "one venue"}
        return named[self.venue]


def rows_between(panel: Panel, start_ns: int, end_ns: int) -> slice:
    """Return the rows with start <= ts < end."""
    return slice(*(int(np.searchsorted(panel.ts, at)) for at in (start_ns, max(start_ns, end_ns))))


def ramp(ts: IntArray, points: Sequence[tuple[int, float]]) -> FloatArray:
    """Return straight lines through (time, value); before the first and after the last its value."""
    first = points[0][0]
    x = np.array([at - first for at, _ in points], np.float64)
    values: FloatArray = np.interp((ts - first).astype(np.float64), x, [value for _, value in points])
    return values


def _other(leg: Leg) -> Leg:
    return "b" if leg == "a" else "a"


def _read_time(name: str, moment: Any) -> int:
    try:
        return to_ns(moment)
    except ConfigError as error:
        raise ConfigError(f"`{name}`: {error}") from error


def _merged(spans: Sequence[Span]) -> tuple[IntArray, IntArray]:
    """Return starts and ends of the spans' union, in order, each at least a nanosecond long."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end, _ in sorted(spans):
        end = max(end, start + 1)
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return np.array(starts, np.int64), np.array(ends, np.int64)


def _covered_until(at: int, starts: IntArray, ends: IntArray, covered: IntArray) -> int:
    """Return how much covered time lies before a moment."""
    k = int(np.searchsorted(starts, at, side="right")) - 1
    return 0 if k < 0 else int(covered[k] + min(at, int(ends[k])) - starts[k])


def _moment_of(at: int, starts: IntArray, covered: IntArray) -> int:
    k = int(np.searchsorted(covered, at, side="right")) - 1
    k = min(k, starts.size - 1)
    return int(starts[k] + at - covered[k])


def _long_at(spans: Sequence[Span], moment: int) -> str:
    return next((item.long for item in spans if item.start_ns <= moment <= item.end_ns and item.long), "")
