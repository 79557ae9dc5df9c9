"""Fewer points for a picture, without losing a spike: the lowest and highest value per stretch of time."""

from __future__ import annotations

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import jit

__all__ = ["envelope", "extreme_rows"]


@jit
def envelope(ts: IntArray, values: FloatArray, start_ns: int, width_ns: int, n_buckets: int) -> FloatArray:
    """Lowest and highest value in each of `n_buckets` equal stretches of time.

    Args:
        ts: int64[n], nanoseconds, non-decreasing.
        values: float64[n]; NaN and infinite values are left out.
        start_ns: where the first stretch begins; rows before it are left out.
        width_ns: length of one stretch, at least 1; a row at `start_ns + k * width_ns` belongs to stretch k.
        n_buckets: number of stretches; rows beyond the last one are left out.

    Returns:
        float64[2, n_buckets]: lowest in row 0, highest in row 1; NaN where a stretch has no value.
    """
    out = np.full((2, n_buckets), np.nan)
    for i in range(len(ts)):
        value = values[i]
        if ts[i] < start_ns or not np.isfinite(value):
            continue
        k = (ts[i] - start_ns) // width_ns
        if k >= n_buckets:
            break
        if np.isnan(out[0, k]) or value < out[0, k]:
            out[0, k] = value
        if np.isnan(out[1, k]) or value > out[1, k]:
            out[1, k] = value
    return out


@jit
def extreme_rows(ts: IntArray, values: FloatArray, start_ns: int, width_ns: int, n_buckets: int) -> IntArray:
    """Rows that draw the same line as all of them: first, lowest, highest and last row per stretch.

    Args:
        ts: int64[n], nanoseconds, non-decreasing.
        values: float64[n]; NaN and infinite values are left out.
        start_ns: where the first stretch begins; rows before it are left out.
        width_ns: length of one stretch, at least 1.
        n_buckets: number of stretches; rows beyond the last one are left out.

    Returns:
        int64[m], rising row numbers, m <= 4 * n_buckets; of equal values the earliest row is taken.
    """
    rows = np.empty(4 * n_buckets, np.int64)
    count, current = 0, -1
    first = low = high = last = -1
    for i in range(len(ts)):
        if ts[i] < start_ns or not np.isfinite(values[i]):
            continue
        k = (ts[i] - start_ns) // width_ns
        if k >= n_buckets:
            break
        if k != current:
            count = _keep(rows, count, first, low, high, last)
            current, first, low, high = k, i, i, i
        if values[i] < values[low]:
            low = i
        if values[i] > values[high]:
            high = i
        last = i
    count = _keep(rows, count, first, low, high, last)
    return rows[:count].copy()


@jit
def _keep(rows: IntArray, count: int, first: int, low: int, high: int, last: int) -> int:
    """Append the distinct ones of four row numbers in rising order; nothing when `first` is negative."""
    if first < 0:
        return count
    for row in (first, min(low, high), max(low, high), last):
        if count == 0 or rows[count - 1] < row:
            rows[count] = row
            count += 1
    return count
