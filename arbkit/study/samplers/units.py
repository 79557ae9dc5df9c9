"""Uniform numbers as a function of (seed, trial number, column), and what a distribution makes of them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from arbkit._typing import FloatArray
from arbkit.study.space import nth_step

__all__ = ["counted_units", "from_units", "steps_of"]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_M1: Final = np.uint64(0xBF58476D1CE4E5B9)
_M2: Final = np.uint64(0x94D049BB133111EB)
#: Beyond so many steps the values are computed one by one instead of being listed.
_MOST_LISTED: Final = 100_000


def counted_units(seed: int, first: int, n: int, slots: npt.NDArray[np.uint64]) -> FloatArray:
    """Draw float64 (n, len(slots)) in [0, 1): one number for each (seed, trial number, slot).

    A chain of splitmix64 finalizers (Steele, Lea, Flood 2014): one Generator per trial would cost 15 us.
    """
    key = _mix(np.array([seed], np.uint64) + _GOLDEN)
    numbers = np.arange(first, first + n, dtype=np.uint64)[:, None]
    mixed = _mix(_mix(key + (numbers + np.uint64(1)) * _GOLDEN) + (slots[None, :] + np.uint64(1)) * _GOLDEN)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = (value ^ (value >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))


def from_units(item: BaseDistribution, u: FloatArray) -> FloatArray:
    """Map numbers in [0, 1) to values of the distribution, uniformly (on the log scale with `log`).

    Args:
        item: the distribution.
        u: float64 (n,).

    Returns:
        float64 (n,) in internal representation.
    """
    if isinstance(item, CategoricalDistribution):
        return np.floor(u * len(item.choices))
    assert isinstance(item, (FloatDistribution, IntDistribution))
    if item.log:
        half = 0.5 if isinstance(item, IntDistribution) else 0.0
        low, high = math.log(item.low - half), math.log(item.high + half)
        # numpy's vectorised exp may differ in the last digit from one machine, and one length, to another.
        values = np.array([math.exp(low + (high - low) * x) for x in u.tolist()], np.float64)
        return np.clip(np.rint(values) if half else values, item.low, item.high)
    if item.step is None:
        return np.minimum(item.low + (item.high - item.low) * u, item.high)
    count = round((item.high - item.low) / item.step) + 1
    return steps_of(item, np.floor(u * count))


def steps_of(item: FloatDistribution | IntDistribution, index: FloatArray) -> FloatArray:
    """Return low + index * step, as the decimal number a reader expects; `index` is float64 (n,), whole."""
    assert item.step is not None
    if isinstance(item, IntDistribution):
        return item.low + item.step * index
    count = round((item.high - item.low) / item.step) + 1
    if count <= _MOST_LISTED:
        listed: FloatArray = _listed(item.low, item.step, count)
        return listed.take(index.astype(np.int64))
    return np.array([nth_step(item.low, item.step, int(k)) for k in index.tolist()], np.float64)


@lru_cache(maxsize=64)
def _listed(low: float, step: float, count: int) -> FloatArray:
    values = np.array([nth_step(low, step, k) for k in range(count)], np.float64)
    values.flags.writeable = False
    return values
