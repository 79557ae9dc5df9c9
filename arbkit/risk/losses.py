"""Losses to expect: value at risk and expected shortfall, and the limits and the breaker made of them."""

from __future__ import annotations

import math
from collections import deque
from statistics import NormalDist
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError, DataError, nearest_names

__all__ = ["METHODS", "LossLimit", "LossVerdict", "TailLoss", "tail_loss", "tail_losses"]

METHODS: Final = ("historical", "normal", "cornish_fisher")
LEVELS: Final = (0.95, 0.99)
_NORMAL: Final = NormalDist()


class TailLoss(NamedTuple):
    """What is lost at worst, as positive amounts; negative where even the tail earns.

    Attributes:
        method: "historical", "normal" or "cornish_fisher".
        level: the confidence, such as 0.99.
        value_at_risk: the loss that a period exceeds with probability 1 - level.
        expected_shortfall: the mean loss of the worst 1 - level of the periods.
        periods: how many periods it is made of.
    """

    method: str
    level: float
    value_at_risk: float
    expected_shortfall: float
    periods: int


def tail_loss(pnl: Any, level: float = 0.99, method: str = "historical") -> TailLoss:
    """Measure value at risk and expected shortfall.

    Args:
        pnl: (n,), what was earned per period.
        level: above 0.5, below 1.
        method: "historical": the order statistics, the shortfall with the fraction of the last one that
            belongs to the tail (Acerbi and Tasche, 2002); "normal": mean and standard deviation (divisor n
            less 1); "cornish_fisher": with skewness and kurtosis (Maillard, 2012), and the historical figures
            where the expansion is not monotone in the tail.

    Raises:
        ConfigError: for another level or method.
        DataError: for fewer than 2 periods, or numbers that are not finite.
    """
    if method not in METHODS:
        raise ConfigError(f"a loss is {', '.join(METHODS)}, was {method!r}; {nearest_names(method, METHODS)}")
    if not 0.5 < level < 1:
        raise ConfigError(f"`level` must be above 0.5 and below 1, was {level!r}")
    array = np.asarray(pnl, np.float64)
    if array.ndim != 1 or array.size < 2 or not np.isfinite(array).all():
        raise DataError(f"losses need at least 2 finite periods, had {array.shape} with "
                        f"{np.count_nonzero(np.isfinite(array))} finite")  # fmt: skip
    # 1 - 0.95 is a little more than 0.05, which would make six of a hundred the worst five.
    share = round(1 - level, 12)
    found = _historical(array, share)
    if method == "normal":
        found = _expanded(array, share, 0.0, 0.0) or found
    elif method == "cornish_fisher":
        found = _expanded(array, share, *_shape(array)) or found
    return TailLoss(method, level, *found, array.size)


def tail_losses(pnl: Any) -> list[TailLoss]:
    """Measure by each method at 95 and 99 %."""
    return [tail_loss(pnl, level, method) for method in METHODS for level in LEVELS]


def _historical(pnl: FloatArray, share: float) -> tuple[float, float]:
    tail = round(share * pnl.size, 9)
    whole = math.ceil(tail)
    worst = np.sort(pnl)[: max(whole, 1)]
    at_risk = -float(worst[-1])
    inside = float(worst[: whole - 1].sum()) + (tail - (whole - 1)) * float(worst[-1])
    return at_risk, -inside / tail


def _shape(pnl: FloatArray) -> tuple[float, float]:
    """Return skewness and excess kurtosis, by moments with divisor n; 0 for what never moves."""
    centred = pnl - pnl.mean()
    variance = float((centred**2).mean())
    if not variance > 0:
        return 0.0, 0.0
    third, fourth = float((centred**3).mean()), float((centred**4).mean())
    return third / variance**1.5, fourth / variance**2 - 3


def _expanded(pnl: FloatArray, share: float, skew: float, kurtosis: float) -> tuple[float, float] | None:
    """Return both figures of the expansion; None where its quantiles are not in order in the tail."""
    mean, deviation = float(pnl.mean()), float(pnl.std(ddof=1))
    z = _NORMAL.inv_cdf(share)
    density = _NORMAL.pdf(z) / share
    first, second, third = -density, 1 - z * density, -(z * z + 2) * density

    def bent(z1: float, z2: float, z3: float) -> float:
        return z1 + (z2 - 1) * skew / 6 + (z3 - 3 * z1) * kurtosis / 24 - (2 * z3 - 5 * z1) * skew * skew / 36

    # The slope is a parabola in z: it must stay above 0 from the quantile outwards.
    a, b = kurtosis / 8 - skew * skew / 6, skew / 3
    c = 1 - kurtosis / 8 + 5 * skew * skew / 36
    lowest = min(z, -b / (2 * a)) if a > 0 else z
    if a < 0 or (a == 0 and b > 0) or not a * lowest * lowest + b * lowest + c > 0:
        return None
    at_risk = -(mean + deviation * bent(z, z * z, z**3))
    return at_risk, -(mean + deviation * bent(first, second, third))


