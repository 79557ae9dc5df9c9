"""One look for the pictures of the checks; matplotlib is imported when one is drawn."""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "Sheet", "duration_axis", "plain_numbers", "sheet"]

#: Okabe and Ito's colours, which people with any kind of colour vision tell apart.
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
GREY: Final = "#6B7280"
INK: Final = "#1F2937"

_LOOK: Final[Any] = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E7EB",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "axes.unicode_minus": True,
}


class Sheet:
    """A figure with its axes, top to bottom."""

    def __init__(self, figure: Figure, axes: list[Axes]) -> None:
        self.figure = figure
        self.axes = axes


@contextmanager
def sheet(finding: str, rows: int, *, height: float, columns: int = 1) -> Iterator[Sheet]:
    """Draw on new axes in the checks' own look, with the finding above them.

    The figure belongs to nobody's pyplot state, so nothing is left open behind it.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", _LOOK]):
        figure = Figure(figsize=(9, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
        figure.suptitle(
            "\n".join(textwrap.wrap(finding, 92)), x=0.01, ha="left", fontsize=10.5, fontweight="bold"
        )
        yield Sheet(figure, list(axes.flat))


def plain_numbers(axis: Any) -> None:
    """Write tick labels with thousands separators, never as powers of ten."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "\N{MINUS SIGN}")))


def duration_axis(axis: Any) -> None:
    """Write a logarithmic axis of milliseconds with the units people use."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from arbkit.realism._words import duration

    written = FuncFormatter(lambda value, _: duration(value) if value else "0")
    axis.set_major_formatter(written)
    low, high = axis.get_view_interval()
    if low > 0 and high < 30 * low:
        axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axis.set_minor_formatter(written)
    else:
        axis.set_minor_formatter(NullFormatter())
