"""The page of a screen: the ranking and the matrix of relative premiums, in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from arbkit import __version__
from arbkit._typing import PathLike
from arbkit.report import numbers as n
from arbkit.report.html import environment
from arbkit.report.place import check_place, write_file
from arbkit.screen import LiveScreen, Screen

__all__ = ["render_screen", "write_screen"]

#: Heading, column, digits, what it means.
_COLUMNS: Final = (
    ("net bps a day", "net_bps_per_day", 1, "sum of what all crossings left"),
    ("PnL a day", "pnl_per_day", 2, "the same at the size of a crossing"),
    ("crossings a day", "crossings_per_day", 1, "one position at either venue, moved there and back"),
    ("net bps each", "net_bps_per_crossing", 1, "mean of a crossing, after costs"),
    ("premium now", "premium_bps", 0, "mid of A over mid of B, bps"),
    ("median", "premium_median_bps", 0, "of the premium"),
    ("5 %", "premium_p05_bps", 0, "of the premium"),
    ("95 %", "premium_p95_bps", 0, "of the premium"),
    ("net bps now", "net_bps_now", 1, "of the better direction"),
    ("open", "open_pct", 1, "share of tradable rows that pay, %"),
    ("filled", "filled_pct", 1, "share of tradable rows whose books hold the size, %"),
)
#: Before them, where the books were watched for a short time.
_SEEN: Final = (
    ("net bps seen", "net_bps", 1, "sum of what all crossings left while the books were watched"),
    ("crossings seen", "crossings", 0, "while the books were watched"),
)


def render_screen(screen: Screen, *, title: str) -> str:
    """Return the page; it loads nothing."""
    columns = _columns(screen)
    rows = [
        {**row, "cells": [n.number(row[name], digits) for _, name, digits, _ in columns]}
        for row in screen.frame.iter_rows(named=True)
    ]
    page: dict[str, Any] = {
        "title": title,
        "screen": screen,
        "columns": columns,
        "rows": rows,
        "longest": max(1e-12, *(abs(row["net_bps_per_day"]) for row in rows)),
        "matrix": _matrix(screen),
        "size": f"{screen.size:,.0f} {screen.currency}",
        "version": __version__,
    }
    return environment().get_template("screen.html").render(page)


def _columns(screen: Screen) -> tuple[tuple[str, str, int, str], ...]:
    if not isinstance(screen, LiveScreen):
        return _COLUMNS
    multiplied = "what was seen, multiplied up to a day"
    return _SEEN + tuple(
        (heading, name, digits, multiplied if name.endswith("_per_day") else hint)
        for heading, name, digits, hint in _COLUMNS
    )


def write_screen(screen: Screen, path: PathLike, *, title: str = "Screen") -> list[Path]:
    """Write the page, and beside it the ranking and the matrix as CSV.

    Returns:
        The three paths.

    Raises:
        ConfigError: when one cannot be written.
    """
    page = Path(path)
    paths = [page, page.with_suffix(".csv"), page.with_name(f"{page.stem}-matrix.csv")]
    texts = (render_screen(screen, title=title), screen.frame.write_csv(), screen.matrix.write_csv())
    check_place(page)
    return [write_file(text, target) for target, text in zip(paths, texts, strict=True)]


def _matrix(screen: Screen) -> list[dict[str, Any]]:
    """Return one row per asset that is sold, one cell per asset carried back."""
    table = screen.matrix_table()
    median = screen.matrix_table("median_bps")
    values = [value for row in table.rows() for value in row[1:] if value is not None]
    limit = max(1.0, *map(abs, values)) if values else 1.0
    return [
        {
            "sell": row[0],
            "cells": [_cell(now, mid, limit) for now, mid in zip(row[1:], mids[1:], strict=True)],
        }
        for row, mids in zip(table.rows(), median.rows(), strict=True)
        if any(value is not None for value in row[1:])
    ]


def _cell(now: float | None, median: float | None, limit: float) -> dict[str, Any]:
    if now is None:
        return {"text": "", "hint": "", "kind": "", "share": 0}
    kind = "pays" if now >= 0 else "costs"
    return {
        "text": n.number(now, 0),
        "hint": f"median {n.number(median, 1)} bps",
        "kind": kind,
        "share": round(60 * abs(now) / limit),
    }
