"""What a Sharpe ratio is worth: probabilistic and deflated Sharpe ratio, track record length, standard error.

Every ratio here is per period, not annualised, and every kurtosis is raw (a normal distribution has 3):
an annualised ratio or an excess kurtosis fed in gives a wrong answer that looks right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from arbkit.errors import ConfigError, DataError
from arbkit.metrics import _check

__all__ = [
    "DeflatedSharpe",
    "ReturnMoments",
    "ar1_scaling",
    "deflated_sharpe_ratio",
    "expected_max_sharpe",
    "expected_maximum",
    "min_backtest_length",
    "min_track_record_length",
    "probabilistic_sharpe_ratio",
    "return_moments",
    "sharpe_ratio",
    "sharpe_standard_error",
]

_EULER: Final = 0.5772156649015329


@dataclass(frozen=True)
class ReturnMoments:
    """The moments of a series that the ratios here need, per period.

    Attributes:
        n_periods: length of the series.
        mean: mean of the periods, in the unit of the series.
        deviation: standard deviation over n - 1.
        sharpe: mean over deviation; 0 for a series of zeros.
        skewness: third central moment over the cubed population deviation.
        kurtosis: fourth central moment over the fourth power; 3 for a normal distribution.
    """

    n_periods: int
    mean: float
    deviation: float
    sharpe: float
    skewness: float
    kurtosis: float


def return_moments(returns: npt.ArrayLike) -> ReturnMoments:
    """Return the moments of a series; one that never changes has those of a normal distribution.

    Args:
        returns: returns, or differences of marked-to-market equity, (n_periods,).

    Raises:
        DataError: for NaN, fewer than 3 periods, or a constant that is not 0 (its ratio is infinite).
    """
    array = _check.series(returns, "returns", at_least=3)
    if np.ptp(array) == 0:
        if array[0] != 0:
            raise DataError(
                f"a Sharpe ratio needs returns that differ; all {array.size} were {float(array[0])!r}"
            )
        return ReturnMoments(array.size, 0.0, 0.0, 0.0, 0.0, 3.0)
    mean = float(array.mean())
    deviation = float(array.std(ddof=1))
    scaled = (array - mean) / float(array.std())
    third, fourth = float((scaled**3).mean()), float((scaled**4).mean())
    return ReturnMoments(array.size, mean, deviation, mean / deviation, third, fourth)


def sharpe_ratio(returns: npt.ArrayLike) -> float:
    """Return mean over standard deviation (n - 1), per period; 0 for a series of zeros.

    Args:
        returns: returns, or differences of marked-to-market equity, (n_periods,).

    Raises:
        DataError: for NaN, fewer than 3 periods, or a constant that is not 0.

    Source: Sharpe (1994), "The Sharpe ratio".
    """
    return return_moments(returns).sharpe


def probabilistic_sharpe_ratio(
    sharpe: float, n_periods: int, *, skewness: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float:
    """Return the probability that the true Sharpe ratio exceeds a benchmark.

    Phi[(SR - SR*) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1)/4 SR^2)].

    Args:
        sharpe: SR, observed, per period.
        n_periods: T, at least 2.
        skewness: g3.
        kurtosis: g4, raw (normal = 3).
        benchmark: SR*, per period.

    Raises:
        ConfigError: for a value that is not finite, too few periods, or moments that no series has.

    Source: Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier".
    """
    from scipy.special import ndtr

    periods = _check.count(n_periods, "n_periods", at_least=2)
    gap = _check.finite(sharpe, "sharpe") - _check.finite(benchmark, "benchmark")
    return float(ndtr(gap * math.sqrt((periods - 1) / _spread(sharpe, skewness, kurtosis))))


def min_track_record_length(
    sharpe: float,
    *,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Return how many periods it takes until the probabilistic Sharpe ratio reaches a confidence.

    1 + [1 - g3 SR + (g4 - 1)/4 SR^2] (z / (SR - SR*))^2, not rounded; infinite where SR does not exceed SR*.

    Args:
        sharpe: SR, observed, per period.
        benchmark: SR*, per period.
        skewness: g3.
        kurtosis: g4, raw (normal = 3).
        confidence: above one half.

    Source: Bailey and Lopez de Prado (2012).
    """
    from scipy.special import ndtri

    z = float(ndtri(_check.level(confidence, "confidence", above=0.5)))
    gap = _check.finite(sharpe, "sharpe") - _check.finite(benchmark, "benchmark")
    spread = _spread(sharpe, skewness, kurtosis)
    return math.inf if gap <= 0 else 1 + spread * (z / gap) ** 2


def _spread(sharpe: float, skewness: float, kurtosis: float) -> float:
    """Return T - 1 times the variance of an observed Sharpe ratio (Mertens 2002)."""
    _check.finite(skewness, "skewness")
    _check.finite(kurtosis, "kurtosis")
    spread = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if spread <= 0:
        raise ConfigError(
            f"the variance of the Sharpe ratio must be above 0, was {spread:.4g} with sharpe={sharpe:g}, "
            f"skewness={skewness:g}, kurtosis={kurtosis:g}; kurtosis is raw (normal = 3) and never below "
            "1 + skewness^2"
        )
    return spread


