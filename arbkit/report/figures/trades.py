"""How the trades are spread: PnL, holding time, the way there, and where the money came from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.report.figures.chart import Area, Chart, Key
from arbkit.report.figures.scale import hold_ticks, padded
from arbkit.report.numbers import number
from arbkit.report.text import Text
from arbkit.report.view import Segment, StudyView

__all__ = [
    "ExcursionNumbers",
    "HistogramNumbers",
    "WaterfallNumbers",
    "draw_excursion",
    "draw_hold",
    "draw_pnl",
    "draw_waterfall",
    "excursion_numbers",
    "hold_numbers",
    "pnl_numbers",
    "waterfall_numbers",
]

_BINS = 28
_MOST_POINTS = 500


class HistogramNumbers(NamedTuple):
    """Share of closed trades per bin, in per cent of each segment's trades; `edges` has one more value."""

    edges: FloatArray
    train: FloatArray
    test: FloatArray
    below: int
    above: int


class ExcursionNumbers(NamedTuple):
    """Per closed trade: the worst mark on the way (`mae_bps`) and what it ended with (`pnl_bps`)."""

    train_mae: FloatArray
    train_pnl: FloatArray
    test_mae: FloatArray
    test_pnl: FloatArray
    total: int


class WaterfallNumbers(NamedTuple):
    """Of the closed trades, bps of their notional, in the order they are added up; last the PnL."""

    names: tuple[str, ...]
    train: FloatArray
    test: FloatArray


