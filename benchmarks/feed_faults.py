"""Faults of public data on every venue: which books a feed brought, compared with those that there were.

Each book that the practice exchange is given has a number in its sizes, so that a book that comes says which
one it is, and one that was never there is seen. `python -m benchmarks.feed_faults --runs 5 --page` puts the
table into docs/faults.md.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from arbkit.testing import FAULTS, PracticeExchange
from arbkit.venues import BookEvent, FeedState, FeedStatus, GapEvent
from arbkit.venues.feeds import Feed, FeedOptions, open_feed
from benchmarks.faults import PAGE, options
from benchmarks.page import replace_section
from benchmarks.tables import table

__all__ = ["Outcome", "cases", "main", "run_case"]

MARKETS: Final = {
    "upbit": ("KRW-BTC", "KRW-ETH"),
    "bithumb": ("KRW-BTC", "KRW-ETH"),
    "binance_usdm": ("BTCUSDT", "ETHUSDT"),
    "binance_spot": ("BTCUSDT", "ETHUSDT"),
}
#: A hundredth of what is right for the real venues.
PATIENCE: Final = FeedOptions(
    ping_s=0.2, ping_timeout_s=0.2, stale_s=0.2, silence_s=0.3, life_s=0.0, handover_s=0.5, first_wait_s=0.01,
    longest_wait_s=0.1, connect_gap_s=0.0, snapshot_wait_s=0.01, check_s=0.01,
)  # fmt: skip
#: Faults of the answers to a question for a book, met when a difference is missing.
_ANSWERS: Final = ("stale_snapshot", "rate_limited", "reset_before", "truncated_body", "html_502",
                   "unavailable_503")  # fmt: skip
#: These strike a whole stream, the others three messages of one symbol.
_WHOLE: Final = ("stall_data", "mute_pongs", "close_sockets", "refuse_handshake", "half_open", "maintenance")
_STEP_S: Final = 0.004
_DEPTH: Final = 3
_MOST_S: Final = 30.0


def cases(only: Sequence[str] = (), venues: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield each fault of public data with each venue that has it."""
    streams = [name for name, fault in FAULTS.items() if fault.scope in ("stream", "book")]
    for name in dict.fromkeys(("none", *streams, "maintenance", *_ANSWERS)):
        for venue in MARKETS:
            has = name == "none" or venue in FAULTS[name].venues
            if name in _ANSWERS:
                has = venue.startswith("binance")
            if has and (not only or name in only) and (not venues or venue in venues):
                yield name, venue


@dataclass
class Outcome:
    """What the runs of one fault at one venue came to.

    Attributes:
        books: that came.
        broken: of these, crossed, one-sided or empty, as the venue sent them: no row of one is traded on.
        false: books that look usable and never were.
        older: books that came after a newer one.
        missing: books that were left out, and neither a gap nor staleness says so.
        blind_s: the longest time from a fault of the whole stream to the first gap or staleness.
        gap_s: the longest gap, from its beginning to the next book.
        wrong: what did not end as it must.
    """

    fault: str
    venue: str
    runs: int = 0
    struck: int = 0
    books: int = 0
    broken: int = 0
    false: int = 0
    older: int = 0
    missing: int = 0
    malformed: int = 0
    reconnects: int = 0
    others_gaps: int = 0
    blind_s: float = 0.0
    gap_s: float = 0.0
    gaps: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether nothing false came, nothing older, nothing unseen where it can be seen, and all ended."""
        seen = self.missing == 0 or self.venue in ("upbit", "bithumb")
        return not (self.false or self.older or self.wrong) and seen

    def row(self) -> dict[str, Any]:
        """Return the row of the table."""
        return {
            "fault": self.fault,
            "venue": self.venue,
            "runs": self.runs,
            "struck": self.struck or ("-" if self.fault == "none" else "state"),
            "books": self.books,
            "broken": self.broken,
            "false": self.false,
            "older": self.older,
            "missing": self.missing,
            "malformed": self.malformed,
            "gaps": ", ".join(f"{name} {count}" for name, count in sorted(self.gaps.items())) or "-",
            "of the other symbol": self.others_gaps,
            "until told s": f"{self.blind_s:.2f}" if self.blind_s else "-",
            "longest gap s": f"{self.gap_s:.2f}" if self.gap_s else "-",
            "right": "yes" if self.right else "NO",
        }


_Event = BookEvent | GapEvent | FeedStatus


class _Told:
    """What a feed told of one symbol each, in order."""

    def __init__(self) -> None:
        self.events: dict[str, list[_Event]] = {}

    def on_book(self, event: BookEvent) -> None:
        """Keep a book."""
        self.events.setdefault(event.symbol, []).append(event)

    def on_gap(self, event: GapEvent) -> None:
        """Keep a gap."""
        self.events.setdefault(event.symbol, []).append(event)

    def on_status(self, event: FeedStatus) -> None:
        """Keep that a symbol is stale: books may be missing from there on."""
        if event.state is FeedState.STALE:
            self.events.setdefault(event.symbol, []).append(event)

    def warned_ns(self) -> int:
        """Return when the first gap or staleness was told; 0 where none was."""
        found = (
            event.ts for told in self.events.values() for event in told if not isinstance(event, BookEvent)
        )
        return min(found, default=0)

    def gaps(self) -> list[GapEvent]:
        """Return all gaps."""
        return [event for events in self.events.values() for event in events if isinstance(event, GapEvent)]


def book_of(number: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return the book with a number; prices walk, so that levels come and go."""
    middle = 100_000.0 + 1_000 * (number * 7 % 5)
    sides = [
        [
            (middle + sign * 1_000 * (level + 1), number + level / 10 + (sign > 0) / 2)
            for level in range(_DEPTH)
        ]
        for sign in (-1, 1)
    ]
    return sides[0], sides[1]


