"""A run as a picture: spread with trades, gain, drawdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit.engine.result import BacktestResult
from arbkit.engine.views import curve_view, trade_view
from arbkit.panel.picture import draw_signals
from arbkit.panel.views import stretch_of
from arbkit.show import measures_of, period
from arbkit.show.look import AB, BA, GAIN, GREY, INK, LOSS, as_times, stacked, step_axis, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_result"]

_PIXELS: Final = 900
_MARKS: Final = 400


def draw_result(result: BacktestResult, start: Any = None, end: Any = None) -> Figure:
    """Draw a run: both signals with its trades, its gain, its drawdown.

    Args:
        result: a run.
        start, end: the stretch of time; default: the panel's own.
    """
    first, last = stretch_of(result.panel, start, end)
    meta, params = result.panel.meta, result.params
    line = measures_of(result.metrics, meta.currency)
    title = f"{meta.leg_a} × {meta.leg_b}: {line[0].text}, {line[2].text} trades\n{period(first, last)}"
    with stacked(title, (2.6, 1.4, 0.8)) as (figure, (spread, equity, drawdown)):
        draw_signals(spread, result.panel, first, last)
        _draw_trades(spread, result, first, last)
        spread.axhline(params.min_spread_bps + params.cost_bps, color=GAIN, lw=1.2)
        if params.close_on_spread_reversal:
            spread.axhline(params.exit_spread_bps, color=GREY, lw=1, ls=(0, (5, 4)))
        spread.set_title("signal, bps; solid: enter at, dashed: leave below")
        spread.legend(loc="upper right", ncols=2)
        _draw_curves(equity, drawdown, result, first, last)
        time_axis(drawdown)
        drawdown.set_xlim(*as_times(np.array([first, max(last, first + 1)])))
    return figure


def _draw_trades(ax: Axes, result: BacktestResult, first: int, last: int) -> None:
    records = trade_view(result, first, last, _MARKS).records
    closed = records[records["exit_index"] >= 0]
    for side, color in enumerate((AB, BA)):
        entered = records[records["side"] == side]
        ax.plot(
            as_times(np.ascontiguousarray(entered["entry_ts"])), entered["entry_signal_bps"],
            "^", color=color, mec="white", mew=0.7, ms=6.5,
        )  # fmt: skip
    for won, color in ((True, GAIN), (False, LOSS)):
        left = closed[(closed["pnl_usd"] >= 0) == won]
        ax.plot(
            as_times(np.ascontiguousarray(left["exit_ts"])), left["exit_spread_bps"],
            "x", color=color, mew=1.5, ms=5,
        )  # fmt: skip


def _draw_curves(equity: Axes, drawdown: Axes, result: BacktestResult, first: int, last: int) -> None:
    view = curve_view(result, first, last, _PIXELS)
    times, begin = as_times(view.ts), result.params.initial_balance_usd
    equity.fill_between(times, view.equity - begin, color=AB, alpha=0.25, lw=0)
    equity.plot(times, view.balance - begin, color=GREY, lw=0.9, drawstyle="steps-post")
    equity.plot(times, view.equity - begin, color=INK, lw=1.2)
    equity.axhline(0, color=GREY, lw=0.7)
    equity.set_title(f"gain, {result.panel.meta.currency}: equity filled, balance thin")
    drawdown.fill_between(times, -view.drawdown_pct, color=LOSS, alpha=0.35, lw=0)
    drawdown.set_title("drawdown below the peak")
    step_axis(equity.yaxis)
    step_axis(drawdown.yaxis, " %")
