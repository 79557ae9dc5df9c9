"""Percentiles of durations, in classes of 50 us."""

from __future__ import annotations

from arbkit.record.timing import Durations


def test_percentiles_are_upper_edges_and_never_above_the_longest() -> None:
    times = Durations()
    assert times.percentile_ms(0.5) is None
    for us in range(1, 101):
        times.add(us * 1000 * 10)
    assert times.percentile_ms(0.5) == 0.55
    assert times.percentile_ms(0.99) == 1.0
    assert times.count == 100


def test_what_is_longer_than_the_classes_counts_as_the_longest() -> None:
    times = Durations()
    times.add(5 * 10**9)
    times.add(-5)
    assert times.percentile_ms(0.25) == 0.05
    assert times.percentile_ms(1.0) == 5000.0
