"""Checks that the statistics share: one clear error for input that has no answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError, DataError

__all__: list[str] = []


def series(values: Any, name: str, *, at_least: int) -> FloatArray:
    """Return one series as contiguous floats, checked to be finite and long enough."""
    array = _floats(values, name)
    if array.ndim != 1:
        raise DataError(f"`{name}` must be one series (n_periods,), had shape {array.shape}")
    return _checked(array, name, at_least)


def table(values: Any, name: str, *, at_least: int, sets_at_least: int = 1) -> FloatArray:
    """Return one column per set as contiguous floats, checked to be finite and long enough."""
    array = _floats(values, name)
    if array.ndim != 2:
        raise DataError(f"`{name}` must be a table (n_periods, n_sets), had shape {array.shape}")
    if array.shape[1] < sets_at_least:
        raise DataError(f"`{name}` must have at least {sets_at_least} columns, had {array.shape[1]}")
    return _checked(array, name, at_least)


def _floats(values: Any, name: str) -> FloatArray:
    try:
        return np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` must hold numbers, was {type(values).__name__}") from error


def _checked(array: FloatArray, name: str, at_least: int) -> FloatArray:
    if array.shape[0] < at_least:
        raise DataError(f"`{name}` must have at least {at_least} periods, had {array.shape[0]}")
    if not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise DataError(f"`{name}` must be finite, had {bad} values that are NaN or infinite")
    return array


def finite(value: float, name: str) -> float:
    """Return a number, checked to be finite."""
    if not math.isfinite(value):
        raise ConfigError(f"`{name}` must be a finite number, was {value!r}")
    return float(value)


def count(value: Any, name: str, *, at_least: int) -> int:
    """Return a whole number, checked to be large enough."""
    if isinstance(value, bool) or not math.isfinite(value) or int(value) != value or value < at_least:
        raise ConfigError(f"`{name}` must be a whole number of at least {at_least}, was {value!r}")
    return int(value)


def block(value: float, n_periods: int) -> float:
    """Return the mean length of a bootstrap block, checked to fit the series."""
    if not 1 <= value <= n_periods:
        raise ConfigError(f"`block` must be within 1 and the {n_periods} periods, was {value!r}")
    return float(value)


def level(value: float, name: str = "level", *, above: float = 0.0) -> float:
    """Return a probability, checked to lie between `above` and 1."""
    if not above < value < 1:
        raise ConfigError(f"`{name}` must be above {above:g} and below 1, was {value!r}")
    return float(value)
