"""Create a study, or take an existing one further."""

from __future__ import annotations

import functools
import json
import shlex
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Final, Literal

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from arbkit.data.cache import cache_key
from arbkit.engine.rules import check_supported
from arbkit.errors import ConfigError, StorageError, StudyError
from arbkit.study.aside import Aside
from arbkit.study.batches import BatchRun, Progress, append_finished, quiet_optuna
from arbkit.study.block import METRICS, REASON, Parts
from arbkit.study.crew import Crew, help_leader
from arbkit.study.detail import metric_names, still_names
from arbkit.study.evaluator import Evaluator
from arbkit.study.folds import FoldFiles, metrics_folder
from arbkit.study.lease import Lease, is_led, take_lease
from arbkit.study.lookup import locate
from arbkit.study.market import Market
from arbkit.study.objective import Judge
from arbkit.study.packing import pack_metrics
from arbkit.study.pruners import make_pruner
from arbkit.study.record import StudyRecord
from arbkit.study.robust import evaluator_for
from arbkit.study.samplers import internal, make_sampler
from arbkit.study.space import VIEWS, Categorical, distributions
from arbkit.study.spec import StudySpec
from arbkit.study.stop import until_asked
from arbkit.study.storages import (
    MEMORY,
    POSTGRESQL,
    REDIS,
    StorageReader,
    close_storage,
    count_trials,
    file_of,
    open_storage,
    read_block,
    redacted,
    storage_errors,
)
from arbkit.study.storages.urls import aside_folder
from arbkit.study.study import Study, load_study
from arbkit.study.warm import with_known_points
from arbkit.study.worker import Setup

__all__ = ["command_of", "resume_study", "run_study"]

Report = Callable[[Progress], None]

#: Keys of a spec that decide where and how long a study runs, not what its trials are.
_NO_TRIALS: Final = frozenset({"storage", "timeout", "stagnation", "warm_start", "validation"})


def run_study(
    spec: StudySpec,
    *,
    progress: Report | None = None,
    evaluator: Evaluator | None = None,
    command: str = "",
    workers: int = 0,
) -> Study:
    """Run a new study to its end.

    Args:
        spec: what to search, on what.
        progress: called after each stored batch.
        evaluator: turns parameter sets into metrics; default: this process.
        command: the shell command to record; default: one made from the spec's file.
        workers: processes that evaluate in the place of this one; 0 for none.

    Returns:
        The finished study; with fewer trials than planned when its `timeout` or `stagnation` ended it. After
        an interruption `resume_study` goes on where it was stopped.

    Raises:
        ArbkitError: when the data or the storage are not as the spec needs them, or a study of that
            name has trials already.
    """
    command = command or command_of(spec)
    spec = with_known_points(spec)
    if evaluator is None:
        helped = _helped(spec.name, spec.storage, workers, _digest(spec.to_dict()))
        if helped == "ended":
            return load_study(spec.name, spec.storage)
        if helped == "lost":
            return resume_study(spec.name, storage=spec.storage, progress=progress, workers=workers)
    _refuse_existing(spec)
    _check_sampler(spec)
    market = Market.load(spec)
    hashing = _in_background(lambda: market.fingerprint)
    _warm(spec, market)
    _check_rules(spec, market)
    storage = open_storage(spec.storage, create=True)
    try:
        hashing.join()
        record = StudyRecord.make(
            spec.to_dict() | {"storage": redacted(spec.storage)},
            market.fingerprint,
            spec.planned_trials,
            command,
        )
        with quiet_optuna(), storage_errors(spec.storage), _lease(spec.storage, spec.name) as lease:
            study = _create(spec, storage, record)
            crew = evaluator or _crew(spec, spec.storage, market, workers, lease)
            _run(spec, spec.storage, record, study, storage, market, crew, progress)
    finally:
        close_storage(storage)
    return Study(spec.name, record, spec.storage, reader=_in_memory(spec.storage, storage), market=market)


