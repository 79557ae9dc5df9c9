"""The pictures of a run: gain, premium with trades, states on a time line, exposure, latency."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.live.picture import limits_of
from arbkit.report.figures.chart import Area, Chart, Key
from arbkit.report.figures.scale import log_ticks, padded, time_ticks
from arbkit.report.runs.view import Market, RunView
from arbkit.report.text import Text
from arbkit.units import DAY_NS, HOUR_NS

__all__ = [
    "FILL_BINS",
    "PeriodNumbers",
    "draw_gain",
    "draw_lanes",
    "draw_latency",
    "draw_market",
    "draw_naked",
    "draw_periods",
    "lanes_of",
    "period_numbers",
]

FILL_BINS: Final = 48
_STATES: Final = {"reducing": ("open", 0.22), "halted": ("loss", 0.22)}
_LEAST_MS: Final = 0.01
_MOST_LANES: Final = 14


def _shade(area: Area, view: RunView, pair: str = "") -> None:
    for item in view.story.states:
        if item.state in _STATES and item.scope in ("", pair):
            color, opacity = _STATES[item.state]
            area.field(float(item.start_ns), float(item.end_ns), color, opacity=opacity)


def _time(view: RunView) -> tuple[float, float]:
    return float(view.story.start_ns), float(max(view.story.end_ns, view.story.start_ns + 1))


def _time_axis(area: Area, view: RunView, narrow: bool) -> None:
    area.x_axis(time_ticks(view.story.start_ns, view.story.end_ns, 4 if narrow else 8))


def draw_gain(view: RunView, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw what the run gained, open trades marked, above how far below its peak it was."""
    chart = Chart(width, (170, 60) if narrow else (210, 70), top=44 if narrow else 24)
    top, bottom = chart.areas
    worth, gain = view.worth, view.worth.gain
    begin = float(view.about["limits"]["initial_balance_usd"])
    peak = np.maximum(np.maximum.accumulate(np.concatenate([[0.0], gain]))[1:], 0.0) if gain.size else gain
    below = -(peak - gain) / (begin + peak) * 100
    values = np.concatenate([[0.0], gain, worth.balance])
    top.scales(_time(view), padded(float(values.min()), float(values.max())))
    bottom.scales(_time(view), (1.1 * min(-1e-3, float(below.min(initial=0.0))), 0.0))
    for area in chart.areas:
        _shade(area, view)
    top.y_numbers()
    bottom.y_numbers(3, " %")
    top.across(0.0)
    top.band(worth.ts, np.minimum(gain, 0.0), np.zeros(gain.size), "loss", opacity=0.18)
    top.band(worth.ts, np.zeros(gain.size), np.maximum(gain, 0.0), "gain", opacity=0.18)
    top.line(worth.ts, worth.balance, "muted", width=1.0, step=True)
    top.line(worth.ts, gain, "ink", width=1.5)
    bottom.band(worth.ts, below, np.zeros(below.size), "loss", opacity=0.35)
    top.label(text("run.gain.axis", currency=view.currency), up=25 if narrow else 7)
    bottom.label(text("figure.equity.drawdown"))
    keys = [Key("line", "ink", text("run.gain.marked")), Key("line", "muted", text("run.gain.realized"))]
    top.keys([*keys, *_state_keys(view, text)], left=narrow)
    _time_axis(bottom, view, narrow)
    return chart


def _state_keys(view: RunView, text: Text) -> list[Key]:
    seen = {item.state for item in view.story.states if not item.scope}
    return [Key("box", _STATES[name][0], text(f"run.state.{name}")) for name in _STATES if name in seen]


