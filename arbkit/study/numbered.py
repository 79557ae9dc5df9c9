"""Samplers whose proposals are a function of (seed, trial number) and of nothing else.

Batches, workers, resumes and the order of telling cannot change what they propose, and proposing costs
microseconds however many trials there are: Optuna's own grid sampler reads every stored trial for each
proposal (30 ms at 1,000 trials), its random sampler repeats itself after a resume with the same seed.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from arbkit.errors import ConfigError
from arbkit.study.space import nth_step

__all__ = ["GridSampler", "NumberedSampler", "QmcSampler", "RandomSampler", "from_unit"]

_MOST_GRID_POINTS: Final = 20_000_000
_QMC_BLOCK: Final = 1024


def from_unit(item: BaseDistribution, u: float) -> Any:
    """Map a number in [0, 1) to a value of the distribution, uniformly (on the log scale with `log`)."""
    if isinstance(item, CategoricalDistribution):
        return item.choices[int(u * len(item.choices))]
    assert isinstance(item, (FloatDistribution, IntDistribution))
    if isinstance(item, IntDistribution):
        if item.log:
            low, high = math.log(item.low - 0.5), math.log(item.high + 0.5)
            return min(max(round(math.exp(low + (high - low) * u)), item.low), item.high)
        return item.low + item.step * int(u * ((item.high - item.low) // item.step + 1))
    if item.log:
        low, high = math.log(item.low), math.log(item.high)
        return min(max(math.exp(low + (high - low) * u), item.low), item.high)
    if item.step is None:
        return item.low + (item.high - item.low) * u
    count = round((item.high - item.low) / item.step) + 1
    return nth_step(item.low, item.step, int(u * count))


class NumberedSampler(BaseSampler):
    """Base of the samplers that draw from (seed, trial number).

    A subclass implements `point`. It must return one value for every parameter of the space, the same
    ones whenever it is asked for the same number, and keep no state that a proposal depends on.
    """

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self._space = dict(space)

    @abc.abstractmethod
    def point(self, number: int) -> dict[str, Any]:
        """Return the parameters of trial `number` (counted from 0)."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the space of the spec: every parameter is proposed together."""
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the point of the trial's number."""
        return self.point(trial.number)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Refuse a parameter outside the space of the spec."""
        raise ConfigError(f"`{param_name}` is not in the search space of this study")


class RandomSampler(NumberedSampler):
    """Independent uniform draws."""

    def __init__(self, space: Mapping[str, BaseDistribution], seed: int) -> None:
        super().__init__(space)
        self._seed = seed

    def point(self, number: int) -> dict[str, Any]:
        """Return the draw of trial `number`."""
        draws = np.random.default_rng([self._seed, number]).random(len(self._space))
        return {name: from_unit(item, u) for (name, item), u in zip(self._space.items(), draws, strict=True)}


class QmcSampler(NumberedSampler):
    """A scrambled low-discrepancy sequence: spreads over the space more evenly than random draws."""

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        seed: int,
        *,
        sequence: str = "sobol",
        scramble: bool = True,
    ) -> None:
        super().__init__(space)
        # Imported here: scipy.stats takes half a second, which every other sampler need not pay.
        from scipy.stats import qmc

        engines = {"sobol": qmc.Sobol, "halton": qmc.Halton}
        if sequence not in engines:
            raise ConfigError(f"`sequence` of the qmc sampler must be sobol or halton, was {sequence!r}")
        self._engine = engines[sequence](len(self._space), scramble=scramble, seed=seed)
        self._points = np.empty((0, len(self._space)))

    def point(self, number: int) -> dict[str, Any]:
        """Return element `number` of the sequence."""
        while number >= len(self._points):
            self._points = np.concatenate([self._points, self._engine.random(_QMC_BLOCK)])
        row = self._points[number]
        return {name: from_unit(item, u) for (name, item), u in zip(self._space.items(), row, strict=True)}


class GridSampler(NumberedSampler):
    """Every combination of the listed values once, in an order shuffled by the seed."""

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        seed: int,
        values: Mapping[str, Sequence[Any]],
        *,
        shuffle: bool = True,
    ) -> None:
        super().__init__(space)
        self._values = {name: list(values[name]) for name in self._space}
        self.size = math.prod(len(items) for items in self._values.values())
        if self.size > _MOST_GRID_POINTS:
            raise ConfigError(
                f"a grid may have at most {_MOST_GRID_POINTS:,} points, was {self.size:,}; "
                "take larger steps or another sampler"
            )
        self._order = np.random.default_rng(seed).permutation(self.size) if shuffle else None

    def point(self, number: int) -> dict[str, Any]:
        """Return the combination of trial `number`."""
        if number >= self.size:
            raise ConfigError(f"the grid has {self.size:,} points and all of them are done")
        rest = number if self._order is None else int(self._order[number])
        chosen = {}
        for name, items in reversed(self._values.items()):
            rest, index = divmod(rest, len(items))
            chosen[name] = items[index]
        return {name: chosen[name] for name in self._space}
