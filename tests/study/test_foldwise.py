"""Studies with a pruner: what is stopped, what is stored of it, and that a resume is exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from optuna.trial import TrialState

from arbkit._typing import RecordArray
from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.study import (
    Market,
    PanelEvaluator,
    Points,
    Progress,
    Study,
    StudySpec,
    list_studies,
    load_study,
    resume_study,
    run_study,
)

MEDIAN = {"name": "median", "n_startup_trials": 3}


def with_pruner(values: dict[str, Any], pruner: Any = MEDIAN, **changes: Any) -> StudySpec:
    # The search of one parameter: trials that differ much, each quickly simulated.
    space = {"min_spread_bps": values["space"]["min_spread_bps"]}
    return StudySpec.from_dict(
        {**values, "space": space, "pruner": pruner, "folds": 3, "n_trials": 28, "storage": "memory://"}
        | changes
    )


def content(study: Study) -> list[tuple[Any, ...]]:
    return [
        (item.number, item.state, item.params, item.values, item.user_attrs, item.intermediate_values)
        for item in study.optuna.trials
    ]


class Counting(PanelEvaluator):
    """Counts what is simulated, and is interrupted at one of its calls."""

    def __init__(self, spec: StudySpec, stop_at: int = 10**9) -> None:
        super().__init__(Market.load(spec))
        self.left = stop_at
        self.seen: list[tuple[int | None, int]] = []

    def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        self.seen.append((fold, len(points)))
        return super().evaluate(points, fold)


def test_stopped_trials_say_how_far_they_got_and_never_win(values: dict[str, Any]) -> None:
    spec = with_pruner(values, name="pruned", storage="sqlite:///pruned.db")
    evaluator, steps = Counting(spec), list[Progress]()
    study = run_study(spec, evaluator=evaluator, progress=steps.append)

    trials = study.optuna.trials
    stopped = [item for item in trials if item.state == TrialState.PRUNED]
    assert 3 < len(stopped) < len(trials) - 3
    for item in stopped:
        done = item.user_attrs["folds_evaluated"]
        assert item.values is None
        assert sorted(item.intermediate_values) == list(range(done))
        assert item.user_attrs["reason"] == f"stopped by the median pruner after {done} of 3 folds"
        assert "metrics" not in item.user_attrs
    whole = sum(n for fold, n in evaluator.seen if fold is None)
    assert whole == len(trials) - len(stopped)
    assert steps[-1].pruned == len(stopped)

    frame = study.trials()
    assert frame["folds_evaluated"].count() == len(stopped)
    assert not frame.filter(pl.col("folds_evaluated").is_not_null())["feasible"].any()
    assert study.best_trials(99)["state"].unique().to_list() == ["COMPLETE"]
    assert list_studies("sqlite:///pruned.db")[0][0].pruned == len(stopped)
    rows = study.sql("select number, count(*) as folds from metrics group by number order by number")
    expected = [item.user_attrs.get("folds_evaluated", 3) for item in trials]
    assert rows["folds"].to_list() == expected
    values_of = study.sql("select number, fold, mtm_pnl_usd from metrics order by number, fold").rows()
    assert values_of == [(t.number, k, v) for t in trials for k, v in sorted(t.intermediate_values.items())]


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [
        ("random", MEDIAN),
        ({"name": "tpe", "n_startup_trials": 4}, "successive_halving"),
        ({"name": "optuna.tpe", "n_startup_trials": 4}, {"name": "wilcoxon", "p_threshold": 0.4}),
        ({"name": "cmaes", "consider_pruned_trials": True}, MEDIAN),
        ("nsgaii", {"name": "hyperband", "max_resource": 3}),
    ],
)
def test_an_interrupted_study_ends_as_an_uninterrupted_one(
    sampler: Any, pruner: Any, values: dict[str, Any]
) -> None:
    space = {name: values["space"][name] for name in ("min_spread_bps", "exit_spread_bps")}
    spec = with_pruner(values, pruner, sampler=sampler, space=space)
    evaluator = Counting(spec)
    whole = run_study(spec, evaluator=evaluator)
    assert any("folds_evaluated" in item.user_attrs for item in whole.optuna.trials)

    broken = spec.replace(storage="sqlite:///broken.db")
    with pytest.raises(KeyboardInterrupt):
        run_study(broken, evaluator=Counting(broken, len(evaluator.seen) * 2 // 3))
    assert 0 < load_study("sqlite:///broken.db").n_trials < 28

    assert content(resume_study("small", storage="sqlite:///broken.db")) == content(whole)


@pytest.mark.parametrize(
    "storage",
    ["sqlite:///x.db", "duckdb:///x.duckdb", "journal:///x.log", "postgresql_copy", "redis_url"],
)
def test_a_study_taken_further_equals_one_planned_longer(
    storage: str, values: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    storage = storage if ":" in storage else request.getfixturevalue(storage)
    whole = run_study(with_pruner(values))
    run_study(with_pruner(values, storage=storage, n_trials=13))

    assert content(resume_study("small", storage=storage, n_trials=28)) == content(whole)


def test_workers_change_nothing(values: dict[str, Any]) -> None:
    alone = run_study(with_pruner(values))
    assert content(run_study(with_pruner(values, name="shared"), workers=1)) == content(alone)


def test_a_repeated_point_ends_as_it_did_and_is_shown_to_the_pruner_once(values: dict[str, Any]) -> None:
    few = {"min_spread_bps": {"type": "int", "low": 1, "high": 60, "step": 7}}
    spec = with_pruner(values, space=few)
    evaluator = Counting(spec)
    study = run_study(spec, evaluator=evaluator)

    trials = study.optuna.trials
    repeated = [item for item in trials if "duplicate_of" in item.user_attrs]
    assert any("folds_evaluated" in item.user_attrs for item in repeated)
    assert sum(n for fold, n in evaluator.seen if fold == 0) == len(trials) - len(repeated)
    for item in repeated:
        first = trials[item.user_attrs["duplicate_of"]]
        assert (item.state, item.intermediate_values) == (first.state, first.intermediate_values)
        assert item.user_attrs.get("folds_evaluated") == first.user_attrs.get("folds_evaluated")


def test_a_pruner_that_stops_nothing_changes_no_trial(values: dict[str, Any]) -> None:
    calm = run_study(with_pruner(values, {"name": "threshold", "lower": -1e9}))
    plain = run_study(with_pruner(values, "none"))

    assert plain.spec.pruner is None
    names = [name for name in plain.trials().columns if name != "folds_evaluated"]
    assert calm.trials().select(names).equals(plain.trials())
    np.testing.assert_array_equal([len(t.intermediate_values) for t in calm.optuna.trials], 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pruner": "medain"}, r"must be a known pruner .* did you mean `median`"),
        ({"pruner": {"name": "median", "startup": 1}}, "`startup` is no option of the median pruner"),
        ({"folds": 0}, "stops trials between folds, `folds` must be at least 2 or `day`, was 0"),
        ({"folds": 1}, "was 1"),
        (
            {"objective": [{"metric": "sharpe"}, {"metric": "fees_usd"}], "sampler": "nsgaii"},
            "a pruner takes one objective, was 2",
        ),
    ],
)
def test_a_pruner_that_cannot_apply_is_refused(
    changes: dict[str, Any], message: str, values: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=message):
        with_pruner(values, **{"pruner": MEDIAN, **changes})


def test_a_single_day_and_a_missing_package_are_found_before_a_trial(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="`folds: day` gave 1"):
        run_study(with_pruner(values, folds="day", storage="sqlite:///x.db"))
    with pytest.raises(MissingDependencyError, match="pip install no_such_package"):
        run_study(with_pruner(values, "no_such_package:One", storage="sqlite:///y.db"))
    assert not Path("y.db").exists()
