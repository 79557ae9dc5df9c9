"""The fair ratio A/B of each row, from the past only."""

from __future__ import annotations

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.kernels._jit import jit

__all__ = ["ewma_fair", "log_ratio_on_grid", "median_fair"]


@jit
def log_ratio_on_grid(
    ts: IntArray,
    bid_a: FloatArray,
    ask_a: FloatArray,
    bid_b: FloatArray,
    ask_b: FloatArray,
    tradable: BoolArray,
    step_ns: int,
    max_age_ns: int,
) -> tuple[int, FloatArray]:
    """Sample log(mid_a / mid_b) at every multiple of `step_ns` since the epoch.

    Args:
        ts: int64 (n,), nanoseconds, non-decreasing.
        bid_a, ask_a, bid_b, ask_b: float64 (n,).
        tradable: bool (n,).
        step_ns: distance of two grid points.
        max_age_ns: a point whose last tradable row is older than this is NaN; negative for no limit.

    Returns:
        The first grid time and the samples, float64 (m,): that of the last tradable row at or before each
        grid time, from the first grid time at or after the first tradable row to the last row's time.
    """
    n = ts.size
    first = 0
    while first < n and not tradable[first]:
        first += 1
    if first == n:
        return 0, np.empty(0, np.float64)
    start = -((-ts[first]) // step_ns) * step_ns
    m = max(0, (ts[n - 1] - start) // step_ns + 1)
    out = np.empty(m, np.float64)
    i = first
    seen = first
    for k in range(m):
        t = start + k * step_ns
        while i < n and ts[i] <= t:
            if tradable[i]:
                seen = i
            i += 1
        if max_age_ns >= 0 and t - ts[seen] > max_age_ns:
            out[k] = np.nan
        else:
            out[k] = np.log((bid_a[seen] + ask_a[seen]) / 2 / ((bid_b[seen] + ask_b[seen]) / 2))
    return start, out


@jit
def ewma_fair(ts: IntArray, start: int, samples: FloatArray, step_ns: int, half_life_ns: int) -> FloatArray:
    """Return exp of the exponentially weighted mean of the samples, as known before each row.

    Args:
        ts: int64 (n,), nanoseconds, non-decreasing.
        start, samples, step_ns: as given by `log_ratio_on_grid`; NaN samples are skipped.
        half_life_ns: after this time a sample weighs half.

    Returns:
        float64 (n,); row i uses the last grid time before ts[i]. NaN up to two half-lives after the first
        sample.
    """
    out = np.full(ts.size, np.nan)
    mean = np.nan
    last_t = 0
    first_t = 0
    k = 0
    for i in range(ts.size):
        while k < samples.size and start + k * step_ns < ts[i]:
            t = start + k * step_ns
            g = samples[k]
            if not np.isnan(g):
                if np.isnan(mean):
                    mean = g
                    first_t = t
                else:
                    mean = mean + (1 - 2.0 ** (-(t - last_t) / half_life_ns)) * (g - mean)
                last_t = t
            k += 1
        if not np.isnan(mean) and ts[i] - first_t >= 2 * half_life_ns:
            out[i] = np.exp(mean)
    return out


@jit
def median_fair(ts: IntArray, start: int, samples: FloatArray, step_ns: int, window_ns: int) -> FloatArray:
    """Return exp of the median of the samples of the last window, as known before each row.

    Args:
        ts: int64 (n,), nanoseconds, non-decreasing.
        start, samples, step_ns: as given by `log_ratio_on_grid`; NaN samples are skipped.
        window_ns: samples with t - window_ns < sample time <= t count, t the last grid time before the row.

    Returns:
        float64 (n,); NaN until one window has passed since the first grid time, or when the window is empty.
    """
    out = np.full(ts.size, np.nan)
    width = max(1, window_ns // step_ns)
    # A tree of counts over the samples in order of size: entering, leaving and finding the k-th take some 20
    # steps each, whatever the window; keeping the window sorted moved 340 kB per sample for 60 days.
    order = np.argsort(samples, kind="mergesort")
    rank = np.empty(samples.size, np.int64)
    for k in range(samples.size):
        rank[order[k]] = k + 1
    counts = np.zeros(samples.size + 1, np.int64)
    highest = 1
    while highest * 2 <= samples.size:
        highest *= 2
    inside = 0
    value = np.nan
    k = 0
    for i in range(ts.size):
        moved = False
        while k < samples.size and start + k * step_ns < ts[i]:
            if k >= width and not np.isnan(samples[k - width]):
                _count(counts, rank[k - width], -1)
                inside -= 1
            if not np.isnan(samples[k]):
                _count(counts, rank[k], 1)
                inside += 1
            k += 1
            moved = True
        if moved:
            value = np.nan
            if k >= width and inside > 0:
                low = samples[order[_find(counts, highest, (inside - 1) // 2)]]
                high = samples[order[_find(counts, highest, inside // 2)]]
                value = np.exp((low + high) / 2)
        out[i] = value
    return out


@jit
def _count(counts: IntArray, position: int, change: int) -> None:
    """Add to the count at a position (from 1) of a binary indexed tree."""
    while position < counts.size:
        counts[position] += change
        position += position & -position


@jit
def _find(counts: IntArray, highest: int, k: int) -> int:
    """Return the position (from 0) of the k-th counted item (from 0) of a binary indexed tree."""
    position = 0
    step = highest
    while step > 0:
        after = position + step
        if after < counts.size and counts[after] <= k:
            position = after
            k -= counts[after]
        step >>= 1
    return position