def resume_study(
    name: str,
    *,
    n_trials: int | None = None,
    timeout: str | float | None = None,
    stagnation: int | None = None,
    storage: str | None = None,
    progress: Report | None = None,
    evaluator: Evaluator | None = None,
    workers: int = 0,
) -> Study:
    """Take a study to its planned number of trials, or to a larger one.

    The trials are those of a study that was never interrupted: same spec, same seed, same trials.

    Args:
        name: name, file or URL of the study, as `load_study` takes it.
        n_trials: the new number of trials in all; default: the planned one.
        timeout: how long this run may take ("10m", or seconds); default: what the spec says.
        stagnation: after how many trials without a better value to stop; default: what the spec says.
        storage: the URL to look in, where the name alone does not tell.
        progress: called after each stored batch.
        evaluator: turns parameter sets into metrics; default: this process.
        workers: processes that evaluate in the place of this one; 0 for none.

    Raises:
        StudyError: when the data are not the ones the study began with; both fingerprints are shown.
        ArbkitError: when the data or the storage cannot be read.
    """
    found, url = locate(name, storage)
    if evaluator is None and _helped(found, url, workers, None) == "ended":
        return load_study(found, url)
    opened = open_storage(url)
    try:
        with quiet_optuna(), storage_errors(url), _lease(url, found) as lease:
            study = optuna.load_study(study_name=found, storage=opened)
            record = StudyRecord.from_attrs(found, study.user_attrs)
            spec = StudySpec.from_dict(record.spec)
            _check_sampler(spec)
            market = Market.load(spec)
            record.check_fingerprint(market.fingerprint)
            record = _extended(study, record, spec, n_trials)
            _settle(study, spec, evaluator or evaluator_for(spec, market))
            budget = {} if timeout is None else {"timeout": timeout}
            budget |= {} if stagnation is None else {"stagnation": stagnation}
            spec = spec.replace(**budget) if budget else spec
            crew = evaluator or _crew(spec, url, market, workers, lease)
            _run(spec, url, record, study, opened, market, crew, progress)
    finally:
        close_storage(opened)
    return Study(found, record, url, reader=_in_memory(url, opened), market=market)


def _in_memory(url: str, storage: BaseStorage) -> StorageReader | None:
    """Return what reads a storage that nothing else can read; None for one that has an address."""
    return StorageReader(url, storage) if url == MEMORY else None


def _in_background(work: Callable[[], object]) -> threading.Thread:
    """Do what needs no interpreter, such as hashing, beside what does, such as importing."""
    thread = threading.Thread(target=work, name="arbkit-background", daemon=True)
    thread.start()
    return thread


def _run(
    spec: StudySpec,
    url: str,
    record: StudyRecord,
    study: optuna.Study,
    storage: BaseStorage,
    market: Market,
    evaluator: Evaluator,
    progress: Report | None,
) -> None:
    """Take a study to its end, or to that of its budget."""
    pair = f"{market.meta.leg_a}-{market.meta.leg_b}"
    count, names = len(market.fold_edges) - 1, metric_names(spec.metrics)
    folds = FoldFiles(metrics_folder(url, spec.name), pair, count, names) if count > 0 else None
    aside = _aside(url, record, study, storage)
    if aside is not None:
        aside.begin()
    if count_trials(storage, study._study_id) < record.n_trials:
        run = BatchRun(spec, storage, study._study_id, evaluator, folds, aside)
        crew = evaluator if isinstance(evaluator, Crew) else nullcontext()
        with crew, until_asked(url, spec.name, progress) as report:
            run.run(record.n_trials, report, spec.timeout_s)
    if aside is not None:
        aside.finish()


def _aside(url: str, record: StudyRecord, study: optuna.Study, storage: BaseStorage) -> Aside | None:
    """Return what keeps trials while a server is away; None for a storage without one."""
    if not url.startswith((*POSTGRESQL, *REDIS)):
        return None
    append = functools.partial(append_finished, storage, study._study_id)
    stored = functools.partial(storage.get_n_trials, study._study_id)
    return Aside(
        aside_folder(study.study_name), url, f"{record.created} {record.dataset_fingerprint}", append, stored
    )


