"""Samplers, pruners and scenarios from elsewhere: by `package.module:Class`, and through entry points.

A package announces them in its `pyproject.toml`:

    [project.entry-points."arbkit.samplers"]
    halving = "my_package.samplers:HalvingSampler"

Nothing of a package is imported before one of its names is asked for.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from arbkit.errors import ConfigError, MissingDependencyError, nearest_names

__all__ = ["Plugin", "check_options", "load_class", "make_object", "parameters_of", "plugins"]


class Plugin(NamedTuple):
    """One announced name: where it is, and which installed package announces it."""

    name: str
    path: str
    package: str


def plugins(group: str) -> dict[str, Plugin]:
    """Return what installed packages announce in a group, by name; the first of two equal names counts."""
    found: dict[str, Plugin] = {}
    for item in importlib.metadata.entry_points(group=group):
        package = item.dist.name if item.dist is not None else item.value.split(":")[0].split(".")[0]
        found.setdefault(item.name, Plugin(item.name, item.value, package))
    return dict(sorted(found.items()))


def load_class(kind: str, path: str) -> Any:
    """Import `package.module:Class`.

    Args:
        kind: "sampler", "pruner" or "scenario", for the message.
        path: module and name.

    Raises:
        MissingDependencyError: when a module is not installed; it is named.
        ConfigError: when the module cannot be imported, or holds no such name.
    """
    module_name, _, name = path.partition(":")
    if not module_name or not name:
        raise ConfigError(f"a {kind} of your own is named `package.module:Class`, was {path!r}")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = (error.name or module_name).split(".")[0]
        if module_name.split(".")[0] == missing and error.name != missing:
            raise ConfigError(f"the {kind} {path!r} must exist, there is no module {error.name!r}") from error
        raise MissingDependencyError(
            f"the {kind} {path!r} needs the module {missing!r}, which is not installed: "
            f"pip install {missing} (or the package that holds it)"
        ) from error
    except Exception as error:
        raise ConfigError(
            f"the {kind} {path!r} must be importable, {module_name!r} is not: "
            f"{type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            near = nearest_names(part, [item for item in vars(found) if not item.startswith("_")])
            raise ConfigError(f"the {kind} {path!r} must exist, {module_name} has no `{part}`; {near}")
        found = getattr(found, part)
    if not callable(found):
        raise ConfigError(
            f"the {kind} {path!r} must be a class or a function that makes one, was {found!r:.60}"
        )
    return found


def make_object(
    kind: str, name: str, make: Any, options: Mapping[str, Any], offered: Mapping[str, Any]
) -> Any:
    """Call a class with its options, and with those of the offered values that it has parameters for.

    Raises:
        ConfigError: for an option it does not have (with the nearest ones), or one that it refuses.
    """
    parameters, open_ended = _parameters(make)
    own = [item for item in parameters if item not in offered]
    if not open_ended:
        check_options(kind, name, options, own)
    given = {key: value for key, value in offered.items() if key in parameters and key not in options}
    try:
        return make(**given, **options)
    except (ValueError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"the options of the {name} {kind} break a rule: {error}") from error


def check_options(kind: str, name: str, options: Mapping[str, Any], known: Any) -> None:
    """Check that every option is one of the known ones.

    Raises:
        ConfigError: for another one, with the nearest ones.
    """
    for key in options:
        if key not in known:
            near = nearest_names(key, known) if known else "it has no options"
            raise ConfigError(f"`{key}` is no option of the {name} {kind}; {near}")


def parameters_of(make: Any) -> list[str]:
    """Return the names of the options of a class or function."""
    return _parameters(make)[0]


def _parameters(make: Any) -> tuple[list[str], bool]:
    """Return the names of the parameters, and whether it takes any others too."""
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):
        return [], True
    kinds = [item.kind for item in signature.parameters.values()]
    named = [
        name
        for name, item in signature.parameters.items()
        if item.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    ]
    return named, inspect.Parameter.VAR_KEYWORD in kinds
