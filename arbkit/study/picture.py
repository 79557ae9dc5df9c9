"""A study as a picture: its history, and its parameters against what they earned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from arbkit.show import count, decimal
from arbkit.show.look import AB, BA, GAIN, GREY, stacked, step_axis
from arbkit.study.study import Study
from arbkit.study.views import drawn_trials, history_frame, value_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_study"]


def draw_study(study: Study) -> Figure:
    """Draw the history of a study above one slice per parameter; see `Study.plot`."""
    metric = study.spec.objective[0].metric
    history, points = history_frame(study), drawn_trials(study)
    names = list(study.spec.space)
    best = history["best_so_far"].drop_nulls()
    said = f"best {metric} {decimal(best[-1])}" if best.len() else "no feasible trial"
    title = f"{study.name}: {count(study.n_trials)} of {count(study.record.n_trials)} trials, {said}"
    with stacked(title, (2.2, *(1.5 for _ in names)), share_x=False) as (figure, (top, *slices)):
        _draw_history(top, history, metric)
        for ax, name in zip(slices, names, strict=True):
            _draw_slice(ax, points, name, value_names(study)[0])
            ax.set_title(f"{metric} by {name}")
    return figure


def _draw_history(ax: Axes, history: pl.DataFrame, metric: str) -> None:
    thin = history.gather_every(max(1, history.height // 3_000))
    for feasible, color, name in ((False, GREY, "not feasible"), (True, AB, "feasible")):
        part = thin.filter(pl.col("feasible") == feasible)
        if part.height:
            ax.plot(part["number"], part["value"], ".", ms=3, alpha=0.5, color=color, label=name)
    ax.plot(
        history["number"], history["best_so_far"], color=GAIN, drawstyle="steps-post", label="best so far"
    )
    ax.set_title(f"{metric} by trial")
    values = history["value"].drop_nulls().drop_nans()
    if values.len():
        low, high = values.quantile(0.02), values.max()
        assert low is not None
        high = float(str(high))
        room = max(1e-9, (high - low) * 0.08)
        ax.set_ylim(low - room, high + room)
    ax.legend(loc="lower right", ncols=3)
    step_axis(ax.yaxis)


def _draw_slice(ax: Axes, points: pl.DataFrame, name: str, value: str) -> None:
    x: Any = points[name]
    if x.dtype == pl.String or x.dtype == pl.Boolean:
        x = x.cast(pl.String)
    feasible = points["feasible"].to_numpy()
    for chosen, color in ((~feasible, GREY), (feasible, BA)):
        rows = np.flatnonzero(chosen).tolist()
        if rows:
            ax.plot(x[rows].to_list(), points[value][rows], ".", ms=3, alpha=0.5, color=color)
    step_axis(ax.yaxis)