def _helped(name: str, url: str, workers: int, spec: str | None) -> Literal["ended", "lost", "alone"]:
    """Help the process that runs a study already, until there is none.

    Returns:
        "ended" when it ended its run, "lost" when it died and had stored trials, "alone" when there was none.

    Raises:
        StudyError: when it runs another spec.
    """
    helped = False
    while is_led(url, name):
        helped = True
        outcome = help_leader(url, name, workers, spec)
        if outcome == "ended":
            return "ended"
        if outcome == "other":
            raise StudyError(
                f"the name of a study must be free, another process is running {name!r} with another spec; "
                "give this one another name, or wait"
            )
    return "lost" if helped and _stored_trials(url, name) else "alone"


def _lease(url: str, name: str) -> Lease:
    lease = take_lease(url, name)
    if lease is None:
        raise StorageError(
            f"a study must be led by one process at a time, another has just begun {name!r}; "
            f"join it with `arbkit study resume {name}`"
        )
    return lease


def _digest(spec: Mapping[str, Any]) -> str:
    """Return what tells specs apart that do not give the same trials."""
    return cache_key({key: value for key, value in spec.items() if key not in _NO_TRIALS})


def _crew(spec: StudySpec, url: str, market: Market, workers: int, lease: Lease) -> Crew:
    """Return the evaluator of a study: this process, its workers, and whoever joins."""

    def setup() -> Setup:
        references = list(spec.views)
        stores = market.stored(references)
        # Kernels are compiled here and now: processes that compile the same ones at once can crash.
        judge, space = Judge(spec), distributions(spec.space)
        params = np.array([internal(space, point) for point in _corners(spec)])
        params = params[~judge.check(params).refused]
        if len(params):
            evaluator_for(spec, market, 1).evaluate(judge.points(params))
        digest, more = _digest(spec.to_dict()), local.setup(references)
        return Setup(digest, spec.metrics, stores, market.fold_edges, **more)

    local = evaluator_for(spec, market)
    return Crew(local, workers, setup, lease)


def command_of(spec: StudySpec, changes: Mapping[str, Any] | None = None) -> str:
    """Return the shell command that makes a study of this spec again.

    Args:
        spec: the spec.
        changes: what the command line changed in the spec's file, by key.
    """
    words = ["arbkit", "study", "run", str(spec.path or f"{spec.name}.yaml")]
    options: dict[str, Any] = {"n_trials": spec.planned_trials, **(changes or {})}
    for key, value in options.items():
        words += [f"--{key.replace('_', '-')}", redacted(str(value))]
    return shlex.join(words)


def _stored_trials(url: str, name: str) -> int:
    """Return how many trials a study has; 0 where there is no such study."""
    file = file_of(url)
    if url == MEMORY or (file is not None and (not file.exists() or file.stat().st_size == 0)):
        return 0
    storage = open_storage(url, create=True)
    try:
        with storage_errors(url):
            taken = {item.study_name: item._study_id for item in storage.get_all_studies()}
            return storage.get_n_trials(taken[name]) if name in taken else 0
    finally:
        close_storage(storage)


def _refuse_existing(spec: StudySpec) -> None:
    """Refuse a name that is taken before the data are read; a study without trials is not taken."""
    if stored := _stored_trials(spec.storage, spec.name):
        raise StudyError(
            f"the name of a new study must be free, {spec.name!r} has {stored} trials in "
            f"{redacted(spec.storage)}; go on with `arbkit study resume {spec.name}`, or give the spec "
            "another name or storage"
        )


def _create(spec: StudySpec, storage: BaseStorage, record: StudyRecord) -> optuna.Study:
    """Create the study with its record; one that was killed before its first trial is begun anew."""
    for item in storage.get_all_studies():
        if item.study_name == spec.name and not storage.get_n_trials(item._study_id):
            storage.delete_study(item._study_id)
    try:
        study = optuna.create_study(study_name=spec.name, storage=storage, directions=spec.directions)
    except optuna.exceptions.DuplicatedStudyError as error:
        raise StudyError(f"the name of a new study must be free, {spec.name!r} is taken") from error
    for key, value in record.to_attrs().items():
        study.set_user_attr(key, value)
    with warnings.catch_warnings():
        # Only the name shown beside a value; Optuna says at each call that it may still change.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([item.metric for item in spec.objective])
    return study


