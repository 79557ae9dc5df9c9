"""From the name of a sampler in a spec to the sampler.

A name is one of the table in `builtin`, one that an installed package announces (`arbkit.samplers`), or
`package.module:Class`. Every sampler of Optuna is made anew for each batch with `seed + trials done`: what a
batch proposes depends on the trials before it and the seed, not on how often the study was resumed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import optuna

from arbkit._plugins import load_class, make_object, plugins
from arbkit.errors import ConfigError, MissingDependencyError, nearest_names
from arbkit.study.samplers.batch import BatchSampler
from arbkit.study.samplers.builtin import BUILT_IN
from arbkit.study.samplers.fixed import PARTIAL, base_of, in_blocks_with, masked, with_fixed
from arbkit.study.samplers.info import Request, SamplerInfo
from arbkit.study.samplers.numbered import GridSampler, NumberedSampler
from arbkit.study.samplers.tpe import TpeSampler
from arbkit.study.space import Range, distributions

__all__ = [
    "SAMPLERS",
    "all_samplers",
    "grid_size",
    "make_batch_sampler",
    "make_sampler",
    "sampler_info",
    "sampler_maker",
]

_GROUP: Final = "arbkit.samplers"

#: Name in a spec -> sampler, for those that need no other package to be announced.
SAMPLERS: Final[dict[str, SamplerInfo]] = {**BUILT_IN, PARTIAL.name: PARTIAL}


def all_samplers() -> dict[str, SamplerInfo]:
    """Return every sampler that a spec can name now: those above, and those of installed packages."""
    announced = {name: _announced(name) for name in plugins(_GROUP) if name not in SAMPLERS}
    return {**SAMPLERS, **announced}


def sampler_info(name: str) -> SamplerInfo:
    """Return the sampler of that name, or of `package.module:Class`.

    Raises:
        ConfigError: for an unknown name, with the nearest ones.
        MissingDependencyError: when a module of a class is not installed.
    """
    if name in SAMPLERS:
        return SAMPLERS[name]
    if ":" in name:
        return _of_class(name, name, "your own", name.split(":")[0].split(".")[0])
    known = plugins(_GROUP)
    if name in known:
        return _announced(name)
    raise ConfigError(
        f"`sampler` must be a known sampler or `package.module:Class`, was {name!r}; "
        + nearest_names(name, [*SAMPLERS, *known])
    )


def make_sampler(
    name: str, options: Mapping[str, Any], *, seed: int, done: int, ranges: Mapping[str, Range]
) -> Any:
    """Make the sampler of one batch: one of Optuna's kind, or a `BatchSampler`, or both.

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
    return sampler_maker(name, options, seed=seed, ranges=ranges)(done)


def sampler_maker(
    name: str, options: Mapping[str, Any], *, seed: int, ranges: Mapping[str, Range]
) -> Callable[[int], Any]:
    """Return what makes the sampler of a batch from the number of trials before it; see `make_sampler`."""
    info = sampler_info(name)
    if info.missing:
        raise MissingDependencyError(
            f"the {name} sampler needs a package that is not installed: pip install {' '.join(info.missing)}"
        )
    checked, space = info.checked(options), distributions(ranges)

    def make(done: int) -> Any:
        request = Request(seed, done, ranges, space)
        with warnings.catch_warnings():
            # An option or a sampler that Optuna may still change says so once per object; ours is one
            # object per batch, and the version of Optuna is recorded with the study.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if info is PARTIAL:
                return _partial(request, checked)
            try:
                return info.make(request, **checked)
            except (ValueError, TypeError) as error:
                if isinstance(error, ConfigError):
                    raise
                raise ConfigError(f"the options of the {name} sampler break a rule: {error}") from error

    return make


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
    info = sampler_info(name)
    if info is PARTIAL and sampler_info(base_of(options)[0]).in_blocks:
        base = make_sampler(*base_of(options), seed=seed, done=0, ranges=ranges)
        return masked(in_blocks_with(options, base, ranges), ranges)
    if not info.in_blocks:
        return None
    sampler = make_sampler(name, options, seed=seed, done=0, ranges=ranges)
    assert isinstance(sampler, BatchSampler)
    return sampler if isinstance(sampler, (NumberedSampler, TpeSampler)) else masked(sampler, ranges)


def grid_size(options: Mapping[str, Any], ranges: Mapping[str, Range]) -> int:
    """Return how many points a grid has."""
    sampler = make_sampler("grid", options, seed=0, done=0, ranges=ranges)
    assert isinstance(sampler, GridSampler)
    return sampler.size


def _partial(request: Request, options: Mapping[str, Any]) -> Any:
    name, own = base_of(options)
    if name == PARTIAL.name:
        raise ConfigError("`base` of the partial_fixed sampler must be another sampler, was partial_fixed")
    base = make_sampler(name, own, seed=request.seed, done=request.done, ranges=request.ranges)
    return with_fixed(options, base, request.ranges)


def _announced(name: str) -> SamplerInfo:
    found = plugins(_GROUP)[name]
    try:
        return _of_class(name, found.path, "from a package", found.package)
    except (ConfigError, MissingDependencyError) as error:
        reason = str(error)

        def broken(request: Request, **options: Any) -> Any:
            raise ConfigError(f"the {name} sampler of {found.package} cannot be used: {reason}")

        return SamplerInfo(name, f"cannot be used: {reason}", broken, None, origin=found.package)


def _of_class(name: str, path: str, summary: str, origin: str) -> SamplerInfo:
    """Describe a class by what it says of itself."""
    made = load_class("sampler", path)
    lines = (made.__doc__ or "").strip().splitlines()

    def make(request: Request, **options: Any) -> Any:
        in_blocks = hasattr(made, "propose")
        offered = {
            "seed": request.seed if in_blocks else request.batch_seed,
            "space": dict(request.space),
        }
        sampler = make_object("sampler", name, made, options, offered)
        if not isinstance(sampler, (optuna.samplers.BaseSampler, BatchSampler)):
            raise ConfigError(
                f"the {name} sampler must be an optuna.samplers.BaseSampler or have "
                f"`propose(history, first, n)`, was {type(sampler).__name__}"
            )
        return sampler

    return SamplerInfo(
        name,
        lines[0].rstrip(".") if lines else summary,
        make,
        None,
        many_objectives=getattr(made, "many_objectives", True),
        uses_constraints=getattr(made, "uses_constraints", False),
        in_blocks=hasattr(made, "propose"),
        origin=origin,
    )
