"""The samplers that a spec can name without further ado: ours, and Optuna's with the options they have."""

from __future__ import annotations

from typing import Any, Final

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from arbkit.errors import ConfigError, nearest_names
from arbkit.study.conditions import Conditions
from arbkit.study.samplers.info import Request, SamplerInfo
from arbkit.study.samplers.numbered import GridSampler, QmcSampler, RandomSampler
from arbkit.study.samplers.tpe import TpeSampler
from arbkit.study.space import grid_values

__all__ = ["BUILT_IN"]

_CROSSOVERS: Final = {
    "uniform": "UniformCrossover",
    "blxalpha": "BLXAlphaCrossover",
    "sbx": "SBXCrossover",
    "vsbx": "VSBXCrossover",
    "spx": "SPXCrossover",
    "undx": "UNDXCrossover",
}
_GENETIC: Final[dict[str, type]] = {
    "population_size": int,
    "mutation_prob": float,
    "crossover": str,
    "crossover_prob": float,
    "swapping_prob": float,
}


def _values(request: Request, points: int | None) -> dict[str, Any]:
    if points is not None and points < 1:
        raise ConfigError(f"`points` of the grid sampler must be at least 1, was {points}")
    return {name: grid_values(name, item, points) for name, item in request.ranges.items()}


def _grid(request: Request, points: int | None = None, shuffle: bool = True) -> Any:
    values = _values(request, points)
    return GridSampler(request.space, request.seed, values, Conditions(request.ranges), shuffle=shuffle)


def _random(request: Request) -> Any:
    return RandomSampler(request.space, request.seed, Conditions(request.ranges))


def _qmc(request: Request, **options: Any) -> Any:
    return QmcSampler(request.space, request.seed, Conditions(request.ranges), **options)


def _tpe(request: Request, **options: Any) -> Any:
    return TpeSampler(request.space, request.seed, Conditions(request.ranges), **options)


def _optuna_grid(request: Request, points: int | None = None) -> Any:
    return _EndlessGrid(_values(request, points), seed=request.batch_seed)


def _optuna_random(request: Request) -> Any:
    return optuna.samplers.RandomSampler(seed=request.batch_seed)


def _optuna_tpe(request: Request, **options: Any) -> Any:
    return optuna.samplers.TPESampler(seed=request.batch_seed, **options)


def _optuna_qmc(request: Request, **options: Any) -> Any:
    # Its points are those of the trial numbers, so its seed is that of the study.
    return optuna.samplers.QMCSampler(
        seed=request.seed, warn_asynchronous_seeding=False, warn_independent_sampling=False, **options
    )


def _cmaes(request: Request, **options: Any) -> Any:
    numeric = [n for n, item in request.space.items() if not isinstance(item, CategoricalDistribution)]
    if len(numeric) < 2:
        raise ConfigError(
            "the cmaes sampler needs at least two numeric parameters in `space`, "
            f"was {', '.join(numeric) or 'none'}; use tpe"
        )
    return optuna.samplers.CmaEsSampler(seed=request.batch_seed, warn_independent_sampling=False, **options)


def _nsgaii(request: Request, crossover: str | None = None, **options: Any) -> Any:
    return optuna.samplers.NSGAIISampler(
        seed=request.batch_seed, crossover=_crossover("nsgaii", crossover), **options
    )


def _nsgaiii(request: Request, crossover: str | None = None, **options: Any) -> Any:
    return optuna.samplers.NSGAIIISampler(
        seed=request.batch_seed, crossover=_crossover("nsgaiii", crossover), **options
    )


def _crossover(sampler: str, name: str | None) -> Any:
    if name is None:
        return None
    if name not in _CROSSOVERS:
        raise ConfigError(
            f"`crossover` of the {sampler} sampler must be a known one, was {name!r}; "
            + nearest_names(name, _CROSSOVERS)
        )
    return getattr(optuna.samplers.nsgaii, _CROSSOVERS[name])()


def _gp(request: Request, **options: Any) -> Any:
    return optuna.samplers.GPSampler(seed=request.batch_seed, warn_independent_sampling=False, **options)


