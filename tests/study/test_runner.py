"""Running a study: the same trials from the same spec and seed, however often it was stopped."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from arbkit._typing import RecordArray
from arbkit.errors import ConfigError, MissingDependencyError, StudyError
from arbkit.panel import Panel
from arbkit.study import (
    Market,
    PanelEvaluator,
    Points,
    Progress,
    Study,
    StudySpec,
    load_study,
    resume_study,
    run_study,
)
from arbkit.study.samplers import SAMPLERS

READY = [name for name, info in SAMPLERS.items() if not info.missing]
OPTIONS: dict[str, dict[str, Any]] = {
    "grid": {"points": 3},
    "tpe": {"n_startup_trials": 5},
    "nsgaii": {"population_size": 6},
    "optuna.grid": {"points": 3},
    "partial_fixed": {"fixed": {"min_hold_s": 60}},
}
#: Every combination needs parameters with a countable number of values.
COUNTABLE = {
    "min_spread_bps": {"type": "float", "low": 1, "high": 61, "step": 10},
    "exit_spread_bps": {"type": "float", "low": -20, "high": 20, "step": 2.5},
}


class StoppingEvaluator:
    """Evaluates like the real one, and is interrupted at one of its calls."""

    def __init__(self, spec: StudySpec, stop_at: int) -> None:
        self._inner = PanelEvaluator(Market.load(spec))
        self._left = stop_at

    def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return self._inner.evaluate(points, fold)


def named(values: dict[str, Any], name: str, sampler: str, **changes: Any) -> StudySpec:
    options = {"name": sampler, **OPTIONS.get(sampler, {})}
    if sampler == "bruteforce":
        changes = {"space": COUNTABLE, **changes}
    return StudySpec.from_dict({**values, "name": name, "sampler": options, **changes})


def content(study: Study) -> list[tuple[Any, ...]]:
    """Everything about the trials that a seed must decide: all but the clock."""
    return [
        (item.number, item.state, item.params, item.values, item.user_attrs, item.constraints)
        for item in study.optuna.get_trials(deepcopy=False)
    ]


@pytest.mark.parametrize("sampler", READY)
def test_the_same_spec_and_seed_give_the_same_trials(sampler: str, values: dict[str, Any]) -> None:
    values["storage"] = "memory://"
    one = run_study(named(values, "one", sampler))
    two = run_study(named(values, "two", sampler))

    assert content(one) == content(two)
    assert len(content(one)) == 20
    other = run_study(named(values, "other", sampler, seed=8))
    assert content(one) != content(other)


@pytest.mark.parametrize("sampler", READY)
def test_an_interrupted_and_resumed_study_equals_an_uninterrupted_one(
    sampler: str, values: dict[str, Any]
) -> None:
    whole = run_study(named(values, "whole", sampler, storage="memory://"))
    broken = named(values, "broken", sampler)

    with pytest.raises(KeyboardInterrupt):
        run_study(broken, evaluator=StoppingEvaluator(broken, 1))
    assert {item.state for item in load_study("broken").optuna.trials} <= {
        TrialState.COMPLETE,
        TrialState.PRUNED,
    }
    assert len(load_study("broken").optuna.trials) == 8

    assert content(resume_study("broken")) == content(whole)


@pytest.mark.parametrize("sampler", READY)
def test_a_study_taken_further_equals_one_that_was_planned_longer(
    sampler: str, values: dict[str, Any]
) -> None:
    long = run_study(named(values, "long", sampler, n_trials=30, storage="memory://"))
    run_study(named(values, "short", sampler, n_trials=20))

    further = resume_study("short", n_trials=30)

    assert content(further) == content(long)
    assert further.record.n_trials == 30
    assert "--n-trials 30" in further.command


@pytest.mark.parametrize("sampler", ["random", "qmc", "grid"])
def test_a_numbered_sampler_does_not_depend_on_the_batch(sampler: str, values: dict[str, Any]) -> None:
    values["storage"] = "memory://"
    small = run_study(named(values, "small-batch", sampler, batch=3))
    large = run_study(named(values, "large-batch", sampler, batch=64))

    assert content(small) == content(large)


@pytest.mark.slow
def test_a_study_killed_at_any_moment_is_resumed_exactly(values: dict[str, Any]) -> None:
    whole = run_study(named(values, "whole", "random", n_trials=600, batch=4, storage="memory://"))
    spec = named(values, "killed", "random", n_trials=600, batch=4)
    Path("killed.yaml").write_text(spec.to_yaml())
    program = "import sys; from arbkit.cli.main import main; sys.exit(main(sys.argv[1:]))"

    killed = 0
    for words in (["run", "killed.yaml"], ["resume", "killed"], ["resume", "killed"]):
        goal = _stored() + 50
        process = subprocess.Popen(
            [sys.executable, "-c", program, "study", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and _stored() < goal:
            time.sleep(0.01)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        states = {item.state for item in load_study("killed").optuna.trials}
        assert states <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert killed
    assert _stored() >= 150

    assert content(resume_study("killed")) == content(whole)


def _stored() -> int:
    """Count the stored trials without disturbing the process that writes them."""
    try:
        with closing(sqlite3.connect("file:studies/killed.db?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM trials").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_a_repeated_point_is_looked_up_and_says_so(values: dict[str, Any]) -> None:
    space = {"min_spread_bps": {"type": "categorical", "choices": [5, 10, 20]}}
    spec = StudySpec.from_dict({**values, "space": space})
    counted: list[int] = []

    class Counting(PanelEvaluator):
        def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
            counted.append(len(points))
            return super().evaluate(points, fold)

    study = run_study(spec, evaluator=Counting(Market.load(spec)))

    assert sum(counted) == 3
    frame = study.trials()
    assert frame["duplicate_of"].count() == 17
    again = frame.filter(frame["duplicate_of"].is_not_null()).row(0, named=True)
    first = frame.row(again["duplicate_of"], named=True)
    assert again["value"] == first["value"]
    assert study.best_trials(10).height == 3


def test_infeasible_parameters_are_not_simulated_and_never_best(values: dict[str, Any]) -> None:
    space = {
        "min_hold_s": {"type": "categorical", "choices": [10, 500]},
        "max_hold_s": {"type": "categorical", "choices": [20, "none"]},
        "min_spread_bps": {"type": "float", "low": 1, "high": 60},
    }
    study = run_study(StudySpec.from_dict({**values, "space": space}))

    trials = study.optuna.get_trials(deepcopy=False)
    broken = [item for item in trials if item.params["min_hold_s"] == 500 and item.params["max_hold_s"] == 20]
    assert broken
    for item in broken:
        assert item.state == TrialState.PRUNED
        assert item.user_attrs == {"reason": "breaks min_hold_s <= max_hold_s"}
        assert item.constraints == {"min_hold_s <= max_hold_s": 480.0}
    assert all(item.state == TrialState.COMPLETE for item in trials if item not in broken)


def test_a_metric_constraint_keeps_the_value_and_bars_the_trial_from_best(values: dict[str, Any]) -> None:
    study = run_study(StudySpec.from_dict({**values, "constraints": ["total_trades <= 20"]}))

    frame = study.trials()
    over = frame.filter(frame["metric_total_trades"] > 20)
    assert over.height > 0
    assert over["value"].null_count() == 0
    assert not over["feasible"].any()
    assert (study.best_trials(50)["metric_total_trades"] <= 20).all()
    assert study.optuna.best_value == study.best_trials(1)["value"][0]


def test_an_undefined_objective_is_infeasible_and_no_value_is_made_up(values: dict[str, Any]) -> None:
    space = {"min_spread_bps": {"type": "categorical", "choices": [5, 9000]}}
    objective = {"metric": "profit_factor", "direction": "maximize"}
    study = run_study(StudySpec.from_dict({**values, "space": space, "objective": objective}))

    frame = study.trials()
    none = frame.filter(frame["min_spread_bps"] == 9000)
    assert none["state"].unique().to_list() == ["PRUNED"]
    assert none["value"].null_count() == none.height
    assert study.best_params() == {"min_spread_bps": 5}
    assert study.optuna.trials[none["number"][0]].user_attrs["reason"] == "profit_factor is undefined"


def test_several_objectives_give_a_pareto_front(values: dict[str, Any]) -> None:
    objective = [
        {"metric": "mtm_pnl_usd", "direction": "maximize"},
        {"metric": "max_drawdown_mtm_pct", "direction": "minimize"},
    ]
    study = run_study(StudySpec.from_dict({**values, "objective": objective, "sampler": "nsgaii"}))

    front = study.best_trials(50)
    assert {item.number for item in study.optuna.best_trials} == set(front["number"])
    assert front["values_0"].is_sorted(descending=True)
    assert study.best_params() == {name: front[name][0] for name in study.spec.space}


def test_a_finished_study_is_refused_to_run_and_kept(spec: StudySpec) -> None:
    study = run_study(spec)
    before = content(study)

    with pytest.raises(StudyError, match=r"'small' has 20 trials .* `arbkit study resume small`"):
        run_study(spec)

    assert content(load_study("small")) == before


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsgaii"])
def test_a_finished_study_is_resumed_to_itself(sampler: str, values: dict[str, Any]) -> None:
    before = content(run_study(named(values, "small", sampler)))

    assert content(resume_study("small")) == before


def test_fewer_trials_than_before_are_refused(spec: StudySpec) -> None:
    run_study(spec)

    with pytest.raises(StudyError, match="must not fall, was 10 after 20"):
        resume_study("small", n_trials=10)


def test_changed_data_are_refused_with_both_fingerprints(
    values: dict[str, Any], market_file: Path, tmp_path: Path
) -> None:
    panel = tmp_path / "mine.parquet"
    panel.write_bytes(market_file.read_bytes())
    study = run_study(StudySpec.from_dict({**values, "panel": str(panel)}))
    shorter = Panel.read(panel).rows(0, 2_500)
    shorter.write(panel)

    for attempt in (lambda: resume_study("small"), lambda: load_study("small").panel_for()):
        with pytest.raises(StudyError) as caught:
            attempt()
        assert study.record.dataset_fingerprint in str(caught.value)
        assert Panel.read(panel).fingerprint in str(caught.value)
    assert len(load_study("small").optuna.trials) == 20


def test_a_reference_that_does_not_parse_is_found_before_a_study_exists(values: dict[str, Any]) -> None:
    space = {**values["space"], "reference": {"type": "categorical", "choices": ["none", "ewmaa:6h"]}}

    with pytest.raises(ConfigError, match="ewmaa"):
        run_study(StudySpec.from_dict({**values, "space": space}))

    assert not Path("studies").exists()


def test_a_rule_that_is_not_simulated_is_found_before_a_study_exists(values: dict[str, Any]) -> None:
    models = {"type": "categorical", "choices": ["executable", "convergence"]}
    for space, fixed in ({"pnl_model": models}, {}), ({}, {"pnl_model": "convergence"}):
        asked = {
            **values,
            "space": {**values["space"], **space},
            "fixed": {**values["fixed"], **fixed},
        }

        with pytest.raises(ConfigError, match="convergence needs a fair ratio of 1"):
            run_study(StudySpec.from_dict(asked))

        assert not Path("studies").exists()


@pytest.mark.skipif(not SAMPLERS["gp"].missing, reason="torch is installed")
def test_a_missing_package_is_found_before_a_study_exists(values: dict[str, Any]) -> None:
    with pytest.raises(MissingDependencyError, match="pip install torch"):
        run_study(StudySpec.from_dict({**values, "sampler": "gp"}))

    assert not Path("studies").exists()


def test_a_study_that_never_got_a_trial_is_begun_anew(spec: StudySpec) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_study(spec, evaluator=StoppingEvaluator(spec, 0))

    assert len(content(run_study(spec))) == 20


def test_a_trial_left_running_by_another_program_is_finished_on_resume(spec: StudySpec) -> None:
    study = run_study(spec).optuna
    study.ask()
    study.enqueue_trial({"min_spread_bps": 5.0})

    resumed = resume_study("small", n_trials=24)

    states = [item.state for item in resumed.optuna.trials]
    assert len(states) == 24
    assert TrialState.RUNNING not in states
    assert TrialState.WAITING not in states


def test_a_study_stays_a_plain_optuna_study(spec: StudySpec) -> None:
    run_study(spec)

    plain = optuna.load_study(study_name="small", storage="sqlite:///studies/small.db")

    assert len(plain.trials) == 20
    assert plain.metric_names == ["mtm_pnl_usd"]
    assert plain.user_attrs["arbkit:seed"] == 7
    assert list(plain.best_trial.user_attrs) == ["metrics"]


def test_progress_counts_to_the_end_and_knows_the_best(spec: StudySpec) -> None:
    steps: list[Progress] = []

    study = run_study(spec, progress=steps.append)

    assert steps[0].done == 8
    assert steps[-1].done == 20
    assert steps[-1].total == 20
    assert steps[-1].best == study.optuna.best_value
    assert steps[-1].remaining_s == 0


def test_the_rate_is_taken_after_the_first_batch_which_compiles(
    spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Progress] = []
    compiled_s = 0.0
    monkeypatch.setattr(
        "arbkit.study.batches.time", SimpleNamespace(monotonic=lambda: time.monotonic() + compiled_s)
    )

    class Slow(PanelEvaluator):
        def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
            nonlocal compiled_s
            compiled_s += 0 if steps else 1e5
            return super().evaluate(points, fold)

    run_study(spec, progress=steps.append, evaluator=Slow(Market.load(spec)))

    assert steps[0].rate is None
    assert steps[0].remaining_s is None
    assert steps[1].rate is not None
    assert steps[1].rate > 8 / 1e5


def test_a_study_in_memory_is_run_and_kept_nowhere(values: dict[str, Any]) -> None:
    study = run_study(StudySpec.from_dict({**values, "storage": "memory://"}))

    assert study.trials().height == 20
    assert list(Path().iterdir()) == []


def test_the_trials_of_the_search_see_training_data_only(spec: StudySpec, market_file: Path) -> None:
    study = run_study(spec)
    whole = Panel.read(market_file)
    span = whole.end_ns - whole.start_ns

    best = study.best_trials(1).row(0, named=True)
    result = study.run(best)

    assert result.metrics.mtm_pnl_usd == best["value"]
    assert study.panel_for().end_ns <= whole.start_ns + 0.6 * span
    test = study.panel_for("none", "test")
    assert whole.start_ns + 0.6 * span <= test.start_ns
    assert test.end_ns <= whole.start_ns + 0.85 * span
