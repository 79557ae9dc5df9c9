"""How a table with one sentence is answered: written as picture, numbers and document, and shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from arbkit.cli._console import print_json, print_table, say, warn
from arbkit.errors import ConfigError
from arbkit.jobs.document import write_document

if TYPE_CHECKING:
    from arbkit.realism import Check
    from arbkit.stress import Stress

__all__ = ["PICTURES", "answer_finding", "check_file", "check_folder"]

#: What a picture's name may end in.
PICTURES: Final = (".png", ".svg", ".pdf")


def check_file(option: str, path: Path | None, endings: Sequence[str]) -> None:
    """Refuse a file that could not be written, before hours are spent on what it would hold.

    Raises:
        ConfigError: for another ending, a folder, or one that is not writable; missing folders are made.
    """
    if path is None:
        return
    if path.suffix not in endings:
        raise ConfigError(f"`{option}` must end in {', '.join(endings)}, was {str(path)!r}")
    if path.is_dir():
        raise ConfigError(f"`{option}` must be a file, was the folder {str(path)!r}")
    check_folder(option, path.parent, str(path))


def check_folder(option: str, folder: Path, shown: str) -> None:
    """Refuse a folder that cannot be written; it is made where it is missing.

    Raises:
        ConfigError: when it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"`{option}` must be writable, was {shown!r}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"`{option}` must be writable, was {shown!r}")


def answer_finding(
    found: Check | Stress, document: dict[str, Any], notes: Sequence[str], stem: Path, *, as_json: bool
) -> None:
    """Write `STEM.png`, `.csv` and `.json`, then show notes, and the document or table and sentence.

    Raises:
        ConfigError: when a file cannot be written.
    """
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "csv", "json")]
    try:
        found.save(paths[0])
        found.frame.write_csv(paths[1])
    except OSError as error:
        raise ConfigError(
            f"`--output` must be writable, was {str(stem.parent)!r}: {error.strerror}"
        ) from error
    write_document(document, paths[2])
    for note in notes:
        warn(note)
    if as_json:
        print_json(document)
    else:
        print_table(found.table.columns, found.table.rows())
        say(found.finding)
    sys.stderr.write("written: " + ", ".join(map(str, paths)) + "\n")
