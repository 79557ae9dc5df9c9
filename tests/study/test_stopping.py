"""Batches judged fold by fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest

from arbkit.study.pruners import PRUNERS, make_pruner
from arbkit.study.stopping import Direction, FoldPruning, PercentileFolds, PrunedFolds, fold_pruning, replay

OPTIONS: dict[str, dict[str, Any]] = {"threshold": {"lower": 0.0}}
COMPLETE, PRUNED = optuna.trial.TrialState.COMPLETE.value, optuna.trial.TrialState.PRUNED.value


def run(pruning: FoldPruning, truth: Any) -> tuple[Any, Any, Any]:
    """Simulate folds one after another for what goes on; return reports, values and states."""
    reports = np.full(truth.shape, np.nan)
    pruning.begin(len(truth))
    going = np.ones(len(truth), bool)
    for fold in range(truth.shape[1]):
        reports[going, fold] = truth[going, fold]
        going = pruning.report(fold, reports[:, fold])
    values, states = np.where(going, np.nanmean(truth, axis=1), np.nan), np.where(going, COMPLETE, PRUNED)
    pruning.end(values, states)
    return reports, values, states


def test_weak_trials_are_stopped_after_their_first_folds() -> None:
    pruning = fold_pruning("median", {"n_startup_trials": 4}, "maximize", "one")
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
    pruning = fold_pruning(name, OPTIONS.get(name, {}), "maximize", "one")
    stored = [run(pruning, batch) for batch in batches[:5]]
    again = fold_pruning(name, OPTIONS.get(name, {}), "maximize", "one")

    for reports, values, states in stored:
        replay(again, reports, values, states)

    np.testing.assert_array_equal(run(again, batches[5])[0], run(pruning, batches[5])[0])


def test_a_fold_that_was_not_simulated_stops_nothing() -> None:
    pruning = fold_pruning("threshold", {"lower": 0.0}, "maximize", "one")
    pruning.begin(2)

    assert pruning.report(0, np.array([np.nan, -1.0])).tolist() == [True, False]
    assert pruning.report(1, np.array([1.0, np.nan])).tolist() == [True, False]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("median", {}),
        ("median", {"n_startup_trials": 0, "n_warmup_steps": 2, "interval_steps": 3}),
        ("percentile", {"percentile": 60.0, "n_min_trials": 7}),
        ("percentile", {"percentile": 10.0, "interval_steps": 2}),
    ],
)
def test_percentiles_of_a_batch_decide_as_optuna_does(
    name: str, options: dict[str, Any], direction: Direction
) -> None:
    rng = np.random.default_rng(11)
    ours = fold_pruning(name, options, direction, "one")
    assert isinstance(ours, PercentileFolds)
    theirs = PrunedFolds(make_pruner(name, options), direction, "one")
    stopped = 0
    for _ in range(5):
        truth = np.round(rng.normal(rng.normal(0, 1, (9, 1)), 0.7, (9, 7)), 1)
        truth[rng.random(truth.shape) < 0.1] = np.nan  # Undefined on a fold.
        going = [run(pruning, truth)[0] for pruning in (ours, theirs)]
        np.testing.assert_array_equal(*going)
        stopped += int((np.isnan(going[0]) & ~np.isnan(truth)).any(axis=1).sum())
    assert stopped > 3
