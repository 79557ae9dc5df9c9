"""Run the jobs of plans on this machine: one result file per job, in batches over the same data.

All jobs that read the same data are simulated together by `backtest_many`, which gives bit for bit what
`arbkit backtest` gives, job by job. A result file is whole or not there, so a run that was killed goes on
where it stopped: what is finished is skipped.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from arbkit.config import Params
from arbkit.engine import backtest, backtest_many, flags_of
from arbkit.engine._threads import whole
from arbkit.engine.rules import check_supported
from arbkit.errors import ArbkitError
from arbkit.jobs.document import config_of, document_of, error_document, write_document
from arbkit.jobs.job import Job
from arbkit.jobs.json_text import dump_many_json, plain
from arbkit.jobs.plan import PlannedJob
from arbkit.metrics import METRIC_NAMES
from arbkit.panel import Panel

__all__ = ["Failure", "Finished", "RunProgress", "RunReport", "Sink", "run_jobs"]

#: Results are written at least about this often: what a kill costs.
_BATCH_S: Final = 0.5
_FIRST_BATCH: Final = 8
_MOST_IN_A_BATCH: Final = 4096


class Failure(NamedTuple):
    """A job that did not work, and why."""

    job_id: str
    message: str


class Finished(NamedTuple):
    """A job that worked: its plan, its document, and the panel it ran on."""

    job: PlannedJob
    document: dict[str, Any]
    panel: Panel


class RunProgress(NamedTuple):
    """How far a run is: jobs done in it (failed ones too), of how many, and how many failed."""

    done: int
    total: int
    failed: int


class RunReport(NamedTuple):
    """What a run did.

    Attributes:
        planned: jobs in the plans.
        skipped: jobs whose result was there already.
        done: jobs that worked.
        failures: jobs that did not.
        left: jobs that neither are finished nor were tried, by `max_jobs` or `stop_on_error`.
    """

    planned: int
    skipped: int
    done: int
    failures: list[Failure]
    left: int


class Sink(Protocol):
    """Takes finished jobs elsewhere, such as into a table.

    `hold` is called before the result files of a batch are written and must keep what it is given safe from a
    kill; `flush` after that, and may fail to deliver without an error.
    """

    def hold(self, finished: Sequence[Finished]) -> None:
        """Keep a batch."""
        ...

    def flush(self) -> None:
        """Deliver what is kept."""
        ...


class _Ready(NamedTuple):
    """A job that can be tried, with its inputs."""

    planned: PlannedJob
    job: Job
    params: Params
    config: dict[str, Any]


def run_jobs(
    jobs: Sequence[PlannedJob],
    *,
    max_jobs: int | None = None,
    stop_on_error: bool = False,
    workers: int | None = None,
    again: bool = False,
    progress: Callable[[RunProgress], None] | None = None,
    sink: Sink | None = None,
) -> RunReport:
    """Run jobs and write a result file for each, also for one that fails.

    Args:
        jobs: of one plan or several.
        max_jobs: try at most so many of those that are not finished.
        stop_on_error: stop at the first job that fails; without it the others go on.
        workers: threads, that is how many sets are simulated at once; by default one per core.
        again: run finished jobs too.
        progress: called after each batch.
        sink: is given every finished job too.

    Returns:
        What was done, what failed and why, and what is left.

    Raises:
        ConfigError: when a result file cannot be written, or `workers` is not a whole number from 1 on.
    """
    if workers is not None:
        whole("workers", workers, 1, "; leave it out for one per core")
    run = _Run(stop_on_error, workers, progress, sink)
    ready, skipped = run.prepare(jobs, again, max_jobs)
    run.total = len(ready) + len(run.failures)
    for group in _by_market(ready):
        if run.stopped:
            break
        run.group(group)
    left = len(jobs) - skipped - run.done - len(run.failures)
    return RunReport(len(jobs), skipped, run.done, run.failures, left)


def _by_market(ready: Sequence[_Ready]) -> list[list[_Ready]]:
    """Put together what reads the same data, in the order of the plan."""
    groups: dict[Any, list[_Ready]] = {}
    for item in ready:
        market = dataclasses.replace(item.job, tag=None, output_json=None)
        groups.setdefault((market, item.params.depth_levels), []).append(item)
    return list(groups.values())


class _Run:
    """One call of `run_jobs`."""

    def __init__(
        self,
        stop_on_error: bool,
        workers: int | None,
        progress: Callable[[RunProgress], None] | None,
        sink: Sink | None,
    ) -> None:
        self.done = 0
        self.total = 0
        self.failures: list[Failure] = []
        self._stop_on_error = stop_on_error
        self._workers = workers
        self._progress = progress
        self._sink = sink

    @property
    def stopped(self) -> bool:
        """Whether no further job is to be tried."""
        return self._stop_on_error and bool(self.failures)

    def prepare(
        self, jobs: Sequence[PlannedJob], again: bool, max_jobs: int | None
    ) -> tuple[list[_Ready], int]:
        """Return what is to be run, and how much is finished already."""
        ready: list[_Ready] = []
        skipped = 0
        for planned in jobs:
            if self.stopped or (max_jobs is not None and len(ready) + len(self.failures) >= max_jobs):
                # The rest is still looked at, so that the report can tell what is finished.
                skipped += not again and _is_finished(planned, None)
                continue
            try:
                job, params = planned.made()
            except (ArbkitError, TypeError) as error:
                self._fail(planned, dict(planned.config), error)
                continue
            config = config_of(job, params)
            if not again and _is_finished(planned, config):
                skipped += 1
            else:
                ready.append(_Ready(planned, job, params, config))
        return ready, skipped

    def group(self, group: Sequence[_Ready]) -> None:
        """Run jobs that read the same data."""
        began = time.perf_counter()
        try:
            panel = group[0].job.load(group[0].params.depth_levels)
        except Exception as error:
            for item in group[: 1 if self._stop_on_error else None]:
                self._fail(item.planned, item.config, error)
            self._tell()
            return
        size, taken = _FIRST_BATCH, 0
        load_s = (time.perf_counter() - began) / len(group)
        while taken < len(group) and not self.stopped:
            began = time.perf_counter()
            batch = group[taken : taken + size]
            self._batch(panel, batch, load_s)
            taken += len(batch)
            seconds = time.perf_counter() - began
            # The first batch waits for compilation and for the index of the panel.
            grown = int(size * _BATCH_S / max(seconds, 1e-6))
            size = min(max(grown, _FIRST_BATCH), 4 * size, _MOST_IN_A_BATCH)

    def _batch(self, panel: Panel, batch: Sequence[_Ready], load_s: float) -> None:
        began = time.perf_counter()
        runnable: list[_Ready] = []
        refused: list[tuple[_Ready, Exception]] = []
        for item in batch:
            try:
                check_supported(panel, item.params)
            except Exception as error:
                refused.append((item, error))
                if self._stop_on_error:
                    break
            else:
                runnable.append(item)
        rows = list(self._simulate(panel, runnable))
        seconds = load_s + (time.perf_counter() - began) / max(len(batch), 1)
        finished = []
        for item, row in zip(runnable, rows, strict=False):
            if isinstance(row, Exception):
                refused.append((item, row))
                continue
            notes = flags_of(panel, item.params)
            document = document_of(item.config, row, seconds, len(panel), notes)
            finished.append(Finished(item.planned, document, panel))
        self._keep(finished)
        for item, reason in refused[: 1 if self._stop_on_error else None]:
            self._fail(item.planned, item.config, reason)
        self._tell()

    def _simulate(self, panel: Panel, items: Sequence[_Ready]) -> Iterator[Mapping[str, Any] | Exception]:
        """Yield the metrics of each set, or what kept it from having any."""
        if not items:
            return
        interval = items[0].job.interval
        try:
            frame = backtest_many(
                panel, [item.params for item in items], interval=interval, threads=self._workers
            )
        except Exception:
            # One of them cannot be simulated; alone, each says so for itself.
            for item in items:
                try:
                    yield backtest(panel, item.params, interval=interval).metrics.to_dict()
                except Exception as error:
                    yield error
                    if self._stop_on_error:
                        return
            return
        yield from frame.select(METRIC_NAMES).to_dicts()

    def _keep(self, finished: Sequence[Finished]) -> None:
        if self._sink is not None and finished:
            self._sink.hold(finished)
        for item in finished:
            write_document(item.document, Path(item.job.output_json), dump_many_json)
            self.done += 1
        if self._sink is not None and finished:
            self._sink.flush()

    def _fail(self, planned: PlannedJob, config: Mapping[str, Any], error: Exception) -> None:
        document = error_document(error, {**config, "output_json": planned.output_json})
        write_document(document, Path(planned.output_json))
        self.failures.append(Failure(planned.job_id, document["message"]))

    def _tell(self) -> None:
        if self._progress is not None:
            failed = len(self.failures)
            self._progress(RunProgress(self.done + failed, self.total, failed))


def _is_finished(planned: PlannedJob, config: Mapping[str, Any] | None) -> bool:
    """Tell whether the result of a job is there: it worked, and on these inputs where they are given."""
    try:
        document = msgspec.json.decode(Path(planned.output_json).read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    if not isinstance(document, dict) or document.get("status") != "success":
        return False
    return config is None or document.get("config") == plain(dict(config))
