"""A study of Optuna's in memory that samplers of Optuna are asked through, without what its loop costs.

`Study.ask` copies a trial for each parameter and `Study.tell` copies it whole, which takes longer than most
samplers think. Here a trial is one object that is filled in. What a sampler sees is the same: it is called in
the same order, with the same study and the same trials, and proposes the same
(tests/study/test_asking.py compares).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study._tell import _tell_with_warning
from optuna.trial import FrozenTrial, Trial, TrialState

from arbkit._typing import FloatArray
from arbkit.study.block import CONSTRAINT, TrialBlock
from arbkit.study.conditions import Conditions

__all__ = ["AskedStudy"]

_OURS = "study:"


class AskedStudy:
    """Finished trials and those that are asked for, as a sampler of Optuna wants to see them.

    Args:
        space: the search space.
        conditions: which of its parameters exist in a trial.
        directions: of the objectives.
        told: the trials there are, from number 0 on.
        attrs: what the sampler keeps about the study as a whole.
        first: points to be tried first, by the numbers that come next.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        conditions: Conditions,
        directions: Sequence[str],
        told: TrialBlock,
        attrs: Mapping[str, Any],
        first: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._items = list(space.items())
        self._conditions = conditions
        self._memory = _Memory()
        self._study = optuna.create_study(storage=self._memory, study_name="copy", directions=directions)
        self._id = self._study._study_id
        self._trials: list[Trial] = []
        trials = told.to_frozen()
        for item in trials:
            if item.state == TrialState.PRUNED and item.intermediate_values:
                item.values = [list(item.intermediate_values.values())[-1]]  # As Optuna does when it is told.
        self._study.add_trials(trials)
        for key, value in attrs.items():
            self._memory.set_study_system_attr(self._id, key, value)
        for point in first:
            self._study.enqueue_trial(dict(point))

    def ask(self, sampler: BaseSampler, n: int) -> FloatArray:
        """Ask for trials, one by one, as float64 (n, p) in internal representation."""
        self._study.sampler = sampler
        self._trials = []
        rows = np.full((n, len(self._items)), np.nan)
        for row in rows:
            trial = self._study.ask()
            self._fill(trial, row)
            self._trials.append(trial)
        return rows

    def tell(self, block: TrialBlock) -> dict[str, list[str | None]]:
        """Tell the sampler how the asked trials ended; those behind the block are left as they are.

        Returns:
            What the sampler keeps about each trial, JSON text by name.
        """
        for row, step, value in block.reports.tolist():
            self._memory.set_trial_intermediate_value(self._trials[row]._trial_id, step, value)
        columns = {CONSTRAINT + name: column.tolist() for name, column in block.constraints.items()}
        values, states = block.values.tolist(), [TrialState(state) for state in block.states.tolist()]
        kept = []
        with _without_constraint_warning():
            for row, (trial, state) in enumerate(zip(self._trials, states, strict=False)):
                broken = {name: column[row] for name, column in columns.items()}
                self._memory.judge(trial._trial_id, broken)
                told = values[row] if state == TrialState.COMPLETE else None
                _tell_with_warning(self._study, trial, told, state)
                kept.append(self._memory.get_trial(trial._trial_id).system_attrs)
        return _texts(kept)

    def kept(self) -> dict[str, Any]:
        """Return what the sampler keeps about the study as a whole (a genetic one: its parents)."""
        attrs = self._memory.get_study_system_attrs(self._id)
        return {key: value for key, value in attrs.items() if not key.startswith(_OURS)}

    def _fill(self, trial: Trial, row: FloatArray) -> None:
        """Give a trial its parameters, each after the one that it depends on."""
        sampler, memory = self._study.sampler, self._memory
        for column in self._conditions.order.tolist():
            if not self._conditions.exists(column, row):
                continue
            name, item = self._items[column]
            if name in trial._fixed_params:
                value = trial._fixed_params[name]
            elif item.single():
                value = item.to_external_repr(_lowest(item))
            elif trial._is_relative_param(name, item):
                value = trial.relative_params[name]
            else:
                value = sampler.sample_independent(
                    self._study, memory.get_trial(trial._trial_id), name, item
                )
            row[column] = memory.fill(trial._trial_id, name, item, value)


class _Memory(InMemoryStorage):
    """Fills its running trials in where they are.

    Optuna puts a copy into the place of a trial with each parameter. A sampler cannot tell: the one it was
    given is filled in by `Trial` too.
    """

    def fill(self, trial_id: int, name: str, item: BaseDistribution, value: Any) -> float:
        """Give a running trial a parameter; return it in internal representation."""
        number = item.to_internal_repr(value)
        trial = self._get_trial(trial_id)
        trial._params[name] = item.to_external_repr(number)
        trial._distributions[name] = item
        return number

    def judge(self, trial_id: int, broken: Mapping[str, float]) -> None:
        """Give a running trial the values of its constraints; NaN was not judged."""
        attrs = self._get_trial(trial_id)._system_attrs
        attrs.update((name, value) for name, value in broken.items() if value == value)


def _lowest(item: Any) -> float:
    return float(getattr(item, "low", 0.0))


def _texts(attrs: Sequence[Mapping[str, Any]]) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for row, one in enumerate(attrs):
        for key, value in one.items():
            if not key.startswith(CONSTRAINT):
                found.setdefault(key, [None] * len(attrs))[row] = json.dumps(value)
    return found


@contextmanager
def _without_constraint_warning() -> Iterator[None]:
    """CMA-ES says at every trial that it does not use constraints; `study samplers` says so once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Constraints have been set, but CmaEsSampler", UserWarning)
        yield
