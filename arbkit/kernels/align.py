"""As-of joins of time series by the last value at or before each time; nothing ever looks ahead."""

from __future__ import annotations

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import jit

__all__ = ["asof_rows", "taken", "union_times"]


@jit
def union_times(ts_a: IntArray, ts_b: IntArray) -> IntArray:
    """Return the distinct times of two non-decreasing int64 series, in order."""
    out = np.empty(ts_a.size + ts_b.size, np.int64)
    i, j, n = 0, 0, 0
    while i < ts_a.size or j < ts_b.size:
        if j == ts_b.size or (i < ts_a.size and ts_a[i] <= ts_b[j]):
            t = ts_a[i]
            i += 1
        else:
            t = ts_b[j]
            j += 1
        if n == 0 or out[n - 1] != t:
            out[n] = t
            n += 1
    return out[:n].copy()


@jit
def asof_rows(ts: IntArray, quote_ts: IntArray, max_age_ns: int) -> IntArray:
    """Return for each time the position of the last quote at or before it.

    Args:
        ts: int64 (n,), non-decreasing.
        quote_ts: int64 (m,), non-decreasing; of equal stamps the last one wins.
        max_age_ns: an older quote counts as none; negative for no limit.

    Returns:
        int64 (n,); -1 where there is no quote, -2 where the last one is too old.
    """
    out = np.empty(ts.size, np.int64)
    j = -1
    for i in range(ts.size):
        while j + 1 < quote_ts.size and quote_ts[j + 1] <= ts[i]:
            j += 1
        out[i] = j
        if j >= 0 and max_age_ns >= 0 and ts[i] - quote_ts[j] > max_age_ns:
            out[i] = -2
    return out


@jit
def taken(values: FloatArray, rows: IntArray) -> FloatArray:
    """Return values[rows], float64 (n,), NaN where the row is negative."""
    out = np.empty(rows.size, np.float64)
    for i in range(rows.size):
        out[i] = values[rows[i]] if rows[i] >= 0 else np.nan
    return out