def draw_market(view: RunView, market: Market, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw the premium as a band, its reference as a line, and the trades."""
    chart = Chart(width, (150,), top=44 if narrow else 26)
    (area,) = chart.areas
    area.scales(_time(view), limits_of(np.vstack([market.low, market.high])))
    _shade(area, view, market.pair)
    area.y_numbers(4)
    area.band(market.ts, market.low, market.high, "train", opacity=0.4)
    if np.nanmax(np.abs(market.fair), initial=0.0) > 0:
        area.line(market.ts, market.fair, "ink", width=1.3)
    size = 8.0 if market.entry_ts.size <= 60 else 5.5
    area.entries(market.entry_ts, market.entry_bps, size)
    area.exits(market.exit_ts, market.exit_bps, size)
    # On a phone there is room for the venues alone.
    a, b = (leg.partition("/")[0] if narrow else leg for leg in view.legs[market.pair])
    area.label(text("run.market.axis", pair=market.pair, a=a, b=b), up=25 if narrow else 7)
    keys = [Key("up", "ink", text("run.market.entry")), Key("down", "ink", text("run.market.exit"))]
    area.keys(keys, left=narrow)
    _time_axis(area, view, narrow)
    return chart


class PeriodNumbers(NamedTuple):
    """PnL of closed trades and of failed orders per hour or day, and how many trades were closed in each."""

    start_ns: IntArray
    step_ns: int
    pnl: FloatArray
    trades: IntArray


def period_numbers(view: RunView) -> PeriodNumbers:
    """Return the PnL per UTC day, or per hour of a run of up to two days."""
    span = view.story.end_ns - view.story.start_ns
    step = DAY_NS if span > 2 * DAY_NS else HOUR_NS if span > 2 * HOUR_NS else HOUR_NS // 12
    first = view.story.start_ns // step
    bins = view.story.end_ns // step - first + 1
    stamps = view.closed["exit_ts"].cast(pl.Int64).to_numpy() // step - first
    earned = view.closed["pnl_usd"].to_numpy()
    pnl = np.bincount(stamps, earned, bins).astype(np.float64)
    for item in view.story.failures:
        pnl[item.at_ns // step - first] += item.usd
    counts: IntArray = np.bincount(stamps, minlength=bins).astype(np.int64)
    return PeriodNumbers((first + np.arange(bins)) * step, int(step), pnl, counts)


def draw_periods(view: RunView, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw a bar per hour or day: what was earned in it."""
    numbers = period_numbers(view)
    chart = Chart(width, (130,))
    (area,) = chart.areas
    ends = (float(numbers.start_ns[0]), float(numbers.start_ns[-1] + numbers.step_ns))
    area.scales(ends, padded(float(min(0.0, numbers.pnl.min())), float(max(0.0, numbers.pnl.max()))))
    area.y_numbers(4)
    zero, left = np.zeros(numbers.pnl.size), numbers.start_ns + 0.08 * numbers.step_ns
    right = numbers.start_ns + 0.92 * numbers.step_ns
    area.boxes(left, right, zero, np.maximum(numbers.pnl, 0.0), "gain")
    area.boxes(left, right, np.minimum(numbers.pnl, 0.0), zero, "loss")
    area.across(0.0)
    name = "day" if numbers.step_ns == DAY_NS else "hour" if numbers.step_ns == HOUR_NS else "minutes"
    area.label(text(f"run.periods.{name}", currency=view.currency))
    area.x_axis(time_ticks(int(ends[0]), int(ends[1]), 3 if narrow else 6))
    return chart


class Lane(NamedTuple):
    """A row of the time line: its name, its spans (start, end, colour), and moments marked on it."""

    name: str
    spans: list[tuple[int, int, str]]
    moments: list[int]


def lanes_of(view: RunView, text: Text) -> list[Lane]:
    """Return the rows of the time line: the process, the run, pairs with states of their own, venues."""
    story, colors = view.story, {"active": "gain", "reducing": "open", "halted": "loss"}
    ran = [(item.start_ns, item.end_ns, "train") for item in story.processes]
    lanes = [Lane(text("run.lanes.process"), ran, [])]
    for scope in ("", *view.legs):
        own = [item for item in story.states if item.scope == scope]
        spans = [(item.start_ns, item.end_ns, colors[item.state]) for item in own]
        if spans or not scope:
            lanes.append(Lane(scope or text("run.lanes.run"), spans, []))
    known = [*(item.venue for item in story.absences), *(item.venue for item in story.holes)]
    for venue in dict.fromkeys(known):
        away = [(item.start_ns, item.end_ns, "loss") for item in story.absences if item.venue == venue]
        lanes.append(Lane(venue, away, [item.at_ns for item in story.holes if item.venue == venue]))
    return lanes[:_MOST_LANES]


def draw_lanes(view: RunView, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw the rows of the time line under each other."""
    lanes = lanes_of(view, text)
    chart = Chart(width, (22 * len(lanes),), left=92 if narrow else 118, top=62 if narrow else 26)
    (area,) = chart.areas
    area.scales(_time(view), (0.0, float(len(lanes))))
    for k, lane in enumerate(reversed(lanes)):
        area.across(k + 0.5, "grid")
        _draw_spans(area, lane, k)
        if lane.moments:
            area.dots(np.array(lane.moments, np.float64), np.full(len(lane.moments), k + 0.5), "ink", 3.0)
        area.say(lane.name, area.x.low, k + 0.5, "e", dx=-6)
    words = (("gain", "active"), ("open", "reducing"), ("loss", "bad"))
    keys = [Key("box", color, text(f"run.lanes.{name}")) for color, name in words]
    if any(lane.moments for lane in lanes):
        keys.append(Key("dot", "ink", text("run.lanes.hole")))
    if narrow:
        area.keys(keys[:2], left=True, up=43)
        area.keys(keys[2:], left=True, up=25)
    else:
        area.keys(keys, left=True)
    _time_axis(area, view, narrow)
    return chart


def _draw_spans(area: Area, lane: Lane, k: int) -> None:
    # A short time is still to be seen.
    least = (area.x.high - area.x.low) / area.width * 1.5
    for color in dict.fromkeys(color for _, _, color in lane.spans):
        own = np.array([span[:2] for span in lane.spans if span[2] == color], np.float64)
        right = np.maximum(own[:, 1], own[:, 0] + least)
        low, high = np.full(len(own), k + 0.22), np.full(len(own), k + 0.78)
        quiet = color in ("gain", "train")
        area.boxes(own[:, 0], right, low, high, color, opacity=0.45 if quiet else 0.95)


def draw_naked(view: RunView, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw an upright line per decision: for how long something was open on one side alone."""
    outcomes = view.story.outcomes
    stamps = np.array([item.decided_ns for item in outcomes], np.float64)
    naked = np.array([item.worst_naked_s for item in outcomes])
    # Of many lines in a pixel the longest covers the others.
    span = max(1, view.story.end_ns - view.story.start_ns)
    column = ((stamps - view.story.start_ns) / span * 400).astype(np.int64)
    order = np.lexsort((-naked, column))
    kept = order[np.flatnonzero(np.diff(column[order], prepend=-1))]
    stamps, naked = stamps[kept], naked[kept]
    chart = Chart(width, (110,))
    (area,) = chart.areas
    high = max(float(naked.max(initial=0.0)), view.deadline_s) * 1.12
    area.scales(_time(view), (0.0, high))
    area.y_numbers(3, " s")
    half = (area.x.high - area.x.low) / area.width * 0.8
    for late, color in ((False, "train"), (True, "loss")):
        own = (naked > view.deadline_s) == late
        zero = np.zeros(int(own.sum()))
        area.boxes(stamps[own] - half, stamps[own] + half, zero, naked[own], color)
    area.across(view.deadline_s, "loss", width=1.0, dash="5 3")
    area.label(text("run.naked.axis"))
    _time_axis(area, view, narrow)
    return chart


def draw_latency(view: RunView, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw how long it took from a decision to the first fill, per leg, on a logarithmic axis."""
    samples = {leg: _fill_ms(view, leg) for leg in ("a", "b")}
    known = np.concatenate(list(samples.values()))
    # Fills at once, or before their row by the venue's coarser clock, stand where the axis begins.
    least = max(_LEAST_MS, float(np.median(known)) / 30 if known.size else 0.0)
    samples = {leg: np.maximum(values, least) for leg, values in samples.items()}
    known = np.maximum(known, least)
    low, high = (float(known.min()), float(known.max())) if known.size else (1.0, 10.0)
    edges = np.geomspace(low * 0.98, max(high, 2 * low) * 1.02, FILL_BINS)
    counts = {leg: np.histogram(values, edges)[0].astype(np.float64) for leg, values in samples.items()}
    chart = Chart(width, (130,), top=26)
    (area,) = chart.areas
    most = max(1.0, *(float(values.max(initial=0.0)) for values in counts.values()))
    area.scales((float(edges[0]), float(edges[-1])), (0.0, 1.08 * most), log_x=True)
    area.y_numbers(3, integer=True)
    for (_, values), color in zip(counts.items(), ("ab", "ba"), strict=True):
        area.boxes(edges[:-1], edges[1:], np.zeros(values.size), values, color, opacity=0.5)
    area.label(text("run.latency.axis"))
    area.keys(Key("box", color, text(f"run.leg.{leg}")) for leg, color in (("a", "ab"), ("b", "ba")))
    area.x_axis(log_ticks(area.x.low, area.x.high, 4 if narrow else 6))
    return chart


def _fill_ms(view: RunView, leg: str) -> FloatArray:
    stamps = [(getattr(item, leg).first_fill_ns, item.decided_ns) for item in view.story.outcomes]
    return np.array([(fill - decided) / 1e6 for fill, decided in stamps if fill], np.float64)
