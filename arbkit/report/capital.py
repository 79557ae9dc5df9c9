"""What the money that trades really tie up has earned, beside what it would have earned elsewhere."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.report.view import Segment
from arbkit.units import DAY_NS

__all__ = ["Capital", "capital_of"]

_YEAR_DAYS: Final = 365.0


class Capital(NamedTuple):
    """Money tied up by both legs of the open trades, in the account currency.

    `peak` is the most at any time: what has to lie ready on the two venues. `mean` is over all time, idle
    time included. Rates are per year, per cent; NaN where they cannot be computed. `hurdle_usd` is what
    `peak` would have earned at the hurdle rate in the same time, `excess_usd` what was earned beyond it.
    """

    peak: float
    mean: float
    pnl: float
    on_balance_pct: float
    on_peak_pct: float
    on_mean_pct: float
    hurdle_pct: float
    hurdle_usd: float
    excess_usd: float


def capital_of(part: Segment, hurdle_pct: float) -> Capital:
    """Measure the money tied up on a stretch of time.

    A long leg ties up its notional. A short leg ties up as much as collateral, or its notional over
    `leverage_b` where the parameters have one and the leg is at B.

    Args:
        part: the stretch and its trades.
        hurdle_pct: what money earns elsewhere, per cent a year.
    """
    params = part.result.params
    share = 1.0 if params.leverage_b is None else 1.0 / params.leverage_b
    frame = part.trades
    tied = frame["notional_usd"].to_numpy() * (1.0 + share)
    entry = frame["entry_ts"].cast(pl.Int64).to_numpy()
    leave = frame["exit_ts"].cast(pl.Int64).fill_null(part.panel.end_ns).to_numpy()
    peak, mean = _peak(entry, leave, tied), _mean(entry, leave, tied, part)
    pnl = part.result.metrics.mtm_pnl_usd
    years = part.days / _YEAR_DAYS
    hurdle = hurdle_pct / 100 * peak * years
    return Capital(
        peak=peak,
        mean=mean,
        pnl=pnl,
        on_balance_pct=_rate(pnl, params.initial_balance_usd, years),
        on_peak_pct=_rate(pnl, peak, years),
        on_mean_pct=_rate(pnl, mean, years),
        hurdle_pct=hurdle_pct,
        hurdle_usd=hurdle,
        excess_usd=pnl - hurdle,
    )


def _peak(entry: IntArray, leave: IntArray, tied: FloatArray) -> float:
    """Return the most that is tied up at once; what is freed at an instant can be used at it."""
    if not tied.size:
        return 0.0
    times = np.concatenate([leave, entry])
    change = np.concatenate([-tied, tied])
    order = np.argsort(times, kind="stable")
    return float(np.cumsum(change[order]).max())


def _mean(entry: IntArray, leave: IntArray, tied: FloatArray, part: Segment) -> float:
    span = part.panel.end_ns - part.panel.start_ns
    return float((tied * (leave - entry)).sum() / span) if span > 0 else 0.0


def _rate(pnl: float, money: float, years: float) -> float:
    return 100 * pnl / money / years if money > 0 and years > 0 else float("nan")


def days_of_week(part: Segment, offset_h: float = 0.0) -> tuple[float, float]:
    """Return how many days of a stretch were Monday to Friday, and how many Saturday or Sunday.

    Args:
        part: the stretch.
        offset_h: of the clock that counts the days, hours ahead of UTC.
    """
    shift = round(offset_h * 3_600e9)
    start, end = part.panel.start_ns + shift, part.panel.end_ns + shift
    edges = np.arange(start // DAY_NS, end // DAY_NS + 2) * DAY_NS
    inside = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None)
    weekend = (edges[:-1] // DAY_NS + 3) % 7 >= 5
    return float(inside[~weekend].sum() / DAY_NS), float(inside[weekend].sum() / DAY_NS)
