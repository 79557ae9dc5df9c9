"""A study of Optuna's in memory that samplers of Optuna are asked through, without what its loop costs.

`Study.ask` copies a trial for each parameter and `Study.tell` copies it whole, which takes longer than some
samplers think. Here a trial is one object that is filled in. A sampler is called in the same order, with the
same study and the same trials, and proposes the same: tests/study/test_asking.py compares.
"""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, _get_single_value, check_distribution_compatibility
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from arbkit._typing import FloatArray
from arbkit.study.block import CONSTRAINT, TrialBlock
from arbkit.study.conditions import Conditions

__all__ = ["AskedStudy"]

_OURS: Final = "study:"
_STATES: Final = {state.value: state for state in TrialState}


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
        directions: Sequence[Literal["minimize", "maximize"]],
        told: TrialBlock,
        attrs: Mapping[str, Any],
        first: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._space = list(space.items())
        self._conditions = conditions
        self._order: list[int] = conditions.order.tolist()
        self._asked: list[FrozenTrial] = []
        self._memory = _Memory()
        self._study = optuna.create_study(storage=self._memory, study_name="copy", directions=directions)
        self._id = self._study._study_id
        trials = told.to_frozen()
        for item in trials:
            if item.state == TrialState.PRUNED and item.intermediate_values:
                item.values = [list(item.intermediate_values.values())[-1]]  # As Optuna does when it is told.
        self._study.add_trials(trials)
        for key, value in attrs.items():
            self._memory.set_study_system_attr(self._id, key, value)
        for point in first:
            self._study.enqueue_trial(dict(point))
        self._waiting = len(first)

    def ask(self, sampler: BaseSampler, n: int) -> FloatArray:
        """Ask for trials, one by one, as float64 (n, p) in internal representation."""
        self._study.sampler = sampler
        rows = np.full((n, len(self._space)), np.nan)
        self._asked = [self._filled(row) for row in rows]
        return rows

    def tell(self, block: TrialBlock) -> dict[str, list[str | None]]:
        """Tell the sampler how the asked trials ended, or the first of them.

        Returns:
            What the sampler keeps about each trial, JSON text by name.
        """
        ids = [trial._trial_id for trial in self._asked[: len(block)]]
        for row, step, value in block.reports.tolist():
            self._memory.set_trial_intermediate_value(ids[row], step, value)
        broken = {CONSTRAINT + name: column.tolist() for name, column in block.constraints.items()}
        values, states = block.values.tolist(), block.states.tolist()
        with _without_constraint_warning():
            for row, trial_id in enumerate(ids):
                self._memory.judge(trial_id, {name: column[row] for name, column in broken.items()})
                self._end(trial_id, _STATES[states[row]], values[row])
        return _texts([self._memory.get_trial(trial_id).system_attrs for trial_id in ids])

    def kept(self) -> dict[str, Any]:
        """Return what the sampler keeps about the study as a whole (a genetic one: its parents)."""
        attrs = self._memory.get_study_system_attrs(self._id)
        return {key: value for key, value in attrs.items() if not key.startswith(_OURS)}

    def _filled(self, row: FloatArray) -> FrozenTrial:
        """Return a trial with the parameters that exist in it, each after the one that it depends on."""
        self._study._thread_local.cached_all_trials = None
        trial_id = self._study._pop_waiting_trial_id() if self._waiting else None
        if trial_id is None:
            trial_id = self._memory.create_new_trial(self._id)
        else:
            self._waiting -= 1
        asked = _Asked(self._study, self._memory.get_trial(trial_id))
        for column in self._order:
            if self._conditions.exists(column, row):
                name, item = self._space[column]
                row[column] = self._memory.fill(trial_id, name, item, asked.value(name, item))
        return asked.trial

    def _end(self, trial_id: int, state: TrialState, values: list[float]) -> None:
        """End a trial as `Study.tell` does: one that was pruned has the value it last reported."""
        trial = self._memory.get_trial(trial_id)
        told = values if state == TrialState.COMPLETE else None
        if state == TrialState.PRUNED and trial.intermediate_values and len(values) == 1:
            last = trial.intermediate_values[max(trial.intermediate_values)]
            told = [last] if last == last else None
        self._study._thread_local.cached_all_trials = None
        try:
            self._study.sampler.after_trial(self._study, trial, state, told)
        finally:
            self._memory.end(trial_id, state, told)


class _Asked:
    """A trial, and what its sampler says: of all parameters together where it can, of others one by one."""

    def __init__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self.trial = trial
        self._study = study
        self._sampler = study.sampler
        self._space: dict[str, BaseDistribution] = {}
        self._together: dict[str, Any] | None = None
        self._sampler.before_trial(study, trial)
        self._fixed = trial.system_attrs.get("fixed_params", {})

    def value(self, name: str, item: BaseDistribution) -> Any:
        """Return a parameter: as it was given, as it must be, or as it is sampled."""
        if name in self._fixed:
            return self._fixed[name]
        if item.single():
            return _get_single_value(item)
        if self._together is None:
            self._space = self._sampler.infer_relative_search_space(self._study, self.trial)
            self._together = self._sampler.sample_relative(self._study, self.trial, self._space)
        if name in self._together and self._is_inside(name, item, self._together[name]):
            return self._together[name]
        latest = self._study._storage.get_trial(self.trial._trial_id)
        return self._sampler.sample_independent(self._study, latest, name, item)

    def _is_inside(self, name: str, item: BaseDistribution, value: Any) -> bool:
        if name not in self._space:
            raise ValueError(f"a sampler must propose parameters of its own search space, proposed {name!r}")
        check_distribution_compatibility(self._space[name], item)
        return item._contains(item.to_internal_repr(value))


class _Memory(InMemoryStorage):
    """Fills its running trials in where they are; it holds one study, so that ids are numbers.

    Optuna puts a copy into the place of a trial with each parameter, and fills in the one that a sampler was
    given as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self._trials: list[FrozenTrial] = []

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Create the study."""
        study_id = super().create_new_study(directions, study_name)
        self._trials = self._studies[study_id].trials
        return study_id

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial, not a copy."""
        if not 0 <= trial_id < len(self._trials):
            raise KeyError(f"no trial with id {trial_id}")
        return self._trials[trial_id]

    _get_trial = get_trial

    def fill(self, trial_id: int, name: str, item: BaseDistribution, value: Any) -> float:
        """Give a running trial a parameter; return it in internal representation."""
        number = item.to_internal_repr(value)
        trial = self._trials[trial_id]
        trial._params[name] = item.to_external_repr(number)
        trial._distributions[name] = item
        return number

    def judge(self, trial_id: int, broken: Mapping[str, float]) -> None:
        """Give a running trial the values of its constraints; NaN was not judged."""
        attrs = self._trials[trial_id]._system_attrs
        attrs.update((name, value) for name, value in broken.items() if value == value)

    def end(self, trial_id: int, state: TrialState, values: Sequence[float] | None) -> None:
        """End a running trial; whoever holds it as it was keeps it so."""
        ended = FrozenTrial.__new__(FrozenTrial)
        ended.__dict__.update(self._trials[trial_id].__dict__)
        ended.state = state
        ended.values = values
        ended.datetime_complete = dt.datetime.now()
        self._trials[trial_id] = ended
        self._update_cache(trial_id, self._trial_id_to_study_id_and_number[trial_id][0])


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
