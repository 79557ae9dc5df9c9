"""What arbkit adds to the time of a sampler: the same trials in a stored study and in Optuna's memory.

A sampler is timed at its own calls, in both runs, which have to propose the same. What is added is the CPU
time of arbkit's process minus evaluating and minus these calls: samplers made, the copy in memory that they
look at, trials judged and packed, and SQLite.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import optuna
from optuna.samplers import BaseSampler

import arbkit
from arbkit._typing import FloatArray, RecordArray
from arbkit.study import Evaluator, Progress, StudySpec, run_study
from arbkit.study.block import TrialBlock
from arbkit.study.conditions import Conditions
from arbkit.study.evaluator import Points
from arbkit.study.market import Market
from arbkit.study.robust import evaluator_for
from arbkit.study.samplers import History, internal, sampler_info
from arbkit.study.samplers.info import Request
from arbkit.study.samplers.tpe import TpeSampler
from arbkit.study.schedule import batches
from arbkit.study.space import distributions
from arbkit.study.storages import append_block, read_block
from benchmarks.bench_study import TRAINING, study_spec, written
from benchmarks.markets import PARAMS
from benchmarks.quiet import quiet

__all__ = ["SAMPLERS", "Clock", "TimedSampler", "TimedTpe", "added", "tpe_stored"]

#: What is timed: Optuna's, one in a package of its own, and our TPE, which proposes in blocks.
SAMPLERS: Final = (
    "optuna.random", "arbkit_near_best:NearBestSampler", "cmaes", "nsgaii", "tpe", "optuna.tpe",
)  # fmt: skip
_PACKAGE: Final = Path(__file__).resolve().parents[1] / "tests" / "plugins" / "arbkit-near-best"
_CALLS: Final = (
    "infer_relative_search_space", "sample_relative", "sample_independent", "before_trial", "after_trial",
)  # fmt: skip


class Clock:
    """CPU seconds spent in the calls of all samplers that are timed, and how many calls that were."""

    spent = 0.0
    calls = 0

    @classmethod
    def timed(cls, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that also adds what it takes."""

        def added(*arguments: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*arguments)
            finally:
                cls.spent += time.thread_time() - began
                cls.calls += 1

        return added

    @staticmethod
    def cost() -> float:
        """Return CPU seconds that reading the clock takes."""
        return statistics.median(_between_readings() for _ in range(1_001))


def _between_readings() -> float:
    began = time.thread_time()
    return time.thread_time() - began


class TimedSampler(BaseSampler):
    """A sampler of Optuna's kind whose calls are timed.

    Args:
        seed: of the sampler.
        space: the search space.
        base: name of the sampler in a spec.
    """

    def __init__(self, seed: int, space: dict[str, Any], base: str) -> None:
        sampler = sampler_info(base).make(Request(seed, 0, {}, space))
        for name in _CALLS:
            setattr(self, name, Clock.timed(getattr(sampler, name)))

    def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
        """Stand in for the timed call that `__init__` puts before it, as those below do."""

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
        """Stand in."""

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """Stand in."""


class TimedTpe:
    """Our TPE, its proposals timed."""

    def __init__(self, seed: int, space: dict[str, Any]) -> None:
        self._propose = Clock.timed(TpeSampler(space, seed, Conditions({})).propose)

    def propose(self, history: History, first: int, n: int) -> FloatArray:
        """Propose the next trials."""
        rows: FloatArray = self._propose(history, first, n)
        return rows


class _TimedEvaluator:
    """One thread that evaluates, and how long that took."""

    def __init__(self, inner: Evaluator) -> None:
        self._inner = inner
        self.spent = 0.0

    def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
        """Return the metrics of each point."""
        began = time.thread_time()
        records = self._inner.evaluate(points, fold)
        self.spent += time.thread_time() - began
        return records


class _Mark(NamedTuple):
    """Seconds so far: of the wall, of the processor, of evaluating, of the sampler; and its calls."""

    wall: float
    cpu: float
    evaluating: float
    own: float
    calls: float


