"""Ratios of return to risk, losses in the tail, and a running variance.

Everything is per period and not annualised, but for the Calmar ratio. A year has 365 days.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError, DataError
from arbkit.metrics import _check

__all__ = [
    "DAYS_PER_YEAR",
    "annualised",
    "calmar_ratio",
    "downside_deviation",
    "ewma_variance",
    "ewma_window",
    "expected_shortfall",
    "omega_ratio",
    "sortino_ratio",
    "value_at_risk",
]

#: Crypto never closes.
DAYS_PER_YEAR: Final = 365


def annualised(ratio: float, *, periods_per_day: float = 1.0) -> float:
    """Return a ratio of one period (Sharpe, Sortino) for a year: times sqrt(365 periods_per_day).

    For periods that are independent; `ar1_scaling` is for those that are not.

    Args:
        ratio: per period.
        periods_per_day: 6 for bins of 4 h.
    """
    return _check.finite(ratio, "ratio") * math.sqrt(_periods_per_year(periods_per_day))


def downside_deviation(returns: npt.ArrayLike, *, target: float = 0.0) -> float:
    """Return sqrt(mean(min(r - target, 0)^2)) over all periods, those above the target too.

    Args:
        returns: returns, or differences of marked-to-market equity, (n_periods,).
        target: the minimum acceptable return, in their unit, per period.

    Source: Sortino and van der Meer (1991); Bacon (2008), "Practical portfolio performance measurement".
    """
    array = _check.series(returns, "returns", at_least=1)
    return math.sqrt(float(np.square(np.minimum(array - _check.finite(target, "target"), 0.0)).mean()))


def sortino_ratio(returns: npt.ArrayLike, *, target: float = 0.0) -> float:
    """Return (mean - target) / downside deviation, per period; 0 at the target, infinite without a loss.

    Args:
        returns: returns, or differences of marked-to-market equity, (n_periods,).
        target: the minimum acceptable return, in their unit, per period.
    """
    array = _check.series(returns, "returns", at_least=1)
    excess = float((array - _check.finite(target, "target")).mean())
    return _ratio(excess, downside_deviation(array, target=target))


def omega_ratio(returns: npt.ArrayLike, *, threshold: float = 0.0) -> float:
    """Return sum (r - L)+ / sum (L - r)+; 1 where the mean is L, infinite where no period is below it.

    Args:
        returns: returns, or differences of marked-to-market equity, (n_periods,).
        threshold: L, in their unit, per period.

    Source: Keating and Shadwick (2002), "A universal performance measure".
    """
    around = _check.series(returns, "returns", at_least=1) - _check.finite(threshold, "threshold")
    gains, losses = float(np.maximum(around, 0.0).sum()), float(np.maximum(-around, 0.0).sum())
    if losses == 0:
        return 1.0 if gains == 0 else math.inf
    return gains / losses


def calmar_ratio(returns: npt.ArrayLike, *, periods_per_day: float = 1.0) -> float:
    """Return compound annual growth over maximum drawdown, of wealth that starts at 1.

    Args:
        returns: simple returns (0.01 is one percent), each above -1, (n_periods,).
        periods_per_day: 6 for bins of 4 h.

    Raises:
        DataError: for NaN, or a return that takes everything.

    Source: Young (1991); Bacon (2008).
    """
    array = _check.series(returns, "returns", at_least=1)
    if array.min() <= -1:
        raise DataError(f"returns must be above -1 (which loses everything), had {float(array.min())!r}")
    wealth = np.concatenate([[1.0], np.cumprod(1 + array)])
    years = array.size / _periods_per_year(periods_per_day)
    growth = float(wealth[-1]) ** (1 / years) - 1
    return _ratio(growth, float((1 - wealth / np.maximum.accumulate(wealth)).max()))


def value_at_risk(returns: npt.ArrayLike, *, level: float = 0.95) -> float:
    """Return the historical value at risk as a return: losses are negative.

    The quantile of 1 - level, interpolated linearly between the two nearest returns (type 7).

    Args:
        returns: returns, or differences of marked-to-market equity, (n_periods,).
        level: share of periods that end above it.

    Source: Hyndman and Fan (1996), "Sample quantiles in statistical packages", for type 7.
    """
    array = _check.series(returns, "returns", at_least=1)
    # 1 - 0.9 is a bit less than 0.1: unrounded it would fall short of the second of 11 returns.
    return float(np.quantile(array, round(1 - _check.level(level), 12)))


def expected_shortfall(returns: npt.ArrayLike, *, level: float = 0.95) -> float:
    """Return the mean of the returns at or below the value at risk; losses are negative.

    Args:
        returns: returns, or differences of marked-to-market equity, (n_periods,).
        level: share of periods that end above the value at risk.
    """
    array = _check.series(returns, "returns", at_least=1)
    return float(array[array <= value_at_risk(array, level=level)].mean())


def ewma_variance(returns: npt.ArrayLike, *, decay: float = 0.94) -> FloatArray:
    """Return the running variance s^2 = l s^2 + (1 - l) r^2 after each period, (n_periods,).

    It starts at the first squared return; the mean is taken to be 0.

    Args:
        returns: returns, or differences of marked-to-market equity, (n_periods,).
        decay: l; the default is that of daily data.

    Source: J. P. Morgan (1996), "RiskMetrics technical document".
    """
    squares = np.square(_check.series(returns, "returns", at_least=1)).tolist()
    decay = _check.level(decay, "decay")
    variance = squares[0]
    out = [variance]
    for square in squares[1:]:
        variance = decay * variance + (1 - decay) * square
        out.append(variance)
    return np.array(out)


def ewma_window(decay: float, *, share: float = 0.99) -> float:
    """Return how many periods carry a share of an exponential average's weight, ln(1 - share) / ln(l).

    Args:
        decay: l, within 0 and 1.
        share: of the weight.

    Source: J. P. Morgan (1996).
    """
    return math.log(1 - _check.level(share, "share")) / math.log(_check.level(decay, "decay"))


def _periods_per_year(periods_per_day: float) -> float:
    if not _check.finite(periods_per_day, "periods_per_day") > 0:
        raise ConfigError(f"`periods_per_day` must be above 0, was {periods_per_day!r}")
    return DAYS_PER_YEAR * periods_per_day


def _ratio(excess: float, risk: float) -> float:
    """Divide; without a risk the ratio is 0 of nothing and infinite of anything else."""
    if risk > 0:
        return excess / risk
    return math.copysign(math.inf, excess) if excess else 0.0
