"""What several studies gained out of sample, on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.report.figures.chart import Chart, Key
from arbkit.report.figures.equity import equity_numbers
from arbkit.report.figures.scale import padded, time_ticks
from arbkit.report.text import Text
from arbkit.report.view import StudyView

__all__ = ["VersusNumbers", "draw_versus", "versus_numbers"]

_COLORS: Final = ("test", "ba", "gain", "loss")


class VersusNumbers(NamedTuple):
    """Per study its name, times and gains since out of sample began, thinned so that extremes are kept."""

    names: tuple[str, ...]
    ts: tuple[IntArray, ...]
    gain: tuple[FloatArray, ...]


def versus_numbers(views: Sequence[StudyView]) -> VersusNumbers:
    """Return the gains out of sample of some studies."""
    curves = [equity_numbers(view).test for view in views]
    return VersusNumbers(
        tuple(view.name for view in views),
        tuple(curve.ts for curve in curves),
        tuple(curve.gain for curve in curves),
    )


def draw_versus(numbers: VersusNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw one line per study."""
    chart = Chart(width, (200 if narrow else 240,), top=44 if narrow else 26)
    (area,) = chart.areas
    times, gains = np.concatenate(numbers.ts), np.concatenate([[0.0], *numbers.gain])
    start, end = (int(times.min()), int(times.max())) if times.size else (0, 1)
    limits = padded(float(gains.min()), float(gains.max()))
    area.scales((float(start), float(max(end, start + 1))), limits)
    area.y_numbers()
    area.across(0.0)
    for color, ts, gain in zip(_COLORS, numbers.ts, numbers.gain, strict=False):
        area.line(ts, gain, color, width=1.6)
    area.label(text("compare.equity_axis"), up=25 if narrow else 7)
    keys = [Key("line", color, name) for color, name in zip(_COLORS, numbers.names, strict=False)]
    area.keys(keys, left=narrow)
    area.x_axis(time_ticks(start, end, 4 if narrow else 8))
    return chart
