"""Weights over pairs as time goes on: what each pair earned per period becomes a share of its position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError, DataError
from arbkit.risk.weights import PairWeights
from arbkit.units import duration_ns, format_duration

__all__ = ["PairScales", "WeightRule", "weight_rule"]


class WeightRule(NamedTuple):
    """How an account is shared out over pairs as time goes on; made by `weight_rule`.

    Attributes:
        method: of `PairWeights`.
        period_ns: what is earned is cut at the multiples of this since the epoch, UTC.
        window: how many periods count.
        fewest: with fewer periods the weights are equal.
        refresh_ns: weights change at the multiples of this.
        floor, cap: the least and the most share of the account that one pair is given.
    """

    method: str
    period_ns: int
    window: int
    fewest: int
    refresh_ns: int
    floor: float
    cap: float

    def check(self, pairs: int) -> None:
        """Check that the bounds let the shares of so many pairs add up to the account.

        Raises:
            ConfigError: when they do not.
        """
        if pairs * self.floor > 1 or pairs * self.cap < 1:
            raise ConfigError(
                f"`floor` must be at most and `cap` at least an equal share, 1/{pairs} for {pairs} pairs, "
                f"was floor={self.floor:g}, cap={self.cap:g}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return everything by name, ready for JSON."""
        return self._asdict()


def weight_rule(
    method: str = "risk_parity",
    *,
    period: str | float = "1d",
    window: int = 60,
    fewest: int = 20,
    refresh: str | float | None = None,
    floor: float = 0.0,
    cap: float = 1.0,
) -> WeightRule:
    """Make a rule from what a person writes.

    Args:
        method: "equal", "risk_parity" or "mean_variance".
        period: length of a period, such as "1d".
        window: how many periods count.
        fewest: with fewer periods the weights are equal.
        refresh: how often weights change, a multiple of `period`; every period by default.
        floor, cap: the least and the most share of the account that one pair is given.

    Raises:
        ConfigError: when one breaks its rule.
    """
    PairWeights(1, method, window=window, fewest=fewest)
    period_ns = duration_ns(period, name="period")
    if period_ns <= 0:
        raise ConfigError(f"`period` must be longer than 0, was {period!r}")
    refresh_ns = period_ns if refresh is None else duration_ns(refresh, name="refresh")
    if refresh_ns <= 0 or refresh_ns % period_ns:
        raise ConfigError(
            f"`refresh` must be a multiple of `period`, {format_duration(period_ns)}, was {refresh!r}"
        )
    if not 0 <= floor <= cap <= 1:
        raise ConfigError(f"`floor` and `cap` must be in order in [0, 1], was floor={floor!r}, cap={cap!r}")
    return WeightRule(method, period_ns, window, fewest, refresh_ns, float(floor), float(cap))


class PairScales:
    """Which share of its position each pair takes, period after period.

    A share is the pair's weight, kept within `floor` and `cap`, over the largest of them, so that one pair
    keeps its size; where no pair has a weight, `floor` times the number of pairs.

    Args:
        positions: (pairs,), the whole position of each, which what it earns is divided by.
        rule: how the account is shared out.

    Raises:
        ConfigError: when a position is not above 0, or the bounds leave no room.

    Attributes:
        scales: float64 (pairs,), in [0, 1].
        weights: float64 (pairs,), before the bounds.
    """

    def __init__(self, positions: Sequence[float], rule: WeightRule) -> None:
        self._positions = np.array(positions, np.float64)
        if not (self._positions.size and (self._positions > 0).all()):
            raise ConfigError(f"the position of every pair must be above 0, was {list(positions)}")
        rule.check(self._positions.size)
        self._rule = rule
        self._every = rule.refresh_ns // rule.period_ns
        self._known = PairWeights(self._positions.size, rule.method, window=rule.window, fewest=rule.fewest)
        self._take()

    def _take(self) -> None:
        self.weights: FloatArray = self._known.weights.copy()
        bounded = np.clip(self.weights, self._rule.floor, self._rule.cap)
        self.scales: FloatArray = bounded / max(float(bounded.max()), 1 / bounded.size)

    def close(self, period: int, pnl: Sequence[float]) -> bool:
        """Take a whole period; returns whether another begins at which weights change.

        Args:
            period: its number: its begin over its length, since the epoch.
            pnl: (pairs,), what each pair earned at its whole position, account currency.

        Raises:
            DataError: for another number of pairs, or a number that is not finite.
        """
        earned = np.array(pnl, np.float64)
        if earned.shape != self._positions.shape:
            raise DataError(f"a period must hold {self._positions.size} numbers, had shape {earned.shape}")
        self._known.update(earned / self._positions)
        if (period + 1) % self._every:
            return False
        self._take()
        return True

    def state(self) -> dict[str, Any]:
        """Return what has to be kept to go on later, ready for JSON."""
        return {
            "periods": [period.tolist() for period in self._known.periods],
            "weights": self.weights.tolist(),
            "scales": self.scales.tolist(),
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for period in kept["periods"]:
            self._known.update(period)
        self.weights, self.scales = np.array(kept["weights"]), np.array(kept["scales"])
