"""Forecasts of volatility: one change of the log price in, the variance to expect out.

A model of one's own is a class with `update` and `memory_s`. A package announces it by name,

    [project.entry-points."arbkit.volatility"]
    network = "my_package.models:Network"

or it is named by its place, `my_package.models:Network`.
"""

from __future__ import annotations

import math
from typing import Any, Final, Protocol

from arbkit._plugins import load_class, make_object, plugins
from arbkit.errors import ConfigError, nearest_names
from arbkit.units import duration_ns

__all__ = ["GROUP", "MODELS", "EwmaVolatility", "VolatilityModel", "make_model", "model_path"]

GROUP: Final = "arbkit.volatility"
#: Models that come with arbkit, by name.
MODELS: Final = ("ewma", "garch")


class VolatilityModel(Protocol):
    """Forecasts the variance of a log price.

    A model sees each change once, in order. The same changes give the same forecasts, to the last bit:
    research and a live run then size alike.

    Attributes:
        memory_s: changes longer ago than this do not matter to a forecast any more.
    """

    memory_s: float

    def update(self, ts: int, change: float, elapsed_s: float) -> float:
        """Take the change of the log price until `ts` and return the forecast of the variance per second.

        Args:
            ts: nanoseconds since the epoch, a multiple of the step.
            change: of the log price since the last sample.
            elapsed_s: time since the last sample, seconds.

        Returns:
            NaN while too little is known.
        """


class EwmaVolatility:
    """An exponentially weighted mean of squared changes, each divided by its time (RiskMetrics, 1996).

    The weights add up to one from the first change on, so that the beginning has no weight of its own. There
    is no forecast for two half-lives.

    Args:
        half_life: after this time a change weighs half: "30m", or seconds.

    Raises:
        ConfigError: when it is not longer than 0.
    """

    def __init__(self, half_life: str | float) -> None:
        span = duration_ns(half_life, name="half_life")
        if span <= 0:
            raise ConfigError(f"`half_life` of ewma must be longer than 0, was {half_life!r}")
        self._half_life_s = span / 1e9
        self.memory_s = 20 * self._half_life_s
        self._weighted = 0.0
        self._weight = 0.0
        self._known_s = 0.0

    def update(self, ts: int, change: float, elapsed_s: float) -> float:
        """Take a change; the variance per second, or NaN during the first two half-lives."""
        del ts
        keep = 2.0 ** (-elapsed_s / self._half_life_s)
        self._weighted = keep * self._weighted + (1 - keep) * (change * change / elapsed_s)
        self._weight = keep * self._weight + (1 - keep)
        self._known_s += elapsed_s
        if self._known_s < 2 * self._half_life_s:
            return math.nan
        return self._weighted / self._weight


def model_path(name: str) -> bool:
    """Tell whether a name is the place of a class, `package.module:Class`, and no name of a model."""
    return ":" in name


def make_model(name: str, argument: str, options: dict[str, Any]) -> VolatilityModel:
    """Make a model by name.

    Args:
        name: "ewma", "garch", an announced one, or `package.module:Class`.
        argument: what stands behind its name; "" for nothing.
        options: of the model.

    Raises:
        ConfigError: for a name or an option that does not exist.
        MissingDependencyError: when the model needs a package that is not installed.
    """
    if name == "ewma":
        return _made(name, EwmaVolatility, argument, options, "half_life")
    if name == "garch":
        from arbkit.risk.garch import GarchVolatility

        return _made(name, GarchVolatility, argument, options, "window")
    announced = plugins(GROUP)
    if not model_path(name) and name not in announced:
        known = (*MODELS, *announced)
        raise ConfigError(f"there is no volatility model {name!r}; {nearest_names(name, known)}")
    path = name if model_path(name) else announced[name].path
    return _made(name, load_class("volatility model", path), argument, options, "argument")


def _made(name: str, make: Any, argument: str, options: dict[str, Any], first: str) -> VolatilityModel:
    given = {first: argument, **options} if argument else options
    try:
        made: VolatilityModel = make_object("volatility model", name, make, given, {})
    except TypeError as error:
        raise ConfigError(f"the volatility model {name} cannot be made: {error}") from error
    return made
