"""Equity and drawdown, marked to market, of both segments on one time axis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels.decimate import extreme_rows
from arbkit.report.figures.chart import Area, Chart, Key
from arbkit.report.figures.scale import padded, time_ticks
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
    frame = segment.equity
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


def draw_equity(numbers: EquityNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw gain above drawdown; the sealed stretch is a shaded field."""
    chart = Chart(width, (170, 70) if narrow else (210, 80), top=44 if narrow else 24)
    top, bottom = chart.areas
    parts = ((numbers.train, "train"), (numbers.test, "test"))
    gains = np.concatenate([[0.0], *(curve.gain for curve, _ in parts)])
    deepest = min(-1e-3, *(float(curve.drawdown_pct.min(initial=0)) for curve, _ in parts))
    time = (float(numbers.start_ns), float(max(numbers.end_ns, numbers.start_ns + 1)))
    top.scales(time, padded(float(gains.min()), float(gains.max())))
    bottom.scales(time, (1.1 * deepest, 0.0))
    top.y_numbers()
    bottom.y_numbers(3, " %")
    for area in chart.areas:
        area.across(0.0)
        _seal(area, numbers, text if area is top else None)
    for curve, name in parts:
        top.line(curve.ts, curve.gain, name, width=1.6)
        zero = np.zeros(curve.drawdown_ts.size)
        bottom.band(curve.drawdown_ts, curve.drawdown_pct, zero, name, opacity=0.35)
    top.label(text("figure.equity.gain", currency=numbers.currency), up=25 if narrow else 7)
    bottom.label(text("figure.equity.drawdown"))
    top.keys((Key("line", name, text(f"segment.{name}")) for _, name in parts), left=narrow)
    bottom.x_axis(time_ticks(numbers.start_ns, numbers.end_ns, 4 if narrow else 8))
    return chart


def _seal(area: Area, numbers: EquityNumbers, text: Text | None) -> None:
    said = "" if text is None else text("figure.equity.sealed")
    area.field(float(numbers.sealed_ns), float(numbers.end_ns), "sealed", text=said)
    area.upright(float(numbers.cut_ns))
