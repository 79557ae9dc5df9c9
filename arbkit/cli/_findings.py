"""How a table with one sentence is answered: written as picture, numbers and document, and shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arbkit.cli._console import print_json, print_table, say, warn
from arbkit.errors import ConfigError
from arbkit.jobs.document import write_document

if TYPE_CHECKING:
    from arbkit.realism import Check
    from arbkit.stress import Stress

__all__ = ["answer_finding"]


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
