"""Where pages go: a place is checked before the work, and a file appears whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from arbkit.errors import ConfigError

__all__ = ["check_place", "write_file"]


def check_place(target: Path) -> None:
    """Make the folder, and refuse a place that cannot be written before the work is done, not after.

    Raises:
        ConfigError: naming the path and the reason.
    """
    if target.is_dir():
        raise ConfigError(f"a report must go to a file, {str(target)!r} is a folder; name a file in it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    if not os.access(target.parent, os.W_OK):
        raise _unwritable(target, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def _unwritable(target: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"a report must go to a path that can be written, {str(target)!r} cannot be: {error.strerror}; "
        "name another with --to"
    )


def write_file(page: str, target: Path) -> Path:
    """Write a text whole or not at all, and return its path.

    Raises:
        ConfigError: when it cannot be written.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(page, encoding="utf-8")
        os.replace(part, target)  # noqa: PTH105 - one call, atomic on every system
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(target, error) from error
    return target
