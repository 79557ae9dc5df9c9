"""Which trials of a batch go on to the next fold: a pruner asked about a whole batch at a time.

What is decided depends on what was told before, in the order of the trials' numbers, and on nothing else:
telling a stored study again, batch by batch, brings it back to where it was.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
import optuna
from optuna.pruners import BasePruner, MedianPruner, PercentilePruner
from optuna.storages import InMemoryStorage
from optuna.trial import Trial, TrialState

from arbkit._typing import BoolArray, FloatArray
from arbkit.study.pruners import make_pruner

__all__ = ["FoldPruning", "PercentileFolds", "PrunedFolds", "fold_pruning", "replay"]

Direction = Literal["maximize", "minimize"]


class FoldPruning(Protocol):
    """Decides, fold by fold, which trials of a batch go on.

    pruning.begin(n)
    for fold in range(folds):
        goes_on = pruning.report(fold, values)      # NaN for the trials that were stopped before
    pruning.end(values, states)
    """

    def begin(self, n: int) -> None:
        """Begin a batch of n trials, the next ones in number."""
        ...

    def report(self, fold: int, values: FloatArray) -> BoolArray:
        """Take in the values of one fold; return which trials go on.

        Args:
            fold: counted from 0, each one later than the last.
            values: float64 (n,); NaN = not simulated, which stops nothing.
        """
        ...

    def end(self, values: FloatArray, states: Any) -> None:
        """End the batch.

        Args:
            values: float64 (n,), of the first objective; NaN for trials without values.
            states: uint8 (n,), `TrialState` as a number; later trials are compared with the complete ones.
        """
        ...


def fold_pruning(name: str, options: Mapping[str, Any], direction: Direction, study: str) -> FoldPruning:
    """Return what asks a pruner about the trials of a study.

    Args:
        name: of the pruner, as `make_pruner` takes it.
        options: its options.
        direction: of the objective.
        study: its name; Hyperband draws a trial's bracket from it and the trial's number.

    Raises:
        ConfigError: for an unknown name or option.
        MissingDependencyError: when a module of a class is not installed.
    """
    pruner = make_pruner(name, options)
    if type(pruner) in (MedianPruner, PercentilePruner):
        return PercentileFolds(pruner, direction)
    return PrunedFolds(pruner, direction, study)


def replay(pruning: FoldPruning, reports: FloatArray, values: FloatArray, states: Any) -> None:
    """Tell a stored batch again.

    Args:
        pruning: what was told all batches before it.
        reports: float64 (n, folds), NaN where nothing was reported.
        values: as `FoldPruning.end` takes them.
        states: the same.
    """
    pruning.begin(len(reports))
    for fold, column in enumerate(reports.T):
        pruning.report(fold, column)
    pruning.end(values, states)


class PrunedFolds:
    """Asks any pruner of Optuna, on a study in memory that holds the values of folds and nothing else."""

    def __init__(self, pruner: BasePruner, direction: Direction, name: str) -> None:
        self._storage = InMemoryStorage()
        # A sampler that looks at no trial: asking for one costs the same however many there are.
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=name,
            direction=direction,
            pruner=pruner,
            sampler=optuna.samplers.RandomSampler(0),
        )
        self._trials: list[Trial] = []
        self._stopped = np.zeros(0, bool)

    def begin(self, n: int) -> None:
        """Begin a batch of n trials, the next ones in number."""
        create, study = self._storage.create_new_trial, self._study
        self._trials = [Trial(study, create(study._study_id)) for _ in range(n)]
        self._stopped = np.zeros(n, bool)

    def report(self, fold: int, values: FloatArray) -> BoolArray:
        """Take in the values of one fold; return which trials go on."""
        with warnings.catch_warnings():
            # The signed-rank pruner says at every report that folds without a value are left out.
            warnings.simplefilter("ignore", UserWarning)
            for row in np.flatnonzero(~(self._stopped | np.isnan(values))).tolist():
                trial = self._trials[row]
                trial.report(float(values[row]), fold)
                self._stopped[row] = trial.should_prune()
        return ~self._stopped

    def end(self, values: FloatArray, states: Any) -> None:
        """End the batch."""
        for trial, value, state in zip(self._trials, values.tolist(), states.tolist(), strict=True):
            told = [value] if state == TrialState.COMPLETE.value else None
            self._storage.set_trial_state_values(trial._trial_id, TrialState(state), told)
        self._trials = []


class PercentileFolds:
    """Decides as Optuna's `PercentilePruner` and `MedianPruner` do, with one percentile per batch and fold.

    Optuna's own looks at every earlier trial for every value reported, which costs more than a simulation.
    """

    def __init__(self, pruner: BasePruner, direction: Direction) -> None:
        rule: Any = pruner
        self._sign = 1.0 if direction == "maximize" else -1.0
        self._maximize = direction == "maximize"
        self._percentile = 100 - rule._percentile if self._maximize else rule._percentile
        self._n_startup, self._n_min = rule._n_startup_trials, rule._n_min_trials
        self._warmup, self._interval = rule._n_warmup_steps, rule._interval_steps
        self._complete = 0
        self._earlier: dict[int, _Column] = {}
        self.begin(0)

    def begin(self, n: int) -> None:
        """Begin a batch of n trials, the next ones in number."""
        self._stopped = np.zeros(n, bool)
        self._best = np.full(n, -np.inf)
        self._last = np.full(n, -1)
        self._reported: dict[int, FloatArray] = {}

    def report(self, fold: int, values: FloatArray) -> BoolArray:
        """Take in the values of one fold; return which trials go on."""
        told = ~(self._stopped | np.isnan(values))
        self._reported[fold] = np.where(told, values, np.nan)
        self._best[told] = np.maximum(self._best[told], self._sign * values[told])
        due = told & (self._last < self._due_after(fold))
        self._last[told] = fold
        if self._complete >= max(self._n_startup, 1) and fold >= self._warmup and due.any():
            earlier = self._earlier[fold].values if fold in self._earlier else np.zeros(0)
            if earlier.size >= self._n_min:
                limit = self._sign * float(np.nanpercentile(earlier, self._percentile))
                self._stopped |= due & (self._best < limit)
        return ~self._stopped

    def end(self, values: FloatArray, states: Any) -> None:
        """End the batch."""
        complete = np.asarray(states) == TrialState.COMPLETE.value
        self._complete += int(complete.sum())
        for fold, reported in self._reported.items():
            kept = reported[complete]
            self._earlier.setdefault(fold, _Column()).append(kept[~np.isnan(kept)])

    def _due_after(self, fold: int) -> int:
        """Return the fold that begins the present interval: a trial reported on since is not looked at."""
        begun: int = (fold - self._warmup) // self._interval * self._interval + self._warmup
        return begun


class _Column:
    """Numbers that become more."""

    def __init__(self) -> None:
        self._room = np.empty(256)
        self._count = 0

    @property
    def values(self) -> FloatArray:
        return self._room[: self._count]

    def append(self, more: FloatArray) -> None:
        end = self._count + more.size
        if end > self._room.size:
            self._room = np.concatenate([self.values, np.empty(max(end, self._count))])
        self._room[self._count : end] = more
        self._count = end
