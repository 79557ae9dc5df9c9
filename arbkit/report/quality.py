"""How good the input is: what can be said of the rows that a study ran on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.panel import Panel

__all__ = ["Quality", "quality_of"]


class Quality(NamedTuple):
    """Of one stretch of rows; shares are of its rows, 0 to 1, widths the medians over tradable rows.

    `longest_gap_ns` lies between two rows, `longest_dark_ns` between two tradable rows; `gaps` counts steps
    of more than ten times the median one. `crossed_*` are books whose bid is above their ask.
    """

    rows: int
    tradable: float
    missing_a: float
    missing_b: float
    crossed_a: float
    crossed_b: float
    repeated_stamps: float
    step_ns: float
    gaps: int
    longest_gap_ns: int
    longest_gap_at_ns: int
    longest_dark_ns: int
    longest_dark_at_ns: int
    width_a_bps: float
    width_b_bps: float
    largest_move_bps: float


def quality_of(panel: Panel) -> Quality:
    """Measure the rows of a panel."""
    steps = np.diff(panel.ts)
    median = float(np.median(steps)) if steps.size else 0.0
    gap, gap_at = _longest(panel.ts)
    dark, dark_at = _longest(panel.ts[panel.tradable])
    with np.errstate(all="ignore"):
        mid = (panel.bid_a + panel.ask_a) / (panel.bid_b + panel.ask_b)
        moves = np.abs(np.diff(np.log(mid[panel.tradable]))) * 1e4
    return Quality(
        rows=len(panel),
        tradable=_share(panel.tradable),
        missing_a=_share(np.isnan(panel.bid_a) | np.isnan(panel.ask_a)),
        missing_b=_share(np.isnan(panel.bid_b) | np.isnan(panel.ask_b)),
        crossed_a=_share(panel.bid_a > panel.ask_a),
        crossed_b=_share(panel.bid_b > panel.ask_b),
        repeated_stamps=_share(steps == 0),
        step_ns=median,
        gaps=int((steps > 10 * median).sum()) if median > 0 else 0,
        longest_gap_ns=gap,
        longest_gap_at_ns=gap_at,
        longest_dark_ns=dark,
        longest_dark_at_ns=dark_at,
        width_a_bps=_width(panel.bid_a, panel.ask_a, panel.tradable),
        width_b_bps=_width(panel.bid_b, panel.ask_b, panel.tradable),
        largest_move_bps=float(moves.max()) if moves.size else float("nan"),
    )


def _share(mask: BoolArray) -> float:
    return float(np.mean(mask)) if mask.size else 0.0


def _longest(ts: IntArray) -> tuple[int, int]:
    """Return the longest step, and where it begins."""
    steps = np.diff(ts)
    if not steps.size:
        return 0, int(ts[0]) if ts.size else 0
    at = int(steps.argmax())
    return int(steps[at]), int(ts[at])


def _width(bid: FloatArray, ask: FloatArray, tradable: BoolArray) -> float:
    if not tradable.any():
        return float("nan")
    with np.errstate(all="ignore"):
        width = (ask - bid) / (ask + bid) * 2e4
    return float(np.median(width[tradable]))
