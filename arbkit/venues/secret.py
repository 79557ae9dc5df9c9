"""Keys of venues: read once, shown nowhere.

A `Secret` has no other way out than `reveal()`: its text forms hide it, it cannot be pickled, and two are
compared in constant time. Keys come from environment variables or from a file that only its owner may read,
never from a command line, which every process of a machine can see.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from arbkit.errors import ConfigError

__all__ = ["Credentials", "Secret", "read_credentials"]

_HIDDEN: Final = "***"


class Secret:
    """A text that is never shown: `repr`, `str` and format give `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself, for signing."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({_HIDDEN})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return format(_HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._value.encode("utf-8"), other._value.encode("utf-8")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied to disk")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self


class Credentials(msgspec.Struct, frozen=True):
    """What a venue knows an account by."""

    key: Secret
    secret: Secret


def read_credentials(
    venue: str, *, file: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None
) -> Credentials:
    """Return the key and the secret of one venue.

    Args:
        venue: "upbit", "binance_usdm", ...; the names read are `ARBKIT_UPBIT_KEY` and `ARBKIT_UPBIT_SECRET`.
        file: lines `NAME=VALUE` instead of the environment; nobody but its owner may read it.
        environ: the environment, by default that of the process.

    Raises:
        ConfigError: when one is missing, or the file can be read by others.
    """
    names = [f"ARBKIT_{venue.upper()}_{part}" for part in ("KEY", "SECRET")]
    values = dict(os.environ if environ is None else environ) if file is None else _read(Path(file))
    missing = [name for name in names if not values.get(name)]
    if missing:
        where = "the environment" if file is None else str(file)
        raise ConfigError(
            f"keys of {venue} are {' and '.join(names)}; {where} has no {' and no '.join(missing)}"
        )
    return Credentials(Secret(values[names[0]].strip()), Secret(values[names[1]].strip()))


def _read(path: Path) -> dict[str, str]:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file of keys cannot be read: {path} ({type(error).__name__})") from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            f"a file of keys must be readable by its owner alone, was {stat.S_IMODE(mode):o}: {path}; "
            f"run `chmod 600 {path}`"
        )
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name.strip().removeprefix("export "): value.strip().strip("\"'") for name, _, value in pairs}
