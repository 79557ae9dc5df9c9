"""What trades earned by direction, hour, kind of day and way out; and those open at the end."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray
from arbkit.report.capital import days_of_week
from arbkit.report.view import Segment

__all__ = ["KST_H", "Group", "OpenTrade", "by_day", "by_exit", "by_hour", "by_side", "open_trades"]

#: Korea is so many hours ahead of UTC, all year.
KST_H: Final = 9
_END: Final = "end_of_data"


class Group(NamedTuple):
    """Some closed trades: how many, what they made in all and on average, the share that won, and how many
    days of the stretch the group covers."""

    trades: int
    pnl: float
    mean_bps: float
    won: float
    days: float


class OpenTrade(NamedTuple):
    """One trade that was open when a stretch ended: its age in seconds and its mark then."""

    segment: str
    side: str
    entry_ts: int
    age_s: float
    notional: float
    mark: float
    mark_bps: float
    worst_bps: float | None


def _group(frame: pl.DataFrame, days: float) -> Group:
    if frame.is_empty():
        return Group(0, 0.0, float("nan"), float("nan"), days)
    pnl = frame["pnl_usd"].to_numpy()
    mean = float(np.mean(frame["pnl_bps"].to_numpy()))
    return Group(len(frame), float(pnl.sum()), mean, float((pnl > 0).mean()), days)


def by_side(part: Segment) -> dict[str, Group]:
    """Return the closed trades by direction: "ab" buys A and sells B, "ba" the reverse."""
    names = {"ab": "LONG_A_SHORT_B", "ba": "LONG_B_SHORT_A"}
    return {key: _group(part.closed.filter(pl.col("side") == side), part.days) for key, side in names.items()}


def by_exit(part: Segment) -> dict[str, Group]:
    """Return the closed trades by the reason of their exit, the most frequent first."""
    counts = part.closed.group_by("exit_reason").len().sort("len", "exit_reason", descending=[True, False])
    return {
        reason: _group(part.closed.filter(pl.col("exit_reason") == reason), part.days)
        for reason in counts["exit_reason"].to_list()
    }


def by_day(part: Segment, offset_h: float = 0.0) -> dict[str, Group]:
    """Return the closed trades entered on a weekday and at a weekend.

    Args:
        part: the stretch.
        offset_h: of the clock that counts the days, hours ahead of UTC.
    """
    local = pl.col("entry_ts") + pl.duration(minutes=round(60 * offset_h))
    weekend = local.dt.weekday() >= 6
    weekdays, weekends = days_of_week(part, offset_h)
    return {
        "weekday": _group(part.closed.filter(~weekend), weekdays),
        "weekend": _group(part.closed.filter(weekend), weekends),
    }


def by_hour(part: Segment) -> tuple[FloatArray, FloatArray]:
    """Return number and PnL of the closed trades by the UTC hour of their entry, float64 (24,) each."""
    hours = part.closed["entry_ts"].dt.hour().to_numpy().astype(np.int64)
    number = np.bincount(hours, minlength=24).astype(np.float64)
    pnl: FloatArray = np.bincount(hours, part.closed["pnl_usd"].to_numpy(), minlength=24).astype(np.float64)
    return number, pnl


def open_trades(name: str, part: Segment) -> tuple[OpenTrade, ...]:
    """Return the trades that the end of a stretch found open, the oldest first.

    The search closes them at its last row, at the prices of that row: their result is their mark.
    """
    open_ones = pl.col("is_open") | (pl.col("exit_reason") == _END)
    frame = part.trades.filter(open_ones.fill_null(value=True)).sort("entry_ts")
    end = part.panel.end_ns
    return tuple(
        OpenTrade(
            segment=name,
            side="ab" if row["side"] == "LONG_A_SHORT_B" else "ba",
            entry_ts=row["ns"],
            age_s=(end - row["ns"]) / 1e9,
            notional=row["notional_usd"],
            mark=row["pnl_usd"],
            mark_bps=row["pnl_bps"],
            worst_bps=row["mae_bps"],
        )
        for row in frame.with_columns(ns=pl.col("entry_ts").cast(pl.Int64)).iter_rows(named=True)
    )
