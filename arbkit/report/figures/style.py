"""One look for all figures: matplotlib's object interface, colours that the page's style sheet decides."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC
from typing import Any, Final

import numpy as np
from matplotlib import dates as mdates
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from arbkit._typing import FloatArray, IntArray
from arbkit.report.numbers import MINUS

__all__ = [
    "COLORS",
    "HALF",
    "NARROW",
    "WIDE",
    "days",
    "dots",
    "entries",
    "exits",
    "label",
    "legend",
    "new_axes",
    "number_axis",
    "time_axis",
]

#: Stand-ins that the SVG step turns into variables of the page (`--ink`, ...), so that one drawing serves
#: light, dark and paper. They are near-equal greys on purpose: one left untranslated is seen at once.
COLORS: Final = {
    "ink": "#0a0b01",
    "muted": "#0a0b02",
    "grid": "#0a0b03",
    "train": "#0a0b04",
    "test": "#0a0b05",
    "gain": "#0a0b06",
    "loss": "#0a0b07",
    "ab": "#0a0b08",
    "ba": "#0a0b09",
    "sealed": "#0a0b0a",
    "paper": "#0a0b0b",
}

#: Widths in CSS pixels: a full column on a desk or on paper, half of one, a phone.
WIDE: Final = 900
HALF: Final = 400
NARROW: Final = 360

_FONT: Final = 11.0
_LOOK: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "arbkit",
    "font.size": _FONT,
    "axes.labelsize": _FONT,
    "xtick.labelsize": _FONT,
    "ytick.labelsize": _FONT,
    "legend.fontsize": _FONT,
    "axes.edgecolor": COLORS["grid"],
    "axes.labelcolor": COLORS["muted"],
    "axes.linewidth": 1.0,
    "text.color": COLORS["ink"],
    "text.parse_math": False,
    "xtick.color": COLORS["grid"],
    "ytick.color": COLORS["grid"],
    "xtick.labelcolor": COLORS["muted"],
    "ytick.labelcolor": COLORS["muted"],
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": COLORS["grid"],
    "grid.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.4,
    "path.simplify": False,
    "legend.frameon": False,
    "legend.handlelength": 1.2,
    "legend.borderaxespad": 0.0,
    "legend.columnspacing": 1.4,
}


def look() -> AbstractContextManager[None]:
    """Draw with the report's own settings, whatever the caller has set for matplotlib."""
    return style.context(["default", _LOOK])


def new_axes(
    width: int, heights: Sequence[int], *, left: int = 58, bottom: int = 24, top: int = 22, right: int = 10
) -> tuple[Figure, list[Axes]]:
    """Return a figure of `width` pixels with one plot area per height, stacked, sharing the x axis.

    Margins are fixed in pixels: matplotlib's layout engines measure every text, dearer than the drawing.
    """
    gap = 26
    total = top + sum(heights) + gap * (len(heights) - 1) + bottom
    with look():
        figure = Figure(figsize=(width / 72, total / 72), dpi=72)
        axes: list[Axes] = []
        y = float(total - top)
        for height in heights:
            y -= height
            box = (left / width, y / total, (width - left - right) / width, height / total)
            axes.append(figure.add_axes(box, sharex=axes[0] if axes else None))
            y -= gap
        for ax in axes[:-1]:
            ax.tick_params(labelbottom=False)
    return figure, axes


def days(ts: IntArray) -> FloatArray:
    """Turn int64[n] nanoseconds into matplotlib's float days, UTC."""
    return np.asarray(ts, np.float64) / 86_400e9


def time_axis(ax: Axes, start_ns: int, end_ns: int, *, narrow: bool = False) -> None:
    """Show UTC time from `start_ns` to `end_ns` with as few words as possible."""
    dates: Any = mdates
    locator = dates.AutoDateLocator(tz=UTC, minticks=2 if narrow else 3, maxticks=5 if narrow else 9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(
            locator,
            tz=UTC,
            show_offset=False,
            formats=["%Y", "%b", "%b %d", "%H:%M", "%H:%M", "%S.%f"],
            zero_formats=["", "%Y", "%b", "%b %d", "%H:%M", "%H:%M"],
        )
    )
    # Float days hold a date of our time to about a microsecond: a shorter axis has no ends.
    ax.set_xlim(start_ns / 86_400e9, max(end_ns, start_ns + 10_000_000) / 86_400e9)


def dots(
    ax: Axes, x: Any, y: Any, color: str, size: float, *, alpha: float = 1.0, name: str = "", order: float = 2
) -> None:
    """Draw round dots without an outline, `size` pixels across; `name` is their entry in the legend."""
    said: dict[str, Any] = {"label": name} if name else {}
    ax.plot(
        x, y, "o", color=COLORS[color], markersize=size, markeredgewidth=0, alpha=alpha, zorder=order, **said
    )


def entries(ax: Axes, x: Any, y: Any, size: float, *, name: str = "") -> None:
    """Draw entries: filled triangles that point up, with a rim of the page's colour to stand out."""
    _triangles(ax, x, y, "^", size, ("ink", "paper"), name)


def exits(ax: Axes, x: Any, y: Any, size: float, *, name: str = "") -> None:
    """Draw exits: open triangles that point down, told from entries by shape and filling, not by colour."""
    _triangles(ax, x, y, "v", size, ("paper", "ink"), name)


def _triangles(ax: Axes, x: Any, y: Any, shape: str, size: float, colors: tuple[str, str], name: str) -> None:
    fill, rim = (COLORS[color] for color in colors)
    said: dict[str, Any] = {"label": name} if name else {}
    ax.plot(
        x, y, shape, markersize=size, markerfacecolor=fill, markeredgecolor=rim, markeredgewidth=0.8,
        zorder=5, **said,
    )  # fmt: skip


def number_axis(axis: Any, *, ticks: int = 5, unit: str = "", integer: bool = False) -> None:
    """Write tick labels with thousands separators, a real minus sign and, where given, a unit."""

    def written(value: float, _position: int | None = None) -> str:
        step = abs(np.diff(axis.get_majorticklocs()[:2])[0]) if len(axis.get_majorticklocs()) > 1 else 1.0
        digits = int(max(0, np.ceil(-np.log10(step) - 1e-9))) if step > 0 else 0
        text = f"{value:,.{min(digits + _extra_digit(step, digits), 6)}f}"
        return (MINUS + text[1:] if text.startswith("-") and text.strip("-0.,") else text.lstrip("-")) + unit

    axis.set_major_locator(MaxNLocator(ticks, integer=integer, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2))
    axis.set_major_formatter(FuncFormatter(written))


def _extra_digit(step: float, digits: int) -> int:
    scaled = step * 10.0**digits
    return int(abs(scaled - round(scaled)) > 1e-6)


def label(ax: Axes, text: str, *, y: float = 6.0) -> None:
    """Name a plot above its upper left corner, where it reads without turning the head."""
    ax.annotate(
        text,
        (0.0, 1.0),
        xytext=(0.0, y),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=_FONT,
        color=COLORS["muted"],
        parse_math=False,
    )


def legend(ax: Axes, *, columns: int = 2, at_right: bool = True) -> None:
    """Put the legend above the plot: to the right of its name, or to the left, under a name set higher."""
    with look():
        ax.legend(
            loc="lower right" if at_right else "lower left",
            bbox_to_anchor=(1.0 if at_right else 0.0, 1.0),
            ncols=columns,
            labelcolor=COLORS["muted"],
            borderpad=0.15,
        )
