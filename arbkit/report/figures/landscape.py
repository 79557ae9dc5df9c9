"""The trials as a landscape: two parameters against the objective, and all of them as parallel lines."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import BoolArray, FloatArray
from arbkit.report.figures.chart import Chart, Key
from arbkit.report.figures.scale import log_ticks
from arbkit.report.figures.search import ranked_names
from arbkit.report.numbers import money, plain
from arbkit.report.text import Text
from arbkit.report.view import Searched, StudyView

__all__ = [
    "ContourNumbers",
    "ParallelNumbers",
    "contour_numbers",
    "draw_contour",
    "draw_parallel",
    "parallel_numbers",
]

_COLUMNS: Final = 14
_ROWS: Final = 10
_LINES: Final = 160
_TOP_LINES: Final = 24


class ContourNumbers(NamedTuple):
    """Two parameters cut into cells: `edges_x` (c + 1,), `edges_y` (r + 1,), `value` float64 (r, c).

    `value` is the middle one of the trials in a cell, NaN where there is none; `number` counts them.
    """

    x: str
    y: str
    edges_x: FloatArray
    edges_y: FloatArray
    value: FloatArray
    number: FloatArray
    chosen: tuple[float, float] | None
    log_x: bool
    log_y: bool


class ParallelNumbers(NamedTuple):
    """One axis per name: `place` float64 (n, a) is 0 to 1 on each, NaN where a trial has no such parameter.

    The last axis is the objective. `top` marks the trials drawn strongly; `chosen` is one place per axis;
    `ends` are the texts at both ends of each axis, or one per choice.
    """

    names: tuple[str, ...]
    place: FloatArray
    top: BoolArray
    chosen: FloatArray
    ends: tuple[tuple[str, ...], ...]
    total: int


def contour_numbers(view: StudyView) -> ContourNumbers | None:
    """Return the two numeric parameters that explain most; None where there are not two, or few trials."""
    numeric = {item.name: item for item in view.searched if not item.choices and item.low != item.high}
    names = [name for name in ranked_names(view) if name in numeric][:2]
    if len(names) < 2 or view.values.size < 2:
        return None
    first, second = (numeric[name] for name in names)
    edges_x, edges_y = _edges(first, _COLUMNS), _edges(second, _ROWS)
    frame = view.complete
    x, y = (frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names)
    column = np.clip(np.searchsorted(edges_x, x, side="right") - 1, 0, _COLUMNS - 1)
    row = np.clip(np.searchsorted(edges_y, y, side="right") - 1, 0, _ROWS - 1)
    known = np.isfinite(x) & np.isfinite(y)
    cells = (
        pl.DataFrame({"cell": (row * _COLUMNS + column)[known], "value": view.values[known]})
        .group_by("cell")
        .agg(pl.col("value").median(), pl.len().alias("number"))
    )
    value = np.full(_ROWS * _COLUMNS, np.nan)
    number = np.zeros(_ROWS * _COLUMNS)
    value[cells["cell"].to_numpy()] = cells["value"].to_numpy()
    number[cells["cell"].to_numpy()] = cells["number"].to_numpy()
    chosen = None if None in (first.chosen, second.chosen) else (float(first.chosen), float(second.chosen))
    shape = (_ROWS, _COLUMNS)
    return ContourNumbers(
        first.name, second.name, edges_x, edges_y, value.reshape(shape), number.reshape(shape), chosen,
        first.log, second.log,
    )  # fmt: skip


def _edges(item: Searched, cells: int) -> FloatArray:
    low, high = float(item.low or 0.0), float(item.high or 0.0)
    return np.geomspace(low, high, cells + 1) if item.log else np.linspace(low, high, cells + 1)


def parallel_numbers(view: StudyView) -> ParallelNumbers:
    """Return the highest tenth of the trials and evenly thinned others, on one axis per parameter."""
    frame = view.complete
    sign = 1.0 if view.objective.maximize else -1.0
    order = np.argsort(-sign * view.values, kind="stable")
    n = order.size
    top = order[: max(1, min(_TOP_LINES, n // 10))] if n else order
    rest = order[len(top) :]
    rest = rest[np.linspace(0, rest.size - 1, min(_LINES, rest.size)).astype(np.int64)] if rest.size else rest
    kept = np.concatenate([rest, top])
    columns = [_places(frame[item.name], item) for item in view.searched]
    low, high = _objective_range(view)
    columns.append(np.clip((view.values - low) / ((high - low) or 1.0), 0.0, 1.0))
    chosen = [_place_of(item, item.chosen) for item in view.searched]
    at = np.flatnonzero(
        frame["number"].to_numpy() == (-1 if view.chosen_number is None else view.chosen_number)
    )
    chosen.append(float(columns[-1][at[0]]) if at.size else float("nan"))
    ends = [_ends(item) for item in view.searched]
    return ParallelNumbers(
        names=(*(item.name for item in view.searched), view.objective.metric),
        place=np.column_stack(columns)[kept] if n else np.empty((0, len(columns))),
        top=np.arange(kept.size) >= rest.size,
        chosen=np.array(chosen),
        ends=(*ends, (money(low), money(high))),
        total=n,
    )


def _objective_range(view: StudyView) -> tuple[float, float]:
    """Return limits that hold the better nine tenths of the trials."""
    values = view.values
    if not values.size:
        return 0.0, 1.0
    if view.objective.maximize:
        return float(np.quantile(values, 0.1)), float(values.max())
    return float(values.min()), float(np.quantile(values, 0.9))


def _ends(item: Searched) -> tuple[str, ...]:
    return tuple(plain(c) for c in item.choices) if item.choices else (plain(item.low), plain(item.high))


def _place_of(item: Searched, value: Any) -> float:
    if item.choices:
        at = next((k for k, choice in enumerate(item.choices) if choice == value), None)
        return float("nan") if at is None else at / max(1, len(item.choices) - 1)
    place = Searched(item.name, value, item.low, item.high, item.log).position if value is not None else None
    return float("nan") if place is None else place


def _places(column: pl.Series, item: Searched) -> FloatArray:
    if item.choices:
        found = {value: _place_of(item, _choice_of(value, item)) for value in column.unique().to_list()}
        return np.array([found[value] for value in column.to_list()], np.float64)
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if item.low is None or item.high is None or item.high <= item.low:
        return np.full(values.size, 0.5)
    scale = np.log if item.log else np.asarray
    low, high = float(scale(item.low)), float(scale(item.high))
    places: FloatArray = (np.asarray(scale(values), np.float64) - low) / (high - low)
    return places


def _choice_of(value: Any, item: Searched) -> Any:
    """Match a value of a frame with a choice: numbers and booleans may be stored as text."""
    for choice in item.choices:
        if value == choice or str(value).lower() == str(choice).lower():
            return choice
        try:
            if not isinstance(choice, (bool, str)) and choice is not None and float(value) == float(choice):
                return choice
        except (TypeError, ValueError):
            continue
    return object()


def draw_contour(numbers: ContourNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw one field per cell, darker where its trials did better; the chosen set is a ringed dot."""
    chart = Chart(width, (210,), bottom=40, top=26, left=66)
    (area,) = chart.areas
    limits_x = (float(numbers.edges_x[0]), float(numbers.edges_x[-1]))
    limits_y = (float(numbers.edges_y[0]), float(numbers.edges_y[-1]))
    area.scales(limits_x, limits_y, log_x=numbers.log_x, log_y=numbers.log_y)
    value = numbers.value.ravel()
    x0, y0 = np.meshgrid(numbers.edges_x[:-1], numbers.edges_y[:-1])
    x1, y1 = np.meshgrid(numbers.edges_x[1:], numbers.edges_y[1:])
    area.cells(x0.ravel(), x1.ravel(), y0.ravel(), y1.ravel(), _shades(value), "test")
    if numbers.chosen is not None:
        area.dots([numbers.chosen[0]], [numbers.chosen[1]], "paper", 13)
        area.dots([numbers.chosen[0]], [numbers.chosen[1]], "ink", 8)
    area.x_axis(log_ticks(*limits_x, 5)) if numbers.log_x else area.x_numbers(5)
    area.y_axis(log_ticks(*limits_y, 5), grid=False) if numbers.log_y else area.y_numbers(5)
    area.label(numbers.y)
    area.x_label(numbers.x)
    area.keys(
        (Key("box", "test", text("figure.contour.high")), Key("dot", "ink", text("figure.near.chosen")))
    )
    return chart