def added(panel: arbkit.Panel, trials: int, folder: Path, *, rounds: int = 5) -> Iterator[dict[str, Any]]:
    """Time each sampler in studies stored in SQLite, and on the same trials in memory.

    Args:
        panel: the market.
        trials: of each study.
        folder: a place for it and the studies.
        rounds: studies of which the medians are returned; with several, one before them warms.

    Yields:
        Per sampler, microseconds a trial: the study's loop, in wall and CPU time; evaluating; the sampler's
        own time in the study and alone in memory; what arbkit adds to that, and what the loop in memory does.
    """
    sys.path.insert(0, str(_PACKAGE))
    spec = study_spec("added", "random", trials, folder, "realized", "reversal", written(panel, folder))
    for name in SAMPLERS:
        short = name.partition(":")[0]
        timed = {"name": f"{__name__}:TimedSampler", "base": name}
        if name == "tpe":
            timed = {"name": f"{__name__}:TimedTpe"}
        found = []
        # Optuna's TPE takes minutes, beside which nothing else counts: once.
        turns = rounds + (rounds > 1) if name != "optuna.tpe" else 1
        for turn in range(turns):
            storage = f"sqlite:///{folder / short}-{turn}.db"
            found.append(_once(spec.replace(sampler=timed, storage=storage)))
        medians = {key: statistics.median(one[key] for one in found[-rounds:]) for key in found[0]}
        yield {"sampler": short, "trials": spec.n_trials, **medians}


def tpe_stored(
    panel: arbkit.Panel, trials: int, folder: Path, *, places: int = 5, each: int = 10
) -> Iterator[dict[str, Any]]:
    """Time our TPE as a whole study on SQLite, and plain Optuna at some places on the way there.

    Plain Optuna takes half an hour for 5,000 trials: it goes on for a few in studies that hold the first
    ones of ours, in the middle of each of so many equal stretches.

    Args:
        panel: the market.
        trials: of the study.
        folder: a place for it and the studies.
        places: stretches.
        each: trials timed in each of them.

    Yields:
        Milliseconds a trial of both, in wall and CPU time, and the ratio of the latter.
    """
    bounds = written(panel, folder)
    spec = study_spec("tpe", "tpe", trials, folder, "realized", "stop loss", bounds)
    # No integer of 100,000 values: Optuna's TPE takes eight times as long over one.
    space = {name: vars(item) for name, item in spec.space.items() if name != "max_position_usd"}
    space["cooldown_s"] = {"type": "int", "low": 0, "high": 600, "step": 10}
    spec = spec.replace(space=space, fixed={**spec.fixed, "max_position_usd": PARAMS.max_position_usd})
    run_study(spec.replace(name="warm", n_trials=64, storage="memory://"))
    began = time.perf_counter(), time.process_time()
    study = run_study(spec)
    ours = (time.perf_counter() - began[0]) / trials * 1e3, (time.process_time() - began[1]) / trials * 1e3
    block = read_block(study.optuna._storage, study.optuna._study_id)
    told = [int((k + 0.5) * trials / places) for k in range(places)]
    costs = np.array([_plain_at(spec, panel, block.rows(0, count), folder, each) for count in told])
    theirs = costs.mean(axis=0)
    yield {
        "trials": trials, "rows": len(panel), "ours ms": ours[0], "ours CPU ms": ours[1],
        "Optuna ms": theirs[0], "Optuna CPU ms": theirs[1], "Optuna CPU ms, last": costs[-1, 1],
        "times faster": theirs[1] / ours[1], "ours, best": float(np.nanmax(block.values)),
    }  # fmt: skip


