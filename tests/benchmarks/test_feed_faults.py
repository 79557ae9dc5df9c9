"""After any fault of public data the books are those that there were: some here, all by the benchmark."""

from __future__ import annotations

import asyncio

import pytest

from arbkit.venues import BookEvent
from benchmarks import feed_faults
from benchmarks.feed_faults import Outcome, _follow, book_of

SOME = [
    ("reorder_book", "upbit"),
    ("duplicate_book", "binance_usdm"),
    ("truncated_frame", "binance_spot"),
    ("stall_data", "bithumb"),
    ("crossed_book", "upbit"),
    ("stale_snapshot", "binance_usdm"),
]


@pytest.mark.parametrize(("fault", "venue"), SOME)
def test_after_a_fault_the_books_are_those_that_there_were(fault: str, venue: str) -> None:
    outcome = asyncio.run(feed_faults.run_case(fault, venue, 1, seed=1))
    assert outcome.right, (outcome.row(), outcome.wrong)
    assert outcome.struck
    assert outcome.row()["broken"] == (3 if fault == "crossed_book" else 0)


def test_every_venue_with_books_meets_every_fault_of_books() -> None:
    found = set(feed_faults.cases())
    assert {venue for _, venue in found} == set(feed_faults.MARKETS)
    assert {("drop_book", venue) for venue in feed_faults.MARKETS} < found
    assert len(list(feed_faults.cases(["junk_frame"], ["upbit"]))) == 1


def test_books_that_never_were_come_late_or_are_left_out_are_seen() -> None:
    def event(number: int, change: float = 0.0) -> BookEvent:
        bids, asks = book_of(number)
        bids[0] = (bids[0][0] + change, bids[0][1])
        return BookEvent("binance_spot", "BTCUSDT", 0, None, bids, asks)

    outcome = Outcome("none", "binance_spot")
    _follow([event(1), event(2), event(5), event(4), event(6, 0.5)], outcome)
    assert (outcome.missing, outcome.older, outcome.false, outcome.broken) == (2, 1, 1, 0)
    assert not outcome.right
    outcome = Outcome("none", "binance_spot")
    _follow([event(1), event(2, 5_000.0), event(3)], outcome)
    assert (outcome.missing, outcome.false, outcome.broken) == (0, 0, 1)
    assert outcome.right
