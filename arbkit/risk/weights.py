"""How an account is shared out over pairs: risk parity, and mean-variance with a shrunk covariance.

Weights are at least 0 and add up to 1. Both problems are convex and small, and are solved to rounding: risk
parity by cyclical coordinate descent (Griveau-Billion, Richard and Roncalli, 2013), mean-variance by the
active sets of `scipy.optimize.nnls`. A library for portfolios solves the same with a general optimiser, to
four digits, and takes seconds to import, which the start of a live run does not have.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError, DataError, nearest_names

__all__ = ["METHODS", "PairWeights", "ledoit_wolf", "mean_variance", "risk_parity", "weights_over_time"]

METHODS: Final = ("equal", "risk_parity", "mean_variance")
_MOST_SWEEPS: Final = 1_000


def ledoit_wolf(pnl: FloatArray) -> tuple[FloatArray, float]:
    """Return the covariance shrunk towards equal variances, and by how much (Ledoit and Wolf, 2004).

    Args:
        pnl: float64 (t, n), one row per period, t at least 2.

    Returns:
        Covariance float64 (n, n), with divisor t, and the shrinkage in [0, 1].

    Raises:
        DataError: for fewer rows, or numbers that are not finite.
    """
    x = _checked(pnl)
    t, n = x.shape
    x = x - x.mean(axis=0)
    sample = x.T @ x / t
    mean_variance = float(np.trace(sample)) / n
    squares = x * x
    spread = float(((squares.T @ squares) / t - sample * sample).sum()) / (n * t)
    distance = float((sample * sample).sum()) / n - mean_variance * mean_variance
    shrinkage = 0.0 if n == 1 or not distance > 0 else min(max(spread, 0.0) / distance, 1.0)
    shrunk = (1 - shrinkage) * sample
    shrunk[np.diag_indices(n)] += shrinkage * mean_variance
    return shrunk, shrinkage


def risk_parity(covariance: FloatArray) -> FloatArray:
    """Return the weights with which every pair contributes the same to the variance.

    Args:
        covariance: float64 (n, n), positive definite.

    Returns:
        float64 (n,), above 0, adding up to 1.

    Raises:
        DataError: when the covariance is not positive definite.
    """
    sigma = _scaled_to_one(covariance)
    n = len(sigma)
    weights = 1 / np.sqrt(np.diag(sigma)) / n
    for _ in range(_MOST_SWEEPS):
        before = weights.copy()
        for i in range(n):
            others = float(sigma[i] @ weights) - sigma[i, i] * weights[i]
            weights[i] = (math.sqrt(others * others + 4 * sigma[i, i] / n) - others) / (2 * sigma[i, i])
        if np.abs(weights - before).max() <= 1e-14 * np.abs(weights).max():
            break
    return np.asarray(weights / weights.sum())


def mean_variance(mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the weights of the highest mean per standard deviation, without negative ones.

    Args:
        mean: float64 (n,), earned per period.
        covariance: float64 (n, n), positive definite.

    Returns:
        float64 (n,), adding up to 1; all 0 where no pair earned anything.

    Raises:
        DataError: when the covariance is not positive definite, or the lengths differ.
    """
    from scipy.optimize import nnls

    means = np.asarray(mean, np.float64)
    sigma = _scaled_to_one(covariance)
    if means.shape != (len(sigma),):
        raise DataError(f"there must be one mean per pair, {len(sigma)} were needed, was {means.shape}")
    highest = float(np.abs(means).max())
    if not (means > 0).any():
        return np.zeros(len(means))
    # Where w'Sw - 2m'w is least over w >= 0 the ratio is highest; with S = LL', Lv = m: least |L'w - v|.
    lower = np.linalg.cholesky(sigma)
    found, _ = nnls(lower.T, np.linalg.solve(lower, means / highest))
    return np.asarray(found / found.sum())