def _plain_at(
    spec: StudySpec, panel: arbkit.Panel, told: TrialBlock, folder: Path, trials: int
) -> tuple[float, float]:
    """Return wall and CPU milliseconds a trial of `study.optimize` on SQLite, after the trials told."""
    train, space = panel.rows(0, int(len(panel) * TRAINING)), distributions(spec.space)

    def objective(trial: optuna.Trial) -> float:
        params, _ = spec.params_of({name: trial._suggest(name, item) for name, item in space.items()})
        return float(arbkit.backtest_many(train, [params], metrics="realized")["mtm_pnl_usd"][0])

    with quiet():
        study = optuna.create_study(
            storage=f"sqlite:///{folder / f'plain-{told.end}.db'}", direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=1),
        )  # fmt: skip
        append_block(study._storage, study._study_id, told)
        study.optimize(objective, 1)
        began = time.perf_counter(), time.process_time()
        study.optimize(objective, trials)
    spent = time.perf_counter() - began[0], time.process_time() - began[1]
    return spent[0] / trials * 1e3, spent[1] / trials * 1e3


def _once(spec: StudySpec) -> dict[str, float]:
    """Run a study, then its trials in memory; both are timed from the end of the first batch on."""
    evaluator = _TimedEvaluator(evaluator_for(spec, Market.load(spec), 1))
    marks: list[_Mark] = []

    def note(step: Progress) -> None:
        marks.append(
            _Mark(time.perf_counter(), time.process_time(), evaluator.spent, Clock.spent, Clock.calls)
        )

    study = run_study(spec, evaluator=evaluator, progress=note)
    there = _between(marks)
    frame = study.trials(metrics=False)
    rows = np.array([internal(distributions(spec.space), row) for row in frame.to_dicts()])
    alone = _between(_in_memory(spec, rows, frame["value"].to_numpy()))
    costs = {
        "wall us": there.wall, "CPU us": there.cpu, "evaluating": there.evaluating,
        "sampler there": there.own, "sampler alone": alone.own,
        "added": there.cpu - there.evaluating - there.own, "Optuna in memory adds": alone.cpu - alone.own,
    }  # fmt: skip
    trials = len(rows) - next(batches(spec.batch, len(rows)))[1]
    return {name: cost / trials * 1e6 for name, cost in costs.items()}


def _between(marks: Sequence[_Mark]) -> _Mark:
    """Return what lies between two marks, without reading the clock: twice a call, once of it inside."""
    wall, cpu, evaluating, own, calls = (
        last - first for first, last in zip(marks[0], marks[-1], strict=True)
    )
    cost = Clock.cost()
    return _Mark(wall, cpu - 2 * calls * cost, evaluating, own - calls * cost, calls)


def _in_memory(spec: StudySpec, rows: FloatArray, values: FloatArray) -> list[_Mark]:
    """Ask and tell the same trials in memory, in the same batches; return a mark after each.

    Raises:
        RuntimeError: when the sampler proposes other trials than in the study.
    """
    batch_of = _of_ours if "base" not in spec.sampler.options else _of_optuna
    marks = []
    with quiet():
        for (first, end), asked in zip(batches(spec.batch, len(rows)), batch_of(spec, values), strict=True):
            marks.append(_Mark(time.perf_counter(), time.process_time(), 0.0, Clock.spent, Clock.calls))
            if not np.array_equal(asked, rows[first:end]):
                raise RuntimeError(f"{spec.sampler} proposes other trials in memory")
    return marks


def _of_ours(spec: StudySpec, values: FloatArray) -> Iterator[FloatArray]:
    space = distributions(spec.space)
    sampler, history = TimedTpe(spec.seed, space), History(space, spec.directions)
    for first, end in batches(spec.batch, len(values)):
        rows = sampler.propose(history, first, end - first)
        history.append(rows, values[first:end, None])
        yield rows


def _of_optuna(spec: StudySpec, values: FloatArray) -> Iterator[list[list[float]]]:
    space = distributions(spec.space)
    study = optuna.create_study(directions=spec.directions)
    for first, end in batches(spec.batch, len(values)):
        study.sampler = TimedSampler(spec.seed + first, space, spec.sampler.options["base"])
        trials = [study.ask(space) for _ in range(first, end)]
        for trial, value in zip(trials, values[first:end].tolist(), strict=True):
            study.tell(trial, value)
        yield [internal(space, trial.params) for trial in trials]
