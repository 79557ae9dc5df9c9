"""Rows of figures as tables that read well in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["ratios", "table"]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table; a value that a row lacks is shown as a dash."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_text(row.get(name, "-")) for name in names] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    left = [all(isinstance(row.get(name, ""), str) for row in rows) for name in names]

    def line(parts: Sequence[str]) -> str:
        padded = (
            part.ljust(width) if to_left else part.rjust(width)
            for part, width, to_left in zip(parts, widths, left, strict=True)
        )  # fmt: skip
        return "| " + " | ".join(padded) + " |"

    rule = [
        "-" * width if to_left else "-" * (width - 1) + ":"
        for width, to_left in zip(widths, left, strict=True)
    ]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])


def _text(value: Any) -> str:
    if isinstance(value, float):
        if value == 0 or 100 <= abs(value) < 1e15:
            return f"{value:,.0f}"
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def ratios(rows: Sequence[Mapping[str, Any]], base: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each named figure is as a multiple of the base of its row; texts stay."""
    found = []
    for row in rows:
        line = {key: row[key] for key in ("rows", "trades")}
        for name in names:
            if name in row:
                value = row[name]
                line[name] = value / row[base] if isinstance(value, float) else value
        found.append(line)
    return found
