"""Parameters that exist only where a category has a value."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import optuna
import pytest

from arbkit.errors import ConfigError
from arbkit.study import StudySpec, run_study
from arbkit.study.asking import AskedStudy
from arbkit.study.block import TrialBlock
from arbkit.study.conditions import Conditions
from arbkit.study.samplers import History, make_batch_sampler
from arbkit.study.space import Categorical, FloatRange, IntRange, Range, distributions

RANGES: dict[str, Range] = {
    "exit_spread_bps": FloatRange(type="float", low=-5, high=5, step=5, when={"reference": ["ewma:1h"]}),
    "reference": Categorical(
        type="categorical", choices=("none", "ewma:1h", "ewma:2h"), when={"stop_loss_bps": 20}
    ),
    "stop_loss_bps": Categorical(type="categorical", choices=(None, 20)),
    "min_hold_s": IntRange(type="int", low=0, high=1),
}


def is_consistent(row: Any) -> bool:
    exit_spread, reference, stop_loss, hold = row
    return (
        np.isnan(reference) == (stop_loss != 1)
        and np.isnan(exit_spread) == (reference != 1)
        and not np.isnan(hold)
    )


@pytest.mark.parametrize("name", ["random", "qmc", "tpe", "partial_fixed"])
def test_samplers_of_ours_leave_out_what_does_not_exist(name: str) -> None:
    options = {"fixed": {"min_hold_s": 1}} if name == "partial_fixed" else {}
    sampler = make_batch_sampler(name, options, seed=2, ranges=RANGES)
    assert sampler is not None
    history = History(distributions(RANGES), ["maximize"])
    for first in range(0, 120, 30):
        rows = sampler.propose(history, first, 30)
        assert all(is_consistent(row) for row in rows)
        history.append(rows, np.nansum(rows, axis=1)[:, None])

    kinds = {tuple(np.isnan(row)) for row in history.params}
    assert len(kinds) == 3
    assert np.isnan(history.params).any()


def test_a_grid_holds_each_point_that_differs_once() -> None:
    sampler = make_batch_sampler("grid", {}, seed=2, ranges=RANGES)
    assert sampler is not None
    size = sampler.size  # type: ignore[attr-defined]

    rows = sampler.propose(History(distributions(RANGES), ["maximize"]), 0, size)

    assert all(is_consistent(row) for row in rows)
    # 2 holds; without a stop loss nothing else, with it 2 references without exits and one with 3.
    assert size == 2 + (2 + 3) * 2
    assert len({str(row) for row in rows}) == size


@pytest.mark.parametrize(
    "sampler", [optuna.samplers.RandomSampler(seed=1), optuna.samplers.TPESampler(seed=1)]
)
def test_samplers_of_optuna_are_asked_for_what_exists(sampler: optuna.samplers.BaseSampler) -> None:
    conditions, space = Conditions(RANGES), distributions(RANGES)
    study = AskedStudy(space, conditions, ["maximize"], TrialBlock.from_frozen([], space, 1), {})

    rows = study.ask(sampler, 40)

    assert all(is_consistent(row) for row in rows)
    assert set(np.isnan(rows).sum(axis=1)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"referense": "none"}, "`referense` is not in `space`; did you mean `reference`"),
        ({"reference": "ewma:9h"}, "`reference` is never 'ewma:9h'; its choices: none, ewma:1h"),
        ({"min_hold_s": 1}, "`min_hold_s` must be categorical, was int"),
        ({}, "must name one parameter"),
        ({"exit_spread_bps": 1}, "`exit_spread_bps` is not in `space`"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(when: dict[str, Any], message: str) -> None:
    ranges: dict[str, Range] = {
        "reference": Categorical(type="categorical", choices=("none", "ewma:1h")),
        "min_hold_s": IntRange(type="int", low=0, high=1),
        "exit_spread_bps": FloatRange(type="float", low=-5, high=5, when=when),
    }
    with pytest.raises(ConfigError, match=message):
        Conditions(ranges)


def test_conditions_in_a_circle_are_refused() -> None:
    ranges: dict[str, Range] = {
        name: Categorical(type="categorical", choices=(None, 1), when={other: 1})
        for name, other in itertools.permutations(("stop_loss_bps", "take_profit_bps"))
    }
    with pytest.raises(ConfigError, match="must not go round in a circle: stop_loss_bps, take_profit_bps"):
        Conditions(ranges)


def test_a_parameter_without_a_default_must_always_exist(values: dict[str, Any]) -> None:
    values["space"]["min_spread_bps"]["when"] = {"reference": "none"}

    with pytest.raises(ConfigError, match="has no default and must exist in every trial"):
        StudySpec.from_dict(values)


@pytest.mark.parametrize("sampler", ["random", "tpe", "optuna.tpe"])
def test_a_study_searches_a_conditional_space(values: dict[str, Any], sampler: str) -> None:
    values["space"]["exit_spread_bps"]["when"] = {"reference": "ewma:10m"}
    spec = StudySpec.from_dict({**values, "sampler": sampler, "n_trials": 40})

    study = run_study(spec)

    trials = study.optuna.trials
    assert len(trials) == 40
    for trial in trials:
        assert ("exit_spread_bps" in trial.params) == (trial.params["reference"] == "ewma:10m")
    assert StudySpec.from_dict(spec.to_dict()) == spec
