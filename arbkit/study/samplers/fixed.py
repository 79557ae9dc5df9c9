"""Partly fixed: some parameters keep a value, another sampler proposes the rest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import optuna

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError, nearest_names
from arbkit.study.conditions import Conditions
from arbkit.study.samplers.batch import BatchSampler, History
from arbkit.study.samplers.info import Request, SamplerInfo
from arbkit.study.space import Range, distributions, normalise

__all__ = ["PARTIAL", "PartlyFixed", "base_of", "in_blocks_with", "masked", "with_fixed"]


def _unreachable(request: Request, **options: Any) -> Any:
    raise AssertionError("the registry makes this one from its base")


PARTIAL: Final = SamplerInfo(
    "partial_fixed",
    "keeps some parameters of the space at a value (`fixed`) and leaves the others to `base`",
    _unreachable,
    {"fixed": dict, "base": object},
)


class PartlyFixed:
    """A `BatchSampler` with some columns held; what else its base proposes stays as it is."""

    def __init__(self, base: BatchSampler, columns: Mapping[int, float]) -> None:
        self._base = base
        self._columns = dict(columns)

    def propose(self, history: History, first: int, n: int) -> FloatArray:
        """Propose with the base, then hold the fixed columns."""
        rows = np.array(self._base.propose(history, first, n))
        for column, value in self._columns.items():
            rows[:, column] = value
        return rows


class _Masked:
    """A `BatchSampler` without the parameters that do not exist in a trial."""

    def __init__(self, base: BatchSampler, conditions: Conditions) -> None:
        self._base = base
        self._conditions = conditions

    def propose(self, history: History, first: int, n: int) -> FloatArray:
        """Propose with the base, then take away what does not exist."""
        return self._conditions.mask(self._base.propose(history, first, n))


def masked(base: BatchSampler, ranges: Mapping[str, Range]) -> BatchSampler:
    """Return a sampler that keeps to the conditions of the space."""
    conditions = Conditions(ranges)
    return _Masked(base, conditions) if conditions else base


def base_of(options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and options of the sampler that proposes the rest; default: tpe."""
    base = options.get("base", "tpe")
    if isinstance(base, str):
        return base, {}
    if isinstance(base, Mapping) and isinstance(base.get("name"), str):
        return base["name"], {key: value for key, value in base.items() if key != "name"}
    raise ConfigError(
        "`base` of the partial_fixed sampler must be a sampler or {name: sampler, option: value}, "
        f"was {base!r}"
    )


def in_blocks_with(
    options: Mapping[str, Any], base: BatchSampler, ranges: Mapping[str, Range]
) -> PartlyFixed:
    """Hold parameters of a sampler that proposes in blocks."""
    space, names = distributions(ranges), list(ranges)
    fixed = _fixed(options, ranges)
    return PartlyFixed(
        base, {names.index(name): float(space[name].to_internal_repr(value)) for name, value in fixed.items()}
    )


def with_fixed(options: Mapping[str, Any], base: Any, ranges: Mapping[str, Range]) -> Any:
    """Hold parameters of a sampler of Optuna."""
    fixed = _fixed(options, ranges)
    if not isinstance(base, optuna.samplers.BaseSampler):
        return in_blocks_with(options, base, ranges)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.PartialFixedSampler(fixed, base)


def _fixed(options: Mapping[str, Any], ranges: Mapping[str, Range]) -> dict[str, Any]:
    given = options.get("fixed")
    if not isinstance(given, Mapping) or not given:
        raise ConfigError(
            f"`fixed` of the partial_fixed sampler must map parameters of `space` to values, was {given!r}"
        )
    space, fixed = distributions(ranges), {}
    for name, value in given.items():
        if name not in space:
            near = nearest_names(name, space)
            raise ConfigError(f"`fixed` of the partial_fixed sampler: `{name}` is not in `space`; {near}")
        fixed[name] = normalise(name, value)
        if not _holds(space[name], fixed[name]):
            raise ConfigError(
                f"`fixed.{name}` of the partial_fixed sampler must lie in its range, was {value!r}"
            )
    return fixed


def _holds(item: Any, value: Any) -> bool:
    try:
        return bool(item._contains(item.to_internal_repr(value)))
    except (ValueError, TypeError):
        return False
