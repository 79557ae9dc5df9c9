"""Samplers of Optuna are asked as Optuna asks them: the same proposals, the same things kept."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from arbkit.study.asking import AskedStudy
from arbkit.study.block import REPORT_DTYPE, TrialBlock
from arbkit.study.conditions import Conditions
from arbkit.study.samplers import external, internal
from arbkit.study.space import Categorical, FloatRange, IntRange, Range, distributions

FLAT: dict[str, Range] = {
    "x": FloatRange(type="float", low=-5, high=5),
    "n": IntRange(type="int", low=1, high=1_000, log=True),
    "step": FloatRange(type="float", low=0, high=10, step=2.5),
    "kind": Categorical(type="categorical", choices=(None, 20, "far")),
    "still": IntRange(type="int", low=7, high=7),
}
DEPENDENT: dict[str, Range] = {
    "exit": FloatRange(type="float", low=-5, high=5, step=5, when={"reference": ["ewma:1h"]}),
    "reference": Categorical(
        type="categorical", choices=("none", "ewma:1h", "ewma:2h"), when={"stop_loss_bps": 20}
    ),
    "stop_loss_bps": Categorical(type="categorical", choices=(None, 20)),
    "min_hold_s": IntRange(type="int", low=0, high=1),
}
NUMBERS: dict[str, Range] = {name: FLAT[name] for name in ("x", "n", "step")}
FIRST = ({"x": 1.0, "n": 10, "step": 5.0}, {"x": -2.0, "n": 999, "step": 0.0})
#: A sampler, a space, points to try first, and how many objectives.
CASES: dict[str, tuple[Callable[[int], BaseSampler], dict[str, Range], tuple[Any, ...], int]] = {
    "random": (lambda seed: optuna.samplers.RandomSampler(seed), FLAT, (), 1),
    "random, dependent": (lambda seed: optuna.samplers.RandomSampler(seed), DEPENDENT, (), 1),
    "tpe": (lambda seed: optuna.samplers.TPESampler(n_startup_trials=6, seed=seed), FLAT, (), 1),
    "tpe, dependent": (
        lambda seed: optuna.samplers.TPESampler(
            n_startup_trials=6, multivariate=True, group=True, seed=seed
        ),
        DEPENDENT, (), 1,
    ),
    "tpe, two": (lambda seed: optuna.samplers.TPESampler(n_startup_trials=6, seed=seed), NUMBERS, FIRST, 2),
    "cmaes": (
        lambda seed: optuna.samplers.CmaEsSampler(
            n_startup_trials=2, popsize=5, seed=seed, warn_independent_sampling=False
        ),
        FLAT, (), 1,
    ),
    "nsgaii": (lambda seed: optuna.samplers.NSGAIISampler(population_size=6, seed=seed), FLAT, (), 2),
    "nsgaiii": (lambda seed: optuna.samplers.NSGAIIISampler(population_size=6, seed=seed), FLAT, (), 2),
    "partly fixed": (
        lambda seed: optuna.samplers.PartialFixedSampler({"n": 3}, optuna.samplers.RandomSampler(seed)),
        NUMBERS, FIRST, 1,
    ),
}  # fmt: skip
BATCH, TRIALS = 7, 28


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def ended(first: int, params: Any, space: Any, objectives: int) -> TrialBlock:
    """End trials in every way: complete, infeasible, pruned with and without what they reported."""
    rows = np.nan_to_num(params)
    values = np.column_stack([np.sin(rows.sum(axis=1) + k) for k in range(objectives)])
    states = np.full(len(rows), TrialState.COMPLETE.value, np.uint8)
    reports = np.zeros(0, REPORT_DTYPE)
    if objectives == 1:
        states[::5] = TrialState.PRUNED.value
        reports = np.array([(0, 0, 0.5), (0, 1, 0.25 * first), (5, 2, math.nan)], REPORT_DTYPE)
        reports = reports[reports["row"] < len(rows)]
    values[states == TrialState.PRUNED.value] = np.nan
    broken = np.where(np.arange(len(rows)) % 3 == 2, np.nan, rows[:, 0])
    stamps = np.full(len(rows), np.datetime64("2026-01-01T00:00:00", "us"))
    constraints = {"x <= 0": broken}
    return TrialBlock(first, space, states, params, values, stamps, stamps, constraints, reports=reports)


class Plain:
    """The same through Optuna's own `ask` and `tell`."""

    def __init__(self, ranges: dict[str, Range], objectives: int, first: tuple[Any, ...]) -> None:
        self.space, self.conditions = distributions(ranges), Conditions(ranges)
        self.study = optuna.create_study(directions=["maximize"] * objectives)
        for point in first:
            self.study.enqueue_trial(point)

    def ask(self, sampler: BaseSampler, n: int) -> Any:
        self.study.sampler = sampler
        self.trials = [self.study.ask() for _ in range(n)]
        for trial in self.trials:
            row = np.full(len(self.space), np.nan)
            for column in self.conditions.order:
                name = list(self.space)[column]
                if self.conditions.exists(column, row):
                    value = trial._suggest(name, self.space[name])
                    row[column] = self.space[name].to_internal_repr(value)
        return np.array([internal(self.space, trial.params) for trial in self.trials])

    def tell(self, block: TrialBlock) -> None:
        for row, step, value in block.reports.tolist():
            self.trials[row].report(value, step)
        for row, trial in enumerate(self.trials):
            for name, column in block.constraints.items():
                if not np.isnan(column[row]):
                    trial.set_constraint(name, column[row])
            if block.states[row] == TrialState.COMPLETE.value:
                self.study.tell(trial, block.values[row].tolist())
            else:
                self.study.tell(trial, state=TrialState.PRUNED)


