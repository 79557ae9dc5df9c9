"""Asking a study to stop after its batch: what is stored stays, and `resume_study` goes on from there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from arbkit.errors import StudyError
from arbkit.study.lease import is_led, lease_file

__all__ = ["ask_to_stop", "until_asked"]


class _Asked(Exception):  # noqa: N818 - it says what happened, nothing is wrong
    """Somebody asked the study to stop."""


def ask_to_stop(url: str, name: str) -> None:
    """Ask the process that runs a study on this machine to end after the batch it is at.

    Raises:
        StudyError: when no process of this machine runs it.
    """
    path = _path(url, name)
    if path is None or not is_led(url, name):
        raise StudyError(f"only a study that runs on this machine can be stopped, {name!r} does not")
    path.touch()


@contextlib.contextmanager
def until_asked(
    url: str, name: str, report: Callable[[Any], None] | None
) -> Iterator[Callable[[Any], None] | None]:
    """Yield what is called after each batch of a run, which ends quietly once it was asked to stop."""
    path = _path(url, name)
    if path is None:
        yield report
        return
    path.unlink(missing_ok=True)

    def look(progress: Any) -> None:
        if report is not None:
            report(progress)
        if path.exists():
            raise _Asked

    with contextlib.suppress(_Asked):
        yield look
    path.unlink(missing_ok=True)


def _path(url: str, name: str) -> Path | None:
    lease = lease_file(url, name)
    return None if lease is None else lease.with_name(f"{lease.name}.stop")
