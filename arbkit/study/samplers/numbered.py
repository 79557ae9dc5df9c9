"""Samplers whose proposals are a function of (seed, trial number) and of nothing else.

Batches, workers, resumes and the order of telling cannot change what they propose, and proposing costs a
microsecond however many trials there are: Optuna's own grid sampler reads every stored trial for each
proposal (30 ms at 1,000 trials), its random sampler repeats itself after a resume with the same seed.
"""

from __future__ import annotations

import abc
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError
from arbkit.study.conditions import Conditions
from arbkit.study.samplers.batch import History
from arbkit.study.samplers.units import counted_units, from_units

__all__ = ["GridSampler", "NumberedSampler", "QmcSampler", "RandomSampler"]

_MOST_GRID_POINTS: Final = 20_000_000
_QMC_BLOCK: Final = 1024


class NumberedSampler(BaseSampler):
    """Base of the samplers that draw from (seed, trial number).

    A subclass implements `rows`. It must give the same row whenever it is asked for the same number, and
    keep no state that a proposal depends on. As a sampler of Optuna it draws parameters outside its space
    from (seed, trial number, name).
    """

    def __init__(
        self, space: Mapping[str, BaseDistribution], seed: int = 0, conditions: Conditions | None = None
    ) -> None:
        self._space = dict(space)
        self._seed = seed
        self._conditions = conditions

    @abc.abstractmethod
    def rows(self, first: int, n: int) -> FloatArray:
        """Return trials `first` to `first + n - 1` as float64 (n, p) in internal representation."""

    def propose(self, history: History, first: int, n: int) -> FloatArray:
        """Return the rows of the trials; the history changes nothing."""
        rows = self.rows(first, n)
        return self._conditions.mask(rows) if self._conditions else rows

    def point(self, number: int) -> dict[str, Any]:
        """Return the parameters of trial `number` (counted from 0)."""
        row = self.rows(number, 1)[0].tolist()
        return {
            name: item.to_external_repr(value)
            for (name, item), value in zip(self._space.items(), row, strict=True)
        }

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the space of the spec: every parameter is proposed together."""
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the point of the trial's number."""
        known = self.point(trial.number) if self._space else {}
        return {
            name: known[name]
            if self._space.get(name) == item
            else self.sample_independent(study, trial, name, item)
            for name, item in search_space.items()
        }

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw a parameter outside the space of the spec: uniformly, from (seed, trial number, name)."""
        slot = zlib.crc32(param_name.encode()) + 2**32
        u = counted_units(self._seed, trial.number, 1, np.array([slot], np.uint64))
        return param_distribution.to_external_repr(float(from_units(param_distribution, u[:, 0])[0]))


class RandomSampler(NumberedSampler):
    """Independent uniform draws."""

    def rows(self, first: int, n: int) -> FloatArray:
        """Return the draws of the trials."""
        slots = np.arange(len(self._space), dtype=np.uint64)
        return _rows(self._space, counted_units(self._seed, first, n, slots))


class QmcSampler(NumberedSampler):
    """A scrambled low-discrepancy sequence: spreads over the space more evenly than random draws."""

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        seed: int = 0,
        conditions: Conditions | None = None,
        *,
        sequence: str = "sobol",
        scramble: bool = True,
    ) -> None:
        super().__init__(space, seed, conditions)
        # Imported here: scipy.stats takes half a second, which every other sampler need not pay.
        from scipy.stats import qmc

        engines = {"sobol": qmc.Sobol, "halton": qmc.Halton}
        if sequence not in engines:
            raise ConfigError(f"`sequence` of the qmc sampler must be sobol or halton, was {sequence!r}")
        self._engine = engines[sequence](len(self._space), scramble=scramble, seed=seed) if space else None
        self._points = np.empty((0, len(self._space)))

    def rows(self, first: int, n: int) -> FloatArray:
        """Return elements `first` to `first + n - 1` of the sequence."""
        while self._engine is not None and first + n > len(self._points):
            more = -(-(first + n - len(self._points)) // _QMC_BLOCK) * _QMC_BLOCK
            self._points = np.concatenate([self._points, self._engine.random(more)])
        return _rows(self._space, self._points[first : first + n])


class GridSampler(NumberedSampler):
    """Every combination of the listed values once, in an order shuffled by the seed."""

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        seed: int,
        values: Mapping[str, Sequence[Any]],
        conditions: Conditions | None = None,
        *,
        shuffle: bool = True,
    ) -> None:
        super().__init__(space, seed, conditions)
        self._columns = [
            np.array([item.to_internal_repr(value) for value in values[name]], np.float64)
            for name, item in self._space.items()
        ]
        self.size = math.prod(len(items) for items in self._columns)
        if self.size > _MOST_GRID_POINTS:
            raise ConfigError(
                f"a grid may have at most {_MOST_GRID_POINTS:,} points, was {self.size:,}; "
                "take larger steps or another sampler"
            )
        self._shuffle = shuffle
        self._order: npt.NDArray[np.int64] | None = self._kept() if conditions else None
        self.size = self.size if self._order is None else len(self._order)
        self._shuffled = False

    def rows(self, first: int, n: int) -> FloatArray:
        """Return the combinations of the trials."""
        if first + n > self.size:
            raise ConfigError(f"the grid has {self.size:,} points and all of them are done")
        if self._shuffle and not self._shuffled:
            places = np.arange(self.size) if self._order is None else self._order
            self._order = np.random.default_rng(self._seed).permutation(places)
            self._shuffled = True
        return self._at(
            np.arange(first, first + n) if self._order is None else self._order[first : first + n]
        )

    def _kept(self) -> npt.NDArray[np.int64]:
        """Return the combinations that differ: of a parameter that does not exist, only the first value."""
        assert self._conditions is not None
        kept = []
        for start in range(0, self.size, _QMC_BLOCK * 64):
            places = np.arange(start, min(start + _QMC_BLOCK * 64, self.size))
            rows = self._at(places)
            absent = np.isnan(self._conditions.mask(rows))
            firsts = rows == np.array([items[0] for items in self._columns])
            kept.append(places[(firsts | ~absent).all(axis=1)])
        return np.concatenate(kept)

    def _at(self, places: npt.NDArray[np.int64]) -> FloatArray:
        rest, found = places, np.empty((len(places), len(self._columns)))
        for column in reversed(range(len(self._columns))):
            rest, index = np.divmod(rest, len(self._columns[column]))
            found[:, column] = self._columns[column][index]
        return found


def _rows(space: Mapping[str, BaseDistribution], units: FloatArray) -> FloatArray:
    found = np.empty(units.shape)
    for column, item in enumerate(space.values()):
        found[:, column] = from_units(item, units[:, column])
    return found
