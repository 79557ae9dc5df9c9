"""Trials simulated one fold after another, so that a pruner can stop the weak ones between.

A trial that is stopped is PRUNED: it has the values of the folds it was simulated on, how many they were,
and no value of its own, so that it can never be the best. A point that comes again ends as it did before;
the pruner is asked about each point once, and compares with trials that are complete and feasible.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.errors import ConfigError
from arbkit.records import METRICS_DTYPE
from arbkit.study.block import DUPLICATE_OF, FOLDS_EVALUATED, REPORT_DTYPE, State, TrialBlock
from arbkit.study.evaluator import Evaluator, Points
from arbkit.study.folds import FOLD_DTYPE
from arbkit.study.schedule import batches
from arbkit.study.spec import StudySpec
from arbkit.study.stopping import fold_pruning, replay
from arbkit.study.tally import feasible_rows

__all__ = ["Foldwise", "Simulated"]

_FIRST_ROOM: Final = 256


class Simulated(NamedTuple):
    """What a batch came to.

    Attributes:
        records: `METRICS_DTYPE` (n,), zeros for those that were stopped.
        folds: `FOLD_DTYPE`, in order of trial and fold.
    """

    records: RecordArray
    folds: RecordArray


class Foldwise:
    """Simulates the batches of a study fold by fold.

    Args:
        spec: with a `pruner`.
        evaluator: turns points into metrics.
        count: how many folds there are.

    Raises:
        ConfigError: when there are less than two folds, or there is no such pruner.
    """

    def __init__(self, spec: StudySpec, evaluator: Evaluator, count: int) -> None:
        if count < 2:
            raise ConfigError(
                f"a pruner needs at least two folds to stop a trial between, `folds: {spec.folds}` gave "
                f"{count}; make shorter ones, or leave `pruner` out"
            )
        self.count = count
        self._spec = spec
        self._evaluator = evaluator
        self._metric = spec.objective[0].metric
        # Per trial: the objective on each fold, and after how many of them it was stopped, 0 for never.
        self._reports = np.full((_FIRST_ROOM, count), np.nan)
        self._stopped = np.zeros(_FIRST_ROOM, np.int64)
        self._first = 0
        self._told = np.empty((0, count))
        self.restart(None, 0)

    def restart(self, stored: TrialBlock | None, done: int) -> None:
        """Forget everything but the stored trials; tell the pruner the first `done` of them, in batches."""
        spec, given = self._spec, self._spec.pruner
        assert given is not None
        self._pruning = fold_pruning(given.name, given.options, spec.directions[0], spec.name)
        if stored is None:
            return
        self._make_room(len(stored))
        self._reports[: len(stored)] = np.nan
        rows = stored.reports
        inside = rows[(rows["step"] >= 0) & (rows["step"] < self.count)]
        self._reports[inside["row"], inside["step"]] = inside["value"]
        texts = stored.attrs.get(FOLDS_EVALUATED)
        self._stopped[: len(stored)] = 0 if texts is None else [int(text or 0) for text in texts]
        for start, end in batches(spec.batch, done):
            block = stored.rows(start, end)
            replay(self._pruning, self._shown(block), *_ends(block))

    def begin(self, first: int, n: int, old: TrialBlock | None) -> None:
        """Begin a batch.

        Args:
            first: number of its first trial.
            n: how many trials it has.
            old: the first ones of them, where they are stored.
        """
        self._make_room(first + n)
        self._first = first
        self._told = np.full((n, self.count), np.nan)
        if old is not None:
            self._told[: len(old)] = self._shown(old)
        self._pruning.begin(n)

    def simulate(self, numbers: IntArray, points: Points | None) -> Simulated:
        """Simulate points of the batch fold by fold, and those that were not stopped on all of the time.

        Args:
            numbers: of the trials, (n,).
            points: the same, in order; None for none.
        """
        places, going = numbers - self._first, np.arange(numbers.size)
        records, parts = np.zeros(numbers.size, METRICS_DTYPE), [np.zeros(0, FOLD_DTYPE)]
        for fold in range(self.count):
            if points is not None and going.size:
                parts.append(self._on_fold(numbers[going], points.take(going), fold))
            goes_on = self._pruning.report(fold, self._told[:, fold])[places[going]]
            self._stopped[numbers[going[~goes_on]]] = fold + 1
            going = going[goes_on]
        self._reports[numbers] = self._told[places]
        if points is not None and going.size:
            records[going] = self._evaluator.evaluate(points.take(going))
        folds = np.concatenate(parts)
        return Simulated(records, folds[np.lexsort((folds["fold"], folds["number"]))])

    def repeat(self, numbers: IntArray, sources: IntArray) -> None:
        """Let trials end as the earlier ones did that were the same points."""
        self._reports[numbers] = self._reports[sources]
        self._stopped[numbers] = self._stopped[sources]

    def end(self, block: TrialBlock) -> None:
        """End the batch: tell the pruner how its trials ended."""
        self._pruning.end(*_ends(block))

    def stopped(self, numbers: IntArray) -> IntArray:
        """Return after how many folds trials were stopped, (n,); 0 for those that were not."""
        return self._stopped[numbers]

    def reason(self, evaluated: int) -> str:
        """Say why a trial was stopped."""
        assert self._spec.pruner is not None
        return f"stopped by the {self._spec.pruner.name} pruner after {evaluated} of {self.count} folds"

    def reports(self, first: int, n: int) -> RecordArray:
        """Return the values of the folds of a block as `REPORT_DTYPE`."""
        values = self._reports[first : first + n]
        rows, folds = np.nonzero(~np.isnan(values))
        found = np.empty(rows.size, REPORT_DTYPE)
        found["row"], found["step"], found["value"] = rows, folds, values[rows, folds]
        return found

    def _on_fold(self, numbers: IntArray, points: Points, fold: int) -> RecordArray:
        found = np.zeros(numbers.size, FOLD_DTYPE)
        found["number"], found["fold"] = numbers, fold
        found["metrics"] = self._evaluator.evaluate(points, fold)
        self._told[numbers - self._first, fold] = found["metrics"][self._metric]
        return found

    def _shown(self, block: TrialBlock) -> FloatArray:
        """Return what the pruner was told of stored trials, float64 (n, folds)."""
        values = self._reports[block.first : block.end].copy()
        values[_repeated(block)] = np.nan
        return values

    def _make_room(self, end: int) -> None:
        missing = max(end, 2 * len(self._stopped)) - len(self._stopped)
        if end > len(self._stopped):
            self._reports = np.concatenate([self._reports, np.full((missing, self.count), np.nan)])
            self._stopped = np.concatenate([self._stopped, np.zeros(missing, np.int64)])


def _ends(block: TrialBlock) -> tuple[FloatArray, IntArray]:
    """Return the values and states that the pruner is told: later trials are compared with the complete."""
    counted = feasible_rows(block) & ~_repeated(block)
    states = np.where(counted, State.COMPLETE, State.FAIL)
    return block.values[:, 0], states


def _repeated(block: TrialBlock) -> BoolArray:
    texts = block.attrs.get(DUPLICATE_OF)
    if texts is None:
        return np.zeros(len(block), np.bool_)
    return np.array([text is not None for text in texts], np.bool_)