class PairWeights:
    """Weights from the PnL of the last days, day after day; the same numbers as `weights_over_time`.

    Args:
        pairs: how many.
        method: "equal", "risk_parity" or "mean_variance".
        window: how many days count.
        fewest: with fewer days than this the weights are equal.

    Raises:
        ConfigError: when one breaks its rule.
    """

    def __init__(
        self, pairs: int, method: str = "risk_parity", *, window: int = 60, fewest: int = 20
    ) -> None:
        if method not in METHODS:
            raise ConfigError(f"there are no weights {method!r}; {nearest_names(method, METHODS)}")
        if pairs < 1:
            raise ConfigError(f"weights need at least 1 pair, was {pairs}")
        if not 2 <= fewest <= window:
            raise ConfigError(f"`fewest` must be in [2, window], was fewest={fewest}, window={window}")
        self._method = method
        self._pairs = pairs
        self._fewest = fewest
        self._days: deque[FloatArray] = deque(maxlen=window)
        self.weights: FloatArray = np.full(pairs, 1 / pairs)

    @property
    def scales(self) -> FloatArray:
        """What multiplies each pair's position: its weight over the largest, so that one keeps its size."""
        highest = float(self.weights.max())
        return self.weights / highest if highest > 0 else np.zeros(self._pairs)

    @property
    def periods(self) -> tuple[FloatArray, ...]:
        """The days that count, oldest first."""
        return tuple(self._days)

    def update(self, pnl: Any) -> FloatArray:
        """Take one day and return the weights of the next.

        Args:
            pnl: (n,), what each pair earned, per unit of its position.

        Raises:
            DataError: for another length, or a number that is not finite.
        """
        day = np.array(pnl, np.float64)
        if day.shape != (self._pairs,) or not np.isfinite(day).all():
            raise DataError(f"a day must hold {self._pairs} finite numbers, one per pair, was {day}")
        self._days.append(day)
        if self._method != "equal" and len(self._days) >= self._fewest:
            self.weights = self._solved(np.array(self._days))
        return self.weights

    def _solved(self, days: FloatArray) -> FloatArray:
        """Return the weights; what earned the same every day keeps an equal share: its risk is unknown."""
        moved = np.flatnonzero((days != days[0]).any(axis=0))
        weights = np.full(self._pairs, 1 / self._pairs)
        if not moved.size:
            return weights
        days = days[:, moved]
        covariance, _ = ledoit_wolf(days)
        # Rounding may leave a little less than nothing where pairs moved as one: shrinkage may be 0 then.
        covariance[np.diag_indices(moved.size)] += 1e-12 * float(np.trace(covariance)) / moved.size
        if self._method == "risk_parity":
            weights[moved] = risk_parity(covariance) * moved.size / self._pairs
            return weights
        weights[:] = 0.0
        weights[moved] = mean_variance(days.mean(axis=0), covariance)
        return weights


def weights_over_time(
    pnl: FloatArray, method: str = "risk_parity", *, window: int = 60, fewest: int = 20
) -> FloatArray:
    """Return the weights with which each day begins: they know the days before it only.

    Args:
        pnl: float64 (t, n), what each pair earned on each day, per unit of its position.
        method, window, fewest: as in `PairWeights`.

    Returns:
        float64 (t + 1, n): the last row is for the day after.
    """
    days = np.asarray(pnl, np.float64)
    if days.ndim != 2:
        raise DataError(f"PnL must be a table of days and pairs, had shape {days.shape}")
    weights = PairWeights(days.shape[1], method, window=window, fewest=fewest)
    return np.array([weights.weights, *(weights.update(day) for day in days)])


def _checked(pnl: FloatArray) -> FloatArray:
    array = np.asarray(pnl, np.float64)
    if array.ndim != 2 or len(array) < 2 or array.shape[1] < 1:
        raise DataError(f"PnL must be a table of at least 2 periods and a pair, had shape {array.shape}")
    if not np.isfinite(array).all():
        raise DataError(f"PnL must be finite, {np.count_nonzero(~np.isfinite(array))} numbers were not")
    return array


def _scaled_to_one(covariance: FloatArray) -> FloatArray:
    """Return the covariance in units of its mean variance; weights do not depend on the unit."""
    sigma = np.asarray(covariance, np.float64)
    if sigma.ndim != 2 or sigma.shape[0] != sigma.shape[1] or not np.isfinite(sigma).all():
        raise DataError(f"a covariance must be square and finite, had shape {sigma.shape}")
    size = float(np.trace(sigma)) / len(sigma)
    try:
        np.linalg.cholesky(sigma / size if size > 0 else sigma)
    except np.linalg.LinAlgError as error:
        raise DataError(
            "a covariance must be positive definite, was not; shrink it with `ledoit_wolf`"
        ) from error
    return sigma / size
