"""How the search went: its history, what each parameter explains, and slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.report.figures.chart import Chart, Key
from arbkit.report.figures.scale import Tick, log_ticks, padded
from arbkit.report.numbers import plain
from arbkit.report.text import Text
from arbkit.report.view import Searched, StudyView

__all__ = [
    "HistoryNumbers",
    "ImportanceNumbers",
    "SliceNumbers",
    "draw_history",
    "draw_importance",
    "draw_slice",
    "history_numbers",
    "importance_numbers",
    "ranked_names",
    "slice_numbers",
]

_MOST_DOTS = 900
_BINS = 10
_SHUFFLES = 40
#: Whole numbers with so few values are drawn with a little scatter, or their dots would hide each other.
_FEW = 12


class HistoryNumbers(NamedTuple):
    """Trials in order: `number`, `value`, and the highest (or lowest) value so far; dots are thinned."""

    number: IntArray
    value: FloatArray
    front_number: IntArray
    front_value: FloatArray
    low: float
    high: float
    hidden: int
    total: int
    maximize: bool


class ImportanceNumbers(NamedTuple):
    """Per parameter, largest first: `share` of the ranking it explains alone, and what `noise` would give."""

    names: tuple[str, ...]
    share: FloatArray
    noise: float


class SliceNumbers(NamedTuple):
    """One parameter against the objective; `ticks` names the choices of a categorical one."""

    name: str
    x: FloatArray
    value: FloatArray
    chosen: float | None
    log: bool
    ticks: tuple[str, ...]
    low: float
    high: float


def history_numbers(view: StudyView) -> HistoryNumbers:
    """Return objective and running extreme of the completed trials."""
    number = view.complete["number"].to_numpy().astype(np.int64)
    running = np.maximum.accumulate if view.objective.maximize else np.minimum.accumulate
    front = running(view.values)
    steps = np.flatnonzero(np.diff(front, prepend=np.nan))
    kept = _thin(view, _MOST_DOTS)
    low, high = _range(view)
    hidden = int(((view.values < low) | (view.values > high)).sum())
    last = [number.size - 1] if number.size else []
    at = np.unique(np.concatenate([steps, last]).astype(np.int64))
    return HistoryNumbers(
        number[kept],
        view.values[kept],
        number[at],
        front[at],
        low,
        high,
        hidden,
        number.size,
        view.objective.maximize,
    )


def _range(view: StudyView) -> tuple[float, float]:
    """Limits that show the better three quarters of the trials; a few ruinous trials must not flatten all."""
    sign = 1.0 if view.objective.maximize else -1.0
    values = sign * view.values
    top, quarter = values.max(), np.quantile(values, 0.25)
    bottom = max(values.min(), quarter - 0.5 * (top - quarter))
    pad = 0.06 * (top - bottom) or max(abs(top), 1.0) * 0.05
    low, high = sorted((sign * (bottom - pad), sign * (top + pad)))
    return float(low), float(high)


def _thin(view: StudyView, most: int) -> IntArray:
    """Rows to draw: all when few; else the top tenth of the budget and every k-th of the others."""
    n = view.values.size
    if n <= most:
        return np.arange(n)
    order = np.argsort(-view.values if view.objective.maximize else view.values, kind="stable")
    top = order[: most // 4]
    even = np.linspace(0, n - 1, most - top.size).astype(np.int64)
    return np.unique(np.concatenate([top, even]))


def importance_numbers(view: StudyView) -> ImportanceNumbers:
    """Return the share of the trials' ranking that each parameter explains alone, with its noise level.

    The share is the correlation ratio of the ranks over ten equally filled bins (or the choices). `noise` is
    the 95th percentile of the same figure over shuffled results, the largest of all parameters each time:
    what a parameter of no influence may show by chance.
    """
    ranks, codes, share = _shares(view)
    rng = np.random.default_rng(0)
    highest = [
        max((_explained(code, shuffled) for code in codes.values()), default=0.0)
        for shuffled in (rng.permutation(ranks) for _ in range(_SHUFFLES))
    ]
    return ImportanceNumbers(tuple(share), np.array([*share.values()]), float(np.quantile(highest, 0.95)))


def ranked_names(view: StudyView) -> tuple[str, ...]:
    """Return the parameters by the share of the trials' ranking that each explains alone, largest first."""
    return tuple(_shares(view)[2])


def _shares(view: StudyView) -> tuple[FloatArray, dict[str, IntArray], dict[str, float]]:
    """Return the ranks of the trials, their bins by parameter, and the share of each, the largest first."""
    ranks = _ranks(view.values)
    codes = {item.name: _codes(view.complete[item.name], item) for item in view.searched}
    share = {name: _explained(code, ranks) for name, code in codes.items()}
    return ranks, codes, dict(sorted(share.items(), key=lambda item: -item[1]))


def _ranks(values: FloatArray) -> FloatArray:
    return pl.Series(values).rank("average").to_numpy().astype(np.float64)


def _codes(column: pl.Series, item: Searched) -> IntArray:
    """Bin number per trial; a missing value (a parameter that did not apply) is a bin of its own."""
    if item.choices or column.dtype == pl.String or column.dtype == pl.Boolean:
        return column.cast(pl.String).fill_null("").rank("dense").to_numpy().astype(np.int64) - 1
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return np.zeros(values.size, np.int64)
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), edges.size + 1)


