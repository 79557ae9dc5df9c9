"""Samplers by name."""

from __future__ import annotations

import importlib.util

import optuna
import pytest

from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.study.samplers import SAMPLERS, make_sampler
from arbkit.study.space import Categorical, FloatRange, IntRange, distributions

RANGES = {
    "min_spread_bps": FloatRange(type="float", low=0, high=10, step=2.5),
    "min_hold_s": IntRange(type="int", low=0, high=3),
    "stop_loss_bps": Categorical(type="categorical", choices=(None, 20)),
}


@pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if not info.missing])
def test_every_installed_sampler_proposes_points_of_the_space(name: str) -> None:
    ranges = {**RANGES, "exit_spread_bps": FloatRange(type="float", low=-5, high=5, step=1)}
    sampler = make_sampler(name, {}, seed=1, done=0, ranges=ranges)

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


def test_an_unknown_sequence_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be sobol or halton, was 'sobel'"):
        make_sampler("qmc", {"sequence": "sobel"}, seed=1, done=0, ranges=RANGES)