def _extended(study: optuna.Study, record: StudyRecord, spec: StudySpec, n_trials: int | None) -> StudyRecord:
    if n_trials is None or n_trials == record.n_trials:
        return record
    if n_trials < record.n_trials:
        raise StudyError(
            f"`n_trials` counts all trials and must not fall, was {n_trials} after {record.n_trials}"
        )
    total = spec.replace(n_trials=n_trials).planned_trials
    command = record.command.replace(f"--n-trials {record.n_trials}", f"--n-trials {total}")
    values = vars(record) | {
        "n_trials": total,
        "command": command,
        "spec": {**record.spec, "n_trials": total},
    }
    extended = StudyRecord(**values)
    for key, value in extended.to_attrs().items():
        study.set_user_attr(key, value)
    return extended


def _check_sampler(spec: StudySpec) -> None:
    """Find a sampler or a pruner that cannot be made before the data are read."""
    if spec.pruner is not None:
        make_pruner(spec.pruner.name, spec.pruner.options)
    make_sampler(spec.sampler.name, spec.sampler.options, seed=spec.seed, done=0, ranges=spec.space)


def _warm(spec: StudySpec, market: Market) -> None:
    """Fill every view of the space, so that one that does not parse is found before the study exists."""
    for view in spec.views:
        market.panel_for(view, "train")


def _check_rules(spec: StudySpec, market: Market) -> None:
    """Find a rule that the engine does not simulate before the study exists, at the ends of each range."""
    for point in _corners(spec):
        try:
            params, shown = spec.params_of(point)
        except ConfigError:
            continue  # Two ends that exclude each other: such a trial is infeasible, not an error.
        check_supported(market.panel_for(shown, "train"), params)


def _corners(spec: StudySpec) -> list[dict[str, Any]]:
    """Return points with each parameter at its ends, the others at their first, for each view."""
    ends = {
        name: item.choices if isinstance(item, Categorical) else (item.low, item.high)
        for name, item in spec.space.items()
    }
    first = {name: values[0] for name, values in ends.items()}
    points = [{**first, name: value} for name, values in ends.items() for value in values]
    for name in VIEWS:
        points = [{**point, name: value} for value in ends.get(name, ()) for point in points] or points
    return points


def _settle(study: optuna.Study, spec: StudySpec, evaluator: Evaluator) -> None:
    """Finish what another program left RUNNING or WAITING in this study: arbkit itself leaves nothing so."""
    states = (TrialState.RUNNING, TrialState.WAITING)
    # Optuna makes an object of every trial to find these.
    parts = Parts(params=False, attrs=(), rest=False)
    there = read_block(study._storage, study._study_id, parts).states
    if not np.isin(there, [state.value for state in states]).any():
        return
    stale = study.get_trials(deepcopy=False, states=states)
    for frozen in sorted(stale, key=lambda item: item.number):
        if frozen.state == TrialState.WAITING:
            trial: Any = study.ask(distributions(spec.space))
        else:
            trial = optuna.trial.Trial(study, frozen._trial_id)
        _finish_stale(study, trial, spec, evaluator)


def _finish_stale(
    study: optuna.Study, trial: optuna.trial.Trial, spec: StudySpec, evaluator: Evaluator
) -> None:
    if set(trial.params) != set(spec.space):
        study.tell(trial, state=TrialState.FAIL)
        return
    judge, names = Judge(spec), metric_names(spec.metrics)
    still = still_names({*spec.fixed, *spec.space})
    params = np.array([internal(distributions(spec.space), trial.params)])
    checked = judge.check(params)
    reason, values = checked.reasons[0], None
    constraints = {name: column[0] for name, column in checked.constraints.items()}
    if reason is None:
        records = evaluator.evaluate(judge.points(params))
        trial.set_user_attr(METRICS, json.loads(pack_metrics(records, names, still)[0]))
        judged = judge.judge(params, records)
        reason, values = judged.reasons[0], judged.values[0].tolist()
        constraints |= {name: column[0] for name, column in judged.constraints.items()}
    for name, violation in constraints.items():
        trial.set_constraint(name, float(violation))
    if reason is None:
        study.tell(trial, values)
        return
    trial.set_user_attr(REASON, reason)
    study.tell(trial, state=TrialState.PRUNED)
