"""How much of a position the volatility leaves: a number in [0, 1] per row.

    ewma:30m,target=20                      the size shrinks once an hour moves the ratio by more than 20 bps
    ewma:2h,target=150,of=a,floor=0.2       the price of A instead of the ratio; never below a fifth
    garch:7d,refit=1d,step=5m,target=20     another model, on another grid
    my_package.models:Network,target=20     a model of one's own

The scale is min(1, target / forecast), at least the floor, and 0 while there is no forecast: then nothing is
opened. `target` and forecast are in basis points per square root of an hour.
"""

from __future__ import annotations

import contextlib
import functools
import math
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.errors import ConfigError, nearest_names
from arbkit.risk.sampling import MEASURED, GridSampler, samples_of
from arbkit.risk.volatility import MODELS, VolatilityModel, make_model
from arbkit.units import duration_ns

__all__ = ["ScaleRule", "VolatilityScale", "parse_scale", "scale_of", "volatility_bps_of"]

_OWN: Final = ("target", "floor", "step", "of")
_HOUR_S: Final = 3600.0
FORMS: Final = "MODEL:TIME,target=BPS such as ewma:30m,target=20"


class ScaleRule(NamedTuple):
    """A scale as it was written, read.

    Attributes:
        model: name of the volatility model.
        argument: what stands behind the name, such as its half-life.
        options: of the model.
        target_bps: volatility up to which the position keeps its size, bps per square root of an hour.
        floor: the scale is never below it, once there is a forecast.
        step_ns: grid of the changes that the model sees.
        of: what is measured: "ratio", "a" or "b".
    """

    model: str
    argument: str
    options: tuple[tuple[str, Any], ...]
    target_bps: float
    floor: float
    step_ns: int
    of: str

    @property
    def memory_ns(self) -> int:
        """How much earlier data must begin for a row to have the scale that it has in longer data."""
        return math.ceil(_model(self).memory_s * 1e9) + 2 * self.step_ns


@functools.lru_cache(64)
def parse_scale(text: str) -> ScaleRule:
    """Read a scale, such as "ewma:30m,target=20".

    Raises:
        ConfigError: when it breaks a rule; the model is made once to see.
        MissingDependencyError: when its model needs a package that is not installed.
    """
    head, *parts = [part.strip() for part in str(text).split(",")]
    given: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or not name or not value or name in given:
            raise ConfigError(f"a scale is {FORMS}, was {text!r}")
        given[name] = value
    if "target" not in given:
        raise ConfigError(
            f"a scale needs `target`, the volatility in bps per hour that keeps the whole size, "
            f"as in ewma:30m,target=20, was {text!r}"
        )
    model, _, argument = head.partition(":")
    if "." in model or (argument and model not in MODELS and not argument[0].isdigit()):
        model, argument = head, ""
    if not model:
        raise ConfigError(f"a scale is {FORMS}, was {text!r}")
    of = given.get("of", "ratio")
    if of not in MEASURED:
        raise ConfigError(f"`of` of a scale is ratio, a or b, was {of!r}; {nearest_names(of, MEASURED)}")
    step_ns = duration_ns(given.get("step", "60s"), name="step")
    if step_ns <= 0:
        raise ConfigError(f"`step` of a scale must be longer than 0, was {given['step']!r}")
    rule = ScaleRule(
        model=model,
        argument=argument,
        options=tuple((name, _plain(value)) for name, value in given.items() if name not in _OWN),
        target_bps=_number("target", given["target"], lambda value: value > 0, "above 0"),
        floor=_number("floor", given.get("floor", "0"), lambda value: 0 <= value <= 1, "in [0, 1]"),
        step_ns=step_ns,
        of=of,
    )
    _model(rule)
    return rule


