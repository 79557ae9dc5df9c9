"""What a parameter may be, as plain values: what reads a study needs of it without importing Optuna.

Rows of parameters are in Optuna's internal representation: numbers as they are, the index of a choice, NaN
for a parameter that is no part of a set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.study.space import Categorical, FloatRange, IntRange, Range, highest

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["Choices", "Numbers", "from_row", "plain_range", "plain_space", "stored_range", "to_row"]


class Numbers(NamedTuple):
    """Numbers from `low` to `high`, every `step` where there is one; `whole` ones only."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    whole: bool = False

    @property
    def single(self) -> bool:
        """Whether there is one value only."""
        if self.step is None or self.log:
            return self.low == self.high
        return round((self.high - self.low) / self.step) < 1


class Choices(NamedTuple):
    """One of some values."""

    choices: tuple[Any, ...]

    @property
    def single(self) -> bool:
        """Whether there is one value only."""
        return len(self.choices) == 1


def plain_space(space: Mapping[str, Range]) -> dict[str, Numbers | Choices]:
    """Return the range of each parameter of a spec; `high` is the highest value that can be reached."""
    return {name: _of_spec(item) for name, item in space.items()}


def _of_spec(item: Range) -> Numbers | Choices:
    if isinstance(item, Categorical):
        return Choices(item.choices)
    assert isinstance(item, (FloatRange, IntRange))
    return Numbers(item.low, highest(item), item.step, item.log, isinstance(item, IntRange))


def plain_range(item: BaseDistribution) -> Numbers | Choices:
    """Return a distribution of Optuna as plain values."""
    found: Any = item
    if hasattr(found, "choices"):
        return Choices(tuple(found.choices))
    return Numbers(found.low, found.high, found.step, found.log, isinstance(found.low, int))


def stored_range(text: str) -> Numbers | Choices:
    """Read a distribution as Optuna stores it: JSON with its name and its attributes."""
    stored = json.loads(text)
    given = stored["attributes"]
    match stored["name"]:
        case "CategoricalDistribution":
            return Choices(tuple(given["choices"]))
        case "FloatDistribution" | "IntDistribution" as name:
            whole = name == "IntDistribution"
            return Numbers(given["low"], given["high"], given["step"], given["log"], whole)
    from optuna.distributions import json_to_distribution  # Names of earlier versions.

    return plain_range(json_to_distribution(text))


def to_row(space: Mapping[str, Numbers | Choices], params: Mapping[str, Any]) -> FloatArray:
    """Turn parameters into a row; NaN where a number is None or a name is missing."""
    return np.array([_internal(item, params.get(name)) for name, item in space.items()], np.float64)


def _internal(item: Numbers | Choices, value: Any) -> float:
    if isinstance(item, Choices):
        return float(item.choices.index(value)) if value in item.choices else float("nan")
    return float("nan") if value is None else float(value)


def from_row(space: Mapping[str, Numbers | Choices], row: FloatArray) -> dict[str, Any]:
    """Turn a row into parameters, without those that are no part of it."""
    return {
        name: _external(item, value)
        for (name, item), value in zip(space.items(), row.tolist(), strict=True)
        if value == value
    }


def _external(item: Numbers | Choices, value: float) -> Any:
    if isinstance(item, Choices):
        return item.choices[int(value)]
    return int(value) if item.whole else value