def _bruteforce(request: Request, **options: Any) -> Any:
    for name, item in request.space.items():
        if getattr(item, "step", 1) is None:
            raise ConfigError(f"the bruteforce sampler needs a `step` for the float `{name}`")
    return _EndlessBruteForce(seed=request.batch_seed, **options)


class _EndlessBruteForce(optuna.samplers.BruteForceSampler):
    """Optuna's stops the study once everything was tried; here the number of trials does."""

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Stop nothing."""


class _EndlessGrid(optuna.samplers.GridSampler):
    """Optuna's stops the study after the last point; here the number of trials does."""

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Stop nothing."""

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: a grid samples each parameter by itself."""
        return {}


#: The one table of names.
BUILT_IN: Final[dict[str, SamplerInfo]] = {
    item.name: item
    for item in (
        SamplerInfo(
            "grid",
            "every combination once, in shuffled order; for few parameters with few values",
            _grid,
            {"points": int, "shuffle": bool},
            uses_constraints=False,
            in_blocks=True,
            origin="arbkit",
        ),
        SamplerInfo(
            "random",
            "independent uniform draws; the honest baseline, and the basis of fair statistics",
            _random,
            uses_constraints=False,
            in_blocks=True,
            origin="arbkit",
        ),
        SamplerInfo(
            "qmc",
            "a low-discrepancy sequence; covers the space more evenly than random draws",
            _qmc,
            {"sequence": str, "scramble": bool},
            uses_constraints=False,
            in_blocks=True,
            origin="arbkit",
        ),
        SamplerInfo(
            "tpe",
            "models good and bad regions, compiled; the default choice for hundreds to thousands of trials",
            _tpe,
            {
                "n_startup_trials": int,
                "n_ei_candidates": int,
                "gamma": float,
                "most_best": int,
                "finest": float,
                "liar": float,
                "unique": bool,
            },
            in_blocks=True,
            origin="arbkit",
        ),
        SamplerInfo(
            "cmaes",
            "evolves a normal distribution; for thousands of trials over numeric parameters",
            _cmaes,
            {
                "n_startup_trials": int,
                "x0": dict,
                "sigma0": float,
                "popsize": int,
                "consider_pruned_trials": bool,
                "use_separable_cma": bool,
                "with_margin": bool,
                "lr_adapt": bool,
            },
            {"cmaes": "cmaes"},
            many_objectives=False,
            uses_constraints=False,
        ),
        SamplerInfo(
            "nsgaii",
            "a genetic algorithm; for two or three objectives and thousands of trials",
            _nsgaii,
            _GENETIC,
        ),
        SamplerInfo(
            "nsgaiii",
            "a genetic algorithm that spreads over many objectives (four and more)",
            _nsgaiii,
            {**_GENETIC, "dividing_parameter": int},
        ),
        SamplerInfo(
            "gp",
            "a Gaussian process; for at most a few hundred trials (0.7 s each at 300)",
            _gp,
            {"n_startup_trials": int, "deterministic_objective": bool},
            {"torch": "torch", "scipy": "scipy"},
        ),
        SamplerInfo(
            "bruteforce",
            "every combination once, also of parameters that exist only with others; grid is faster",
            _bruteforce,
            {"avoid_premature_stop": bool},
            uses_constraints=False,
        ),
        SamplerInfo(
            "optuna.tpe",
            "Optuna's own TPE; to compare, and for its options (7 ms a trial at 1,000, 25 ms at 5,000)",
            _optuna_tpe,
            {
                "n_startup_trials": int,
                "n_ei_candidates": int,
                "multivariate": bool,
                "group": bool,
                "constant_liar": bool,
            },
        ),
        SamplerInfo(
            "optuna.grid",
            "Optuna's own grid; to compare (30 ms a trial at 1,000)",
            _optuna_grid,
            {"points": int},
            uses_constraints=False,
        ),
        SamplerInfo(
            "optuna.random",
            "Optuna's own random draws; to compare",
            _optuna_random,
            uses_constraints=False,
        ),
        SamplerInfo(
            "optuna.qmc",
            "Optuna's own low-discrepancy sequence; to compare",
            _optuna_qmc,
            {"qmc_type": str, "scramble": bool},
            {"scipy": "scipy"},
            uses_constraints=False,
        ),
    )
}
