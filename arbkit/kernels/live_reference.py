"""The fair ratio, one sample at a time, in the very operations of `kernels.reference`."""

from __future__ import annotations

import numpy as np

from arbkit.kernels._jit import jit

__all__ = ["averaged", "fair_between", "log_ratio"]


@jit
def log_ratio(bid_a: float, ask_a: float, bid_b: float, ask_b: float) -> float:
    """Return log(mid_a / mid_b) of one row, as `reference.log_ratio_on_grid` samples it."""
    return np.log((bid_a + ask_a) / 2 / ((bid_b + ask_b) / 2))  # type: ignore[no-any-return]


@jit
def averaged(mean: float, sample: float, since_ns: int, half_life_ns: int) -> float:
    """Return the exponentially weighted mean after a sample that came `since_ns` after the one before."""
    return mean + (1 - 2.0 ** (-since_ns / half_life_ns)) * (sample - mean)  # type: ignore[no-any-return]


@jit
def fair_between(low: float, high: float) -> float:
    """Return the ratio half way between two logarithms; of one logarithm twice, its own."""
    return np.exp((low + high) / 2)  # type: ignore[no-any-return]