@pytest.mark.parametrize("case", CASES)
def test_a_sampler_proposes_and_keeps_what_it_does_in_a_study_of_optuna(case: str) -> None:
    make, ranges, first, objectives = CASES[case]
    plain, space = Plain(ranges, objectives, first), distributions(ranges)
    none = ended(0, np.empty((0, len(space))), space, objectives)
    asked = AskedStudy(space, Conditions(ranges), ["maximize"] * objectives, none, {}, first)

    for number in range(0, TRIALS, BATCH):
        rows = asked.ask(make(number), BATCH)
        np.testing.assert_array_equal(rows, plain.ask(make(number), BATCH))
        block = ended(number, rows, space, objectives)
        kept = asked.tell(block)
        plain.tell(block)
        for row, trial in enumerate(plain.study.get_trials()[number:]):
            own = {name: texts[row] for name, texts in kept.items() if texts[row] is not None}
            expected = {name: value for name, value in trial.system_attrs.items() if ":x <=" not in name}
            assert {name: json.loads(text) for name, text in own.items()} == json.loads(json.dumps(expected))

    found = asked._study.get_trials(deepcopy=False)
    for one, other in zip(found, plain.study.get_trials(), strict=True):
        assert one.params == other.params == external(space, np.array(internal(space, one.params)))
        assert (one.values, one.state, one.constraints) == (other.values, other.state, other.constraints)
        assert repr(one.intermediate_values) == repr(other.intermediate_values)
        assert one.datetime_complete is not None
    if objectives == 1:
        assert asked._study.best_trial.number == plain.study.best_trial.number
    assert asked.kept() == plain.study._storage.get_study_system_attrs(plain.study._study_id)
    assert bool(asked.kept()) == case.startswith("nsga")


def test_a_study_that_goes_on_proposes_what_one_that_was_never_left_does() -> None:
    space = distributions(NUMBERS)
    make = CASES["nsgaii"][0]
    none = ended(0, np.empty((0, len(space))), space, 1)
    whole = AskedStudy(space, Conditions(NUMBERS), ["maximize"], none, {})
    blocks: list[TrialBlock] = []
    for number in range(0, 21, BATCH):
        block = ended(number, whole.ask(make(number), BATCH), space, 1)
        kept = whole.tell(block)
        blocks.append(TrialBlock(**{**vars(block), "system_attrs": kept}))
    told = blocks[0].joined(blocks[1]).joined(blocks[2])

    again = AskedStudy(space, Conditions(NUMBERS), ["maximize"], told, whole.kept())

    np.testing.assert_array_equal(again.ask(make(21), BATCH), whole.ask(make(21), BATCH))


def test_a_proposal_outside_its_own_space_is_a_value_error() -> None:
    class Astray(optuna.samplers.RandomSampler):
        def sample_relative(self, *_: Any) -> dict[str, Any]:
            return {"x": 0.0}

    space = distributions(NUMBERS)
    none = ended(0, np.empty((0, len(space))), space, 1)

    with pytest.raises(ValueError, match="of its own search space, proposed 'x'"):
        AskedStudy(space, Conditions(NUMBERS), ["maximize"], none, {}).ask(Astray(1), 1)
