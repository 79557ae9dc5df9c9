"""A live run as a picture: premium with trades and trading states, what it was worth, how its orders went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels.decimate import envelope
from arbkit.show import count, percent, period, signed
from arbkit.show.look import AB, BA, GAIN, GREY, INK, LOSS, as_times, stacked, step_axis, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from arbkit.live.result import RunResult

__all__ = ["BUCKETS", "draw_run", "limits_of", "premium_band", "premium_of", "traded_most"]

#: Columns of the premium: each from the lowest to the highest of its time.
BUCKETS: Final = 700
_MOST_PAIRS: Final = 3
_FEW: Final = 150
_AT_ONCE_MS: Final = 0.01
_AMBER: Final = "#B45309"
_STATES: Final = {"reducing": _AMBER, "halted": LOSS}


def premium_of(rows: RecordArray) -> FloatArray:
    """Return the mid of A over the mid of B, bps, float64 (n,); NaN where a row was not tradable."""
    a, b = (rows[f"bid_{leg}"] + rows[f"ask_{leg}"] for leg in "ab")
    tradable = np.logical_and.reduce([(rows[f"bid_{leg}"] > 0) & (rows[f"ask_{leg}"] > 0) for leg in "ab"])
    with np.errstate(all="ignore"):
        premium: FloatArray = np.where(tradable, (a / b - 1) * 1e4, np.nan)
    return premium


def premium_band(rows: RecordArray, start_ns: int, end_ns: int, buckets: int) -> tuple[IntArray, FloatArray]:
    """Return the middles of equal stretches of time, and the premium's lowest and highest, float64 (2, n)."""
    width = max(1, -(-(end_ns - start_ns + 1) // buckets))
    ts = np.ascontiguousarray(rows["ts"])
    band = envelope(ts, np.ascontiguousarray(premium_of(rows)), start_ns, width, buckets)
    middles: IntArray = start_ns + width * np.arange(buckets, dtype=np.int64) + width // 2
    return middles, band


def limits_of(band: FloatArray) -> tuple[float, float]:
    """Return what a picture of a band shows: all of it, or all but values far beyond the rest."""
    lows, highs = (values[np.isfinite(values)] for values in band)
    if not lows.size:
        return -1.0, 1.0
    low, high = float(np.quantile(lows, 0.01)), float(np.quantile(highs, 0.99))
    room = max(high - low, 1e-6)
    low, high = max(float(lows.min()), low - room), min(float(highs.max()), high + room)
    return low - 0.08 * room, high + 0.08 * room


def traded_most(run: RunResult, most: int) -> list[str]:
    """Return so many pairs, those with the most trades, in the run's order."""
    counts = {pair: len(run.trade_records(pair)) for pair in run.pairs}
    kept = sorted(run.pairs, key=lambda pair: -counts[pair])[:most]
    return [pair for pair in run.pairs if pair in kept]


def draw_run(run: RunResult) -> Figure:
    """Draw a run; see `RunResult.plot`."""
    story, worth, pairs = run.story, run.worth, traded_most(run, _MOST_PAIRS)
    naked = np.array([item.worst_naked_s for item in story.outcomes])
    heights = [1.7 if len(pairs) == 1 else 1.25] * len(pairs) + [1.7] + ([1.0, 1.2] if naked.size else [])
    said = (
        f"{signed(worth.gain[-1] if worth.ts.size else 0.0)} {run.currency}, {count(len(run.trades))} trades"
    )
    title = f"{run.name}, {run.mode}: {said}\n{period(story.start_ns, story.end_ns)}"
    with stacked(title, heights, share_x=False) as (figure, axes):
        through = axes[: len(pairs) + 1 + bool(naked.size)]
        for ax, pair in zip(axes, pairs, strict=False):
            _draw_premium(ax, run, pair)
        _draw_worth(axes[len(pairs)], run)
        if naked.size:
            _draw_naked(axes[-2], run, naked)
            _draw_latency(axes[-1], run)
        limits = as_times(np.array([story.start_ns, max(story.end_ns, story.start_ns + 1)]))
        for ax in through:
            ax.set_xlim(*limits)
            ax.tick_params(labelbottom=ax is through[-1])
            time_axis(ax)
            if ax is not through[-1]:
                ax.xaxis.get_offset_text().set_visible(False)
            _shade(ax, run, pairs[0] if len(run.pairs) == 1 else "")
    return figure


def _shade(ax: Axes, run: RunResult, pair: str) -> None:
    for item in run.story.states:
        if item.state in _STATES and item.scope in ("", pair):
            ends = as_times(np.array([item.start_ns, item.end_ns]))
            ax.axvspan(*ends, color=_STATES[item.state], alpha=0.16, lw=0, zorder=0)


def _draw_premium(ax: Axes, run: RunResult, pair: str) -> None:
    story, rows, trades = run.story, run.tape(pair), run.trade_records(pair)
    ts, band = premium_band(rows, story.start_ns, story.end_ns, BUCKETS)
    times = as_times(ts)
    ax.fill_between(times, band[0], band[1], color=GREY, alpha=0.45, lw=0.6)
    fair = (rows["fair"] - 1) * 1e4
    if rows.size and np.nanmax(np.abs(fair), initial=0.0) > 0:
        thin = slice(None, None, max(1, rows.size // BUCKETS))
        ax.plot(as_times(np.ascontiguousarray(rows["ts"][thin])), fair[thin], color=INK, lw=0.9)
    premium, size = premium_of(rows), 5.5 if trades.size <= _FEW else 3.5
    closed = trades[trades["exit_index"] >= 0]
    for side, color in enumerate((AB, BA)):
        own = trades[trades["side"] == side]
        _marks(ax, rows, premium, own["entry_ts"], "^", {"color": color, "ms": size})
    for won, color in ((True, GAIN), (False, LOSS)):
        own = closed[(closed["pnl_usd"] >= 0) == won]
        _marks(ax, rows, premium, own["exit_ts"], "x", {"color": color, "ms": size - 1, "mew": 1.2})
    _cut(ax, times, band)
    ax.set_title(
        f"{pair}: premium of A over B, bps; triangle: entered, cross: left; shaded: entering nothing"
    )
    step_axis(ax.yaxis)


def _cut(ax: Axes, times: Any, band: FloatArray) -> None:
    """End the picture where all but the rarest values end, and mark at its edge what lies beyond."""
    low, high = limits_of(band)
    ax.set_ylim(low, high)
    for values, edge, shape, at in ((band[1], high, "^", band[1] > high), (band[0], low, "v", band[0] < low)):
        if values[at].size:
            ax.plot(times[at], np.full(int(at.sum()), edge), shape, color=GREY, ms=5, clip_on=False)


def _marks(ax: Axes, rows: RecordArray, premium: FloatArray, stamps: IntArray, shape: str, look: Any) -> None:
    if stamps.size:
        at = np.clip(np.searchsorted(rows["ts"], stamps), 0, rows.size - 1)
        ax.plot(as_times(np.ascontiguousarray(stamps)), premium[at], shape, mec=look["color"], **look)


def _draw_worth(ax: Axes, run: RunResult) -> None:
    worth = run.worth
    times = as_times(worth.ts)
    ax.fill_between(times, worth.gain, color=AB, alpha=0.22, lw=0)
    ax.plot(times, worth.balance, color=GREY, lw=0.9, drawstyle="steps-post")
    ax.plot(times, worth.gain, color=INK, lw=1.2)
    ax.axhline(0, color=GREY, lw=0.7)
    ax.set_title(f"gain, {run.currency}: open trades marked; thin: realised")
    step_axis(ax.yaxis)


def _draw_naked(ax: Axes, run: RunResult, naked: FloatArray) -> None:
    deadline = run.deadline_s
    stamps = np.array([item.decided_ns for item in run.story.outcomes], np.int64)
    late = naked > deadline
    for kept, color in ((~late, GREY), (late, LOSS)):
        ax.vlines(as_times(stamps[kept]), 0, naked[kept], color=color, lw=1.1)
    ax.axhline(deadline, color=LOSS, lw=0.9, ls=(0, (5, 4)))
    ax.set_ylim(0, max(1.15 * float(naked.max()), 1e-3))
    ax.set_title(
        f"open on one side alone, s, per decision; dashed: the deadline ({percent(100 * late.mean())} later)"
    )
    step_axis(ax.yaxis, " s")


def _draw_latency(ax: Axes, run: RunResult) -> None:
    from matplotlib.ticker import FuncFormatter

    samples = {leg: run.fill_ms(leg) for leg in ("a", "b")}
    known = np.concatenate(list(samples.values()))
    ax.set_title("from the row of the decision to the first fill, ms")
    if not known.size:
        return
    # Without any delay, as on paper, a fill is drawn where the axis begins.
    least = max(_AT_ONCE_MS, float(known.min()))
    edges = np.geomspace(least * 0.98, max(float(known.max()), 2 * least) * 1.02, 60)
    for (leg, values), color in zip(samples.items(), (AB, BA), strict=True):
        middle = f", median {np.median(values):,.0f} ms" if values.size else ""
        look: Any = {"histtype": "stepfilled", "color": color, "alpha": 0.45}
        ax.hist(np.maximum(values, least), edges.tolist(), label=f"leg {leg.upper()}{middle}", **look)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    ax.legend(loc="upper right", ncols=2)
