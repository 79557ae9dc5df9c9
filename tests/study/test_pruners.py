"""Pruners by name, and batches judged fold by fold."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import optuna
import pytest

from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.study.pruners import PRUNERS, FoldPruning, make_pruner

OPTIONS: dict[str, dict[str, Any]] = {"threshold": {"lower": 0.0}}
COMPLETE, PRUNED = optuna.trial.TrialState.COMPLETE.value, optuna.trial.TrialState.PRUNED.value


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_of_the_table_can_be_made(name: str) -> None:
    assert isinstance(make_pruner(name, OPTIONS.get(name, {})), optuna.pruners.BasePruner)


def test_every_pruner_of_optuna_has_a_name() -> None:
    theirs = {name for name in optuna.pruners.__all__ if name != "BasePruner" and name.endswith("Pruner")}

    assert {item.path for item in PRUNERS.values()} == {f"optuna.pruners:{name}" for name in theirs}


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        ("medain", {}, ConfigError, "was 'medain'; did you mean `median`"),
        ("median", {"n_startup": 3}, ConfigError, "`n_startup` is no option of the median pruner"),
        ("median", {"n_startup_trials": -1}, ConfigError, "the options of the median pruner break a rule"),
        ("patient", {"wrapped": 3}, ConfigError, "`wrapped` of the patient pruner must be a pruner"),
        ("no_such_package:One", {}, MissingDependencyError, "pip install no_such_package"),
        ("collections:OrderedDict", {}, ConfigError, "must be an optuna.pruners.BasePruner"),
    ],
)
def test_a_pruner_that_cannot_be_is_refused(
    name: str, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        make_pruner(name, options)


def test_a_class_is_a_pruner_by_its_path_and_one_may_wrap_another() -> None:
    assert isinstance(make_pruner("optuna.pruners:NopPruner", {}), optuna.pruners.NopPruner)
    wrapped = make_pruner("patient", {"wrapped": {"name": "median", "n_startup_trials": 1}, "patience": 3})
    assert isinstance(wrapped, optuna.pruners.PatientPruner)


def run(pruning: FoldPruning, truth: Any) -> tuple[Any, Any, Any]:
    """Simulate folds one after another for what goes on; return reports, values and states."""
    reports = np.full(truth.shape, np.nan)
    pruning.begin(len(truth))
    going = np.ones(len(truth), bool)
    for fold in range(truth.shape[1]):
        reports[going, fold] = truth[going, fold]
        going = pruning.report(fold, reports[:, fold])
    values, states = np.where(going, truth.mean(axis=1), np.nan), np.where(going, COMPLETE, PRUNED)
    pruning.end(values, states)
    return reports, values, states


def test_weak_trials_are_stopped_after_their_first_folds() -> None:
    pruning = FoldPruning(make_pruner("median", {"n_startup_trials": 4}), "maximize", "one")
    level = np.arange(8.0)[:, None] * np.ones(5)

    first = run(pruning, level)[0]
    second = run(pruning, level)[0]

    assert not np.isnan(first).any()  # Nothing was finished before them.
    assert np.isnan(second[:, 1:]).all(axis=1).tolist() == [True] * 4 + [False] * 4
    assert not np.isnan(second[4:]).any()


@pytest.mark.parametrize("name", PRUNERS)
def test_telling_a_stored_study_again_leads_to_the_same_decisions(name: str) -> None:
    rng = np.random.default_rng(4)
    batches = [rng.normal(rng.normal(0, 1, (8, 1)), 0.5, (8, 6)) for _ in range(6)]
    pruning = FoldPruning(make_pruner(name, OPTIONS.get(name, {})), "maximize", "one")
    stored = [run(pruning, batch) for batch in batches[:5]]
    again = FoldPruning(make_pruner(name, OPTIONS.get(name, {})), "maximize", "one")

    for reports, values, states in stored:
        again.replay(reports, values, states)

    np.testing.assert_array_equal(run(again, batches[5])[0], run(pruning, batches[5])[0])


def test_a_fold_that_was_not_simulated_stops_nothing() -> None:
    pruning = FoldPruning(make_pruner("threshold", {"lower": 0.0}), "maximize", "one")
    pruning.begin(2)

    assert pruning.report(0, np.array([np.nan, -1.0])).tolist() == [True, False]
    assert pruning.report(1, np.array([1.0, np.nan])).tolist() == [True, False]