class _World:
    """One venue whose books change all the time, and its feed."""

    def __init__(self, exchange: PracticeExchange, venue: str) -> None:
        self.exchange, self.venue = exchange, venue
        self.at = exchange.venues[venue]
        self.told = _Told()
        self.number = 0
        self.feed: Feed = open_feed(
            venue,
            MARKETS[venue],
            depth=_DEPTH,
            ws_url=self.at.ws_url,
            rest_url=self.at.rest_url,
            options=PATIENCE,
        )

    def push(self) -> None:
        """Show the next book of both symbols."""
        self.number += 1
        for symbol in MARKETS[self.venue]:
            self.at.push_book(symbol, *book_of(self.number))

    async def move(self) -> None:
        """Change the books for ever."""
        while True:
            self.push()
            await asyncio.sleep(_STEP_S)

    def trusted(self) -> bool:
        """Whether all books are known."""
        return all(state.trusted for state in self.feed.states.values())

    def shows_last(self) -> bool:
        """Whether the last that was told of each symbol is its last book."""
        return all(
            events and isinstance(events[-1], BookEvent) and number_of(events[-1]) == self.number
            for events in (self.told.events.get(symbol, []) for symbol in MARKETS[self.venue])
        )


def number_of(event: BookEvent) -> int | None:
    """Return the number of the book of which an event shows all or the best levels, or None."""
    if not event.bids or not event.asks:
        return None
    number = int(event.bids[0][1])
    bids, asks = book_of(number)
    shown = (list(event.bids), list(event.asks))
    return number if shown == (bids[: len(event.bids)], asks[: len(event.asks)]) else None


async def _until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(_MOST_S):
        while not true():
            await asyncio.sleep(0.005)


async def run_case(fault: str, venue: str, runs: int, seed: int = 0) -> Outcome:
    """Run one fault at one venue, each run on a new connection, and say what came."""
    outcome, chance = Outcome(fault, venue), random.Random(f"{seed} {fault} {venue}")
    for _ in range(runs):
        async with PracticeExchange({venue: list(MARKETS[venue])}, limits=False) as exchange:
            await _one_run(_World(exchange, venue), fault, chance, outcome)
    return outcome