def expected_maximum(n_trials: int) -> float:
    """Return the expected maximum of N independent standard normal draws (1.57 of 10).

    (1 - c) Phi^-1(1 - 1/N) + c Phi^-1(1 - 1/(N e)) with c = 0.5772 (Euler and Mascheroni).

    Args:
        n_trials: N, at least 2.

    Raises:
        ConfigError: for fewer than 2: of one trial nothing was chosen.

    Source: Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio".
    """
    from scipy.special import ndtri

    trials = _check.count(n_trials, "n_trials", at_least=2)
    return float((1 - _EULER) * -ndtri(1 / trials) + _EULER * -ndtri(1 / (trials * math.e)))


def expected_max_sharpe(n_trials: int, variance: float) -> float:
    """Return SR0, the best Sharpe ratio that N trials without any edge are expected to show, per period.

    Args:
        n_trials: N, distinct sets tried, at least 2.
        variance: V, variance (not the deviation) of the trials' ratios, per period: an annual one over 365.
    """
    if not _check.finite(variance, "variance") >= 0:
        raise ConfigError(f"`variance` must be at least 0, was {variance!r}")
    return math.sqrt(variance) * expected_maximum(n_trials)


@dataclass(frozen=True)
class DeflatedSharpe:
    """A deflated Sharpe ratio with what it was deflated by.

    Attributes:
        probability: that the true Sharpe ratio exceeds that of the best of so many trials without an edge.
        benchmark: SR0, per period.
        variance: V, per period.
        n_trials: N.
        form: "1/T" or "published".
    """

    probability: float
    benchmark: float
    variance: float
    n_trials: int
    form: Literal["1/T", "published"]


def deflated_sharpe_ratio(
    sharpe: float,
    n_periods: int,
    n_trials: int,
    *,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    variance: float | Literal["1/T"] = "1/T",
) -> DeflatedSharpe:
    """Return the probabilistic Sharpe ratio against the best of N trials without an edge.

    The published form takes the variance of the trials' Sharpe ratios. On a grid of thresholds that variance
    comes from sets that bleed costs, and no edge is ever accepted (0 of 200 true ones); with 1/T, the
    sampling variance of a ratio of 0, nearly all are, and no noise. Show the form "1/T", and the published
    one beside it, labelled.

    Args:
        sharpe: SR of the chosen set, per period.
        n_periods: T, at least 2.
        n_trials: N, distinct sets tried, at least 2.
        skewness: g3 of the chosen set.
        kurtosis: g4, raw (normal = 3).
        variance: "1/T", or for the published form V: the variance of the trials' ratios, per period.

    Raises:
        ConfigError: for fewer than 2 trials or periods, or moments that no series has.

    Source: Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio".
    """
    if isinstance(variance, str) and variance != "1/T":
        raise ConfigError(f'`variance` must be "1/T" or a number, was {variance!r}')
    periods = _check.count(n_periods, "n_periods", at_least=2)
    form: Literal["1/T", "published"] = "1/T" if isinstance(variance, str) else "published"
    assumed = 1 / periods if isinstance(variance, str) else float(variance)
    benchmark = expected_max_sharpe(n_trials, assumed)
    probability = probabilistic_sharpe_ratio(
        sharpe, periods, skewness=skewness, kurtosis=kurtosis, benchmark=benchmark
    )
    return DeflatedSharpe(probability, benchmark, assumed, int(n_trials), form)


def min_backtest_length(n_trials: int, expected_max: float = 1.0) -> float:
    """Return the years below which N trials without an edge are expected to show such an annual Sharpe ratio.

    Args:
        n_trials: N, distinct sets tried, at least 2.
        expected_max: E, annualised, above 0.

    Source: Bailey, Borwein, Lopez de Prado and Zhu (2014), "Pseudo-mathematics and financial charlatanism".
    """
    if not _check.finite(expected_max, "expected_max") > 0:
        raise ConfigError(f"`expected_max` must be above 0, was {expected_max!r}")
    return (expected_maximum(n_trials) / expected_max) ** 2


def sharpe_standard_error(sharpe: float, n_periods: int) -> float:
    """Return the standard error of a Sharpe ratio of independent normal returns, sqrt((1 + SR^2/2) / T).

    Args:
        sharpe: SR, per period.
        n_periods: T, at least 1.

    Source: Lo (2002), "The statistics of Sharpe ratios".
    """
    periods = _check.count(n_periods, "n_periods", at_least=1)
    return math.sqrt((1 + _check.finite(sharpe, "sharpe") ** 2 / 2) / periods)


def ar1_scaling(periods: int, autocorrelation: float = 0.0) -> float:
    """Return what the Sharpe ratio of one period is multiplied by for q periods.

    sqrt(q) where they are independent, else sqrt(q) [1 + 2r/(1 - r) (1 - (1 - r^q) / (q (1 - r)))]^-1/2.

    Args:
        periods: q, at least 1; bins per day times 365 for a year.
        autocorrelation: r of an AR(1) process, within -1 and 1.

    Source: Lo (2002), "The statistics of Sharpe ratios".
    """
    q = _check.count(periods, "periods", at_least=1)
    if not -1 < autocorrelation < 1:
        raise ConfigError(f"`autocorrelation` must be above -1 and below 1, was {autocorrelation!r}")
    r = float(autocorrelation)
    return math.sqrt(q / (1 + 2 * r / (1 - r) * (1 - (1 - r**q) / (q * (1 - r)))))
