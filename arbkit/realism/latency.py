"""How much of the edge is left when orders arrive late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.kernels.opportunities import rows_after
from arbkit.panel import Panel
from arbkit.realism import _words as words
from arbkit.realism._runs import (
    check_inputs,
    checked_numbers,
    find,
    pair_of,
    run_many,
    signal_on,
    without_latency,
)
from arbkit.realism.result import Check, Progress
from arbkit.units import ms_to_ns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DEFAULT_LATENCIES_MS", "LatencyCurve", "edge_vs_latency"]

DEFAULT_LATENCIES_MS: Final = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_LONGEST_MS: Final = 9e12
_NULLABLE: Final = (
    "waited_ms",
    "there_pct",
    "left_low_bps",
    "left_median_bps",
    "left_high_bps",
    "entries_there_pct",
)


@dataclass(frozen=True, kw_only=True)
class LatencyCurve(Check):
    """Opportunities, their spread and PnL against the delay between decision and fill.

    `frame` has one row per latency: `latency_ms`; `waited_ms`, the median time to the row that orders are
    filled on; `opportunities` with such a row, and `there_pct` of them that still reach the threshold on it;
    `left_low_bps`, `left_median_bps`, `left_high_bps`, the
    quartiles of what is left above the cost of one crossing; `entries` of a run without latency, and
    `entries_there_pct`; `mtm_pnl_usd`, `total_trades` and `abandoned_entries` of a run with that latency.

    Attributes:
        threshold_bps: what an entry needs above cost.
        step_ms: median time between two tradable rows: no shorter latency can be told from it; 0 where there
            are not two.
    """

    threshold_bps: float
    step_ms: float

    def plot(self) -> Figure:
        """Draw the share still there, the spread left and the PnL, one below the other."""
        from arbkit.realism._draw import duration_axis
        from arbkit.show.look import AB, BA, GAIN, GREY, INK, sheet

        ms = self.frame["latency_ms"].to_numpy()
        with sheet(self.finding, 3, height=8.2) as made:
            share, left, pnl = made.axes
            share.plot(ms, self.frame["there_pct"], "o-", color=AB, label="opportunities")
            share.plot(ms, self.frame["entries_there_pct"], "s--", color=BA, label="entry decisions")
            share.set(ylim=(-4, 104), ylabel="still there, %", title=f"{self.pair}: share still there")
            share.legend(loc="upper right")
            left.fill_between(
                ms, self.frame["left_low_bps"], self.frame["left_high_bps"],
                color=AB, alpha=0.18, lw=0, label="middle half",
            )  # fmt: skip
            left.plot(ms, self.frame["left_median_bps"], "o-", color=AB, label="median")
            left.axhline(self.threshold_bps, color=INK, lw=1, ls=":", label="entry threshold")
            left.set(ylabel="left after cost, bps", title="Spread left when the order arrives")
            left.legend(loc="upper right")
            pnl.axhline(0, color=GREY, lw=1)
            pnl.plot(ms, self.frame["mtm_pnl_usd"], "o-", color=GAIN)
            pnl.set(
                ylabel=f"PnL, {self.currency}", xlabel="latency of both legs",
                title="PnL of the strategy, marked to market",
            )  # fmt: skip
            first = ms[ms > 0].min() if (ms > 0).any() else 1.0
            if self.step_ms > first:
                for ax in made.axes:
                    ax.axvspan(0, min(self.step_ms, ms.max()), color=GREY, alpha=0.13, lw=0, zorder=0)
                share.annotate(
                    "shorter than the time between two rows: all filled on the next one",
                    (0.1, 0.5), xycoords="axes fraction", fontsize=8.5,
                )  # fmt: skip
            for ax in made.axes:
                ax.set_xscale("symlog", linthresh=first, linscale=0.4)
                ax.set_xlim(-first * 0.15, max(ms.max() * 1.3, first))
                duration_axis(ax.xaxis)
                ax.set_xticks(_ticks(ms))
        return made.figure


def _ticks(ms: Any) -> list[float]:
    decades = [10.0**k for k in range(-3, 14)]
    inside = [tick for tick in decades if ms[ms > 0].min(initial=np.inf) <= tick <= ms.max()]
    return [0.0, *inside]


def edge_vs_latency(
    panel: Panel,
    params: Params,
    *,
    latencies_ms: Iterable[float] = DEFAULT_LATENCIES_MS,
    progress: Progress | None = None,
) -> LatencyCurve:
    """Measure how many opportunities, how much spread and how much PnL survive a delay of both legs.

    An opportunity is a maximal run of tradable rows that reach the entry threshold, as the metric
    `excursions` counts them. It is still there after N ms when the first tradable row at least N ms after its
    first one reaches the threshold too: the row on which an order would be filled. Opportunities without such
    a row, at the end of the data, are left out of that latency.

    Args:
        panel: the market.
        params: the strategy; its own latency is replaced.
        latencies_ms: delays to look at, at least 0; 0 is always added, to compare with.
        progress: called with the runs done and all of them.

    Raises:
        ConfigError: for a latency that is not finite or below 0, or parameters that this panel cannot
            simulate.
    """
    import polars as pl

    check_inputs(panel, params)
    latencies = checked_numbers("latencies_ms", latencies_ms, low=0.0, high=_LONGEST_MS)
    latencies = sorted({0.0, *latencies})
    found = find(panel, params)
    trades = backtest(panel, without_latency(params)).records
    runs = run_many(panel, [without_latency(params, ms) for ms in latencies], progress)
    rows = []
    for ms in latencies:
        left, waited = _left(panel, params, found.first, found.side, ms)
        kept, _ = _left(panel, params, trades["entry_index"], trades["side"], ms)
        low, median, high = _quartiles(left)
        rows.append(
            {
                "latency_ms": ms,
                "waited_ms": waited,
                "opportunities": left.size,
                "there_pct": _share(left, params.min_spread_bps),
                "left_low_bps": low,
                "left_median_bps": median,
                "left_high_bps": high,
                "entries": kept.size,
                "entries_there_pct": _share(kept, params.min_spread_bps),
            }
        )
    frame = pl.DataFrame(rows, infer_schema_length=None).cast(dict.fromkeys(_NULLABLE, pl.Float64))
    frame = frame.hstack(runs.select("mtm_pnl_usd", "total_trades", "abandoned_entries"))
    times = panel.ts[panel.tradable]
    step_ms = float(np.median(np.diff(times))) / 1e6 if times.size > 1 else 0.0
    return LatencyCurve(
        frame=frame,
        finding=_finding(frame, found.first.size, panel.meta.currency),
        notes=_notes(panel, step_ms, latencies),
        pair=pair_of(panel),
        currency=panel.meta.currency,
        threshold_bps=params.min_spread_bps,
        step_ms=step_ms,
    )


def _left(
    panel: Panel, params: Params, rows: IntArray, side: IntArray, ms: float
) -> tuple[FloatArray, float | None]:
    """Return what is above cost when an order arrives, bps, and the median wait until then, ms.

    Rows without a row that late are left out. Where the fair ratio is not known then, nothing is left: the
    signal is NaN and counts as gone.
    """
    later = rows_after(panel.ts, panel.tradable, np.ascontiguousarray(rows), ms_to_ns(ms))
    there = later >= 0
    waits = panel.ts[later[there]] - panel.ts[rows[there]]
    left = signal_on(panel, later[there], side[there]) - params.cost_bps
    return left, float(np.median(waits)) / 1e6 if waits.size else None


def _share(left: FloatArray, level: float) -> float | None:
    return 100.0 * float((left >= level).mean()) if left.size else None


def _quartiles(left: FloatArray) -> tuple[float | None, float | None, float | None]:
    known = left[~np.isnan(left)]
    if not known.size:
        return None, None, None
    low, median, high = (float(value) for value in np.percentile(known, (25, 50, 75)))
    return low, median, high


def _finding(frame: Any, found: int, currency: str) -> str:
    if not found:
        return "There is no opportunity on this panel: the threshold is never reached after costs."
    judged = frame.filter((frame["latency_ms"] > 0) & frame["there_pct"].is_not_null())
    number = words.count(found, "opportunity", "opportunities")
    gone = judged.filter(judged["there_pct"] < 50)
    if not judged.height:
        text = f"{number}, and no row later to tell what is left"
    elif gone.height:
        row = gone.row(0, named=True)
        share, after = words.percent(row["there_pct"] / 100), words.duration(row["waited_ms"])
        text = f"{share} of {number} are still there after {after}"
    else:
        row = judged.row(-1, named=True)
        text = (
            f"{words.percent(row['there_pct'] / 100)} of {number} outlast {words.duration(row['waited_ms'])}"
        )
    return f"{text}; {_pnl_text(frame, currency)}."


def _pnl_text(frame: Any, currency: str) -> str:
    start = frame["mtm_pnl_usd"][0]
    begin = f"PnL is {words.money(start, currency, plus=True)} without latency"
    if frame.height == 1:
        return begin
    if start <= 0:
        return f"{begin}, so there is no profit to lose"
    lost = frame.filter(frame["mtm_pnl_usd"] <= 0)
    row = (lost if lost.height else frame.tail(1)).row(0, named=True)
    pnl, after = (
        words.money(row["mtm_pnl_usd"], currency, plus=True),
        words.duration(row["waited_ms"] or row["latency_ms"]),
    )
    return f"{begin} and {pnl} when filled {after} late"


def _notes(panel: Panel, step_ms: float, latencies: list[float]) -> tuple[str, ...]:
    notes = []
    if any(0 < ms < step_ms for ms in latencies):
        notes.append(
            f"Rows lie {words.duration(step_ms)} apart (median): shorter latencies cannot be told apart, "
            "each waits for the next row."
        )
    if panel.meta.fidelity == "candle":
        notes.append("Prices are candle closes: nothing is known of the time between two of them.")
    return tuple(notes)
