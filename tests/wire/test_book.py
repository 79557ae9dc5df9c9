"""The order book and the update-id rules, against a slow twin and case by case."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.errors import ConfigError
from arbkit.wire import BookBuilder, DepthSnapshot, DepthUpdate, Gap, OrderBook, Outcome

LEVELS = st.lists(
    st.tuples(st.integers(1, 30).map(float), st.sampled_from([0.0, 0.0, 1.0, 2.5])), max_size=12
)


def update(first: int, final: int, previous: int | None = None, bids=(), asks=()) -> DepthUpdate:
    return DepthUpdate(first_id=first, final_id=final, previous_id=previous, bids=list(bids), asks=list(asks))


def snapshot(last_id: int, bids=((99.0, 1.0),), asks=((101.0, 1.0),)) -> DepthSnapshot:
    return DepthSnapshot(last_id=last_id, bids=list(bids), asks=list(asks))


@settings(max_examples=200, deadline=None)
@given(start=st.tuples(LEVELS, LEVELS), changes=st.lists(st.tuples(LEVELS, LEVELS), max_size=8))
def test_book_equals_a_plain_dictionary_after_any_changes(start, changes) -> None:
    book = OrderBook()
    book.replace(*start)
    twin = [dict(side) for side in start]
    for change in changes:
        book.apply(*change)
        for side, levels in zip(twin, change, strict=True):
            side.update(dict(levels))
    bids, asks = ({price: size for price, size in side.items() if size} for side in twin)
    assert book.bids(50) == sorted(bids.items(), reverse=True)
    assert book.asks(50) == sorted(asks.items())
    assert book.depth() == (len(bids), len(asks))


def test_levels_are_cut_to_what_is_asked_best_first() -> None:
    book = OrderBook()
    book.replace([(1.0, 1.0), (3.0, 3.0), (2.0, 2.0)], [(6.0, 1.0), (4.0, 2.0), (5.0, 0.0)])
    assert book.bids(2) == [(3.0, 3.0), (2.0, 2.0)]
    assert book.asks(5) == [(4.0, 2.0), (6.0, 1.0)]
    book.clear()
    assert book.bids(1) == book.asks(1) == []


def test_removing_an_absent_level_changes_nothing() -> None:
    book = OrderBook()
    book.replace([(1.0, 1.0)], [])
    book.apply([(0.5, 0.0)], [(9.0, 0.0)])
    assert (book.bids(3), book.asks(3)) == ([(1.0, 1.0)], [])


def test_spot_updates_before_the_snapshot_are_replayed_and_the_covered_ones_dropped() -> None:
    builder = BookBuilder("spot")
    assert builder.on_update(update(90, 95, bids=[(98.0, 9.0)])) is Outcome.BUFFERED
    assert builder.on_update(update(96, 102, bids=[(98.5, 2.0)])) is Outcome.BUFFERED
    assert builder.on_snapshot(snapshot(100)) is Outcome.APPLIED
    assert builder.trusted
    assert builder.last_id == 102
    assert builder.book.bids(5) == [(99.0, 1.0), (98.5, 2.0)]


@pytest.mark.parametrize(
    ("rule", "event", "outcome"),
    [
        ("spot", update(95, 100), Outcome.STALE),
        ("spot", update(95, 101), Outcome.APPLIED),
        ("spot", update(101, 105), Outcome.APPLIED),
        ("spot", update(102, 105), Outcome.GAP),
        ("futures", update(95, 99, 90), Outcome.STALE),
        ("futures", update(95, 100, 90), Outcome.APPLIED),
        ("futures", update(98, 110, 97), Outcome.APPLIED),
        ("futures", update(105, 110, 100), Outcome.APPLIED),
        ("futures", update(105, 110, 103), Outcome.GAP),
    ],
)
def test_first_update_after_the_snapshot_100(rule, event, outcome) -> None:
    builder = BookBuilder(rule)
    builder.on_snapshot(snapshot(100))
    assert builder.on_update(event) is outcome
    assert builder.trusted is (outcome is not Outcome.GAP)


@pytest.mark.parametrize(
    ("rule", "event", "outcome"),
    [
        ("spot", update(106, 107), Outcome.APPLIED),
        ("spot", update(107, 108), Outcome.GAP),
        ("spot", update(101, 105), Outcome.STALE),
        ("futures", update(120, 130, 105), Outcome.APPLIED),
        ("futures", update(120, 130, 110), Outcome.GAP),
        ("futures", update(101, 105, 100), Outcome.STALE),
    ],
)
def test_later_updates_must_follow_the_one_before(rule, event, outcome) -> None:
    builder = BookBuilder(rule)
    builder.on_snapshot(snapshot(100))
    builder.on_update(update(101, 105, 100))
    assert builder.on_update(event) is outcome


def test_after_a_gap_the_book_is_not_trusted_until_the_next_snapshot() -> None:
    builder = BookBuilder("spot")
    builder.on_snapshot(snapshot(100))
    assert builder.on_update(update(105, 106, bids=[(50.0, 1.0)])) is Outcome.GAP
    assert builder.last_gap == Gap(101, 105)
    assert not builder.trusted
    assert builder.book.depth() == (0, 0)
    assert builder.on_update(update(107, 110, bids=[(51.0, 1.0)])) is Outcome.BUFFERED
    assert builder.on_snapshot(snapshot(106)) is Outcome.APPLIED
    assert builder.last_id == 110
    assert builder.book.bids(5) == [(99.0, 1.0), (51.0, 1.0)]


def test_snapshot_older_than_the_kept_updates_is_refused_and_a_newer_one_works() -> None:
    builder = BookBuilder("spot")
    builder.on_update(update(200, 205))
    builder.on_update(update(206, 209, bids=[(98.0, 7.0)]))
    assert builder.on_snapshot(snapshot(150)) is Outcome.OLD_SNAPSHOT
    assert not builder.trusted
    assert builder.on_snapshot(snapshot(205)) is Outcome.APPLIED
    assert builder.last_id == 209
    assert builder.book.bids(2)[1] == (98.0, 7.0)


def test_gap_inside_the_kept_updates_is_a_gap() -> None:
    builder = BookBuilder("futures")
    builder.on_update(update(90, 101, 80))
    builder.on_update(update(130, 140, 120))
    assert builder.on_snapshot(snapshot(100)) is Outcome.GAP
    assert not builder.trusted


def test_snapshot_older_than_a_trusted_book_is_stale() -> None:
    builder = BookBuilder("spot")
    builder.on_snapshot(snapshot(100))
    builder.on_update(update(101, 120))
    assert builder.on_snapshot(snapshot(110, bids=[(1.0, 1.0)])) is Outcome.STALE
    assert builder.book.bids(1) == [(99.0, 1.0)]


def test_unknown_rule_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="futures"):
        BookBuilder("future")  # type: ignore[arg-type]
