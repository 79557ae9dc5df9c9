"""One look for all pictures by matplotlib, which is imported when one is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import IntArray
from arbkit.show.words import MINUS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "AB",
    "BA",
    "GAIN",
    "GREY",
    "INK",
    "LOSS",
    "Sheet",
    "as_times",
    "plain_numbers",
    "sheet",
    "stacked",
    "step_axis",
    "time_axis",
]

#: The colours of the widgets: buying at A, buying at B, gains and entries, losses. Blue and orange are
#: those of Okabe and Ito, which people with any kind of colour vision tell apart.
AB: Final = "#0072B2"
BA: Final = "#D55E00"
GAIN: Final = "#00795A"
LOSS: Final = "#C0392B"
GREY: Final = "#6B7280"
INK: Final = "#1F2937"

_LOOK: Final[Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#D6D9DF",
    "axes.labelcolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E7EB",
    "grid.linewidth": 0.7,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.2,
}
#: Checks show few points and much text: larger letters, thicker lines.
_LARGER: Final[Any] = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
}


@contextmanager
def stacked(
    title: str, heights: Sequence[float], *, share_x: bool = True
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Draw on plots stacked above each other, `heights` in inches.

    The figure belongs to nobody's pyplot state, so nothing is left open behind it.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", _LOOK]):
        figure = Figure(figsize=(9.5, sum(heights) + 0.5), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(
            len(heights), 1, sharex=share_x, squeeze=False, height_ratios=list(heights)
        ).ravel()
        figure.suptitle(title, x=0.01, ha="left", fontsize=10.5, fontweight="bold", color=INK)
        yield figure, list(axes)


class Sheet:
    """A figure with its axes, top to bottom."""

    def __init__(self, figure: Figure, axes: list[Axes]) -> None:
        self.figure = figure
        self.axes = axes


@contextmanager
def sheet(finding: str, rows: int, *, height: float, columns: int = 1) -> Iterator[Sheet]:
    """Draw a check on new axes, with its finding above them.

    The figure belongs to nobody's pyplot state, so nothing is left open behind it.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", _LOOK, _LARGER]):
        figure = Figure(figsize=(9, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
        lines = textwrap.wrap(finding, 92)
        figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10.5, fontweight="bold", color=INK)
        yield Sheet(figure, list(axes.flat))


def as_times(ns: IntArray) -> Any:
    """Return nanoseconds as matplotlib takes times."""
    return np.asarray(ns, np.int64).view("datetime64[ns]")


def time_axis(ax: Axes) -> None:
    """Write the time axis shortly: the day once, hours between."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    below = ["", "%Y", "%b %Y", "%d %b %Y", "%d %b %Y", "%d %b %Y %H:%M"]
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        zero_formats=["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"],
        offset_formats=[f"{one} UTC".strip() for one in below],
    )
    ax.xaxis.set_major_formatter(formatter)


def step_axis(axis: Any, unit: str = "") -> None:
    """Write tick labels with thousands separators, a real minus sign and a unit."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}{unit}".replace("-", MINUS)))


def plain_numbers(axis: Any) -> None:
    """Write tick labels with thousands separators, never as powers of ten."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", MINUS)))
