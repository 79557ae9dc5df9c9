"""What lies around the chosen set: one parameter moved alone, and all of them moved a little."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.report.around import Around, Profile
from arbkit.report.figures.chart import Chart, Key
from arbkit.report.figures.scale import Tick, log_ticks, padded
from arbkit.report.numbers import plain
from arbkit.report.text import Text
from arbkit.report.view import Searched, StudyView

__all__ = [
    "NearNumbers",
    "ProfileNumbers",
    "draw_near",
    "draw_profile",
    "near_numbers",
    "profile_numbers",
]


class ProfileNumbers(NamedTuple):
    """One parameter moved alone: `x` against the objective in and out of sample, all float64 (n,).

    `ticks` names the choices of a categorical parameter, whose `x` are 0, 1, ...; `low` and `high` are
    limits that show every value but far outliers.
    """

    name: str
    x: FloatArray
    train: FloatArray
    test: FloatArray
    chosen: float | None
    log: bool
    ticks: tuple[str, ...]
    low: float
    high: float


class NearNumbers(NamedTuple):
    """The objective of the sets near the chosen one, and of the chosen one, in and out of sample."""

    train: FloatArray
    test: FloatArray
    chosen_train: float
    chosen_test: float


def profile_numbers(profile: Profile, item: Searched) -> ProfileNumbers:
    """Return one parameter against the objective, ready to be drawn."""
    choices = item.choices
    x = np.arange(len(profile.values), dtype=np.float64)
    chosen: float | None = None
    if choices:
        chosen = next((float(k) for k, value in enumerate(profile.values) if value == item.chosen), None)
    else:
        x = np.array(profile.values, np.float64)
        chosen = None if item.chosen is None else float(item.chosen)
    both = np.concatenate([profile.train, profile.test])
    known = both[np.isfinite(both)]
    low, high = padded(float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    ticks = tuple(plain(value) for value in profile.values) if choices else ()
    return ProfileNumbers(
        profile.name, x, profile.train, profile.test, chosen, item.log, ticks, low, high
    )  # fmt: skip


def near_numbers(around: Around, view: StudyView) -> NearNumbers:
    """Return the objective of the neighbours and of the chosen set."""
    return NearNumbers(around.train, around.test, *(_own(view, name) for name in ("train", "test")))


def _own(view: StudyView, name: str) -> float:
    metrics: Any = getattr(view, name).result.metrics
    value = getattr(metrics, view.objective.metric)
    return float("nan") if value is None else float(value)


def draw_profile(numbers: ProfileNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw the objective over one parameter, in and out of sample; the chosen value is an upright line."""
    chart = Chart(width, (112,), left=50, bottom=22, right=12)
    (area,) = chart.areas
    if numbers.ticks:
        area.scales((-0.6, len(numbers.ticks) - 0.4), (numbers.low, numbers.high))
        area.x_axis([Tick(float(k), name) for k, name in enumerate(numbers.ticks)])
    else:
        low, high = float(numbers.x.min()), float(numbers.x.max())
        area.scales((low, max(high, low + 1e-12)), (numbers.low, numbers.high), log_x=numbers.log)
        area.x_axis(log_ticks(low, high, 5)) if numbers.log else area.x_numbers(4)
    area.y_numbers(3)
    area.across(0.0)
    if numbers.chosen is not None:
        area.upright(numbers.chosen, "ink", width=1.2, dash="", behind=True)
    for values, name in ((numbers.train, "train"), (numbers.test, "test")):
        if not numbers.ticks:
            area.line(numbers.x, values, name, width=1.6)
        area.dots(numbers.x, values, name, 5.0 if numbers.ticks else 3.6)
    area.label(numbers.name)
    return chart


def draw_near(numbers: NearNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw one dot per neighbour on a row per stretch; upright marks are the chosen set and zero."""
    chart = Chart(width, (44, 44), left=96, bottom=26, gap=10, top=26)
    both = np.concatenate([[0.0], numbers.train, numbers.test, [numbers.chosen_train, numbers.chosen_test]])
    known = both[np.isfinite(both)]
    limits = padded(float(known.min()), float(known.max()))
    for area, name in zip(chart.areas, ("train", "test"), strict=True):
        values, own = getattr(numbers, name), getattr(numbers, f"chosen_{name}")
        area.scales(limits, (0.0, 1.0))
        area.upright(0.0, dash="")
        height = 0.2 + 0.6 * ((np.arange(values.size) * 0.618) % 1.0)
        area.dots(values, height, name, 6.0, opacity=0.65)
        area.upright(own, "ink", width=2.0, dash="")
        area.say(text(f"segment.{name}"), limits[0], 0.5, "e", dx=-8)
    keys = (
        Key("dot", "muted", text("figure.near.neighbour")),
        Key("line", "ink", text("figure.near.chosen")),
    )
    chart.areas[0].keys(keys)
    chart.areas[1].x_numbers(3 if narrow else 6)
    return chart
