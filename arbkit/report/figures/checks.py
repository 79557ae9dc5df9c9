"""What latency and size leave: two curves of the checks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.realism import Capacity, LatencyCurve
from arbkit.report.figures.chart import Area, Chart, Key
from arbkit.report.figures.scale import Tick, log_ticks, padded
from arbkit.report.numbers import hold
from arbkit.report.text import Text

__all__ = [
    "CapacityNumbers",
    "LatencyNumbers",
    "capacity_numbers",
    "draw_capacity",
    "draw_latency",
    "latency_numbers",
]


class LatencyNumbers(NamedTuple):
    """Per latency, float64 (n,): milliseconds, PnL, and the per cent of opportunities still there."""

    latency_ms: FloatArray
    pnl: FloatArray
    there_pct: FloatArray
    currency: str


class CapacityNumbers(NamedTuple):
    """Per notional of one trade, float64 (n,): PnL down the ladders, and what the best prices would claim.

    `own` is the notional of the parameters.
    """

    notional: FloatArray
    pnl: FloatArray
    claimed: FloatArray
    own: float
    currency: str


def _column(frame: Any, name: str) -> FloatArray:
    column: FloatArray = frame[name].cast(float).fill_null(float("nan")).to_numpy()
    return column


def latency_numbers(found: LatencyCurve) -> LatencyNumbers:
    """Return what a delay of both legs leaves."""
    frame = found.frame
    latency, pnl, there = (_column(frame, name) for name in ("latency_ms", "mtm_pnl_usd", "there_pct"))
    return LatencyNumbers(latency, pnl, there, found.currency)


def capacity_numbers(found: Capacity, own: float) -> CapacityNumbers:
    """Return what larger trades earn."""
    names = ("notional_usd", "mtm_pnl_usd", "top_pnl_usd")
    notional, pnl, claimed = (_column(found.frame, name) for name in names)
    return CapacityNumbers(notional, pnl, claimed, own, found.currency)


def draw_latency(numbers: LatencyNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw PnL above the share of opportunities still there, over latency."""
    chart = Chart(width, (110, 70), bottom=40, gap=30)
    top, bottom = chart.areas
    # Zero has no place on a logarithmic axis: it is drawn half a decade below the shortest delay.
    later = numbers.latency_ms[numbers.latency_ms > 0]
    first = float(later.min()) if later.size else 1.0
    x = np.where(numbers.latency_ms > 0, numbers.latency_ms, first / 3)
    limits = (first / 4, float(x.max()) * 1.2)
    pnl = np.concatenate([[0.0], numbers.pnl])
    top.scales(limits, padded(float(np.nanmin(pnl)), float(np.nanmax(pnl))), log_x=True)
    bottom.scales(limits, (0.0, 105.0), log_x=True)
    for area, values, name in ((top, numbers.pnl, "test"), (bottom, numbers.there_pct, "muted")):
        area.y_numbers(4 if area is top else 2, "" if area is top else " %")
        area.across(0.0)
        area.line(x, values, name, width=1.6)
        area.dots(x, values, name, 4.5)
    top.label(text("figure.latency.pnl", currency=numbers.currency))
    bottom.label(text("figure.latency.there"))
    marks = [tick for tick in log_ticks(first, float(x.max()), 5) if tick.value >= first]
    bottom.x_axis([Tick(first / 3, "0"), *(Tick(tick.value, hold(tick.value / 1e3)) for tick in marks)])
    bottom.x_label(text("figure.latency.axis"))
    return chart


def draw_capacity(numbers: CapacityNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw PnL over the notional of one trade, and what fills at the best prices would claim."""
    chart = Chart(width, (210,), bottom=40)
    (area,) = chart.areas
    low, high = float(numbers.notional.min()) / 1.2, float(numbers.notional.max()) * 1.2
    area.scales((low, high), _limits(numbers), log_x=True)
    area.y_numbers(5)
    area.across(0.0)
    area.upright(numbers.own, "ink", width=1.2)
    area.line(numbers.notional, numbers.claimed, "muted", dash="4 3")
    area.line(numbers.notional, numbers.pnl, "test", width=1.6)
    area.dots(numbers.notional, numbers.pnl, "test", 4.5)
    _money_axis(area, low, high)
    area.x_label(text("figure.capacity.axis", currency=numbers.currency))
    area.label(text("figure.latency.pnl", currency=numbers.currency))
    keys = (
        Key("line", "test", text("figure.capacity.walked")),
        Key("line", "muted", text("figure.capacity.claimed")),
    )
    area.keys(keys)
    return chart


def _money_axis(area: Area, low: float, high: float) -> None:
    area.x_axis([Tick(tick.value, f"{tick.value:,.10g}") for tick in log_ticks(low, high, 5)])


def _limits(numbers: CapacityNumbers) -> tuple[float, float]:
    """Show all of the PnL down the ladders, and of the claim only as far as it compares."""
    pnl = np.concatenate([[0.0], numbers.pnl])
    low, high = float(np.nanmin(pnl)), float(np.nanmax(pnl))
    reach = (high - low) or 1.0
    return padded(low, min(high + 0.6 * reach, max(high, float(np.nanmax(numbers.claimed)))))
