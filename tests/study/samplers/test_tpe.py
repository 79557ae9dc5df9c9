"""Our tree-structured Parzen estimator: what it proposes, and that it finds what Optuna's finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.trial import TrialState

from arbkit.errors import ConfigError
from arbkit.study.samplers import GridSampler, History, QmcSampler, RandomSampler, TpeSampler, external
from arbkit.study.samplers.fronts import best_by_front, is_dominated
from arbkit.study.samplers.tpe import TpeCore

SPACE: dict[str, Any] = {
    "real": FloatDistribution(-5.0, 10.0),
    "log": FloatDistribution(1e-5, 10.0, log=True),
    "step": FloatDistribution(0.0, 1.0, step=0.1),
    "int": IntDistribution(-3, 30, step=3),
    "int_log": IntDistribution(1, 10_000, log=True),
    "many": IntDistribution(0, 100_000),
    "kind": CategoricalDistribution(("a", None, 3)),
    "single": FloatDistribution(2.0, 2.0),
}


def told(history: History, loss: Callable[[dict[str, Any]], float], rows: Any) -> None:
    history.append(rows, [[loss(external(history.space, row))] for row in rows])


def search(
    space: dict[str, Any], loss: Callable[[dict[str, Any]], float], n: int, seed: int = 0, batch: int = 32
) -> History:
    history, core = History(space, ["minimize"]), TpeCore(space, seed)
    for first in range(0, n, batch):
        told(history, loss, core.propose(history, first, min(batch, n - first)))
    return history


def mixed_loss(params: dict[str, Any]) -> float:
    return float(
        (params["real"] - 2) ** 2 / 20
        + (np.log10(params["log"]) + 2) ** 2
        + abs(params["step"] - 0.7)
        + abs(params["int"] - 12) / 10
        + abs(np.log(params["int_log"] / 300))
        + abs(params["many"] - 70_000) / 50_000
        + {"a": 1.0, None: 0.0, 3: 0.5}[params["kind"]]
    )


def test_every_proposal_lies_in_the_space() -> None:
    history = search(SPACE, mixed_loss, 300)

    for (name, item), column in zip(SPACE.items(), history.params.T, strict=True):
        assert all(item._contains(value) for value in column.tolist()), name
    assert {0.1, 0.3, 0.7} <= set(history.params[:, 2].tolist())


def test_it_finds_the_best_of_a_mixed_space() -> None:
    found = [search(SPACE, mixed_loss, 600, seed).values.min() for seed in range(3)]
    drawn = [
        min(mixed_loss(external(SPACE, row)) for row in RandomSampler(SPACE, seed).rows(0, 600))
        for seed in range(3)
    ]

    assert max(found) < 0.6 * min(drawn)


def test_a_batch_depends_on_the_seed_its_number_and_the_trials_before_it_only() -> None:
    history = search(SPACE, mixed_loss, 96)
    core = TpeCore(SPACE, 5)

    rows = core.propose(history, 96, 32)

    core.propose(history, 500, 10)
    np.testing.assert_array_equal(TpeCore(SPACE, 5).propose(history, 96, 32), rows)
    np.testing.assert_array_equal(core.propose(history, 96, 7), rows[:7])
    assert (TpeCore(SPACE, 6).propose(history, 96, 32) != rows).any()
    assert (core.propose(history, 97, 32) != rows).any()


def test_the_first_trials_are_drawn_at_random_by_their_number() -> None:
    rows = TpeCore(SPACE, 5).propose(History(SPACE, ["minimize"]), 0, 20)

    np.testing.assert_array_equal(rows, RandomSampler(SPACE, 5).rows(0, 20))


def test_a_point_of_a_discrete_space_comes_once_until_all_are_there() -> None:
    space = {"a": IntDistribution(0, 9), "b": FloatDistribution(0.0, 1.0, step=0.25)}
    history = search(space, lambda params: (params["a"] - 3) ** 2 + params["b"], 96, batch=16)

    assert len(np.unique(history.params, axis=0)) >= 48
    best = history.params[history.values[:, 0].argmin()]
    assert best.tolist() == [3.0, 0.0]
    again = search(space, lambda params: params["b"], 48, batch=16)
    later = {tuple(row) for row in again.params[16:].tolist()}
    assert len(later) == 32
    assert not later & {tuple(row) for row in again.params[:16].tolist()}


def test_trials_of_one_batch_keep_apart() -> None:
    space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
    history = search(space, lambda params: (params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2, 64)

    def room(liar: float) -> float:
        rows = TpeCore(space, 1, liar=liar).propose(history, 64, 64)
        return float(np.mean(np.std(rows, axis=0)))

    assert room(1.0) > room(0.2) > room(0.0)


def test_infeasible_trials_are_kept_away_from() -> None:
    space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
    history, core = History(space, ["minimize"]), TpeCore(space, 3)
    for first in range(0, 384, 32):
        rows = core.propose(history, first, 32)
        violation = np.maximum(0.5 - rows[:, 0], 0)
        values = np.where(violation > 0, np.nan, np.abs(rows[:, 0] - 0.6))
        states = np.where(violation > 0, TrialState.PRUNED, TrialState.COMPLETE)
        history.append(rows, values[:, None], violation, states)

    best = np.nanmin(history.values)
    assert best < 0.001
    assert (history.violation[-128:] > 0).mean() < 0.35
    only_infeasible = History(space, ["minimize"])
    only_infeasible.append(history.params[:64], np.full((64, 1), np.nan), history.params[:64, 0] + 0.1)
    assert core.propose(only_infeasible, 64, 32)[:, 0].mean() < 0.35


def test_pruned_trials_that_got_farther_count_as_better() -> None:
    space = {"x": FloatDistribution(0.0, 1.0)}
    history = History(space, ["minimize"])
    x = np.linspace(0, 1, 64)
    history.append(
        x[:, None],
        np.full((64, 1), np.nan),
        states=TrialState.PRUNED,
        progress=np.column_stack([np.floor(8 * x), -x]),
    )

    assert TpeCore(space, 1).propose(history, 64, 32)[:, 0].mean() > 0.8


def test_several_objectives_spread_along_the_front() -> None:
    space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
    history, core = History(space, ["minimize", "maximize"]), TpeCore(space, 3)
    for first in range(0, 512, 32):
        rows = core.propose(history, first, 32)
        x, y = rows.T
        history.append(rows, np.column_stack([x**2 + y, -((x - 1) ** 2) - y]))

    late = history.params[256:]
    assert np.median(late[:, 1]) < 0.1
    assert np.percentile(late[:, 0], 90) - np.percentile(late[:, 0], 10) > 0.5


def test_fronts_are_taken_one_after_another_and_the_last_one_by_room() -> None:
    losses = np.array([[0, 3], [1, 1], [3, 0], [1, 3], [3, 3], [2, 2], [0.01, 2.99]], float)

    assert is_dominated(losses).tolist() == [False, False, False, True, True, True, False]
    assert set(best_by_front(losses, 4).tolist()) == {0, 1, 2, 6}
    assert set(best_by_front(losses, 3).tolist()) == {0, 1, 2}
    assert set(best_by_front(losses, 6).tolist()) >= {0, 1, 2, 6, 5}
    assert best_by_front(losses[:, :1], 2).tolist() == [0, 6]
    assert best_by_front(losses[:1], 5).tolist() == [0]


def test_equal_losses_do_not_dominate_each_other() -> None:
    assert is_dominated(np.ones((5, 2))).tolist() == [False] * 5


def test_a_share_of_waiting_trials_must_be_a_share() -> None:
    with pytest.raises(ConfigError, match="`liar` of the tpe sampler must lie between 0 and 1, was 2"):
        TpeCore(SPACE, 1, liar=2)


def test_it_is_a_sampler_of_optuna_too() -> None:
    study = optuna.create_study(sampler=TpeSampler(seed=1))
    study.optimize(lambda trial: (trial.suggest_float("x", -5, 5) - 2) ** 2, n_trials=60)

    assert study.best_value < 0.01


class TestTpeInOptuna(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Optuna's own tests of a sampler."""

    @pytest.fixture
    def sampler(self) -> Callable[[], optuna.samplers.BaseSampler]:
        return lambda: TpeSampler(seed=1, n_startup_trials=1)


class TestTpeAtTheStartInOptuna(BasicSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Optuna's own tests, before there is anything to learn from."""

    @pytest.fixture
    def sampler(self) -> Callable[[], optuna.samplers.BaseSampler]:
        return lambda: TpeSampler(seed=1)


class TestRandomInOptuna(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Optuna's own tests of a sampler."""

    @pytest.fixture
    def sampler(self) -> Callable[[], optuna.samplers.BaseSampler]:
        return lambda: RandomSampler({}, seed=1)


class TestQmcInOptuna(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Optuna's own tests of a sampler."""

    @pytest.fixture
    def sampler(self) -> Callable[[], optuna.samplers.BaseSampler]:
        return lambda: QmcSampler({}, seed=1)


class TestGridInOptuna(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Optuna's own tests of a sampler; the listed values are those of a parameter that each trial has."""

    @pytest.fixture
    def sampler(self) -> Callable[[], optuna.samplers.BaseSampler]:
        listed = {"listed": [place / 199 for place in range(200)]}
        return lambda: GridSampler({"listed": FloatDistribution(0.0, 1.0)}, 1, listed)
