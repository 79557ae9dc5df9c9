"""The tables of `benchmarks/README.md`, each replaced by the run that measured its section last."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.goals import goals
from benchmarks.tables import table

__all__ = ["README", "replace_section", "write_tables"]

README: Final = Path(__file__).with_name("README.md")

Rows = Sequence[Mapping[str, Any]]


def write_tables(page: Path, about: Mapping[str, Any], sections: Mapping[str, Rows]) -> list[str]:
    """Put the rows of sections, and the goals they are held to, between their marks on a page.

    A section `trials` stands between `<!-- trials -->` and `<!-- end trials -->`; what is around them stays.

    Args:
        page: the Markdown file.
        about: date and load of the run, as `machine.describe` tells them.
        sections: rows by section.

    Returns:
        The sections that have no marks on the page.
    """
    return [
        name for name, rows in sections.items() if not replace_section(page, name, _body(name, about, rows))
    ]


def replace_section(page: Path, name: str, body: str) -> bool:
    """Put text between the marks of a section; return whether the page has them."""
    text = page.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    page.write_text(marks.sub(lambda found: found[1] + body + found[2], text), encoding="utf-8")
    return bool(marks.search(text))


def _body(name: str, about: Mapping[str, Any], rows: Rows) -> str:
    when = f"`python -m benchmarks --only {name}`, {about['date']}, load {about['load']} at the start."
    parts = [when, table(rows)]
    reached = [goal.as_row() for goal in goals({name: rows})]
    if reached:
        parts.append(table(reached))
    return "\n" + "\n\n".join(parts) + "\n\n"
