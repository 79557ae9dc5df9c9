"""What the commands share for talking: consoles, JSON, tables that fit, progress.

Results go to stdout, everything said on the way (progress, warnings, errors) to stderr, so that
`arbkit ... --json | jq` always works.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

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
    "print_json_line",
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
#: A rate is that of the last half minute, looked at so often, and said after so long.
_PACE_OF_S: Final = 30.0
_PACE_EVERY_S: Final = 0.2
_PACE_FROM_S: Final = 0.5


def print_json(value: Any) -> None:
    """Write `value` to stdout as indented JSON, exactly as it is: never wrapped, coloured or cut."""
    sys.stdout.write(dump_json(value))


def print_json_line(value: Any) -> None:
    """Write `value` to stdout as one line of JSON, at once: somebody may be reading along."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


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

    def __init__(self, show: Callable[[_State], None], total: float | None, done: float) -> None:
        self.done = done
        self._total = total
        self._show = show
        self._pace = _Pace(done)

    def update(
        self, done: float, note: str = "", *, total: float | None = None, rate: float | None = None
    ) -> None:
        """Say that `done` units are finished in all.

        Args:
            done: how many, with the part of one that is being worked on.
            note: shown beside the count.
            total: how many units there are, where that is known only now.
            rate: units per second, from who knows better than the clock.
        """
        self.done, self._total = done, self._total if total is None else total
        measured = self._pace.after(done)
        self._show(_State(done, self._total, note, measured if rate is None else rate))

    def advance(self, units: float = 1, note: str = "") -> None:
        """Say that `units` more are finished."""
        self.update(self.done + units, note)


class _State(NamedTuple):
    """How far a task is, as it was last told; `rate` is None while it is not known."""

    done: float
    total: float | None
    note: str
    rate: float | None

    @property
    def units(self) -> str:
        """The units that are finished, of all."""
        return f"{int(self.done):,}" + ("" if self.total is None else f"/{int(self.total):,}")

    @property
    def pace(self) -> str:
        """Rate and remaining time; empty while they are not known."""
        if not self.rate:
            return ""
        said = _per_time(self.rate)
        if self.total is not None and self.done < self.total:
            said += f"{_GAP}{_time((self.total - self.done) / self.rate)} left"
        return said


class _Pace:
    """How many units a task finishes per second, over its last half minute: they come in bursts."""

    def __init__(self, done: float) -> None:
        self._seen = deque([(_now(), done)])

    def after(self, done: float) -> float | None:
        """Return the rate now that `done` units are finished; None while nothing can be said."""
        now = _now()
        while len(self._seen) > 1 and self._seen[1][0] <= now - _PACE_OF_S:
            self._seen.popleft()
        if now - self._seen[-1][0] >= _PACE_EVERY_S:
            self._seen.append((now, done))
        since, before = self._seen[0]
        return (done - before) / (now - since) if now - since >= _PACE_FROM_S and done > before else None


def _now() -> float:
    return time.monotonic()


def _per_time(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.3g}/s" if rate >= 0.5 else f"{60 * rate:.3g}/min"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


@contextmanager
def progress(description: str, total: float | None = None, done: float = 0) -> Iterator[Progress]:
    """Show how far a long task is, how fast it goes and how long it still takes, on stderr.

    Args:
        description: what is counted, such as "trials".
        total: how many units there are; None when that is not known.
        done: how many of them were finished before.

    Yields:
        A `Progress` to be told of each step.
    """
    if err_console.is_terminal:
        with _bar(description, total, done) as bar:
            yield bar
    else:
        lines = _PlainLines(description, done)
        try:
            yield Progress(lines.show, total, done)
        finally:
            lines.finish()


@contextmanager
def _bar(description: str, total: float | None, done: float) -> Iterator[Progress]:
    # Imported here: most commands never draw a bar, and rich.progress is half of rich's import time.
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[pace]}"),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=err_console) as bar:
        task = bar.add_task(description, total=total, count="", pace="", note="")

        def show(state: _State) -> None:
            bar.update(
                task,
                completed=state.done,
                total=state.total,
                count=state.units,
                pace=state.pace,
                note=state.note,
            )

        yield Progress(show, total, done)


class _PlainLines:
    """Progress off a terminal: a line every few seconds, and one at the end."""

    def __init__(self, description: str, done: float) -> None:
        self._description = description
        self._first = done
        self._began = self._said_at = _now()
        self._last = self._said = _State(done, None, "", None)

    def show(self, state: _State) -> None:
        self._last = state
        if _now() - self._said_at >= _PLAIN_EVERY_S:
            self._write(state.pace)

    def finish(self) -> None:
        took, units = _now() - self._began, self._last.done - self._first
        if self._last.done and self._last != self._said:
            spent = took >= _PACE_FROM_S and units > 0
            self._write(f"{_per_time(units / took)}{_GAP}in {_time(took)}" if spent else "")

    def _write(self, pace: str) -> None:
        self._said, self._said_at = self._last, _now()
        parts = (f"{self._description} {self._last.units}", pace, self._last.note)
        sys.stderr.write(_GAP.join(part for part in parts if part) + "\n")
        sys.stderr.flush()
