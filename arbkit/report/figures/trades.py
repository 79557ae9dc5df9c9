"""How the trades are spread: PnL, holding time, the way there, and where the money came from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from arbkit._typing import FloatArray
from arbkit.report.figures.style import COLORS, dots, label, legend, new_axes, number_axis
from arbkit.report.numbers import hold
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
    """Totals over closed trades in the account currency, in the order they are added up; last the PnL."""

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
    train, test = (
        np.array([segment.attribution[name] for name in names]) for segment in (view.train, view.test)
    )
    return WaterfallNumbers(names, train, test)


def _column(segment: Segment, name: str) -> FloatArray:
    return segment.closed[name].drop_nulls().to_numpy().astype(np.float64)


def _shares(values: FloatArray, edges: FloatArray) -> FloatArray:
    counts = np.histogram(values, edges)[0]
    return 100.0 * counts / max(1, values.size)


def _pairs(segment: Segment) -> tuple[FloatArray, FloatArray]:
    frame = segment.closed.select("mae_bps", "pnl_bps").drop_nulls()
    frame = frame.gather_every(max(1, -(-len(frame) // _MOST_POINTS))) if len(frame) else frame
    return frame["mae_bps"].to_numpy(), frame["pnl_bps"].to_numpy()


def draw_pnl(numbers: HistogramNumbers, text: Text, width: int, *, narrow: bool = False) -> Figure:
    """Draw the PnL per trade of both segments over each other."""
    figure, (ax,) = new_axes(width, (170,), bottom=38)
    _steps(ax, numbers, text)
    ax.axvline(0, color=COLORS["muted"], linewidth=0.8)
    number_axis(ax.xaxis, ticks=6)
    ax.set_xlabel(text("figure.pnl.axis"), labelpad=2)
    return figure


def draw_hold(numbers: HistogramNumbers, text: Text, width: int, *, narrow: bool = False) -> Figure:
    """Draw the holding times of both segments over each other, on a logarithmic axis."""
    figure, (ax,) = new_axes(width, (170,), bottom=38)
    _steps(ax, numbers, text)
    ax.set_xscale("log")
    marks = [1e-3, 1e-2, 0.1, 1, 10, 60, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400]
    inside = [mark for mark in marks if numbers.edges[0] <= mark <= numbers.edges[-1]]
    ax.xaxis.set_major_locator(FixedLocator(inside or [float(numbers.edges[0])]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: hold(float(value))))
    ax.set_xlabel(text("figure.hold.axis"), labelpad=2)
    return figure


def _steps(ax: Axes, numbers: HistogramNumbers, text: Text) -> None:
    for values, name in ((numbers.train, "train"), (numbers.test, "test")):
        ax.stairs(values, numbers.edges, fill=True, color=COLORS[name], alpha=0.25, linewidth=0)
        ax.stairs(values, numbers.edges, color=COLORS[name], linewidth=1.4, label=text(f"segment.{name}"))
    ax.set_xlim(numbers.edges[0], numbers.edges[-1])
    ax.set_ylim(0, max(1e-9, 1.08 * float(max(numbers.train.max(), numbers.test.max()))))
    number_axis(ax.yaxis, ticks=4, unit=" %")
    label(ax, text("figure.pnl.share"))
    legend(ax)


def draw_excursion(numbers: ExcursionNumbers, text: Text, width: int, *, narrow: bool = False) -> Figure:
    """Draw the worst mark on the way against the result, one dot per trade."""
    figure, (ax,) = new_axes(width, (170,), bottom=38)
    for mae, pnl, name in (
        (numbers.train_mae, numbers.train_pnl, "train"),
        (numbers.test_mae, numbers.test_pnl, "test"),
    ):
        dots(ax, mae, pnl, name, 4.2, alpha=0.6, name=text(f"segment.{name}"))
    ax.axhline(0, color=COLORS["muted"], linewidth=0.8)
    ax.axvline(0, color=COLORS["muted"], linewidth=0.8)
    number_axis(ax.xaxis, ticks=6)
    number_axis(ax.yaxis)
    label(ax, text("figure.excursion.y"))
    ax.set_xlabel(text("figure.excursion.x"), labelpad=2)
    legend(ax)
    return figure


def draw_waterfall(numbers: WaterfallNumbers, text: Text, width: int, *, narrow: bool = False) -> Figure:
    """Draw how premium, book, slippage and fees add up to the PnL, in sample above out of sample."""
    figure, axes = new_axes(width, (84, 84), left=82, bottom=24)
    places = np.arange(len(numbers.names))[::-1]
    for ax, name in zip(axes, ("train", "test"), strict=True):
        values = getattr(numbers, name)
        starts = np.concatenate([[0.0], np.cumsum(values[:-2]), [0.0]])
        colors = [COLORS["gain"] if value >= 0 else COLORS["loss"] for value in values]
        ax.barh(places, values, left=starts, color=colors, height=0.62, alpha=0.85, linewidth=0)
        ax.axvline(0, color=COLORS["muted"], linewidth=0.8)
        ax.set_yticks(places, [text(f"attribution.{item}") for item in numbers.names])
        ax.grid(visible=False, axis="y")
        label(ax, text(f"segment.{name}"))
        ax.margins(x=0.04)
    number_axis(axes[1].xaxis, ticks=5)
    return figure
