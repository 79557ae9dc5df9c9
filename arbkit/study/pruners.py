"""Pruners by name.

A pruner stops a trial whose values on the first folds are weak. Names are those of the table below, of
packages that announce one (`arbkit.pruners`), or `package.module:Class`. `arbkit.study.stopping` asks them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import optuna
from optuna.pruners import BasePruner

from arbkit._plugins import load_class, make_object, parameters_of, plugins
from arbkit.errors import ConfigError, nearest_names

__all__ = ["PRUNERS", "PrunerInfo", "all_pruners", "make_pruner"]

_GROUP: Final = "arbkit.pruners"


@dataclass(frozen=True)
class PrunerInfo:
    """One pruner that a spec can name: what it is good at, its class, and values its options begin with."""

    name: str
    summary: str
    path: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    origin: str = "optuna"

    @property
    def options(self) -> list[str] | None:
        """The options it takes; None for one of another package, which is not imported to be listed."""
        if self.origin != "optuna":
            return None
        names = parameters_of(load_class("pruner", self.path))
        return ["wrapped" if name == "wrapped_pruner" else name for name in names]


#: Name in a spec -> pruner of Optuna.
PRUNERS: Final[dict[str, PrunerInfo]] = {
    item.name: item
    for item in (
        PrunerInfo("none", "stops no trial", "optuna.pruners:NopPruner"),
        PrunerInfo(
            "median", "below the median of earlier trials at the same fold", "optuna.pruners:MedianPruner"
        ),
        PrunerInfo(
            "percentile",
            "outside the best `percentile` of earlier trials at the same fold",
            "optuna.pruners:PercentilePruner",
            {"percentile": 25.0},
        ),
        PrunerInfo("threshold", "beyond `lower` or `upper`", "optuna.pruners:ThresholdPruner"),
        PrunerInfo(
            "successive_halving",
            "only the best share goes on at each rung; for many folds",
            "optuna.pruners:SuccessiveHalvingPruner",
        ),
        PrunerInfo(
            "hyperband", "successive halving in several brackets at once", "optuna.pruners:HyperbandPruner"
        ),
        PrunerInfo(
            "patient",
            "no better for `patience` folds; with `wrapped`, only if that pruner agrees",
            "optuna.pruners:PatientPruner",
            {"wrapped": None, "patience": 2},
        ),
        PrunerInfo(
            "wilcoxon",
            "worse than the best trial on the same folds, by a signed-rank test; the one made for folds",
            "optuna.pruners:WilcoxonPruner",
        ),
    )
}


def all_pruners() -> dict[str, PrunerInfo]:
    """Return every pruner that a spec can name now: those above, and those of installed packages."""
    announced = {
        name: PrunerInfo(name, f"from {item.package}", item.path, origin=item.package)
        for name, item in plugins(_GROUP).items()
        if name not in PRUNERS
    }
    return {**PRUNERS, **announced}


def make_pruner(name: str, options: Mapping[str, Any]) -> BasePruner:
    """Make a pruner.

    Args:
        name: one of the names, or `package.module:Class`.
        options: its options.

    Raises:
        ConfigError: for an unknown name or option (with the nearest ones), or a value that breaks a rule.
        MissingDependencyError: when a module of a class is not installed.
    """
    known = all_pruners()
    if name not in known and ":" not in name:
        near = nearest_names(name, known)
        raise ConfigError(f"`pruner` must be a known pruner or `package.module:Class`, was {name!r}; {near}")
    info = known.get(name, PrunerInfo(name, "your own", name))
    given = {**info.defaults, **options}
    if name == "patient":
        given["wrapped_pruner"] = _wrapped(given.pop("wrapped"))
    made = load_class("pruner", info.path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = make_object("pruner", name, made, given, {})
    if not isinstance(pruner, BasePruner):
        raise ConfigError(
            f"the {name} pruner must be an optuna.pruners.BasePruner, was {type(pruner).__name__}"
        )
    return pruner


def _wrapped(given: Any) -> BasePruner | None:
    if given is None:
        return None
    if isinstance(given, str):
        return make_pruner(given, {})
    if isinstance(given, Mapping) and isinstance(given.get("name"), str):
        return make_pruner(given["name"], {key: value for key, value in given.items() if key != "name"})
    raise ConfigError(
        f"`wrapped` of the patient pruner must be a pruner or {{name: pruner, option: value}}, was {given!r}"
    )
