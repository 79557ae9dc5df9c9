"""Samplers by name: one explicit table from a name in a spec to a sampler.

Every sampler is made anew for each batch with `seed + trials done`: what a batch proposes depends on
the trials before it and the seed, not on how often the study was stopped and resumed.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler

from arbkit.errors import ConfigError, MissingDependencyError, nearest_names
from arbkit.study.samplers.batch import BatchSampler
from arbkit.study.samplers.numbered import GridSampler, QmcSampler, RandomSampler
from arbkit.study.space import Range, distributions, grid_values

__all__ = [
    "SAMPLERS",
    "Request",
    "SamplerInfo",
    "grid_size",
    "make_batch_sampler",
    "make_sampler",
    "sampler_info",
]

_SEEDS: Final = 2**32


class Request(NamedTuple):
    """What a sampler is made for.

    Attributes:
        seed: the seed of the study.
        done: trials finished before the batch to come.
        ranges: the search space as in the spec.
        space: the same as Optuna distributions.
    """

    seed: int
    done: int
    ranges: Mapping[str, Range]
    space: Mapping[str, BaseDistribution]

    @property
    def batch_seed(self) -> int:
        """Seed of the batch to come."""
        return (self.seed + self.done) % _SEEDS


@dataclass(frozen=True)
class SamplerInfo:
    """One sampler that a spec can name.

    `make` gets the request and the options as keywords, `options` maps each option to its type,
    `needs` maps packages to import onto what to install; `in_blocks` says that what is made is a
    `BatchSampler` too.
    """

    name: str
    summary: str
    make: Callable[..., BaseSampler]
    options: Mapping[str, type] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    many_objectives: bool = True
    uses_constraints: bool = True
    in_blocks: bool = False

    @property
    def missing(self) -> list[str]:
        """What has to be installed before this sampler can be used."""
        return [pip for module, pip in self.needs.items() if importlib.util.find_spec(module) is None]


def _grid(request: Request, points: int | None = None, shuffle: bool = True) -> BaseSampler:
    if points is not None and points < 1:
        raise ConfigError(f"`points` of the grid sampler must be at least 1, was {points}")
    values = {name: grid_values(name, item, points) for name, item in request.ranges.items()}
    return GridSampler(request.space, request.seed, values, shuffle=shuffle)


def _random(request: Request) -> BaseSampler:
    return RandomSampler(request.space, request.seed)


def _qmc(request: Request, **options: Any) -> BaseSampler:
    return QmcSampler(request.space, request.seed, **options)


def _tpe(request: Request, **options: Any) -> BaseSampler:
    return optuna.samplers.TPESampler(seed=request.batch_seed, **options)


def _cmaes(request: Request, **options: Any) -> BaseSampler:
    numeric = [n for n, item in request.space.items() if not isinstance(item, CategoricalDistribution)]
    if len(numeric) < 2:
        raise ConfigError(
            "the cmaes sampler needs at least two numeric parameters in `space`, "
            f"was {', '.join(numeric) or 'none'}; use tpe"
        )
    return optuna.samplers.CmaEsSampler(seed=request.batch_seed, warn_independent_sampling=False, **options)


def _nsgaii(request: Request, **options: Any) -> BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=request.batch_seed, **options)


def _gp(request: Request, **options: Any) -> BaseSampler:
    return optuna.samplers.GPSampler(seed=request.batch_seed, warn_independent_sampling=False, **options)


#: Name in a spec -> sampler. The one place where names become samplers.
SAMPLERS: Final[dict[str, SamplerInfo]] = {
    item.name: item
    for item in (
        SamplerInfo(
            "grid",
            "every combination once, in shuffled order; for few parameters with few values",
            _grid,
            {"points": int, "shuffle": bool},
            uses_constraints=False,
            in_blocks=True,
        ),
        SamplerInfo(
            "random",
            "independent uniform draws; the honest baseline, and the basis of fair statistics",
            _random,
            uses_constraints=False,
            in_blocks=True,
        ),
        SamplerInfo(
            "tpe",
            "models good and bad regions; the default choice for a few hundred trials of any kind",
            _tpe,
            {
                "n_startup_trials": int,
                "n_ei_candidates": int,
                "multivariate": bool,
                "group": bool,
                "constant_liar": bool,
            },
        ),
        SamplerInfo(
            "qmc",
            "a low-discrepancy sequence; covers the space more evenly than random draws",
            _qmc,
            {"sequence": str, "scramble": bool},
            uses_constraints=False,
            in_blocks=True,
        ),
        SamplerInfo(
            "cmaes",
            "evolves a normal distribution; for thousands of trials over numeric parameters",
            _cmaes,
            {
                "n_startup_trials": int,
                "sigma0": float,
                "popsize": int,
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
            "a genetic algorithm; for several objectives and thousands of trials",
            _nsgaii,
            {"population_size": int, "mutation_prob": float, "crossover_prob": float, "swapping_prob": float},
        ),
        SamplerInfo(
            "gp",
            "a Gaussian process; for at most a few hundred trials (0.7 s each at 300)",
            _gp,
            {"n_startup_trials": int, "deterministic_objective": bool},
            {"torch": "torch", "scipy": "scipy"},
        ),
    )
}


def sampler_info(name: str) -> SamplerInfo:
    """Return the sampler of that name.

    Raises:
        ConfigError: for an unknown name, with the nearest ones.
    """
    if name not in SAMPLERS:
        raise ConfigError(f"`sampler` must be a known sampler, was {name!r}; {nearest_names(name, SAMPLERS)}")
    return SAMPLERS[name]


def make_sampler(
    name: str, options: Mapping[str, Any], *, seed: int, done: int, ranges: Mapping[str, Range]
) -> BaseSampler:
    """Make the sampler of one batch.

    Args:
        name: its name in the spec.
        options: its options in the spec.
        seed: the seed of the study.
        done: trials finished before this batch.
        ranges: the search space.

    Raises:
        ConfigError: for an unknown sampler or option, or an option that breaks its rule.
        MissingDependencyError: naming the package to install.
    """
    info = sampler_info(name)
    if info.missing:
        raise MissingDependencyError(
            f"the {name} sampler needs a package that is not installed: pip install {' '.join(info.missing)}"
        )
    checked = {key: _option(info, key, value) for key, value in options.items()}
    request = Request(seed, done, ranges, distributions(ranges))
    with warnings.catch_warnings():
        # An option or a sampler that Optuna may still change says so once per object; ours is one
        # object per batch, and the version of Optuna is recorded with the study.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            return info.make(request, **checked)
        except (ValueError, TypeError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"the options of the {name} sampler break a rule: {error}") from error


def make_batch_sampler(
    name: str, options: Mapping[str, Any], *, seed: int, ranges: Mapping[str, Range]
) -> BatchSampler | None:
    """Make the sampler that proposes a whole study in blocks; None where only Optuna's ask and tell will do.

    Args:
        name: its name in the spec.
        options: its options in the spec.
        seed: the seed of the study.
        ranges: the search space.

    Raises:
        ConfigError: for an unknown sampler or option, or an option that breaks its rule.
        MissingDependencyError: naming the package to install.
    """
    if not sampler_info(name).in_blocks:
        return None
    sampler = make_sampler(name, options, seed=seed, done=0, ranges=ranges)
    assert isinstance(sampler, BatchSampler)
    return sampler


def grid_size(options: Mapping[str, Any], ranges: Mapping[str, Range]) -> int:
    """Return how many points a grid has."""
    sampler = make_sampler("grid", options, seed=0, done=0, ranges=ranges)
    assert isinstance(sampler, GridSampler)
    return sampler.size


def _option(info: SamplerInfo, key: str, value: Any) -> Any:
    if key not in info.options:
        known = nearest_names(key, info.options) if info.options else "it has no options"
        raise ConfigError(f"`{key}` is no option of the {info.name} sampler; {known}")
    wanted = info.options[key]
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool)):
        raise ConfigError(f"`{key}` of the {info.name} sampler must be {wanted.__name__}, was {value!r}")
    return value
