"""What the commands share for talking: consoles, JSON, tables that fit, progress.

Results go to stdout, everything said on the way (progress, warnings, errors) to stderr, so that
`arbkit ... --json | jq` always works.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.text import Text

from arbkit.jobs.json_text import dump_json, plain

__all__ = [
    "Progress",
    "console",
    "err_console",
    "plain",
    "print_json",
    "print_table",
    "progress",
    "say",
    "warn",
]


class _Piped(Console):
    """A console whose reader may leave: rich would end the process as if the input had been bad."""

    def on_broken_pipe(self) -> None:
        """Pass it on to `main`, which ends as every command does whose reader has left."""
        raise BrokenPipeError


console: Final = _Piped(highlight=False)
err_console: Final = _Piped(stderr=True, highlight=False)

#: Off a terminal, progress is one plain line at most this often.
_PLAIN_EVERY_S: Final = 5.0
_GAP: Final = "  "


def print_json(value: Any) -> None:
    """Write `value` to stdout as indented JSON, exactly as it is: never wrapped, coloured or cut."""
    sys.stdout.write(dump_json(value))


def say(message: str) -> None:
    """Write one line to stdout, wrapped on a terminal only; brackets in it are text, not markup."""
    console.print(Text(message), soft_wrap=not console.is_terminal)


def warn(message: str) -> None:
    """Write `warning: message` to stderr."""
    err_console.print(Text.assemble(("warning: ", "yellow"), message), soft_wrap=not err_console.is_terminal)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Write a table to stdout; numbers are right-aligned, nothing is ever cut off.

    Where the terminal is too narrow for its columns, each row becomes a block of `name  value` lines.
    Off a terminal the columns are as wide as they need to be.

    Args:
        columns: the headings.
        rows: one sequence per row, as long as `columns`; None is shown as "-".
        title: a line above the table.
    """
    cells = [[_cell(item) for item in row] for row in rows]
    if title:
        say(title)
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    if console.is_terminal and sum(widths) + len(_GAP) * (len(widths) - 1) > console.width:
        _print_blocks(columns, cells)
    else:
        _print_grid(columns, cells, widths)


def _print_grid(columns: Sequence[str], cells: list[list[str]], widths: Sequence[int]) -> None:
    right = [bool(cells) and all(map(_is_numeric, column)) for column in zip(*cells, strict=True)]
    for index, row in enumerate([list(columns), *cells]):
        padded = [
            item.rjust(width) if flush else item.ljust(width)
            for item, width, flush in zip(row, widths, right or [False] * len(columns), strict=True)
        ]
        style = "bold" if index == 0 else ""
        console.print(Text(_GAP.join(padded).rstrip(), style=style), soft_wrap=True)


def _print_blocks(columns: Sequence[str], cells: list[list[str]]) -> None:
    margin = max(map(len, columns)) + len(_GAP)
    for row in cells:
        for name, item in zip(columns, row, strict=True):
            console.print(Text.assemble((name.ljust(margin), "bold"), item))
        console.print()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return f"{number:,.4g}" if abs(number) < 1e4 else f"{number:,.0f}"
    return str(value)


def _is_numeric(text: str) -> bool:
    if text == "-":
        return True
    try:
        float(text.replace(",", "").removesuffix("%"))
    except ValueError:
        return False
    return True


class Progress:
    """Progress of one task, as made by `progress`: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, show: Callable[[int, str], None]) -> None:
        self.done = 0
        self._show = show

    def update(self, done: int, note: str = "") -> None:
        """Say that `done` units are finished in all; `note` is shown beside the count."""
        self.done = done
        self._show(done, note)

    def advance(self, units: int = 1, note: str = "") -> None:
        """Say that `units` more are finished."""
        self.update(self.done + units, note)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Progress]:
    """Show how far a long task is, on stderr.

    Args:
        description: what is counted, such as "trials".
        total: how many units there are; None when that is not known.

    Yields:
        A `Progress` to be told of each step.
    """
    if err_console.is_terminal:
        with _bar(description, total) as bar:
            yield bar
    else:
        lines = _PlainLines(description, total)
        try:
            yield Progress(lines.show)
        finally:
            lines.finish()


@contextmanager
def _bar(description: str, total: int | None) -> Iterator[Progress]:
    # Imported here: most commands never draw a bar, and rich.progress is half of rich's import time.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with RichProgress(*columns, console=err_console) as bar:
        task = bar.add_task(description, total=total, note="")
        yield Progress(lambda done, note: bar.update(task, completed=done, note=note))


class _PlainLines:
    """Progress off a terminal: a line every few seconds, and one at the end."""

    def __init__(self, description: str, total: int | None) -> None:
        self._description = description
        self._of = "" if total is None else f"/{total}"
        self._said_at = time.monotonic()
        self._said = self._last = (0, "")

    def show(self, done: int, note: str) -> None:
        self._last = (done, note)
        if time.monotonic() - self._said_at >= _PLAIN_EVERY_S:
            self._write()

    def finish(self) -> None:
        if self._last[0] and self._last != self._said:
            self._write()

    def _write(self) -> None:
        done, note = self._said = self._last
        self._said_at = time.monotonic()
        sys.stderr.write(f"{self._description} {done}{self._of}{_GAP + note if note else ''}\n")
        sys.stderr.flush()