class LossVerdict(NamedTuple):
    """What a limit says after a period, or within one.

    Attributes:
        state: "active"; "reducing" where the loss to expect is above its limit; "tripped" where this period
            has lost more than the breaker allows.
        reason: "", "value_at_risk", "expected_shortfall" or "breaker".
        value_at_risk, expected_shortfall: for a period at the present size; NaN while too little is known.
    """

    state: Literal["active", "reducing", "tripped"]
    reason: str
    value_at_risk: float
    expected_shortfall: float


class LossLimit:
    """Limits on the loss to expect in a period, and a breaker within it, from the PnL of the last periods.

    Periods are what the caller makes them, days as a rule. Until `fewest` are known nothing is limited.

    Args:
        level: confidence of both figures.
        method: as in `tail_loss`.
        window: how many periods count.
        fewest: with fewer periods there is no figure.
        max_value_at_risk, max_expected_shortfall: limits in the account currency; None for none.
        breaker: trips when a period has lost more than so many expected shortfalls; None never.

    Raises:
        ConfigError: when one breaks its rule.
    """

    def __init__(
        self,
        *,
        level: float = 0.99,
        method: str = "historical",
        window: int = 250,
        fewest: int = 30,
        max_value_at_risk: float | None = None,
        max_expected_shortfall: float | None = None,
        breaker: float | None = 1.0,
    ) -> None:
        tail_loss([0.0, 1.0], level, method)
        if not 2 <= fewest <= window:
            raise ConfigError(f"`fewest` must be in [2, window], was fewest={fewest}, window={window}")
        limits = {
            "max_value_at_risk": max_value_at_risk,
            "max_expected_shortfall": max_expected_shortfall,
            "breaker": breaker,
        }
        for name, value in limits.items():
            if value is not None and not value > 0:
                raise ConfigError(f"`{name}` must be above 0, was {value!r}")
        self._level, self._method, self._fewest = level, method, fewest
        self._limits = limits
        self._periods: deque[float] = deque(maxlen=window)
        self.known: TailLoss | None = None

    def update(self, pnl: float) -> LossVerdict:
        """Take a whole period; what holds for the next.

        Raises:
            DataError: for a number that is not finite.
        """
        if not math.isfinite(pnl):
            raise DataError(f"the PnL of a period must be finite, was {pnl!r}")
        self._periods.append(float(pnl))
        if len(self._periods) >= self._fewest:
            self.known = tail_loss(np.array(self._periods), self._level, self._method)
        return self.verdict()

    def verdict(self, pnl: float = 0.0, scale: float = 1.0) -> LossVerdict:
        """Judge the period that runs.

        Args:
            pnl: what it has earned so far, marked to the market.
            scale: its size over that of the periods known, which the figures are multiplied by.
        """
        if self.known is None:
            return LossVerdict("active", "", math.nan, math.nan)
        at_risk, shortfall = scale * self.known.value_at_risk, scale * self.known.expected_shortfall
        state: Literal["active", "reducing", "tripped"] = "active"
        reason = ""
        breaker = self._limits["breaker"]
        if breaker is not None and pnl < 0 and -pnl > breaker * max(shortfall, 0.0):
            state, reason = "tripped", "breaker"
        elif _over(shortfall, self._limits["max_expected_shortfall"]):
            state, reason = "reducing", "expected_shortfall"
        elif _over(at_risk, self._limits["max_value_at_risk"]):
            state, reason = "reducing", "value_at_risk"
        return LossVerdict(state, reason, at_risk, shortfall)

    def over(self, pnl: Any) -> list[LossVerdict]:
        """Judge whole periods one after the other, each by the periods before it: the same, for research.

        Args:
            pnl: (n,), periods in order; the limit has seen them afterwards.
        """
        verdicts = []
        for period in np.asarray(pnl, np.float64).tolist():
            verdicts.append(self.verdict(period))
            self.update(period)
        return verdicts


def _over(loss: float, limit: float | None) -> bool:
    return limit is not None and loss > limit
