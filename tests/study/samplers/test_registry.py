"""Samplers by name."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import optuna
import pytest

from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.study.samplers import SAMPLERS, History, make_batch_sampler, make_sampler, sampler_info
from arbkit.study.space import Categorical, FloatRange, IntRange, distributions

RANGES = {
    "min_spread_bps": FloatRange(type="float", low=0, high=10, step=2.5),
    "min_hold_s": IntRange(type="int", low=0, high=3),
    "stop_loss_bps": Categorical(type="categorical", choices=(None, 20)),
}
NUMERIC = {**RANGES, "exit_spread_bps": FloatRange(type="float", low=-5, high=5, step=1)}
OPTIONS: dict[str, dict[str, Any]] = {"partial_fixed": {"fixed": {"min_hold_s": 1}}}


@pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if not info.missing])
def test_every_installed_sampler_proposes_points_of_the_space(name: str) -> None:
    sampler = make_sampler(name, OPTIONS.get(name, {}), seed=1, done=0, ranges=NUMERIC)

    trial = optuna.create_study(sampler=sampler).ask(distributions(NUMERIC))

    assert list(trial.params) == list(NUMERIC)


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


def test_an_unknown_sampler_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(ConfigError, match=r"was 'nsga2'; did you mean .*`nsgaii`"):
        sampler_info("nsga2")


def test_an_unknown_option_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(
        ConfigError, match=r"`n_startup` is no option of the tpe sampler; did you mean `n_startup"
    ):
        make_sampler("tpe", {"n_startup": 3}, seed=1, done=0, ranges=RANGES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 1.5}, "`gamma` of the tpe sampler must lie between 0 and 1, was 1.5"),
        ({"n_ei_candidates": 0}, "`n_ei_candidates` of the tpe sampler must be at least 1, was 0"),
        ({"n_ei_candidates": "many"}, "`n_ei_candidates` of the tpe sampler must be int, was 'many'"),
    ],
)
def test_an_option_that_breaks_its_rule_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_sampler("tpe", options, seed=1, done=0, ranges=RANGES)


def test_every_sampler_of_optuna_has_a_name() -> None:
    named = {
        type(make_sampler(name, OPTIONS.get(name, {}), seed=1, done=0, ranges=NUMERIC))
        for name, item in SAMPLERS.items()
        if not item.missing
    }
    known = {base for kind in named for base in kind.__mro__}
    theirs = {
        getattr(optuna.samplers, name)
        for name in optuna.samplers.__all__
        if name.endswith("Sampler") and not name.startswith("Base") and name != "GPSampler"
    }
    assert theirs <= known
    assert "gp" in SAMPLERS


@pytest.mark.parametrize("crossover", ["uniform", "blxalpha", "sbx", "vsbx", "spx", "undx"])
@pytest.mark.parametrize("name", ["nsgaii", "nsgaiii"])
def test_a_crossover_is_named(name: str, crossover: str) -> None:
    assert make_sampler(name, {"crossover": crossover}, seed=1, done=0, ranges=RANGES)


def test_an_unknown_crossover_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"was 'sxb'; did you mean .*`sbx`"):
        make_sampler("nsgaii", {"crossover": "sxb"}, seed=1, done=0, ranges=RANGES)


@pytest.mark.parametrize("name", ["bruteforce", "optuna.grid"])
def test_what_tries_everything_stops_no_study_of_ours(name: str) -> None:
    ranges = {"stop_loss_bps": RANGES["stop_loss_bps"]}
    study = optuna.create_study(sampler=make_sampler(name, {}, seed=1, done=0, ranges=ranges))
    space = distributions(ranges)

    for value in range(3):
        study.tell(study.ask(space), value)

    assert {trial.params["stop_loss_bps"] for trial in study.trials} == {None, 20}


def test_brute_force_needs_steps() -> None:
    ranges = {"exit_spread_bps": FloatRange(type="float", low=0, high=1)}
    with pytest.raises(
        ConfigError, match="the bruteforce sampler needs a `step` for the float `exit_spread_bps`"
    ):
        make_sampler("bruteforce", {}, seed=1, done=0, ranges=ranges)


@pytest.mark.parametrize("base", ["random", "tpe", {"name": "qmc", "scramble": False}, "nsgaii"])
def test_fixed_parameters_keep_their_value_and_the_base_proposes_the_rest(base: Any) -> None:
    options = {"fixed": {"min_hold_s": 2}, "base": base}
    space = distributions(RANGES)
    sampler = make_sampler("partial_fixed", options, seed=1, done=0, ranges=RANGES)
    study = optuna.create_study(sampler=sampler)

    trials = [study.ask(space) for _ in range(10)]

    assert {trial.params["min_hold_s"] for trial in trials} == {2}
    assert len({trial.params["min_spread_bps"] for trial in trials}) > 1
    in_blocks = make_batch_sampler("partial_fixed", options, seed=1, ranges=RANGES)
    assert (in_blocks is None) == (base == "nsgaii")
    if in_blocks is not None:
        rows = in_blocks.propose(History(space, ["maximize"]), 0, 10)
        assert set(rows[:, 1]) == {2.0}
        assert len(set(rows[:, 0])) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "must map parameters of `space` to values, was None"),
        ({"fixed": {"min_hold": 2}}, "`min_hold` is not in `space`; did you mean `min_hold_s`"),
        (
            {"fixed": {"min_hold_s": 9}},
            "`fixed.min_hold_s` of the partial_fixed sampler must lie in",
        ),
        ({"fixed": {"min_hold_s": 2}, "base": 3}, "`base` of the partial_fixed sampler must be a sampler or"),
        ({"fixed": {"min_hold_s": 2}, "base": "partial_fixed"}, "must be another sampler"),
    ],
)
def test_a_fixed_parameter_that_breaks_a_rule_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_sampler("partial_fixed", options, seed=1, done=0, ranges=RANGES)


def test_any_class_is_a_sampler_by_its_path() -> None:
    path = "optuna.samplers:TPESampler"

    sampler = make_sampler(path, {"n_startup_trials": 3}, seed=1, done=5, ranges=RANGES)

    assert isinstance(sampler, optuna.samplers.TPESampler)
    with pytest.raises(ConfigError, match=r"`n_startup` is no option of the optuna\.samplers:TPESampler"):
        make_sampler(path, {"n_startup": 3}, seed=1, done=0, ranges=RANGES)


def test_a_class_that_proposes_in_blocks_is_asked_for_blocks() -> None:
    path = "arbkit.study.samplers.numbered:RandomSampler"

    sampler = make_batch_sampler(path, {}, seed=1, ranges=RANGES)

    assert sampler is not None
    assert sampler.propose(History(distributions(RANGES), ["maximize"]), 0, 5).shape == (5, 3)


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("no_such_package.samplers:One", MissingDependencyError, "pip install no_such_package"),
        ("optuna.no_such_module:One", ConfigError, "there is no module 'optuna.no_such_module'"),
        ("optuna.samplers:TPESample", ConfigError, "has no `TPESample`; did you mean `TPESampler`"),
        ("optuna.samplers:", ConfigError, "named `package.module:Class`"),
        ("math:pi", ConfigError, "must be a class or a function that makes one"),
        ("collections:OrderedDict", ConfigError, "must be an optuna.samplers.BaseSampler or have"),
    ],
)
def test_a_path_that_leads_nowhere_says_what_is_wrong(path: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        make_sampler(path, {}, seed=1, done=0, ranges=RANGES)
