"""Equity and drawdown, marked to market, of both segments on one time axis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels.decimate import extreme_rows
from arbkit.report.figures.style import COLORS, days, label, legend, new_axes, number_axis, time_axis
from arbkit.report.text import Text
from arbkit.report.view import Segment, StudyView

__all__ = ["Curve", "EquityNumbers", "draw_equity", "equity_numbers"]

_POINTS = 350


class Curve(NamedTuple):
    """One segment: gain since its start and drawdown, thinned so that every extreme is kept.

    `ts` int64[n] and `gain` float64[n] in the account currency; `drawdown_ts` int64[m] and `drawdown_pct`
    float64[m], at most 0.
    """

    ts: IntArray
    gain: FloatArray
    drawdown_ts: IntArray
    drawdown_pct: FloatArray


class EquityNumbers(NamedTuple):
    """Both segments; the sealed stretch runs from `sealed_ns` to `end_ns` and has no numbers."""

    train: Curve
    test: Curve
    start_ns: int
    cut_ns: int
    sealed_ns: int
    end_ns: int
    currency: str


def equity_numbers(view: StudyView) -> EquityNumbers:
    """Return the gain and the drawdown of the chosen set in and out of sample."""
    return EquityNumbers(
        train=_curve(view.train),
        test=_curve(view.test),
        start_ns=view.train.panel.start_ns,
        cut_ns=view.test.panel.start_ns,
        sealed_ns=view.test.panel.end_ns,
        end_ns=view.lockbox_end_ns,
        currency=view.currency,
    )


def _curve(segment: Segment) -> Curve:
    frame = segment.result.equity()
    ts = frame["ts"].cast(pl.Int64).to_numpy()
    gain = frame["equity_usd"].to_numpy() - segment.result.params.initial_balance_usd
    drawdown = -frame["drawdown_pct"].to_numpy()
    kept, kept_down = _extremes(ts, gain), _extremes(ts, drawdown)
    return Curve(ts[kept], gain[kept], ts[kept_down], drawdown[kept_down])


def _extremes(ts: IntArray, values: FloatArray) -> IntArray:
    if ts.size == 0:
        return np.empty(0, np.int64)
    width = max(1, -(-int(ts[-1] - ts[0] + 1) // _POINTS))
    return extreme_rows(ts, np.ascontiguousarray(values), int(ts[0]), width, _POINTS)


def draw_equity(numbers: EquityNumbers, text: Text, width: int, *, narrow: bool = False) -> Figure:
    """Draw gain above drawdown; the sealed stretch is a shaded field."""
    figure, (top, bottom) = new_axes(width, (170, 70) if narrow else (210, 80), top=40 if narrow else 22)
    parts = ((numbers.train, "train"), (numbers.test, "test"))
    for curve, name in parts:
        color = COLORS[name]
        top.plot(days(curve.ts), curve.gain, color=color, label=text(f"segment.{name}"))
        bottom.fill_between(
            days(curve.drawdown_ts), curve.drawdown_pct, 0, color=color, alpha=0.35, linewidth=0
        )
        bottom.plot(days(curve.drawdown_ts), curve.drawdown_pct, color=color, linewidth=1)
    for ax in (top, bottom):
        ax.axhline(0, color=COLORS["muted"], linewidth=0.8, zorder=1)
        _seal(ax, numbers)
    _say_sealed(top, numbers, text)
    label(top, text("figure.equity.gain", currency=numbers.currency), y=24 if narrow else 6)
    label(bottom, text("figure.equity.drawdown"))
    legend(top, at_right=not narrow)
    number_axis(top.yaxis)
    number_axis(bottom.yaxis, ticks=3, unit=" %")
    bottom.set_ylim(min(-1e-3, *(float(c.drawdown_pct.min(initial=0)) for c, _ in parts)) * 1.1, 0)
    time_axis(bottom, numbers.start_ns, numbers.end_ns, narrow=narrow)
    return figure


def _seal(ax: Axes, numbers: EquityNumbers) -> None:
    ax.axvspan(
        numbers.sealed_ns / 86_400e9, numbers.end_ns / 86_400e9, color=COLORS["sealed"], alpha=1, linewidth=0
    )
    ax.axvline(numbers.cut_ns / 86_400e9, color=COLORS["muted"], linewidth=0.8, dashes=(3, 3))


def _say_sealed(ax: Axes, numbers: EquityNumbers, text: Text) -> None:
    middle = (numbers.sealed_ns + numbers.end_ns) / 2 / 86_400e9
    ax.text(
        middle,
        0.5,
        text("figure.equity.sealed"),
        transform=ax.get_xaxis_transform(),
        ha="center",
        va="center",
        rotation=90,
        fontsize=11,
        color=COLORS["muted"],
        parse_math=False,
    )
