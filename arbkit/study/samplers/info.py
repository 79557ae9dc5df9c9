"""What is known about a sampler: its name, what it is good at, its options, what it needs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from optuna.distributions import BaseDistribution

from arbkit._plugins import check_options
from arbkit.errors import ConfigError
from arbkit.study.space import Range

__all__ = ["Request", "SamplerInfo"]

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

    `make` gets the request and the options as keywords, `options` maps each option to its type (None: it
    checks its options itself), `needs` maps packages to import onto what to install; `in_blocks` says that
    what is made is a `BatchSampler` too; `origin` is "arbkit", "optuna" or the package that announces it.
    """

    name: str
    summary: str
    make: Callable[..., Any]
    options: Mapping[str, type] | None = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    many_objectives: bool = True
    uses_constraints: bool = True
    in_blocks: bool = False
    origin: str = "optuna"

    @property
    def missing(self) -> list[str]:
        """What has to be installed before this sampler can be used."""
        return [pip for module, pip in self.needs.items() if importlib.util.find_spec(module) is None]

    def checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with the types they must have.

        Raises:
            ConfigError: for an unknown option (with the nearest ones) or a value of another type.
        """
        if self.options is None:
            return dict(options)
        check_options("sampler", self.name, options, self.options)
        return {key: self._typed(key, self.options[key], value) for key, value in options.items()}

    def _typed(self, key: str, wanted: type, value: Any) -> Any:
        if wanted is object:
            return value
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool)):
            raise ConfigError(f"`{key}` of the {self.name} sampler must be {wanted.__name__}, was {value!r}")
        return value
