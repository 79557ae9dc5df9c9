"""What a table of the report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["Bar", "Row", "Table", "bars_of", "words_table"]

#: A bar ends at so many times the middle one.
_FAR: Final = 4.0


class Bar(NamedTuple):
    """A bar beside a row: where it begins and how wide it is, per cent of the column, and its colour."""

    left: float
    width: float
    tone: str


class Row(NamedTuple):
    """One row: its heading, its cells, and "group" (a heading over rows), "sub" (a detail), "mark" or ""."""

    head: str
    cells: tuple[str, ...]
    kind: str = ""
    bar: Bar | None = None


class Table(NamedTuple):
    """A table: `head` names all columns; `words` tells that the cells are text, not numbers.

    `bars` names the column of bars, where there is one; the first `texts` cells of a row are text in a table
    of numbers.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    words: bool = False
    bars: str = ""
    texts: int = 0


def words_table(caption: str, head: str, value: str, pairs: Sequence[tuple[str, str]]) -> Table:
    """Return a table of two columns of text."""
    return Table(caption, (head, value), tuple(Row(name, (item,)) for name, item in pairs), words=True)


def bars_of(values: Sequence[float | None]) -> list[Bar | None]:
    """Return a bar per value on one scale that holds 0: gains to the right of it, losses to the left.

    A few values far beyond all others would leave those no room: they are cut off, and their tone says so.
    """
    known = sorted(abs(value) for value in values if value is not None and value == value)
    most = _FAR * known[len(known) // 2] if known else 0.0
    limit = most if most > 0 else max(known, default=0.0)
    shown = [None if value is None or value != value else min(max(value, -limit), limit) for value in values]
    low = min([0.0, *(value for value in shown if value is not None)])
    high = max([0.0, *(value for value in shown if value is not None)])
    span = (high - low) or 1.0
    found: list[Bar | None] = []
    for value, bar in zip(values, shown, strict=True):
        if value is None or bar is None:
            found.append(None)
            continue
        begin, end = sorted((bar, 0.0))
        left, width = 100 * (begin - low) / span, 100 * (end - begin) / span
        tone = ("loss" if value < 0 else "gain") + (" cut" if abs(value) > limit else "")
        found.append(Bar(round(left, 1), round(max(width, 0.6), 1), tone))
    return found
