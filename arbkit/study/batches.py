"""The loop of a study: ask a batch, simulate it in one go, tell it, store it behind the search.

Only finished trials are stored, block by block and in order, each block in one transaction. So a stored
study never holds a trial that says RUNNING, a kill costs at most a second of work, and a resume is exact: it
goes back to the last full batch, asks again (which gives the same proposals, because a batch depends only on
the trials before it and on the seed) and stores what is not there yet. Samplers whose proposals do not depend
on other trials go on where the study ended; their batches have the size that takes a fifth of a second, and
one is simulated while the one before it is judged.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime as dt
import functools
import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.errors import StudyError
from arbkit.records import METRICS_DTYPE
from arbkit.study.aside import Aside
from arbkit.study.behind import WriteBehind
from arbkit.study.block import (
    DUPLICATE_OF,
    FOLDS_EVALUATED,
    METRICS,
    REASON,
    WHOLE,
    Parts,
    TrialBlock,
)
from arbkit.study.detail import metric_names, still_names
from arbkit.study.evaluator import Evaluator
from arbkit.study.folds import FOLD_DTYPE, FoldFiles, fold_rows
from arbkit.study.foldwise import Foldwise
from arbkit.study.objective import Checked, Judge
from arbkit.study.packing import pack_metrics, unpack_metrics
from arbkit.study.proposals import Proposer, make_proposer
from arbkit.study.schedule import batch_end, batch_start
from arbkit.study.space import distributions
from arbkit.study.spec import StudySpec
from arbkit.study.storages import append_block, read_block
from arbkit.study.tally import Tally

__all__ = ["BatchRun", "Ending", "Progress", "append_finished", "quiet_optuna"]

#: Study attribute with what a sampler keeps about the study as a whole, and after how many trials.
_SAMPLER_ATTR: Final = "arbkit:sampler"
#: A block that may have any size is to take about this long: one is simulated, one waits, one is written.
_BLOCK_S: Final = 0.2
_LEAST, _MOST, _GROWTH = 16, 8192, 4

#: What a run has to know of stored trials that its sampler does not look at.
_NEEDED: Final = Parts(attrs=(METRICS, DUPLICATE_OF, FOLDS_EVALUATED), rest=False)

#: Why a run ended: all planned trials are there, its time is up, or nothing better was found for long.
Ending = Literal["complete", "timeout", "stagnation"]


class Progress(NamedTuple):
    """How far a study is.

    Attributes:
        done: trials finished; all but those of the last second are stored.
        total: trials planned.
        best: best feasible value of the first objective so far; None before there is one.
        rate: trials per second since the first batch of this run, which waits for compilation and for the
            index of the panel; None until a second batch is finished.
        remaining_s: seconds still to go at that rate; None before it is known.
        duplicates: trials that were a point already simulated.
        pruned: trials that the pruner stopped.
    """

    done: int
    total: int
    best: float | None
    rate: float | None
    remaining_s: float | None
    duplicates: int
    pruned: int = 0


class _Batch(NamedTuple):
    """Trials that are asked for and being simulated.

    Attributes:
        first: number of the first one that is not stored yet.
        params: of those, float64 (n, p).
        old: those before it in the batch, which are stored.
        checked: what is known of them without simulating.
        simulated: places of those that are not refused.
        source: per such place the first trial with its point: its own number where it is new.
        began: when.
        found: records of all, and those of the folds.
    """

    first: int
    params: FloatArray
    old: TrialBlock | None
    checked: Checked
    simulated: IntArray
    source: IntArray
    began: np.datetime64
    found: Future[tuple[RecordArray, RecordArray]]


class BatchRun:
    """Runs one study up to its number of trials.

    Args:
        spec: what to search.
        storage: where the study is.
        study_id: its id there.
        evaluator: turns points into metrics.
        folds: where the metrics of folds are kept; None without folds.
        aside: keeps what a server that is away does not take; None where there is no server.
    """

    def __init__(
        self,
        spec: StudySpec,
        storage: BaseStorage,
        study_id: int,
        evaluator: Evaluator,
        folds: FoldFiles | None = None,
        aside: Aside | None = None,
    ) -> None:
        self._spec = spec
        self._storage = storage
        self._study_id = study_id
        self._evaluator = evaluator
        self._folds = folds
        self._aside = aside
        self._judge = Judge(spec)
        self._space = distributions(spec.space)
        self._names = metric_names(spec.metrics)
        self._still = still_names({*spec.fixed, *spec.space})
        self._known = _Known()
        self._tally = Tally(spec.directions[0], spec.stagnation)
        self._foldwise: Foldwise | None = None
        if spec.pruner is not None:
            self._foldwise = Foldwise(spec, evaluator, 0 if folds is None else folds.count)

    def run(
        self, total: int, progress: Callable[[Progress], None] | None = None, timeout_s: float | None = None
    ) -> Ending:
        """Store trials until there are `total`, the time is up or the study stagnates.

        Args:
            total: how many trials the study is to have.
            progress: called after each batch.
            timeout_s: no batch is begun after so many seconds.
        """
        began = time.monotonic()
        proposer = make_proposer(self._spec)
        stored = self._stored(_NEEDED if self._any_size(proposer) else WHOLE)
        self._remember(stored)
        self._tally.take(stored)
        if self._folds is not None:
            self._folds.restart(len(stored))
        done = self._restart(proposer, stored)
        numbers = range(done, done if self._tally.stagnated else total)
        free = self._any_size(proposer)
        pace, size = _Pace(), _Size(self._spec.batch, free)
        with _without_old_garbage(), WriteBehind() as writer, ThreadPoolExecutor(1) as beside:
            begun = self._begun(proposer, stored, numbers, size, beside if free else None)
            if timeout_s is not None:
                begun = _until(began + timeout_s, begun)
            ended_at = time.monotonic()
            for batch in _one_ahead(begun) if free else begun:
                done = self._end(proposer, writer, batch)
                # Without the time it waited: a slow storage wants larger blocks, not smaller ones.
                now = time.monotonic() - writer.waited_s
                size.took(len(batch.params), now - ended_at)
                ended_at = now
                if progress is not None:
                    progress(self._progress(done, total, pace.after(done)))
                if self._tally.stagnated:
                    break
        if self._tally.stagnated:
            return "stagnation"
        return "complete" if done >= total else "timeout"

    def _stored(self, parts: Parts) -> TrialBlock:
        try:
            return read_block(self._storage, self._study_id, parts).over(self._space)
        except StudyError:  # another program gave a parameter several distributions
            trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
            return TrialBlock.from_frozen(trials, self._space, len(self._spec.objective), strict=False)

    def _restart(self, proposer: Proposer, stored: TrialBlock) -> int:
        """Take sampler and pruner to the last full batch of the stored study; return how many trials they
        know."""
        done = len(stored)
        attrs: dict[str, Any] = {}
        if not self._any_size(proposer):
            done = batch_start(self._spec.batch, done)
            kept = self._storage.get_study_system_attrs(self._study_id).get(_SAMPLER_ATTR)
            if kept is not None and kept["trials"] <= done:
                done, attrs = kept["trials"], kept["attrs"]
        proposer.restart(stored.rows(0, done), attrs)
        if self._foldwise is not None:
            self._foldwise.restart(stored, done)
        return done

    def _any_size(self, proposer: Proposer) -> bool:
        """Tell whether batches may have any size: a pruner compares with the trials of earlier batches."""
        return proposer.free and self._foldwise is None

    def _begun(
        self, proposer: Proposer, stored: TrialBlock, numbers: range, size: _Size, beside: Executor | None
    ) -> Iterator[_Batch]:
        """Begin batches, one after the other; what is asked for first may be stored already.

        Args:
            proposer: proposes them.
            stored: the trials that are.
            numbers: of the trials to come.
            size: says where batches end.
            beside: simulates all but the first one, which compiles, while this thread ends those before;
                None where a batch needs those.
        """
        first, simulated = numbers.start, 0
        while first < numbers.stop:
            end = min(size.end(first), numbers.stop)
            params = proposer.propose(first, end - first)
            old = stored.rows(first, end) if first < len(stored) else None
            if old is not None and not _same(old.params, params[: len(old)]):
                # Another version proposed other points: what is stored counts, go on after it.
                proposer.restart(stored, {})
                first = len(stored)
                if self._foldwise is not None:
                    self._foldwise.restart(stored, first)
                continue
            yield self._batch(first, params, old, beside if simulated else None)
            first, simulated = end, simulated + 1

    def _batch(
        self, first: int, params: FloatArray, old: TrialBlock | None, beside: Executor | None
    ) -> _Batch:
        """Begin a batch: find what was never simulated before, and simulate it now or beside."""
        known = 0 if old is None else len(old)
        if self._foldwise is not None:
            self._foldwise.begin(first, len(params), old)
        began, first, params = _now(), first + known, params[known:]
        checked = self._judge.check(params)
        simulated = np.flatnonzero(~checked.refused)
        source = self._known.take(self._judge.keys(params[simulated]), first + simulated)
        fresh = simulated[source == first + simulated]
        if beside is not None:
            found = beside.submit(self._evaluate, first, params, fresh)
        else:
            found = Future()
            found.set_result(self._evaluate(first, params, fresh))
        return _Batch(first, params, old, checked, simulated, source, began, found)

    def _end(self, proposer: Proposer, writer: WriteBehind, batch: _Batch) -> int:
        """Judge a batch, tell the sampler and hand it to the storage; return the number after its last."""
        old = batch.old
        known = 0 if old is None else len(old)
        block, folds = self._finished(batch)
        told = proposer.tell(block if old is None else old.joined(block))
        if self._foldwise is not None:
            self._foldwise.end(told)
        block = told.rows(known)
        block = block.rows(0, self._tally.take(block))
        if self._folds is not None:
            folds = folds[folds["number"] < block.end]
        whole = batch_start(self._spec.batch, told.end) == told.end
        attrs = proposer.kept() if whole else {}
        writer.put(functools.partial(self._store, block, folds, attrs, told.end))
        return block.end

    def _store(self, block: TrialBlock, folds: RecordArray, attrs: dict[str, Any], end: int) -> None:
        """Store a block: its folds first, so that a stored trial always has them."""
        if self._folds is not None and folds.size:
            self._folds.write(block.first, folds)
        if self._aside is None:
            append_finished(self._storage, self._study_id, block, attrs, end)
        else:
            self._aside.store(block, attrs, end)

    def _finished(self, batch: _Batch) -> tuple[TrialBlock, RecordArray]:
        """Wait for what is simulated, look up what was before, and judge all of it."""
        first, simulated, source = batch.first, batch.simulated, batch.source
        records, folds = batch.found.result()
        self._known.add(first, records)
        repeated = source != first + simulated
        if self._foldwise is not None:
            self._foldwise.repeat(first + simulated[repeated], source[repeated])
            repeated &= self._foldwise.stopped(source) == 0
        for row, number in zip(simulated[repeated], source[repeated], strict=True):
            records[row] = self._known.record(int(number))
        return self._judged(batch, records), folds

    def _evaluate(self, first: int, params: FloatArray, fresh: IntArray) -> tuple[RecordArray, RecordArray]:
        """Return the metrics of every row, those that are not simulated as zeros, and those of the folds."""
        records = np.zeros(len(params), METRICS_DTYPE)
        folds = np.zeros(0, FOLD_DTYPE)
        if self._foldwise is not None:
            wanted = self._judge.points(params[fresh]) if fresh.size else None
            records[fresh], folds = self._foldwise.simulate(first + fresh, wanted)
        elif fresh.size:
            points = self._judge.points(params[fresh])
            records[fresh] = self._evaluator.evaluate(points)
            if self._folds is not None:
                parts = [self._evaluator.evaluate(points, fold) for fold in range(self._folds.count)]
                folds = fold_rows(first + fresh, parts)
        return records, folds

    def _judged(self, batch: _Batch, records: RecordArray) -> TrialBlock:
        first, params, checked, simulated, source, began = (
            batch.first, batch.params, batch.checked, batch.simulated, batch.source, batch.began,
        )  # fmt: skip
        n, reasons = len(params), list(checked.reasons)
        stopped = np.zeros(n, np.int64)
        if self._foldwise is not None:
            stopped[simulated] = self._foldwise.stopped(first + simulated)
        finished = simulated[stopped[simulated] == 0]
        judged = self._judge.judge(params[finished], records[finished])
        values = np.full((n, judged.values.shape[1]), np.nan)
        values[finished] = judged.values
        constraints = dict(checked.constraints)
        for name, column in judged.constraints.items():
            constraints[name] = np.full(n, np.nan)
            constraints[name][finished] = column
        packed: list[str | None] = [None] * n
        texts = pack_metrics(records[finished], self._names, self._still)
        for row, text, reason in zip(finished.tolist(), texts, judged.reasons, strict=True):
            packed[row] = text
            if reason is not None:
                reasons[row] = reason
        attrs: dict[str, list[str | None]] = {METRICS: packed}
        repeated = np.flatnonzero(source != first + simulated)
        if repeated.size:
            attrs[DUPLICATE_OF] = [None] * n
            for row, number in zip(simulated[repeated].tolist(), source[repeated].tolist(), strict=True):
                attrs[DUPLICATE_OF][row] = str(number)
        if self._foldwise is not None and stopped.any():
            attrs[FOLDS_EVALUATED] = [str(count) if count else None for count in stopped.tolist()]
            for row in np.flatnonzero(stopped).tolist():
                reasons[row] = self._foldwise.reason(int(stopped[row]))
        if any(reason is not None for reason in reasons):
            attrs[REASON] = [None if reason is None else json.dumps(reason) for reason in reasons]
        complete = ~np.isnan(values).any(axis=1)
        states = np.where(complete, TrialState.COMPLETE.value, TrialState.PRUNED.value).astype(np.uint8)
        stamps = np.full(n, began), np.full(n, _now())
        block = TrialBlock(first, self._space, states, params, values, *stamps, constraints, attrs)
        if self._foldwise is None:
            return block
        return dataclasses.replace(block, reports=self._foldwise.reports(first, n))

    def _remember(self, stored: TrialBlock) -> None:
        """Take in stored trials: their points need not be simulated again."""
        texts = stored.attrs.get(METRICS, ())
        known = np.zeros(len(stored), np.bool_)
        for name in (METRICS, FOLDS_EVALUATED):
            if name in stored.attrs:
                known |= [text is not None for text in stored.attrs[name]]
        rows = np.flatnonzero(known)
        self._known.take(self._judge.keys(stored.params[rows]), rows)
        self._known.add_stored(texts)

    def _progress(self, done: int, total: int, rate: float | None) -> Progress:
        remaining = 0.0 if done >= total else (total - done) / rate if rate else None
        return Progress(
            done, total, self._tally.best, rate, remaining, self._tally.duplicates, self._tally.pruned
        )


def append_finished(
    storage: BaseStorage, study_id: int, block: TrialBlock, attrs: dict[str, Any], end: int
) -> None:
    """Append a block to a storage, and what the sampler keeps about the study after `end` trials."""
    kept: Any = {_SAMPLER_ATTR: {"trials": end, "attrs": attrs}} if attrs else {}
    append_block(storage, study_id, block, kept)


class _Known:
    """The points simulated so far, and their metrics."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._texts: Sequence[str | None] = ()
        self._starts: list[int] = []
        self._records: list[RecordArray] = []

    def take(self, keys: list[bytes], numbers: IntArray) -> IntArray:
        """Return the first trial with each point, which is the trial's own number where it is new."""
        first = self._numbers.setdefault
        return np.fromiter(map(first, keys, numbers.tolist()), np.int64, len(keys))

    def add(self, start: int, records: RecordArray) -> None:
        """Keep the metrics of the trials from a number on."""
        self._starts.append(start)
        self._records.append(records)

    def add_stored(self, texts: Sequence[str | None]) -> None:
        """Keep the packed metrics of the stored trials, to be read when one of them is met again."""
        self._texts = texts

    def record(self, number: int) -> Any:
        """Return the metrics of a trial."""
        if number < len(self._texts):
            text = self._texts[number]
            assert text is not None
            return unpack_metrics(text)[0]
        place = bisect.bisect_right(self._starts, number) - 1
        return self._records[place][number - self._starts[place]]


