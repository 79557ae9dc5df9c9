"""The registry of samplers, and the ones that draw from (seed, trial number)."""

from __future__ import annotations

import importlib.util
import itertools
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.study.numbered import GridSampler, QmcSampler, RandomSampler, from_unit
from arbkit.study.samplers import SAMPLERS, make_sampler
from arbkit.study.space import Categorical, FloatRange, IntRange

RANGES = {
    "min_spread_bps": FloatRange(type="float", low=0, high=10, step=2.5),
    "min_hold_s": IntRange(type="int", low=0, high=3),
    "stop_loss_bps": Categorical(type="categorical", choices=(None, 20)),
}
SPACE = {
    "a": FloatDistribution(0.0, 1.0),
    "b": IntDistribution(1, 100, log=True),
    "c": CategoricalDistribution((None, True, "x")),
    "d": FloatDistribution(1e-3, 1e3, log=True),
    "e": FloatDistribution(-1.0, 1.0, step=0.25),
    "f": IntDistribution(0, 9, step=3),
}


@pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if not info.missing])
def test_every_installed_sampler_proposes_points_of_the_space(name: str) -> None:
    ranges = {**RANGES, "exit_spread_bps": FloatRange(type="float", low=-5, high=5, step=1)}
    sampler = make_sampler(name, {}, seed=1, done=0, ranges=ranges)
    from arbkit.study.space import distributions

    trial = optuna.create_study(sampler=sampler).ask(distributions(ranges))

    assert list(trial.params) == list(ranges)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_a_sampler_whose_package_is_missing_says_what_to_install() -> None:
    with pytest.raises(MissingDependencyError, match=r"the gp sampler needs .* pip install torch"):
        make_sampler("gp", {}, seed=1, done=0, ranges=RANGES)


def test_an_option_that_optuna_refuses_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="the options of the nsgaii sampler break a rule"):
        make_sampler("nsgaii", {"population_size": 1}, seed=1, done=0, ranges=RANGES)


def test_a_whole_number_is_taken_where_an_option_is_real() -> None:
    make_sampler("nsgaii", {"crossover_prob": 1}, seed=1, done=0, ranges=RANGES)


@pytest.mark.parametrize("item", SPACE.values(), ids=SPACE)
def test_the_unit_interval_maps_into_the_distribution(item: Any) -> None:
    for u in (0.0, 0.25, 0.5, 0.999999999):
        value = from_unit(item, u)
        assert item._contains(item.to_internal_repr(value))


def test_choices_and_steps_are_equally_likely() -> None:
    draws = [from_unit(SPACE["f"], u) for u in np.linspace(0, 1, 400, endpoint=False)]

    assert {value: draws.count(value) for value in set(draws)} == {0: 100, 3: 100, 6: 100, 9: 100}


@pytest.mark.parametrize("kind", [RandomSampler, QmcSampler])
def test_a_proposal_depends_on_seed_and_number_only(kind: Any) -> None:
    forwards = [kind(SPACE, 5).point(number) for number in range(5)]
    one = kind(SPACE, 5)
    backwards = [one.point(number) for number in reversed(range(5))]

    assert forwards == backwards[::-1]
    assert forwards != [kind(SPACE, 6).point(number) for number in range(5)]


def test_a_low_discrepancy_sequence_covers_every_cell() -> None:
    sampler = QmcSampler({"a": SPACE["a"], "d": FloatDistribution(0.0, 1.0)}, 3)
    points = [sampler.point(number) for number in range(64)]

    cells = {(int(point["a"] * 8), int(point["d"] * 8)) for point in points}

    assert len(cells) == 64


def test_qmc_goes_on_past_its_first_block() -> None:
    sampler = QmcSampler({"a": SPACE["a"]}, 3, sequence="halton")

    assert 0 <= sampler.point(3000)["a"] <= 1


def test_an_unknown_sequence_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be sobol or halton, was 'sobel'"):
        make_sampler("qmc", {"sequence": "sobel"}, seed=1, done=0, ranges=RANGES)


def test_a_grid_gives_every_combination_once_in_an_order_set_by_the_seed() -> None:
    sampler = make_sampler("grid", {}, seed=1, done=0, ranges=RANGES)
    assert isinstance(sampler, GridSampler)

    points = [tuple(sampler.point(number).values()) for number in range(sampler.size)]

    assert sorted(points, key=str) == sorted(
        itertools.product([0, 2.5, 5, 7.5, 10], range(4), [None, 20]), key=str
    )
    other = make_sampler("grid", {}, seed=2, done=0, ranges=RANGES)
    assert isinstance(other, GridSampler)
    assert points != [tuple(other.point(number).values()) for number in range(other.size)]


def test_an_unshuffled_grid_varies_the_last_parameter_first() -> None:
    sampler = make_sampler("grid", {"shuffle": False}, seed=1, done=0, ranges=RANGES)
    assert isinstance(sampler, GridSampler)

    assert [sampler.point(number)["stop_loss_bps"] for number in range(4)] == [None, 20, None, 20]


def test_a_grid_too_large_to_list_is_refused() -> None:
    ranges = {name: IntRange(type="int", low=1, high=10_000) for name in ("min_hold_s", "cooldown_s")}

    with pytest.raises(ConfigError, match="at most 20,000,000 points, was 100,000,000"):
        make_sampler("grid", {}, seed=1, done=0, ranges=ranges)