def _explained(codes: IntArray, ranks: FloatArray) -> float:
    total = float(((ranks - ranks.mean()) ** 2).sum()) if ranks.size else 0.0
    if total == 0:
        return 0.0
    counts = np.bincount(codes)
    means = np.bincount(codes, ranks) / np.maximum(counts, 1)
    return float((counts * (means - ranks.mean()) ** 2).sum() / total)


def slice_numbers(view: StudyView, item: Searched) -> SliceNumbers:
    """Return one parameter against the objective, thinned, with the chosen value."""
    kept = _thin(view, 300)
    low, high = _range(view)
    column = view.complete[item.name]
    if item.choices:
        names = tuple(plain(choice) for choice in item.choices)
        places = {str(choice): float(i) for i, choice in enumerate(item.choices)}
        texts: Sequence[Any] = column.cast(pl.String).to_list()
        found = {value: places.get(_as_choice(value, item.choices), np.nan) for value in set(texts)}
        x = np.array([found[value] for value in texts])
        spread = np.random.default_rng(0).uniform(-0.22, 0.22, x.size)
        chosen = places.get(str(item.chosen))
        return SliceNumbers(
            item.name,
            (x + spread)[kept],
            view.values[kept],
            chosen,
            log=False,
            ticks=names,
            low=low,
            high=high,
        )
    x = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if column.dtype.is_integer() and not item.log and column.n_unique() <= _FEW:
        step = float(np.diff(np.unique(x)).min()) if column.n_unique() > 1 else 1.0
        x = x + np.random.default_rng(0).uniform(-0.18, 0.18, x.size) * step
    chosen = None if item.chosen is None else float(item.chosen)
    return SliceNumbers(
        item.name, x[kept], view.values[kept], chosen, log=item.log, ticks=(), low=low, high=high
    )


def _as_choice(value: str | None, choices: tuple[Any, ...]) -> str:
    """Match a stored text with a choice: numbers and booleans are written differently by frames."""
    for choice in choices:
        if value == str(choice) or (isinstance(choice, bool) and value == str(choice).lower()):
            return str(choice)
        if isinstance(choice, (int, float)) and not isinstance(choice, bool) and _equals(value, choice):
            return str(choice)
    return str(value)


def _equals(value: str | None, choice: float) -> bool:
    try:
        return value is not None and float(value) == choice
    except ValueError:
        return False


def draw_history(numbers: HistoryNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw each trial as a dot and the running extreme as a step."""
    chart = Chart(width, (190,), bottom=40)
    (area,) = chart.areas
    last = float(max(numbers.number.max(initial=0), numbers.front_number.max(initial=0)))
    area.scales(padded(0.0, last, 0.02), (numbers.low, numbers.high))
    area.y_numbers()
    area.x_numbers(5, integer=True)
    area.dots(numbers.number, numbers.value, "train", 3.8, opacity=0.75)
    area.line(numbers.front_number, numbers.front_value, "ink", step=True)
    area.x_label(text("figure.history.axis"))
    front = text("figure.history.front_high" if numbers.maximize else "figure.history.front_low")
    area.keys((Key("dot", "train", text("figure.history.trial")), Key("line", "ink", front)))
    return chart


def draw_importance(numbers: ImportanceNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw one bar per parameter, and the noise level as a line across them."""
    chart = Chart(width, (max(60, 22 * len(numbers.names)),), left=134, bottom=40)
    (area,) = chart.areas
    reach = 100 * max(1.25 * float(numbers.share.max(initial=0)), 1.5 * numbers.noise, 0.05)
    area.scales((0.0, reach), (-0.6, len(numbers.names) - 0.4))
    places = np.arange(len(numbers.names))[::-1].astype(np.float64)
    for place, share, name in zip(places, numbers.share.tolist(), numbers.names, strict=True):
        color = "test" if share > numbers.noise else "muted"
        area.boxes([0.0], [100 * share], [place - 0.3], [place + 0.3], color)
        area.say(name, 0.0, place, "e", dx=-6)
    area.upright(100 * numbers.noise, "loss", width=1.2, dash="4 3")
    area.x_numbers(5, " %")
    area.x_label(text("figure.importance.axis"))
    area.label(text("figure.importance.noise"))
    return chart


def draw_slice(numbers: SliceNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw the objective over one parameter, the chosen value as a line."""
    chart = Chart(width, (112,), left=50, bottom=22, right=12)
    (area,) = chart.areas
    known = numbers.x[np.isfinite(numbers.x)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if numbers.ticks:
        area.scales((-0.6, len(numbers.ticks) - 0.4), (numbers.low, numbers.high))
        area.x_axis([Tick(float(k), name) for k, name in enumerate(numbers.ticks)])
    elif numbers.log and low > 0:
        area.scales((low / 1.1, high * 1.1), (numbers.low, numbers.high), log_x=True)
        area.x_axis(log_ticks(low / 1.1, high * 1.1, 5))
    else:
        area.scales(padded(low, high, 0.04), (numbers.low, numbers.high))
        area.x_numbers(4)
    area.y_numbers(3)
    if numbers.chosen is not None:
        area.upright(numbers.chosen, "test", width=1.6, dash="", behind=True)
    area.dots(numbers.x, numbers.value, "train", 3.8, opacity=0.75)
    area.label(numbers.name)
    return chart
