"""The search space: what each parameter may be, and its Optuna distribution.

Three kinds, as in the spec: `float` (low, high, step or log), `int` (the same) and `categorical`
(choices); with `when: {parameter: value}` one exists only where a category has that value
(`arbkit.study.conditions`). The special parameter `reference` chooses the panel's fair ratio; every other
name is one of `arbkit.Params`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from arbkit.config import PARAM_NAMES, Params
from arbkit.errors import ConfigError, nearest_names

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "REFERENCE",
    "SCALE",
    "VIEWS",
    "Categorical",
    "FloatRange",
    "IntRange",
    "Range",
    "check_values",
    "distributions",
    "grid_values",
    "highest",
    "normalise",
    "nth_step",
]

#: The parameter that is not one of `Params`: which fair ratio the panel is measured from.
REFERENCE: Final = "reference"
#: The parameter that chooses how the volatility scales the position.
SCALE: Final = "scale"
#: The parameters that choose a view of the panel, not how it is traded.
VIEWS: Final = (REFERENCE, SCALE)
_TEXT_PARAMS: Final = frozenset({"direction", "pnl_model", "fx_settlement"})
#: Any valid value of each parameter without a default: what one value is checked in the company of.
_COMPANY: Final[dict[str, Any]] = {
    "min_spread_bps": 0,
    "taker_fee_a_bps": 0,
    "taker_fee_b_bps": 0,
    "slippage_bps": 0,
    "max_position_usd": 1,
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Conditional(_Part):
    when: dict[str, Any] | None = None


class _Bounded(_Conditional):
    @model_validator(mode="after")
    def _check(self) -> _Bounded:
        low, high = getattr(self, "low", 0.0), getattr(self, "high", 0.0)
        if low > high:
            raise ValueError(f"`low` must not exceed `high`, was low={low:g}, high={high:g}")
        if getattr(self, "log", False):
            if low <= 0:
                raise ValueError(f"with `log` the value of `low` must be above 0, was {low:g}")
            if getattr(self, "step", None) not in (None, 1):
                raise ValueError("`step` and `log` exclude each other")
        return self


def _finite(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be a finite number")
    return value


_Float = Annotated[float, BeforeValidator(_finite)]
_Int = Annotated[int, BeforeValidator(_finite)]


class FloatRange(_Bounded):
    """Real numbers in [low, high]; every `step`, or drawn on a log scale."""

    type: Literal["float"]
    low: _Float
    high: _Float
    step: Annotated[_Float | None, Field(gt=0)] = None
    log: bool = False


class IntRange(_Bounded):
    """Whole numbers in [low, high]; every `step`, or drawn on a log scale."""

    type: Literal["int"]
    low: _Int
    high: _Int
    step: Annotated[_Int, Field(gt=0)] = 1
    log: bool = False


class Categorical(_Conditional):
    """One of the choices; `none` switches a rule off."""

    type: Literal["categorical"]
    choices: tuple[str | bool | int | float | None, ...] = Field(min_length=1)


Range = Annotated[FloatRange | IntRange | Categorical, Field(discriminator="type")]


def normalise(name: str, value: Any) -> Any:
    """Read a value as a spec writes it: "none" is None for a parameter, None is "none" for a view."""
    if name in VIEWS:
        return "none" if value is None else str(value)
    if name not in _TEXT_PARAMS and isinstance(value, str) and value.lower() in ("none", "null"):
        return None
    return value


def check_values(name: str, values: Mapping[str, Any]) -> None:
    """Check parameter values one at a time, before anything is run with them.

    Args:
        name: the parameter.
        values: where each value stands in the spec ("space.min_hold_s.low") and the value.

    Raises:
        ConfigError: for an unknown name (with the nearest ones) or a value that breaks its rule.
    """
    where = next(iter(values), name).removesuffix(".low").removesuffix(".choices[0]")
    if name not in VIEWS and name not in PARAM_NAMES:
        raise ConfigError(
            f"`{where}`: `{name}` is no parameter; {nearest_names(name, (*PARAM_NAMES, *VIEWS))}"
        )
    for place, value in values.items():
        if name == "close_at_end" and value is not True:
            raise ConfigError(f"`{place}`: the runs of a study always close at the end, was {value!r}")
        if name in VIEWS:
            _check_view(name, place, str(value))
            continue
        try:
            Params.from_dict({**_COMPANY, name: value})
        except ConfigError as error:
            raise ConfigError(f"`{place}`: {error}") from error


def _check_view(name: str, place: str, value: str) -> None:
    """Check a scale; a reference is checked when it is filled."""
    if name == SCALE:
        # Brings the engine's kernels along, which a study that is only looked at does not need.
        from arbkit.panel import check_scale

        try:
            check_scale(value)
        except ConfigError as error:
            raise ConfigError(f"`{place}`: {error}") from error


def distributions(space: Mapping[str, Range]) -> dict[str, BaseDistribution]:
    """Return the Optuna distribution of each parameter, in the order of the spec."""
    return {name: _distribution(item) for name, item in space.items()}


def _distribution(item: Range) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(item, FloatRange):
        return FloatDistribution(item.low, highest(item), log=item.log, step=item.step)
    if isinstance(item, IntRange):
        return IntDistribution(item.low, int(highest(item)), log=item.log, step=item.step)
    return CategoricalDistribution(item.choices)


def highest(item: FloatRange | IntRange) -> float:
    """Return the highest value that the steps of a range reach."""
    if isinstance(item, IntRange):
        return item.high - (item.high - item.low) % item.step
    return item.high if item.step is None else nth_step(item.low, item.step, _n_steps(item))


def nth_step(low: float, step: float, k: int) -> float:
    """Return low + k * step as the decimal number a reader expects: 0.3, not 0.30000000000000004."""
    return float(Decimal(str(low)) + k * Decimal(str(step)))


def _n_steps(item: FloatRange) -> int:
    """How many steps fit between `low` and `high`, counted in decimals as Optuna counts them."""
    low, high, step = (Decimal(str(value)) for value in (item.low, item.high, item.step))
    return int((high - low) // step)


def grid_values(name: str, item: Range, points: int | None) -> list[Any]:
    """List the values of one parameter on a grid.

    Args:
        name: the parameter, for the message.
        item: its range.
        points: how many values a float without a step is cut into.

    Raises:
        ConfigError: for a float without a step when `points` is not given.
    """
    if isinstance(item, Categorical):
        return list(item.choices)
    if isinstance(item, IntRange):
        return list(range(item.low, item.high + 1, item.step))
    if item.step is not None:
        return [nth_step(item.low, item.step, k) for k in range(_n_steps(item) + 1)]
    if points is None:
        raise ConfigError(
            f"the grid sampler needs a `step` for the float `{name}`, or "
            "`sampler: {name: grid, points: 10}` to cut every float without one into that many values"
        )
    if points == 1 or item.low == item.high:
        return [item.low]
    low, high = (math.log(item.low), math.log(item.high)) if item.log else (item.low, item.high)
    inner = [low + (high - low) * k / (points - 1) for k in range(1, points - 1)]
    return [item.low, *(math.exp(x) if item.log else x for x in inner), item.high]
