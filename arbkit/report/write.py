"""From a study to a file."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path
from typing import Final

from arbkit._typing import PathLike
from arbkit.errors import ConfigError
from arbkit.report.from_study import view_of
from arbkit.report.html import render
from arbkit.study import Study, load_study

__all__ = ["REPORTS", "write_report"]

#: Where reports go, from the folder arbkit is started in.
REPORTS: Final = Path("reports")


def write_report(study: Study | str, path: PathLike | None = None) -> Path:
    """Write the HTML report of a study: one file that needs no network.

    Args:
        study: a study, or what `load_study` takes: a name, a spec or storage file, a storage URL.
        path: where to write; by default `reports/NAME.html`.

    Returns:
        The path written; the file appears whole or not at all.

    Raises:
        StudyError: when there is no such study, or no completed trial to report.
        ConfigError: when the path cannot be written.
    """
    opened = load_study(study) if isinstance(study, str) else study
    target = REPORTS / f"{opened.name}.html" if path is None else Path(path)
    _check_place(target)
    return _write(render(view_of(opened)), target)


def _check_place(target: Path) -> None:
    """Make the folder, and refuse a place that cannot be written before the work is done, not after."""
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


def _write(page: str, target: Path) -> Path:
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(page, encoding="utf-8")
        os.replace(part, target)  # noqa: PTH105 - one call, atomic on every system
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(target, error) from error
    return target