async def _one_run(world: _World, fault: str, chance: random.Random, outcome: Outcome) -> None:
    world.push()
    running = asyncio.create_task(world.feed.run(world.told))
    moving = asyncio.create_task(world.move())
    try:
        await _until(world.trusted)
        await asyncio.sleep(chance.uniform(0.02, 0.1))
        began_ns = time.time_ns()
        await _strike(world, fault)
        world.exchange.faults.off()
        await _until(world.trusted)
        await asyncio.sleep(0.05)
        moving.cancel()
        await asyncio.wait([moving])
        world.push()
        try:
            await _until(world.shows_last)
        except TimeoutError:
            outcome.wrong.append("the last book did not come")
        if running.done():
            outcome.wrong.append("the feed ended")
    except TimeoutError:
        outcome.wrong.append("the books did not come back")
    finally:
        for task in (moving, running):
            task.cancel()
        await asyncio.wait([moving, running])
    _judge(world, outcome, began_ns, fault)


async def _strike(world: _World, fault: str) -> None:
    """Let a fault strike until the feed has noticed, or three messages have been hit."""
    faults, venue, struck = world.exchange.faults, world.venue, MARKETS[world.venue][0]
    if fault == "none":
        await asyncio.sleep(0.3)
    elif fault in _ANSWERS:
        options: dict[str, Any] = {"retry_after": 0} if fault == "rate_limited" else {}
        faults.on(fault, venue=venue, endpoint="depth", count=2, **options)
        faults.on("drop_book", venue=venue, symbol=struck, count=1)
        await _until(lambda: faults.hits[venue, fault] >= 1)
        await _until(world.told.gaps)
    elif fault in _WHOLE:
        options = {"retry_after": 0.05} if fault == "refuse_handshake" else {}
        faults.on(fault, venue=venue, **options)
        if fault == "refuse_handshake":
            faults.on("close_sockets", venue=venue)
        await _until(world.told.gaps)
        await asyncio.sleep(0.1)
    else:
        faults.on(fault, venue=venue, symbol=struck, count=3)
        await _until(lambda: faults.hits[venue, fault] >= 3)
        await asyncio.sleep(0.05)


def _judge(world: _World, outcome: Outcome, began_ns: int, fault: str) -> None:
    outcome.runs += 1
    struck, other = MARKETS[world.venue]
    if fault != "none":
        outcome.struck += world.exchange.faults.hits[world.venue, fault]
    stats = world.feed.stats()
    outcome.malformed += stats["malformed"]
    outcome.reconnects += stats["reconnects"]
    outcome.gaps.update(gap.reason for gap in world.told.gaps())
    outcome.others_gaps += sum(gap.symbol == other for gap in world.told.gaps())
    if fault in _WHOLE:
        outcome.blind_s = max(outcome.blind_s, (world.told.warned_ns() - began_ns) / 1e9)
    for symbol in (struck, other):
        _follow(world.told.events.get(symbol, []), outcome)


def _follow(events: Sequence[_Event], outcome: Outcome) -> None:
    """Go through what was told of one symbol."""
    newest, gap = 0, None
    whole = False
    for event in events:
        if not isinstance(event, BookEvent):
            gap, whole = (event if isinstance(event, GapEvent) else gap), False
            continue
        if gap is not None:
            outcome.gap_s, gap = max(outcome.gap_s, (event.ts_recv - gap.ts) / 1e9), None
        outcome.books += 1
        number = number_of(event)
        if number is None:
            usable = event.bids and event.asks and 0 < event.bids[0][0] < event.asks[0][0]
            outcome.false += bool(usable)
            outcome.broken += not usable
            newest += whole  # It stands for the one that was shown broken.
            continue
        outcome.older += number < newest
        outcome.missing += max(0, number - newest - 1) if whole else 0
        newest, whole = max(newest, number), True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return 1 where a run was not right."""
    given = options("feed_faults", __doc__, MARKETS).parse_args(arguments)
    outcomes = []
    for fault, venue in cases(given.only, given.venue):
        outcomes.append(asyncio.run(run_case(fault, venue, given.runs, given.seed)))
        sys.stderr.write(f"{outcomes[-1].row()} {outcomes[-1].wrong[:3]}\n")
    right, runs = sum(outcome.right for outcome in outcomes), sum(outcome.runs for outcome in outcomes)
    text = (
        f"\n`python -m benchmarks.feed_faults --runs {given.runs} --seed {given.seed} --page`: {runs} runs, "
        f"{right} of {len(outcomes)} rows right.\n\n{table([outcome.row() for outcome in outcomes])}\n\n"
    )
    sys.stdout.write(text)
    if given.page:
        replace_section(PAGE, "feeds", text)
    return 0 if right == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