def pnl_numbers(view: StudyView) -> HistogramNumbers:
    """Return how the PnL per trade in bps is spread; the outermost hundredth is counted, not drawn."""
    train, test = (_column(segment, "pnl_bps") for segment in (view.train, view.test))
    both = np.concatenate([train, test])
    if both.size == 0:
        return HistogramNumbers(np.array([0.0, 1.0]), np.zeros(1), np.zeros(1), 0, 0)
    low, high = np.quantile(both, [0.005, 0.995]) if both.size > 200 else (both.min(), both.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, min(_BINS, max(6, both.size // 3)) + 1)
    return HistogramNumbers(
        edges, _shares(train, edges), _shares(test, edges), int((both < low).sum()), int((both > high).sum())
    )


def hold_numbers(view: StudyView) -> HistogramNumbers:
    """Return how the holding times in seconds are spread, on bins that grow by a constant factor."""
    train, test = (np.maximum(_column(segment, "hold_s"), 1e-3) for segment in (view.train, view.test))
    both = np.concatenate([train, test])
    if both.size == 0:
        return HistogramNumbers(np.array([1.0, 2.0]), np.zeros(1), np.zeros(1), 0, 0)
    low, high = both.min(), max(both.max(), both.min() * 1.5)
    edges = np.geomspace(low, high, min(_BINS, max(6, both.size // 3)) + 1)
    edges[0], edges[-1] = low, high
    return HistogramNumbers(edges, _shares(train, edges), _shares(test, edges), 0, 0)


def excursion_numbers(view: StudyView) -> ExcursionNumbers:
    """Return worst mark against result per closed trade, evenly thinned to a few hundred per segment."""
    pairs = [_pairs(segment) for segment in (view.train, view.test)]
    return ExcursionNumbers(*pairs[0], *pairs[1], total=len(view.train.closed) + len(view.test.closed))


def waterfall_numbers(view: StudyView) -> WaterfallNumbers:
    """Return what the closed trades' PnL is made of in both segments."""
    names = tuple(view.train.attribution)
    train, test = (_in_bps(segment, names) for segment in (view.train, view.test))
    return WaterfallNumbers(names, train, test)


def _in_bps(segment: Segment, names: tuple[str, ...]) -> FloatArray:
    notional = float(segment.closed["notional_usd"].sum())
    totals = np.array([segment.attribution[name] for name in names])
    return totals / notional * 1e4 if notional > 0 else np.zeros(len(names))


def _column(segment: Segment, name: str) -> FloatArray:
    return segment.closed[name].drop_nulls().to_numpy().astype(np.float64)


def _shares(values: FloatArray, edges: FloatArray) -> FloatArray:
    counts = np.histogram(values, edges)[0]
    return 100.0 * counts / max(1, values.size)


def _pairs(segment: Segment) -> tuple[FloatArray, FloatArray]:
    frame = segment.closed.select("mae_bps", "pnl_bps").drop_nulls()
    frame = frame.gather_every(max(1, -(-len(frame) // _MOST_POINTS))) if len(frame) else frame
    return frame["mae_bps"].to_numpy(), frame["pnl_bps"].to_numpy()


def draw_pnl(numbers: HistogramNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw the PnL per trade of both segments over each other."""
    chart = Chart(width, (170,), bottom=40)
    (area,) = chart.areas
    area.scales((float(numbers.edges[0]), float(numbers.edges[-1])), (0.0, _highest(numbers)))
    _steps(area, numbers, text)
    area.upright(0.0, dash="")
    area.x_numbers()
    area.x_label(text("figure.pnl.axis"))
    return chart


def draw_hold(numbers: HistogramNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw the holding times of both segments over each other, on a logarithmic axis."""
    chart = Chart(width, (170,), bottom=40)
    (area,) = chart.areas
    low, high = float(numbers.edges[0]), float(numbers.edges[-1])
    area.scales((low, high), (0.0, _highest(numbers)), log_x=True)
    _steps(area, numbers, text)
    area.x_axis(hold_ticks(low, high))
    area.x_label(text("figure.hold.axis"))
    return chart


def _highest(numbers: HistogramNumbers) -> float:
    return max(1e-9, 1.08 * float(max(numbers.train.max(), numbers.test.max())))


def _steps(area: Area, numbers: HistogramNumbers, text: Text) -> None:
    area.y_numbers(4, " %")
    left, right = numbers.edges[:-1], numbers.edges[1:]
    for values, name in ((numbers.train, "train"), (numbers.test, "test")):
        area.boxes(left, right, np.zeros(values.size), values, name, opacity=0.25)
        outline = np.concatenate([[0.0], values, [0.0]])
        x = np.concatenate([[numbers.edges[0]], numbers.edges])
        area.line(np.append(x, numbers.edges[-1]), np.append(outline, 0.0), name, step=True)
    area.label(text("figure.pnl.share"))
    area.keys(Key("line", name, text(f"segment.{name}")) for name in ("train", "test"))


def draw_excursion(numbers: ExcursionNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw the worst mark on the way against the result, one dot per trade."""
    chart = Chart(width, (170,), bottom=40)
    (area,) = chart.areas
    x = np.concatenate([[0.0], numbers.train_mae, numbers.test_mae])
    y = np.concatenate([[0.0], numbers.train_pnl, numbers.test_pnl])
    area.scales(padded(float(x.min()), float(x.max())), padded(float(y.min()), float(y.max())))
    area.y_numbers()
    area.across(0.0)
    area.upright(0.0, dash="")
    area.dots(numbers.train_mae, numbers.train_pnl, "train", 4.6, opacity=0.7)
    area.dots(numbers.test_mae, numbers.test_pnl, "test", 4.6, opacity=0.7)
    area.x_numbers()
    area.label(text("figure.excursion.y"))
    area.x_label(text("figure.excursion.x"))
    area.keys(Key("dot", name, text(f"segment.{name}")) for name in ("train", "test"))
    return chart


def draw_waterfall(numbers: WaterfallNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw how the parts lead from the gross edge down to what is left, in sample above out of sample."""
    height = 17 * len(numbers.names)
    chart = Chart(width, (height, height), left=92, right=54, bottom=28)
    places = np.arange(len(numbers.names))[::-1].astype(np.float64)
    for area, name in zip(chart.areas, ("train", "test"), strict=True):
        values = getattr(numbers, name)
        starts = np.concatenate([[0.0], np.cumsum(values[:-2]), [0.0]])
        reach = np.concatenate([starts, starts + values])
        area.scales(padded(float(reach.min()), float(reach.max()), 0.03), (-0.6, len(values) - 0.4))
        for place, start, value, item in zip(places, starts, values, numbers.names, strict=True):
            color = "gain" if value >= 0 else "loss"
            area.boxes([start], [start + value], [place - 0.34], [place + 0.34], color)
            area.say(text(f"attribution.{item}"), area.x.low, place, "e", dx=-6)
            area.say(number(value, 1, plus=True), max(start, start + value), place, "s", dx=4)
        area.upright(0.0, dash="")
        area.label(text(f"segment.{name}"))
    chart.areas[1].x_numbers(5)
    return chart
