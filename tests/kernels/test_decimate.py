"""Decimation against a slow twin: no spike is lost, nothing is invented."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.kernels.decimate import envelope, extreme_rows


def slow_buckets(ts, values, start, width, n):
    rows = [[] for _ in range(n)]
    for i, (t, v) in enumerate(zip(ts, values, strict=True)):
        if t >= start and np.isfinite(v) and (t - start) // width < n:
            rows[(t - start) // width].append(i)
    return rows


def slow_envelope(ts, values, start, width, n):
    out = np.full((2, n), np.nan)
    for k, rows in enumerate(slow_buckets(ts, values, start, width, n)):
        if rows:
            out[:, k] = min(values[rows]), max(values[rows])
    return out


def slow_rows(ts, values, start, width, n):
    kept = set()
    for rows in slow_buckets(ts, values, start, width, n):
        if rows:
            low = min(rows, key=lambda i: (values[i], i))
            high = max(rows, key=lambda i: (values[i], -i))
            kept |= {rows[0], low, high, rows[-1]}
    return sorted(kept)


def random_walk(rng, n):
    ts = np.sort(rng.integers(0, 10_000, n)).astype(np.int64)
    values = np.round(rng.normal(0, 5, n).cumsum())
    values[rng.random(n) < 0.1] = np.nan
    return ts, values


@pytest.mark.parametrize("n", [0, 1, 2, 7, 1000])
@pytest.mark.parametrize("buckets", [1, 3, 50])
def test_random_walk_agrees_with_the_slow_twin(n, buckets):
    ts, values = random_walk(np.random.default_rng(n), n)
    for start, width in ((0, 10_000 // buckets + 1), (500, 40), (20_000, 5)):
        args = (ts, values, start, width, buckets)
        np.testing.assert_array_equal(envelope(*args), slow_envelope(*args))
        np.testing.assert_array_equal(extreme_rows(*args), slow_rows(*args))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from([0.0, -1.0, 2.0, 2.0, np.nan, np.inf, -np.inf])),
        max_size=40,
    ),
    st.integers(1, 12),
    st.integers(1, 8),
)
def test_ties_gaps_and_equal_stamps_agree_with_the_slow_twin(points, width, buckets):
    points.sort(key=lambda point: point[0])
    ts = np.array([point[0] for point in points], np.int64)
    values = np.array([point[1] for point in points], np.float64)
    np.testing.assert_array_equal(
        envelope(ts, values, 0, width, buckets), slow_envelope(ts, values, 0, width, buckets)
    )
    np.testing.assert_array_equal(
        extreme_rows(ts, values, 0, width, buckets), slow_rows(ts, values, 0, width, buckets)
    )


def test_single_spike_among_a_million_rows_is_kept():
    ts = np.arange(1_000_000, dtype=np.int64)
    values = np.zeros(len(ts))
    values[654_321] = 99.0
    low, high = envelope(ts, values, 0, 1_000, 1_000)
    assert np.nanmax(high) == 99.0
    assert np.nanmin(low) == 0.0
    rows = extreme_rows(ts, values, 0, 1_000, 1_000)
    assert 654_321 in rows
    assert len(rows) <= 4_000


def test_stretch_without_values_is_nan():
    ts = np.array([0, 1, 25], np.int64)
    out = envelope(ts, np.array([1.0, 2.0, 3.0]), 0, 10, 3)
    np.testing.assert_array_equal(out, [[1.0, np.nan, 3.0], [2.0, np.nan, 3.0]])


def test_flat_values_keep_first_and_last_row_of_each_stretch():
    ts = np.arange(10, dtype=np.int64)
    np.testing.assert_array_equal(extreme_rows(ts, np.zeros(10), 0, 5, 2), [0, 4, 5, 9])


def test_non_contiguous_input_gives_the_same():
    ts, values = random_walk(np.random.default_rng(1), 400)
    wide = np.column_stack([values, values])[:, 0]
    assert not wide.flags.c_contiguous
    np.testing.assert_array_equal(envelope(ts, wide, 0, 100, 9), envelope(ts, values, 0, 100, 9))
