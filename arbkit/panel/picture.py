"""A panel as a picture: both signals through time, every extreme kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit.panel.panel import Panel
from arbkit.panel.views import spread_view, stretch_of
from arbkit.show import count, period
from arbkit.show.look import AB, BA, GREY, as_times, stacked, step_axis, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_panel", "draw_signals"]

_PIXELS: Final = 900


def draw_panel(panel: Panel, start: Any = None, end: Any = None) -> Figure:
    """Draw both signals of a panel; see `Panel.plot`."""
    first, last = stretch_of(panel, start, end)
    meta = panel.meta
    title = f"{meta.leg_a} × {meta.leg_b}: {count(len(panel))} rows\n{period(first, last)}"
    with stacked(title, (3.2,)) as (figure, (ax,)):
        draw_signals(ax, panel, first, last)
        ax.axhline(0, color=GREY, lw=0.7)
        measured = "" if meta.reference == "none" else f", measured from {meta.reference}"
        ax.set_title(f"executable spread before costs, bps{measured}")
        ax.legend(loc="upper right", ncols=2)
        time_axis(ax)
        ax.set_xlim(*as_times(np.array([first, max(last, first + 1)])))
    return figure


def draw_signals(ax: Axes, panel: Panel, first: int, last: int) -> None:
    """Draw both signals between two times in nanoseconds."""
    view = spread_view(panel, first, last, _PIXELS)
    meta, times = panel.meta, as_times(view.ts)
    names = (f"buy {meta.leg_a}, sell {meta.leg_b}", f"buy {meta.leg_b}, sell {meta.leg_a}")
    for k, (color, name) in enumerate(zip((AB, BA), names, strict=True)):
        low, high = view.values[2 * k], view.values[2 * k + 1]
        if view.each_row:
            ax.plot(times, high, color=color, lw=0.9, drawstyle="steps-post", label=name)
        else:
            ax.fill_between(times, low, high, color=color, alpha=0.6, lw=0.5, edgecolor=color, label=name)
    step_axis(ax.yaxis)