class _Size:
    """Where batches end: as the schedule of the spec says, or after a fixed time where any size will do."""

    def __init__(self, batch: int, free: bool) -> None:
        self._batch = batch
        self._free = free
        self._next = batch
        self._least = min(batch, _LEAST)

    def end(self, first: int) -> int:
        """Return the number after the last trial of the batch that begins with a trial."""
        return first + self._next if self._free else batch_end(self._batch, first)

    def took(self, n: int, seconds: float) -> None:
        """Take note of how long a batch took."""
        fitting = int(n * _BLOCK_S / max(seconds, 1e-9))
        self._next = max(min(fitting, _GROWTH * self._next, _MOST), self._least)


def _one_ahead(batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """Yield each batch once the next one is begun."""
    before: _Batch | None = None
    for batch in batches:
        if before is not None:
            yield before
        before = batch
    if before is not None:
        yield before


def _until(end: float, batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """Begin no batch after a time of `time.monotonic`."""
    while time.monotonic() < end:
        try:
            yield next(batches)
        except StopIteration:
            return


class _Pace:
    """Trials per second, counted from the end of the first batch."""

    def __init__(self) -> None:
        self._from: tuple[int, float] | None = None

    def after(self, done: int) -> float | None:
        """Take note that `done` trials are finished; return the rate, None where it is not known yet."""
        now = time.monotonic()
        if self._from is None:
            self._from = (done, now)
        first, began = self._from
        return (done - first) / (now - began) if done > first and now > began else None


def _same(stored: FloatArray, asked: FloatArray) -> bool:
    return bool(np.array_equal(stored, asked, equal_nan=True))


def _now() -> np.datetime64:
    return np.datetime64(dt.datetime.now(dt.UTC).replace(tzinfo=None), "us")


@contextmanager
def _without_old_garbage() -> Iterator[None]:
    """Keep Python from looking for cycles among what was there before: 0.1 s each time, for imports alone."""
    frozen = gc.get_freeze_count() > 0
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna's own log lines away from the user's terminal."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
