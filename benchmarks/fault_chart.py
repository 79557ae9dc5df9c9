"""One picture of the two tables of docs/faults.md, docs/img/faults.png: `python -m benchmarks.fault_chart`.

Rows are faults, columns venues. The colour is the longest time for which a leg stood alone (orders)
or a book was void (market data); a cell that did not end equal, or right, is red.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["draw", "main", "rows_of"]

_DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
_VENUES: Final = {
    "upbit": "Upbit",
    "binance_usdm": "USD-M",
    "binance_spot": "spot",
    "bithumb": "Bithumb",
}
_INK, _FAINT, _EMPTY, _WRONG = "#1f2933", "#6b7785", "#f4f5f7", "#c0392b"


def rows_of(page: str, section: str) -> list[dict[str, str]]:
    """Return the rows of the table between the marks of a section, by column."""
    found = re.search(rf"<!-- {section} -->\n(.*?)<!-- end {section} -->", page, re.DOTALL)
    lines = [line for line in (found[1] if found else "").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]] if cells else []


def _panel(
    axes: Any, rows: Sequence[Mapping[str, str]], column: str, right: str, most: float, title: str
) -> None:
    """Draw one table as cells; `right` is the column that says whether all was."""
    from matplotlib.colors import LinearSegmentedColormap

    faults = list(dict.fromkeys(row["fault"] for row in rows))
    venues = [name for name in _VENUES if any(row["venue"] == name for row in rows)]
    stops = ((0.0, "#d9efe4"), (0.2, "#f7e3b0"), (0.5, "#eeb07a"), (1.0, "#d9744f"))
    shades = LinearSegmentedColormap.from_list("alone", stops)
    for row in rows:
        x, y, value = venues.index(row["venue"]), faults.index(row["fault"]), row[column]
        good = row[right] == "yes"
        measured = 0.0 if value == "-" else float(value)
        axes.add_patch(_cell(x, y, shades(min(1.0, measured / most)) if good else _WRONG))
        # A killed process ends no pair, and many faults void no book.
        text = right if value == "-" or row.get("pairs") == "" else value
        text = text if good else f"not {right}"
        axes.text(x, y, text, ha="center", va="center", fontsize=8, color=_INK if good else "white")
    for x, venue in enumerate(venues):
        for y, fault in enumerate(faults):
            if not any(row["fault"] == fault and row["venue"] == venue for row in rows):
                axes.add_patch(_cell(x, y, _EMPTY))
    axes.set_xlim(-0.5, len(venues) - 0.5)
    axes.set_ylim(len(faults) - 0.5, -0.5)
    axes.set_xticks(range(len(venues)), [_VENUES[name] for name in venues], fontsize=9, color=_INK)
    axes.set_yticks(range(len(faults)), faults, fontsize=8, color=_INK)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    good_rows = sum(row[right] == "yes" for row in rows)
    runs = sum(int(row["runs"]) for row in rows)
    axes.set_title(
        f"{title}\n{runs} runs, {good_rows} of {len(rows)} cells {right}",
        fontsize=10, color=_INK, loc="left", pad=24,
    )  # fmt: skip


def _cell(x: int, y: int, colour: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, facecolor=colour, edgecolor="none")


def draw(page: str, path: Path) -> None:
    """Draw both tables of the page."""
    from matplotlib.figure import Figure

    orders, feeds = rows_of(page, "faults"), rows_of(page, "feeds")
    count = max(len({row["fault"] for row in rows}) for rows in (orders, feeds))
    figure = Figure(figsize=(12.5, 1.7 + 0.235 * count), dpi=110, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    words = "Orders: longest time one leg stood alone, s (deadline 0.6)"
    _panel(left, orders, "alone s, true", "equal", 1.4, words)
    _panel(right, feeds, "longest gap s", "right", 1.4, "Market data: longest time a book was void, s")
    shorter = {True: right, False: left}[len({r["fault"] for r in feeds}) < len({r["fault"] for r in orders})]
    shorter.set_ylim(count - 0.5, -0.5)
    figure.savefig(path)


def main() -> int:
    """Draw the picture anew."""
    draw((_DOCS / "faults.md").read_text(encoding="utf-8"), _DOCS / "img" / "faults.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
