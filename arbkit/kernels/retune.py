"""Choosing anew every period: which set was best in the window before, and what it then earned."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import jit
from arbkit.kernels.counter_rng import uniform

__all__ = ["best_before", "refit"]


@jit
def best_before(pnl: FloatArray, window: int, risk_adjusted: bool) -> IntArray:
    """Return, for each period from `window` on, the set that was best over the `window` periods before it.

    Args:
        pnl: float64 (sets, periods).
        window: periods looked back on.
        risk_adjusted: whether the mean over its deviation decides, else the sum.

    Returns:
        int64 (periods - window,); of equally good sets the first.
    """
    return _chosen(pnl, np.ones(window), risk_adjusted)


@jit
def _chosen(pnl: FloatArray, weights: FloatArray, risk_adjusted: bool) -> IntArray:
    """Like `best_before`, each period of the window counted as often as its weight says."""
    n_sets, n_periods = pnl.shape
    window = weights.size
    n_days = max(0, n_periods - window)
    best, choice = np.full(n_days, -np.inf), np.zeros(n_days, np.int64)
    total = weights.sum()
    sums, squares = np.empty(n_days), np.empty(n_days)
    for s in range(n_sets):
        row = pnl[s]
        sums[:] = 0.0
        for j in range(window):
            if weights[j] > 0:
                for d in range(n_days):
                    sums[d] += weights[j] * row[d + j]
        if risk_adjusted:
            squares[:] = 0.0
            for j in range(window):
                if weights[j] > 0:
                    for d in range(n_days):
                        squares[d] += weights[j] * row[d + j] * row[d + j]
            for d in range(n_days):
                mean = sums[d] / total
                spread = squares[d] / total - mean * mean
                sums[d] = mean / np.sqrt(spread) if spread > 1e-18 * (1 + mean * mean) else 0.0
        for d in range(n_days):
            if sums[d] > best[d]:
                best[d], choice[d] = sums[d], s
    return choice


@jit
def refit(
    pnl: FloatArray, window: int, block: int, risk_adjusted: bool, seed: Any, first: int, earned: FloatArray
) -> None:
    """Choose anew from resampled windows, and add up what was then earned out of sample.

    The window is resampled in blocks of consecutive periods, with replacement and wrapping around its end
    (the circular block bootstrap of Politis and Romano, 1992), by the same draw for every period of a refit.

    Args:
        pnl: float64 (sets, periods).
        window: periods looked back on.
        block: length of a block, in periods.
        risk_adjusted: as in `best_before`.
        seed: uint64, of all refits.
        first: number of the first refit of this call; its draws depend on (seed, number) alone.
        earned: float64 (refits,), overwritten.
    """
    weights = np.empty(window)
    for b in range(earned.size):
        weights[:] = 0.0
        for k in range((window + block - 1) // block):
            start = int(uniform(seed, first + b, k) * window)
            for j in range(min(block, window - k * block)):
                weights[(start + j) % window] += 1.0
        choice = _chosen(pnl, weights, risk_adjusted)
        total = 0.0
        for d in range(choice.size):
            total += pnl[choice[d], window + d]
        earned[b] = total
