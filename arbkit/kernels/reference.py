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
    ordered = np.empty(width + 1, np.float64)
    count = 0
    value = np.nan
    k = 0
    for i in range(ts.size):
        while k < samples.size and start + k * step_ns < ts[i]:
            if k >= width and not np.isnan(samples[k - width]):
                at = np.searchsorted(ordered[:count], samples[k - width])
                ordered[at : count - 1] = ordered[at + 1 : count].copy()
                count -= 1
            if not np.isnan(samples[k]):
                at = np.searchsorted(ordered[:count], samples[k])
                ordered[at + 1 : count + 1] = ordered[at:count].copy()
                ordered[at] = samples[k]
                count += 1
            if k >= width - 1 and count > 0:
                value = np.exp((ordered[(count - 1) // 2] + ordered[count // 2]) / 2)
            else:
                value = np.nan
            k += 1
        out[i] = value
    return out
