"""The loop of a study: ask a batch, simulate it in one go, tell it, store it.

The sampler works on a copy of the study in memory, and only finished trials are stored, batch by batch
and in order. So a stored study never holds a trial that says RUNNING, a kill costs the batch in flight,
and a resume is exact: it goes back to the last full batch, asks again (which gives the same proposals,
because a batch depends only on the trials before it and on `seed + trials before it`) and stores what is
not there yet. Talking to a database for each proposal instead would cost 14 ms a trial on SQLite.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, Trial

from arbkit.study.evaluator import Evaluator, MetricValues, Point
from arbkit.study.objective import DUPLICATE_OF, METRICS, Judge, Proposal, finish
from arbkit.study.samplers import make_sampler
from arbkit.study.space import distributions
from arbkit.study.spec import StudySpec
from arbkit.study.storages import append_trials

__all__ = ["BatchRun", "Progress", "quiet_optuna"]

#: Study attribute with what a sampler keeps about the study as a whole, and after how many trials.
_SAMPLER_ATTR: Final = "arbkit:sampler"


class Progress(NamedTuple):
    """How far a study is.

    Attributes:
        done: trials stored.
        total: trials planned.
        best: best feasible value of the first objective so far; None before there is one.
        rate: trials per second since the first batch of this run, which waits for compilation and for the
            index of the panel; None until a second batch is stored.
        remaining_s: seconds still to go at that rate; None before it is known.
        duplicates: trials that were a point already simulated.
    """

    done: int
    total: int
    best: float | None
    rate: float | None
    remaining_s: float | None
    duplicates: int


class BatchRun:
    """Runs one study up to its number of trials; `run` may be called again after an interruption."""

    def __init__(self, spec: StudySpec, storage: BaseStorage, study_id: int, evaluator: Evaluator) -> None:
        self._spec = spec
        self._storage = storage
        self._study_id = study_id
        self._evaluator = evaluator
        self._judge = Judge(spec)
        self._space = distributions(spec.space)
        self._known: dict[Point, tuple[int, MetricValues]] = {}
        self._best: float | None = None
        self._duplicates = 0

    def run(self, total: int, progress: Callable[[Progress], None] | None = None) -> None:
        """Store trials until there are `total`.

        Args:
            total: how many trials the study is to have.
            progress: called after each stored batch.
        """
        stored = self._storage.get_all_trials(self._study_id, deepcopy=False)
        self._remember(stored)
        pace = _Pace()
        mirror, done = self._mirror(stored)
        while done < total:
            end = min(done + self._spec.batch, total)
            trials = self._batch(mirror, done, end)
            overlap = stored[done:end]
            if not _same(overlap, trials):
                # Another version proposed other points: what is stored counts, go on after it.
                mirror, done, stored = self._from(stored, len(stored), {}), len(stored), []
                continue
            append_trials(self._storage, self._study_id, trials[len(overlap) :])
            self._remember(trials[len(overlap) :])
            done = end
            self._keep_sampler(mirror, done)
            rate = pace.after(done)
            if progress is not None:
                progress(self._progress(done, total, rate))

    def _mirror(self, stored: Sequence[FrozenTrial]) -> tuple[optuna.Study, int]:
        """Copy the stored study into memory, up to its last full batch."""
        kept = self._storage.get_study_system_attrs(self._study_id).get(_SAMPLER_ATTR)
        done = len(stored) // self._spec.batch * self._spec.batch
        if kept is not None and kept["trials"] <= done:
            return self._from(stored, kept["trials"], kept["attrs"]), kept["trials"]
        return self._from(stored, done, {}), done

    def _from(self, stored: Sequence[FrozenTrial], done: int, attrs: dict[str, Any]) -> optuna.Study:
        memory = InMemoryStorage()
        study = optuna.create_study(storage=memory, study_name="mirror", directions=self._spec.directions)
        study.add_trials(stored[:done])
        for key, value in attrs.items():
            memory.set_study_system_attr(memory.get_study_id_from_name("mirror"), key, value)
        return study

    def _keep_sampler(self, mirror: optuna.Study, done: int) -> None:
        """Store what the sampler keeps about the study as a whole (a genetic one: its parents)."""
        memory = mirror._storage
        attrs = memory.get_study_system_attrs(memory.get_study_id_from_name("mirror"))
        attrs = {key: value for key, value in attrs.items() if not key.startswith("study:")}
        if attrs and done % self._spec.batch == 0:
            self._storage.set_study_system_attr(
                self._study_id, _SAMPLER_ATTR, {"trials": done, "attrs": attrs}
            )

    def _batch(self, mirror: optuna.Study, start: int, end: int) -> list[FrozenTrial]:
        """Ask for trials `start` to `end`, simulate and tell them; return them finished."""
        spec = self._spec
        mirror.sampler = make_sampler(
            spec.sampler.name, spec.sampler.options, seed=spec.seed, done=start, ranges=spec.space
        )
        trials = [mirror.ask(self._space) for _ in range(start, end)]
        proposals = [self._judge.propose(trial.params) for trial in trials]
        self._simulate(trials, proposals)
        with _without_constraint_warning():
            for trial, proposal in zip(trials, proposals, strict=True):
                self._tell(trial, proposal)
        return mirror.get_trials(deepcopy=False)[start:end]

    def _simulate(self, trials: Sequence[Trial], proposals: Sequence[Proposal]) -> None:
        """Simulate each point that was never seen before, once."""
        fresh: dict[Point, int] = {}
        for trial, proposal in zip(trials, proposals, strict=True):
            if proposal.point is not None and proposal.point not in self._known:
                fresh.setdefault(proposal.point, trial.number)
        if fresh:
            results = self._evaluator.evaluate(list(fresh))
            for (point, number), metrics in zip(fresh.items(), results, strict=True):
                self._known[point] = (number, metrics)

    def _tell(self, trial: Trial, proposal: Proposal) -> None:
        if proposal.point is None:
            assert proposal.refusal is not None
            finish(trial, proposal.refusal)
            return
        first, metrics = self._known[proposal.point]
        trial.set_user_attr(METRICS, metrics)
        if first < trial.number:
            trial.set_user_attr(DUPLICATE_OF, first)
        finish(trial, self._judge.judge(proposal, trial.params, metrics))

    def _remember(self, trials: Sequence[FrozenTrial]) -> None:
        """Take in stored trials: their points need not be simulated again."""
        sign = 1 if self._spec.directions[0] == "maximize" else -1
        for trial in trials:
            self._duplicates += DUPLICATE_OF in trial.user_attrs
            metrics = trial.user_attrs.get(METRICS)
            point = self._judge.propose(trial.params).point if metrics is not None else None
            if point is not None and metrics is not None:
                self._known.setdefault(point, (trial.number, metrics))
            if trial.values and all(item <= 0 for item in trial.constraints.values()):
                value = trial.values[0]
                if self._best is None or sign * value > sign * self._best:
                    self._best = value

    def _progress(self, done: int, total: int, rate: float | None) -> Progress:
        remaining = 0.0 if done == total else (total - done) / rate if rate else None
        return Progress(done, total, self._best, rate, remaining, self._duplicates)


class _Pace:
    """Trials per second, counted from the end of the first batch."""

    def __init__(self) -> None:
        self._from: tuple[int, float] | None = None

    def after(self, done: int) -> float | None:
        """Take note that `done` trials are stored now; return the rate, None where it is not known yet."""
        now = time.monotonic()
        if self._from is None:
            self._from = (done, now)
        first, began = self._from
        return (done - first) / (now - began) if done > first and now > began else None


def _same(stored: Sequence[FrozenTrial], asked: Sequence[FrozenTrial]) -> bool:
    return all(old.params == new.params for old, new in zip(stored, asked, strict=False))


@contextmanager
def _without_constraint_warning() -> Iterator[None]:
    """CMA-ES says at every trial that it does not use constraints; `study samplers` says so once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Constraints have been set, but CmaEsSampler", UserWarning)
        yield


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna's own log lines away from the user's terminal."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