class VolatilityScale:
    """The scale of each row, one row after the other; the same bits as `scale_of` gives for all at once.

    Args:
        rule: a scale, or its text.
        max_age_ns: as in `GridSampler`.
    """

    def __init__(self, rule: ScaleRule | str, max_age_ns: int = -1) -> None:
        self._rule = parse_scale(rule) if isinstance(rule, str) else rule
        self._sampler = GridSampler(self._rule.step_ns, self._rule.of, max_age_ns)
        self._forecast = _Forecast(self._rule)
        self.scale = 0.0

    @property
    def volatility_bps(self) -> float:
        """The forecast that the last scale was made of, bps per square root of an hour; NaN without one."""
        return self._forecast.bps

    def at(self, ts: int) -> float:
        """Return the scale of a row at `ts`, nanoseconds, not before the last one; rows before it tell it."""
        for sample in self._sampler.before(ts):
            self.scale = _scaled(self._forecast.take(*sample), self._rule)
        return self.scale

    def see(self, ts: int, mid_a: float, mid_b: float) -> None:
        """Take note of a row whose books can both be traded on, mid prices in one currency."""
        self._sampler.see(ts, mid_a, mid_b)

    def update(self, ts: int, mid_a: float, mid_b: float, usable: bool = True) -> float:
        """Do both: return the scale of a row, then take it where it is usable."""
        scale = self.at(ts)
        if usable:
            self.see(ts, mid_a, mid_b)
        return scale


class _Forecast:
    """The volatility after each sample."""

    def __init__(self, rule: ScaleRule) -> None:
        self.bps = math.nan
        self._model = _model(rule)
        self._last: tuple[int, float] | None = None

    def take(self, ts: int, price: float) -> float:
        if self._last is not None:
            elapsed_s = (ts - self._last[0]) / 1e9
            variance = self._model.update(ts, price - self._last[1], elapsed_s)
            self.bps = math.sqrt(variance * _HOUR_S) * 1e4 if variance >= 0 else math.nan
        self._last = ts, price
        return self.bps


def volatility_bps_of(
    rule: ScaleRule | str,
    ts: IntArray,
    mid_a: FloatArray,
    mid_b: FloatArray,
    usable: BoolArray,
    max_age_ns: int = -1,
) -> FloatArray:
    """Return the forecast that each row knows, bps per square root of an hour; NaN where there is none.

    Args:
        rule: a scale, or its text.
        ts: int64 (n,), nanoseconds, non-decreasing.
        mid_a, mid_b: float64 (n,), in one currency.
        usable: bool (n,).
        max_age_ns: as in `GridSampler`.
    """
    read = parse_scale(rule) if isinstance(rule, str) else rule
    samples = samples_of(ts, mid_a, mid_b, usable, step_ns=read.step_ns, of=read.of, max_age_ns=max_age_ns)
    forecast = _Forecast(read)
    known = np.array([math.nan, *(forecast.take(*sample) for sample in samples)])
    times = np.array([time for time, _ in samples], np.int64)
    return np.asarray(known[np.searchsorted(times, ts, side="left")])


def scale_of(
    rule: ScaleRule | str,
    ts: IntArray,
    mid_a: FloatArray,
    mid_b: FloatArray,
    usable: BoolArray,
    max_age_ns: int = -1,
) -> FloatArray:
    """Return the scale of each row, float64 (n,) in [0, 1]; arguments as in `volatility_bps_of`."""
    read = parse_scale(rule) if isinstance(rule, str) else rule
    bps = volatility_bps_of(read, ts, mid_a, mid_b, usable, max_age_ns)
    with np.errstate(divide="ignore"):
        scale = np.maximum(np.minimum(1.0, read.target_bps / bps), read.floor)
    return np.where(np.isnan(bps), 0.0, scale)


def _scaled(bps: float, rule: ScaleRule) -> float:
    if math.isnan(bps):
        return 0.0
    return max(min(1.0, rule.target_bps / bps if bps > 0 else math.inf), rule.floor)


def _model(rule: ScaleRule) -> VolatilityModel:
    return make_model(rule.model, rule.argument, dict(rule.options))


def _plain(text: str) -> Any:
    """Read an option of a model: a number where it is one."""
    for read in (int, float):
        with contextlib.suppress(ValueError):
            return read(text)
    return text


def _number(name: str, text: str, holds: Any, said: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and holds(value)):
        raise ConfigError(f"`{name}` of a scale must be a number {said}, was {text!r}")
    return value
