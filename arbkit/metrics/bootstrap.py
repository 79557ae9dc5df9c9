"""The stationary bootstrap: seeded resamples of a dependent series, and an interval of its mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import ConfigError, nearest_names
from arbkit.metrics import _check
from arbkit.metrics.newey_west import standard_error

__all__ = ["MeanInterval", "mean_interval", "stationary_indices", "stationary_weights"]

_METHODS: Final = ("studentized", "percentile", "basic")
#: Least standard error of a draw, as a share of the series' own. A draw that misses all of a few trades has
#: none at all, and its t would widen the interval thirtyfold.
_LEAST_ERROR: Final = 0.33


@dataclass(frozen=True)
class MeanInterval:
    """An interval of a mean, in the unit of the series, per period.

    Attributes:
        mean: of the series.
        low: lower end.
        high: upper end.
        level: share of repetitions in which such an interval holds the true mean.
        draws: bootstrap draws.
        block: mean length of a block, periods.
        method: how the ends were read off the draws.
    """

    mean: float
    low: float
    high: float
    level: float
    draws: int
    block: float
    method: str


def stationary_indices(random: np.random.Generator, n_periods: int, block: float, draws: int) -> IntArray:
    """Return resampled positions, (draws, n_periods): blocks of geometric length that wrap around the end.

    Args:
        random: generator; its state alone decides the draws.
        n_periods: length of the series.
        block: mean length of a block, at least 1.
        draws: number of resamples.

    Source: Politis and Romano (1994), "The stationary bootstrap".
    """
    at = np.arange(n_periods)
    begins = random.random((draws, n_periods)) * block < 1
    begins[:, 0] = True
    start = random.integers(0, n_periods, (draws, n_periods))
    begun = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    return (np.take_along_axis(start, begun, axis=1) + at - begun) % n_periods


def stationary_weights(random: np.random.Generator, n_periods: int, block: float, draws: int) -> FloatArray:
    """Return how often each period stands in each resample, (draws, n_periods); rows add up to n_periods."""
    indices = stationary_indices(random, n_periods, block, draws)
    flat = (indices + n_periods * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=draws * n_periods).reshape(draws, n_periods).astype(np.float64)


def mean_interval(
    values: npt.ArrayLike,
    *,
    block: float,
    level: float = 0.9,
    draws: int = 2000,
    seed: int = 0,
    method: Literal["studentized", "percentile", "basic"] = "studentized",
) -> MeanInterval:
    """Return a two-sided interval of the mean of a dependent series.

    `studentized` is symmetric: mean +- q se, with se the Newey-West error of the series (lags of one block)
    and q the quantile of abs(draw's mean - mean) / draw's own error. It was chosen by simulation: of 90 bins
    with 0.4 trades each, small wins and rare large losses, a 90 % interval holds the true mean in 90 % of the
    cases; `percentile` and `basic` in 83 to 87 %, Efron's BCa in 79 %, Newey-West's t in 87 %. With trades in
    spells it is 87 % against 74, 79, 69 and 80 % (docs/metrics.md has the table). Ends read off both tails of
    the draws one by one do worse than those of their absolute value: the tail in which the few losses lie is
    hardly known.

    Args:
        values: differences of marked-to-market equity, (n_periods,).
        block: mean length of a block in periods: about a day.
        level: coverage asked for.
        draws: bootstrap draws, at least 99.
        seed: which draws; the same seed gives the same interval.
        method: `studentized`, or for comparison `percentile` or `basic`.

    Raises:
        DataError: for NaN or fewer than 16 periods.
        ConfigError: for an unknown method, a bad block, level or number of draws.

    Source: Politis and Romano (1994); Hall (1988), "On symmetric bootstrap confidence intervals"; Gotze and
    Kunsch (1996), "Second-order correctness of the blockwise bootstrap".
    """
    if method not in _METHODS:
        raise ConfigError(f"`{method}` is no method; {nearest_names(method, _METHODS)}")
    array = _check.series(values, "values", at_least=16)
    tail = (1 - _check.level(level)) / 2
    draws = _check.count(draws, "draws", at_least=99)
    block = _check.block(block, array.size)
    mean = float(array.mean())
    if np.ptp(array) == 0:
        return MeanInterval(float(array[0]), float(array[0]), float(array[0]), level, draws, block, method)
    drawn = array[stationary_indices(np.random.default_rng(seed), array.size, block, draws)]
    means = drawn.mean(axis=1)
    if method == "percentile":
        low, high = np.quantile(means, [tail, 1 - tail])
    elif method == "basic":
        low, high = 2 * mean - np.quantile(means, [1 - tail, tail])
    else:
        low, high = _studentized(array, drawn, means, block, level)
    return MeanInterval(mean, float(low), float(high), level, draws, block, method)


def _studentized(
    array: FloatArray, drawn: FloatArray, means: FloatArray, block: float, level: float
) -> tuple[float, float]:
    """Return the ends from the draws' |t|, each with a standard error of its own."""
    lags = min(round(block), array.size - 2)
    error = standard_error(array[None, :], lags)[0]
    own = np.maximum(standard_error(drawn, lags), error * _LEAST_ERROR)
    mean = float(array.mean())
    half = float(np.quantile(np.abs(means - mean) / own, level)) * error
    return mean - half, mean + half
