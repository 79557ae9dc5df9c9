"""What a run went through, told by its journal: states, refusals, feeds, orders, on one clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import IntArray
from arbkit.live.fills import Outcome
from arbkit.units import MINUTE_NS

__all__ = ["Absence", "Failure", "Hole", "Process", "Story", "Stretch", "tell"]

#: Journal and rows keep the same time where they differ by less: they do unless books are replayed.
_SAME_NS: Final = 10 * MINUTE_NS


class Stretch(NamedTuple):
    """A time in one trading state; `scope` is a pair, or empty for the whole run."""

    scope: str
    state: str
    reasons: tuple[str, ...]
    start_ns: int
    end_ns: int


class Absence(NamedTuple):
    """A time without a connection to a venue, and what the feed said of it."""

    venue: str
    start_ns: int
    end_ns: int
    detail: str


class Hole(NamedTuple):
    """A moment from which on a book was not known, and why."""

    venue: str
    symbol: str
    at_ns: int
    reason: str


class Process(NamedTuple):
    """A time in which a process ran the run; `why` it ended is empty where it did not say so."""

    start_ns: int
    end_ns: int
    why: str


class Failure(NamedTuple):
    """An entry or exit of which nothing came, what was done about it, and what that cost."""

    pair: str
    is_entry: bool
    at_ns: int
    codes: tuple[str, ...]
    action: str
    usd: float


@dataclass(frozen=True)
class Story:
    """What the journal of a run tells; times are those of the rows, nanoseconds.

    Attributes:
        start_ns, end_ns: first and last moment.
        processes: who ran it when.
        states: trading states of the run and of its pairs, in order.
        refusals: how often which rule refused an entry, by pair and code.
        failures: entries and exits that came to nothing at the venues.
        outcomes: what became of every decision at the venues.
        absences: times without a connection.
        holes: where books were lost.
        errors: what went wrong, counted by kind.
        is_replay: whether books were replayed, so that its time is not that of the clock.
    """

    start_ns: int
    end_ns: int
    processes: tuple[Process, ...]
    states: tuple[Stretch, ...]
    refusals: Mapping[tuple[str, str], int]
    failures: tuple[Failure, ...]
    outcomes: tuple[Outcome, ...]
    absences: tuple[Absence, ...]
    holes: tuple[Hole, ...]
    errors: Mapping[str, int]
    is_replay: bool

    def time_in(self, state: str, scope: str = "") -> int:
        """Return for how many nanoseconds a scope was in a state of its own."""
        return sum(
            item.end_ns - item.start_ns for item in self.states if (item.scope, item.state) == (scope, state)
        )

    @property
    def active_share(self) -> float:
        """Share of the time in which a process ran that the run as a whole was `active`; NaN without time."""
        ran = sum(item.end_ns - item.start_ns for item in self.processes)
        return self.time_in("active") / ran if ran else float("nan")

    @property
    def crashes(self) -> int:
        """How many processes ended without a word before another took over."""
        return sum(not item.why for item in self.processes[:-1])


@dataclass
class _Teller:
    """Collects while the journal is read, in its own time."""

    processes: list[Process] = field(default_factory=list)
    states: list[Stretch] = field(default_factory=list)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    pins: list[tuple[int, int]] = field(default_factory=list)
    began: int = 0
    last: int = 0
    now: dict[str, Stretch] = field(default_factory=dict)
    away: dict[str, Absence] = field(default_factory=dict)

    def take(self, line: Mapping[str, Any]) -> None:
        kind, ts = str(line["kind"]), int(line["ts"])
        if kind in ("start", "resume"):
            if self.began:
                self.end("")
            self.began = ts
            self.now = {"": Stretch("", "active", (), ts, ts)}
        self.last = max(self.last, ts)
        if kind == "stop":
            self.end(str(line["why"]))
        elif kind == "guard":
            self._guard(ts, line["pair"] or "", str(line["state"]), tuple(line["reasons"]))
        elif kind == "feed" and not line["symbol"]:
            self._feed(ts, str(line["venue"]), str(line["state"]), str(line["detail"]))
        elif kind == "gap":
            self.holes.append(Hole(line["venue"], line["symbol"], ts, line["reason"]))
        elif kind == "error":
            self.errors[str(line["what"])] += 1
        elif kind == "outcome":
            self.outcomes.append(Outcome.read(line))
        elif kind == "decision":
            self._decision(ts, line)

    def end(self, why: str) -> None:
        """The process that ran it ends at what was read last."""
        for scope in list(self.now):
            self._leave(scope, self.last)
        for venue in list(self.away):
            self.absences.append(self.away.pop(venue)._replace(end_ns=self.last))
        self.processes.append(Process(self.began, self.last, why))
        self.began = 0

    def _leave(self, scope: str, ts: int) -> None:
        span = self.now.pop(scope, None)
        if span is not None and ts > span.start_ns:
            self.states.append(span._replace(end_ns=ts))

    def _guard(self, ts: int, scope: str, state: str, reasons: tuple[str, ...]) -> None:
        self._leave(scope, ts)
        if not scope or state != "active":
            self.now[scope] = Stretch(scope, state, reasons, ts, ts)

    def _feed(self, ts: int, venue: str, state: str, detail: str) -> None:
        if state == "disconnected":
            self.away.setdefault(venue, Absence(venue, ts, ts, detail))
        elif state == "connected" and venue in self.away:
            self.absences.append(self.away.pop(venue)._replace(end_ns=ts))

    def _decision(self, ts: int, line: Mapping[str, Any]) -> None:
        what, pair = str(line["what"]), str(line["pair"])
        self.pins.append((ts, int(line["row_ts"])))
        if what == "refused":
            self.refusals.update((pair, str(code)) for code in line["refusals"])
        elif what in ("entry_failed", "exit_failed"):
            codes = tuple(dict.fromkeys(str(code).partition(":")[0] for code in line.get("reasons", ())))
            action, usd = str(line.get("action", "")), float(line.get("usd", 0.0))
            self.failures.append(
                Failure(pair, what == "entry_failed", int(line["row_ts"]), codes, action, usd)
            )


def tell(lines: Iterable[Mapping[str, Any]], rows_ns: tuple[int, int] | None) -> Story:
    """Read a journal once and return what it tells.

    Args:
        lines: its records.
        rows_ns: time of the first and the last row; None where there is none.

    Raises:
        DataError: when the journal is damaged.
    """
    teller = _Teller()
    for line in lines:
        teller.take(line)
    if teller.began:
        teller.end("")
    pins = np.array(sorted(teller.pins), np.int64).reshape(-1, 2)
    replay = bool(pins.size) and int(np.median(np.abs(pins[:, 0] - pins[:, 1]))) > _SAME_NS
    if rows_ns is not None and not pins.size and teller.processes:
        replay = abs(teller.processes[0].start_ns - rows_ns[0]) > _SAME_NS
    clock = _Clock(pins, teller.processes, rows_ns) if replay and rows_ns else _same
    processes = tuple(_moved(teller.processes, clock))
    first, last = rows_ns or (0, 0)
    if not replay and processes:
        first = min(first or processes[0].start_ns, processes[0].start_ns)
        last = max(last, processes[-1].end_ns)
    return Story(
        start_ns=first,
        end_ns=last,
        processes=processes,
        states=tuple(_moved(teller.states, clock)),
        refusals=dict(teller.refusals),
        failures=tuple(teller.failures),
        outcomes=tuple(teller.outcomes),
        absences=tuple(_moved(teller.absences, clock)),
        holes=tuple(item._replace(at_ns=clock(item.at_ns)) for item in teller.holes),
        errors=dict(teller.errors),
        is_replay=replay,
    )


def _moved(items: list[Any], clock: Any) -> Iterator[Any]:
    for item in items:
        yield item._replace(start_ns=clock(item.start_ns), end_ns=clock(item.end_ns))


def _same(ts: int) -> int:
    return ts


class _Clock:
    """From the clock of the journal to the time of replayed rows, by the decisions, which know both."""

    def __init__(self, pins: IntArray, processes: list[Process], rows_ns: tuple[int, int]) -> None:
        ends = [(processes[0].start_ns, rows_ns[0]), (processes[-1].end_ns, rows_ns[1])]
        known = np.array(sorted([*ends, *map(tuple, pins.tolist())]), np.int64)
        self._from, self._to = (np.maximum.accumulate(known[:, n]) for n in (0, 1))

    def __call__(self, ts: int) -> int:
        since = (self._to - self._to[0]).astype(np.float64)
        at = np.interp(float(ts - self._from[0]), (self._from - self._from[0]).astype(np.float64), since)
        return int(self._to[0]) + int(at)
