"""Scenarios by name: the built-in ones, those of your own, and how a list of them is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from arbkit._plugins import load_class, make_object
from arbkit.errors import ConfigError, nearest_names
from arbkit.stress.moves import FlashCrash, FlashSpike, MarginRally, Noise, Split, StaggeredVolatility
from arbkit.stress.orders import FeeSurge, LateLeg, RefusedLeg, Slippage
from arbkit.stress.premium import FxJump, FxTick, PremiumInversion, PremiumStep
from arbkit.stress.scenario import Scenario
from arbkit.stress.venues import Decoupled, Halt, StaleFeed, Unreachable

__all__ = ["SCENARIOS", "SLIPPAGES_BPS", "parse_scenario", "parse_scenarios", "standard_scenarios"]

#: Name in a list -> scenario.
SCENARIOS: Final[dict[str, type[Scenario]]] = {
    item.name: item
    for item in (
        Slippage,
        FeeSurge,
        FlashCrash,
        FlashSpike,
        Noise,
        StaggeredVolatility,
        Halt,
        StaleFeed,
        FxJump,
        FxTick,
        PremiumInversion,
        PremiumStep,
        Decoupled,
        MarginRally,
        Unreachable,
        LateLeg,
        RefusedLeg,
        Split,
    )
}
#: The grid of the standard list.
SLIPPAGES_BPS: Final = (0.0, 10.0, 20.0, 40.0, 80.0)


def standard_scenarios(seed: int = 0) -> tuple[Scenario, ...]:
    """Return every built-in scenario with its defaults, slippage as a grid and the premium step both ways."""
    found: list[Scenario] = []
    for kind in SCENARIOS.values():
        if kind is Slippage:
            found += [Slippage(slippage_bps=value) for value in SLIPPAGES_BPS]
        elif kind is PremiumStep:
            found += [PremiumStep(step_bps=sign * PremiumStep().step_bps, seed=seed) for sign in (1, -1)]
        else:
            found.append(_made(kind, {}, seed))
    return tuple(found)


def parse_scenarios(given: Any, *, seed: int = 0) -> tuple[Scenario, ...]:
    """Read a list of scenarios, or one.

    Args:
        given: `standard`, or a list of what `parse_scenario` reads.
        seed: of those that name none.

    Raises:
        ConfigError: naming the scenario and the value that break a rule, and for two that are the same.
    """
    items = [given] if isinstance(given, (str, Mapping, Scenario)) else given
    if not isinstance(items, Iterable):
        raise ConfigError(f"`scenarios` must be a list of scenarios, was {given!r:.120}")
    found: tuple[Scenario, ...] = ()
    for item in items:
        all_of_them = isinstance(item, str) and item == "standard"
        found += standard_scenarios(seed) if all_of_them else (parse_scenario(item, seed=seed),)
    for place, item in enumerate(found):
        if item in found[:place]:
            raise ConfigError(f"`scenarios` must hold each scenario once, {item.label!r} is there twice")
    return found


def parse_scenario(given: Any, *, seed: int = 0) -> Scenario:
    """Read one scenario.

    Args:
        given: a name (`halt`, or `package.module:Class`), names with `+` between them, `{halt: {lasts: 2h}}`,
            `{name: halt, lasts: 2h}`, a list of these for several at once, or a `Scenario`.
        seed: of those that name none.

    Raises:
        ConfigError: for an unknown name or parameter (with the nearest ones), or a value that breaks a rule.
        MissingDependencyError: when the module of a scenario of your own is not installed.
    """
    if isinstance(given, Scenario):
        return given
    if isinstance(given, str):
        return _together([_named(name.strip(), {}, seed) for name in given.split("+")])
    if isinstance(given, (list, tuple)) and given:
        return _together([parse_scenario(item, seed=seed) for item in given])
    if isinstance(given, Mapping) and "name" in given:
        return _named(str(given["name"]), {k: v for k, v in given.items() if k != "name"}, seed)
    if isinstance(given, Mapping) and len(given) == 1:
        ((name, options),) = given.items()
        if options is None or isinstance(options, Mapping):
            return _named(str(name), dict(options or {}), seed)
    raise ConfigError(
        f"a scenario must be a name, a mapping from a name to its parameters, or a list, was {given!r:.120}"
    )


def _named(name: str, options: Mapping[str, Any], seed: int) -> Scenario:
    if ":" in name:
        return _made(load_class("scenario", name), options, seed, name)
    if name not in SCENARIOS:
        raise ConfigError(
            f"`{name}` is no scenario; {nearest_names(name, SCENARIOS)}, or `package.module:Class`"
        )
    return _made(SCENARIOS[name], options, seed)


def _made(kind: Any, options: Mapping[str, Any], seed: int, name: str = "") -> Scenario:
    offered = {"seed": seed} if _has_seed(kind) and "seed" not in options else {}
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    made = make_object("scenario", name or kind.name, kind, {**offered, **given}, {})
    if not isinstance(made, Scenario):
        raise ConfigError(
            f"the scenario {name!r} must be an arbkit.stress.Scenario, was {type(made).__name__}"
        )
    return made


def _has_seed(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) and any(item.name == "seed" for item in dataclasses.fields(kind))


def _together(scenarios: list[Scenario]) -> Scenario:
    first, *rest = scenarios
    for item in rest:
        first = first + item
    return first
