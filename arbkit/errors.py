"""The error tree.

ArbkitError                 everything arbkit raises on purpose; the shell ends with exit code 1
├── ConfigError             a parameter, a spec or an option breaks its rule
├── DataError               a file, a dataset or a frame breaks its rule
│   └── CoverageError       the data do not cover what was asked for (no overlap, FX ends early)
├── StorageError            a study storage, or the folder of a live run, cannot be reached, read or written
├── StudyError              a study cannot be made, resumed or judged
└── MissingDependencyError  an optional package is needed; the message names what to install

A message states the rule, then the value received and, where there is one, the remedy:
"`min_hold_s` must not exceed `max_hold_s`, was min_hold_s=60, max_hold_s=30".
Anything that is not an `ArbkitError` is a bug in arbkit: the shell ends with exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ArbkitError",
    "ConfigError",
    "CoverageError",
    "DataError",
    "MissingDependencyError",
    "StorageError",
    "StudyError",
    "nearest_names",
]


class ArbkitError(Exception):
    """Base of every error that arbkit raises on purpose."""


class ConfigError(ArbkitError, ValueError):
    """A parameter, a spec or an option breaks its rule."""


class DataError(ArbkitError, ValueError):
    """A file, a dataset or a frame breaks its rule."""


class CoverageError(DataError):
    """The data do not cover what was asked for."""


class StorageError(ArbkitError):
    """A study storage, or the folder of a live run, cannot be reached, read or written."""


class StudyError(ArbkitError):
    """A study cannot be made, resumed or judged."""


class MissingDependencyError(ArbkitError, ImportError):
    """An optional package is needed and is not installed."""


def nearest_names(name: str, valid: Iterable[str], *, most: int = 3) -> str:
    """Return the clause that ends a message about an unknown name.

    Args:
        name: the name received.
        valid: the names that would have been accepted.
        most: how many near names to offer.

    Returns:
        "did you mean `tpe`?" where something is near, else "valid names: ...".
    """
    known = sorted(valid)
    lowered = {item.lower(): item for item in known}
    near = difflib.get_close_matches(str(name).lower(), lowered, n=most, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(f"`{lowered[item]}`" for item in near) + "?"
    return "valid names: " + ", ".join(f"`{item}`" for item in known)
