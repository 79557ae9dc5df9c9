"""The mean of a dependent series: its standard error, t and interval after Newey and West (1987)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arbkit._typing import FloatArray
from arbkit.errors import DataError
from arbkit.metrics import _check

__all__ = ["MeanEstimate", "newey_west_mean", "newey_west_t", "t_quantile"]


@dataclass(frozen=True)
class MeanEstimate:
    """The mean of a series with its uncertainty, in the unit of the series, per period.

    Attributes:
        mean: mean of the periods.
        standard_error: of the mean; 0 where the series never changes.
        t: mean over standard error; 0 for a series of zeros, infinite for any other constant.
        df: degrees of freedom, periods - 1.
        lags: autocovariances taken into account.
    """

    mean: float
    standard_error: float
    t: float
    df: int
    lags: int

    @property
    def p_value(self) -> float:
        """Probability of a t at least as large where the true mean is 0 (one-sided)."""
        from scipy.special import stdtr

        return float(stdtr(self.df, -self.t))

    def critical(self, level: float = 0.95) -> float:
        """Return the t that a mean of 0 exceeds with probability 1 - level (one-sided)."""
        return t_quantile(level, self.df)

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Return the two-sided interval of the true mean, in the unit of the series."""
        half = t_quantile((1 + _check.level(level)) / 2, self.df) * self.standard_error
        return self.mean - half, self.mean + half


def newey_west_mean(values: npt.ArrayLike, *, lags: int) -> MeanEstimate:
    """Estimate the mean of a series whose periods depend on each other.

    The variance of the mean is (g0 + 2 sum_l (1 - l/(L+1)) g_l) / (n - 1) with g_l the autocovariance at
    lag l over n (Bartlett weights, never negative). Without lags this is Student's t.

    Args:
        values: differences of marked-to-market equity or returns, (n_periods,).
        lags: L, the periods of one day (6 for bins of 4 h).

    Raises:
        DataError: for NaN, or fewer than lags + 2 periods.

    Source: Newey and West (1987), "A simple, positive semi-definite, heteroskedasticity and autocorrelation
    consistent covariance matrix"; df = n - 1 and n / (n - 1) as in a t test.
    """
    lags = _check.count(lags, "lags", at_least=0)
    array = _check.series(values, "values", at_least=lags + 2)
    mean, error, t = (float(item[0]) for item in _moments(array[:, None], lags))
    return MeanEstimate(mean, error, t, array.shape[0] - 1, lags)


def newey_west_t(values: npt.ArrayLike, *, lags: int) -> FloatArray:
    """Return the t of each column's mean, (n_sets,), as `newey_west_mean` does.

    Args:
        values: one column per parameter set, (n_periods, n_sets).
        lags: autocovariances taken into account, the periods of one day.
    """
    lags = _check.count(lags, "lags", at_least=0)
    return _moments(_check.table(values, "values", at_least=lags + 2), lags)[2]


def t_quantile(level: float, df: int) -> float:
    """Return the quantile of Student's t: what a t under no edge stays below with probability `level`.

    Args:
        level: probability within 0 and 1.
        df: degrees of freedom, at least 1.
    """
    from scipy.special import stdtrit

    if df < 1:
        raise DataError(f"a t needs at least 1 degree of freedom (2 periods), had {df}")
    return float(stdtrit(df, _check.level(level)))


def standard_error(rows: FloatArray, lags: int) -> FloatArray:
    """Return the standard error of the mean of each row, (n_rows,), of an array (n_rows, n_periods)."""
    periods = rows.shape[1]
    around = rows - rows.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", around, around)
    for lag in range(1, lags + 1):
        weight = 1 - lag / (lags + 1)
        variance += 2 * weight * np.einsum("ij,ij->i", around[:, lag:], around[:, :-lag])
    # A row that never changes leaves rounding, not zero, around its mean.
    changes = np.ptp(rows, axis=1) > 0
    error = np.sqrt(np.where(changes, np.maximum(variance, 0.0), 0.0) / periods / (periods - 1))
    return np.asarray(error)


def _moments(array: FloatArray, lags: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean, standard error and t of each column."""
    error = standard_error(np.ascontiguousarray(array.T), lags)
    mean = np.where(np.ptp(array, axis=0) == 0, array[0], array.mean(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(mean == 0, 0.0, mean / error)
    return mean, error, t
