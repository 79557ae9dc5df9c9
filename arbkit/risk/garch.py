"""GARCH(1,1): volatility that comes in clusters and returns to its mean, estimated by the package `arch`."""

from __future__ import annotations

import math
import warnings
from collections import deque
from typing import Any, Final

import numpy as np

from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.units import duration_ns

__all__ = ["GarchVolatility"]

#: Fewer changes than this say nothing about three parameters.
_FEWEST: Final = 200


class GarchVolatility:
    """h = omega + alpha * change^2 + beta * h, on changes over one step (Bollerslev, 1986), mean zero.

    The parameters are estimated on the changes of the last `window`, at every multiple of `refit` since the
    epoch, so that a forecast depends on `window + refit` and not on when a run began. Between two estimates
    the recursion goes on with the same parameters. An estimate that does not converge keeps the last one.

    Args:
        window: how much time an estimate sees: "7d", or seconds.
        refit: time between two estimates.

    Raises:
        ConfigError: when one is not longer than 0.
        MissingDependencyError: without `arch`.
    """

    def __init__(self, window: str | float = "7d", refit: str | float = "1d") -> None:
        self._arch: Any = _arch()
        self._window = _span(window, "window")
        self._refit = _span(refit, "refit")
        self.memory_s = (self._window + self._refit) / 1e9
        self._changes: deque[tuple[int, float]] = deque()
        self._parameters: tuple[float, float, float] | None = None
        self._variance = math.nan
        self._next_fit = -1

    def update(self, ts: int, change: float, elapsed_s: float) -> float:
        """Take a change; the variance per second, or NaN until a first estimate."""
        # Steps of unequal length are made equal: the recursion knows one length only.
        rate = change / math.sqrt(elapsed_s)
        self._changes.append((ts, rate))
        while self._changes[0][0] <= ts - self._window:
            self._changes.popleft()
        if self._parameters is not None:
            omega, alpha, beta = self._parameters
            self._variance = omega + alpha * rate * rate + beta * self._variance
        if self._next_fit < 0:
            self._next_fit = -(-ts // self._refit) * self._refit
        if ts >= self._next_fit:
            self._next_fit = (ts // self._refit + 1) * self._refit
            self._estimate()
        return self._variance

    def _estimate(self) -> None:
        changes = np.array([change for _, change in self._changes])
        size = float(np.sqrt(np.mean(changes * changes)))
        if changes.size < _FEWEST or not size > 0:
            return
        model = self._arch(changes / size, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = model.fit(disp="off", show_warning=False)
        omega, alpha, beta = (float(found.params[name]) for name in ("omega", "alpha[1]", "beta[1]"))
        if found.convergence_flag != 0 or not math.isfinite(omega + alpha + beta):
            return
        self._parameters = omega * size * size, alpha, beta
        last = float(found.conditional_volatility[-1]) * size
        self._variance = omega * size * size + alpha * changes[-1] * changes[-1] + beta * last * last


def _span(value: str | float, name: str) -> int:
    span = duration_ns(value, name=name)
    if span <= 0:
        raise ConfigError(f"`{name}` of garch must be longer than 0, was {value!r}")
    return span


def _arch() -> Any:
    try:
        from arch import arch_model
    except ImportError as error:
        raise MissingDependencyError(
            "the volatility model garch needs a package that is not installed: pip install 'arbkit[risk]'"
        ) from error
    return arch_model
