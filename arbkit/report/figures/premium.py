"""The premium with the reference it is measured from, the levels of entry and exit, and the trades."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels.decimate import envelope
from arbkit.panel import Panel
from arbkit.report.figures.chart import Chart, Key
from arbkit.report.figures.scale import padded, time_ticks
from arbkit.report.figures.spread import allowed_sides
from arbkit.report.text import Text
from arbkit.report.view import Segment, StudyView

__all__ = ["PremiumNumbers", "draw_premium", "premium_numbers"]

_BUCKETS: Final = 420
_FEW_TRADES: Final = 100


class PremiumNumbers(NamedTuple):
    """Per stretch of time: lowest and highest premium and the reference, bps, float64 (b,).

    The premium is the mid of A over the mid of B, minus one; the reference is the fair one. `levels` are the
    lines of entry and exit, reference and threshold added up: name -> float64 (b,). A book has a width, so
    the mid stands a little off its line when a threshold is reached. Trades are marked at the premium of the
    rows on which they were decided.
    """

    ts: IntArray
    low: FloatArray
    high: FloatArray
    reference: FloatArray
    levels: dict[str, FloatArray]
    entry_ts: IntArray
    entry_bps: FloatArray
    exit_ts: IntArray
    exit_bps: FloatArray
    start_ns: int
    cut_ns: int
    end_ns: int


def premium_numbers(view: StudyView, buckets: int = _BUCKETS) -> PremiumNumbers:
    """Return the premium over train and test time in `buckets` columns; no spike is lost."""
    start, end = view.train.panel.start_ns, view.test.panel.end_ns
    width = max(1, -(-(end - start + 1) // buckets))
    parts = (view.train, view.test)
    bands = [_envelope(part.panel, part.premium_bps, start, width, buckets) for part in parts]
    fairs = [_envelope(part.panel, _reference(part.panel), start, width, buckets) for part in parts]
    low, high = np.fmin(bands[0][0], bands[1][0]), np.fmax(bands[0][1], bands[1][1])
    fair = np.fmin(fairs[0][0], fairs[1][0]) / 2 + np.fmax(fairs[0][1], fairs[1][1]) / 2
    marks = [_marks(part) for part in parts]
    entry_ts, entry, exit_ts, leave = (np.concatenate([mark[k] for mark in marks]) for k in range(4))
    return PremiumNumbers(
        ts=start + width * np.arange(buckets, dtype=np.int64) + width // 2,
        low=low,
        high=high,
        reference=fair,
        levels=_level_lines(view, fair),
        entry_ts=entry_ts.astype(np.int64),
        entry_bps=entry,
        exit_ts=exit_ts.astype(np.int64),
        exit_bps=leave,
        start_ns=start,
        cut_ns=view.test.panel.start_ns,
        end_ns=end,
    )


def _reference(panel: Panel) -> FloatArray:
    return np.zeros(len(panel)) if panel.fair is None else (panel.fair - 1) * 1e4


def _envelope(panel: Panel, values: FloatArray, start: int, width: int, buckets: int) -> FloatArray:
    return envelope(panel.ts, np.ascontiguousarray(values), start, width, buckets)


def _level_lines(view: StudyView, fair: FloatArray) -> dict[str, FloatArray]:
    """Buying A pays where the premium is low, buying B where it is high."""
    params = view.params
    enter = params.min_spread_bps + params.cost_bps
    found = {}
    for side in allowed_sides(view):
        sign = -1.0 if side == "ab" else 1.0
        found[f"entry_{side}"] = fair + sign * enter
        if params.close_on_spread_reversal:
            found[f"exit_{side}"] = fair + sign * params.exit_spread_bps
    return found


def _marks(part: Segment) -> tuple[IntArray, FloatArray, IntArray, FloatArray]:
    records, panel = part.result.records, part.panel
    premium = part.premium_bps
    closed = records["exit_index"] >= 0
    into, out = records["entry_index"], records["exit_index"][closed]
    return panel.ts[into], premium[into], panel.ts[out], premium[out]


def draw_premium(numbers: PremiumNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw the premium as a band, its reference as a line, the levels around it, and the trades."""
    chart = Chart(width, (220,), top=44 if narrow else 26)
    (area,) = chart.areas
    lines = [numbers.low, numbers.high, numbers.reference, *numbers.levels.values()]
    seen = np.concatenate(lines)
    seen = seen[np.isfinite(seen)]
    limits = padded(float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    area.scales((float(numbers.start_ns), float(numbers.end_ns)), limits)
    area.y_numbers()
    area.band(numbers.ts, numbers.low, numbers.high, "train", opacity=0.4)
    for name, values in numbers.levels.items():
        enters = name.startswith("entry")
        area.line(numbers.ts, values, "gain" if enters else "loss", width=1.1, dash="" if enters else "5 3")
    area.line(numbers.ts, numbers.reference, "ink", width=1.4)
    area.upright(float(numbers.cut_ns))
    size = 8.0 if numbers.entry_ts.size <= _FEW_TRADES else 5.0
    area.entries(numbers.entry_ts, numbers.entry_bps, size)
    area.exits(numbers.exit_ts, numbers.exit_bps, size)
    area.label(text("figure.premium.axis"), up=25 if narrow else 7)
    keys = [
        Key("box", "train", text("figure.premium.premium")),
        Key("line", "ink", text("figure.premium.reference")),
        Key("line", "gain", text("figure.premium.entry")),
        Key("line", "loss", text("figure.premium.exit")),
    ]
    area.keys(keys, left=narrow)
    area.x_axis(time_ticks(numbers.start_ns, numbers.end_ns, 4 if narrow else 8))
    return chart
