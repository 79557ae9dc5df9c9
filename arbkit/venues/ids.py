"""Client ids that all venues take and that were never used."""

from __future__ import annotations

import secrets
from typing import Final

from arbkit.errors import ConfigError

__all__ = ["check_stem", "unique_run"]

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def unique_run(now_ns: int) -> str:
    """Return a run id from the time in ms and some chance: 13 characters, ever growing."""
    return f"{_base36(now_ns // 10**6)}{_base36(secrets.randbelow(36**4)).rjust(4, '0')}"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _ALPHABET[digit] + digits
    return digits or "0"


def check_stem(stem: str) -> None:
    """Refuse the first part of client ids where a venue would.

    Raises:
        ConfigError: when it is too long or has other characters.
    """
    allowed = set(_ALPHABET + _ALPHABET.upper() + "-_")
    if not set(stem) <= allowed or len(stem) > 26:
        raise ConfigError(
            "client ids begin with at most 26 letters, digits, `-` and `_`, since all venues take those, "
            f"was {stem!r}"
        )
