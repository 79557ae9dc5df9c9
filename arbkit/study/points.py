"""Points given by hand, which a study tries before its sampler proposes any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from arbkit.errors import ConfigError, nearest_names
from arbkit.study.space import Range, distributions

__all__ = ["check_point", "fits", "read_points"]


def read_points(path: str | Path) -> Any:
    """Read points from a YAML or JSON file: one mapping of parameters to values, or a list of them.

    Raises:
        ConfigError: when the file is missing or cannot be read; what it holds is checked with the spec.
    """
    file = Path(path)
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"a file of points must exist, {str(file)!r} does not") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"a file of points must be readable YAML or JSON, {str(file)!r} is not: {reason}"
        ) from error


def check_point(place: str, point: Mapping[str, Any], space: Mapping[str, Range]) -> None:
    """Check a point against the search space.

    Args:
        place: where it stands in the spec, for the message.
        point: parameters and values.
        space: the search space.

    Raises:
        ConfigError: naming the parameter that is missing, unknown or outside its range.
    """
    for name in point:
        if name not in space:
            raise ConfigError(f"`{place}`: `{name}` is not in `space`; {nearest_names(name, space)}")
    missing = [name for name in space if name not in point]
    if missing:
        raise ConfigError(f"`{place}` must name every parameter of `space`, missing: {', '.join(missing)}")
    for name, item in space.items():
        if not fits(point[name], name, item):
            raise ConfigError(
                f"`{place}.{name}` must be a value of its range ({_said(item)}), was {point[name]!r}"
            )


def fits(value: Any, name: str, item: Range) -> bool:
    """Tell whether a value is one that the range of a parameter holds."""
    distribution = distributions({name: item})[name]
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (ValueError, TypeError):
        return False


def _said(item: Range) -> str:
    parts = item.model_dump(exclude={"type"}, exclude_defaults=True)
    return ", ".join(f"{key} {value}" for key, value in parts.items())