def _shades(value: FloatArray) -> FloatArray:
    """Return how dark each cell is, 0.08 to 1, by the rank of its value; NaN stays NaN."""
    known = np.isfinite(value)
    shade = np.full(value.size, np.nan)
    if known.any():
        rank = pl.Series(value[known]).rank("average").to_numpy()
        shade[known] = 0.08 + 0.92 * ((rank - 0.5) / rank.size) ** 1.5
    return shade


def draw_parallel(numbers: ParallelNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw one level axis per parameter, the objective last, and one line per trial through all of them."""
    axes = len(numbers.names)
    chart = Chart(width, (54 * (axes - 1),), left=16, right=16, top=46, bottom=30)
    (area,) = chart.areas
    area.scales((0.0, 1.0), (float(axes - 1), 0.0))
    level = np.arange(axes, dtype=np.float64)
    for mask, color, thick in ((~numbers.top, "train", 0.6), (numbers.top, "test", 1.3)):
        lines = numbers.place[mask]
        gap = np.full((lines.shape[0], 1), np.nan)
        x = np.hstack([lines, gap]).ravel()
        y = np.tile(np.append(level, np.nan), lines.shape[0])
        area.line(x, y, color, width=thick)
    area.line(numbers.chosen, level, "ink", width=2.4)
    for k, (name, ends) in enumerate(zip(numbers.names, numbers.ends, strict=True)):
        area.across(float(k), "muted", width=1.0)
        title = text(f"metric.{name}") if k == axes - 1 else name
        area.say(title, 0.5, float(k), "m", dy=-6)
        places = np.linspace(0, 1, len(ends)) if len(ends) > 1 else np.array([0.0])
        for place, said in zip(places, ends, strict=True):
            side = "s" if place == 0 else "e" if place == 1 else "m"
            if 0 < place < 1 and 0.3 < place < 0.7:
                area.say(said, float(place), float(k), side, dy=14)
            else:
                area.say(said, float(place), float(k), side, dy=-6 if 0 in (place, 1 - place) else 14)
    keys = (
        Key("line", "test", text("figure.parallel.top")),
        Key("line", "train", text("figure.parallel.others")),
        Key("line", "ink", text("figure.near.chosen")),
    )
    area.keys(keys, left=True, up=30)
    return chart
