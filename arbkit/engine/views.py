"""What a picture of a run draws: its trades and its equity in a stretch of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.engine.result import BacktestResult
from arbkit.kernels.curve import tradable_before
from arbkit.kernels.decimate import extreme_rows
from arbkit.panel.views import checked_pixels, stretch_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CurveView", "TradeView", "curve_view", "equity_frame", "trade_view", "trades_frame"]

#: Up to so many trades, the equity at each exit is among the points that drawdowns are taken from.
_EXITS_VALUED: Final = 20_000


class TradeView(NamedTuple):
    """Trades that touch a stretch of time, `TRADE_DTYPE` (m,) of the `total` that do, and which they are.

    `positions`, int64 (m,), are their places in `BacktestResult.trades`.
    """

    positions: IntArray
    records: RecordArray
    total: int


class CurveView(NamedTuple):
    """Balance, equity and drawdown in a stretch of time, float64 (m,) each, at the times `ts`, int64 (m,).

    `drawdown_pct` is of the equity below its highest earlier point.
    """

    ts: IntArray
    balance: FloatArray
    equity: FloatArray
    drawdown_pct: FloatArray


def trade_view(result: BacktestResult, start_ns: int, end_ns: int, most: int) -> TradeView:
    """Return the trades that are open at any time between two times, thinned to about so many.

    Where there are more, the one with the widest entry stands for each stretch of time and direction.
    """
    records = result.records
    left = np.where(records["exit_index"] < 0, np.iinfo(np.int64).max, records["exit_ts"])
    inside = np.flatnonzero((records["entry_ts"] <= end_ns) & (left >= start_ns))
    if inside.size <= most:
        return TradeView(inside, records[inside], inside.size)
    part = records[inside]
    width = max(1, (end_ns - start_ns) // max(1, most // 2) + 1)
    stretch = 2 * (np.maximum(part["entry_ts"], start_ns) // width) + part["side"]
    order = np.lexsort((-part["entry_signal_bps"], stretch))
    widest = np.sort(order[np.flatnonzero(np.diff(stretch[order], prepend=-1))])
    return TradeView(inside[widest], part[widest], inside.size)


def curve_view(result: BacktestResult, start_ns: int, end_ns: int, pixels: int) -> CurveView:
    """Return balance, equity and drawdown between two times for a picture so many pixels wide.

    Equity is taken at the edges of the pixels, of the panel as a whole and of the stretch, and wherever a
    trade was closed.
    """
    panel, pixels = result.panel, checked_pixels(pixels)
    rows = _rows_to_value(result, start_ns, end_ns, pixels)
    if rows.size == 0:
        none = np.empty(0)
        return CurveView(np.empty(0, np.int64), none, none, none)
    balance, equity = result.equity_on(rows)
    peak = np.maximum(np.maximum.accumulate(equity), result.params.initial_balance_usd)
    drawdown = (peak - equity) / peak * 100
    ts = panel.ts[rows]
    seen = slice(
        max(0, int(np.searchsorted(ts, start_ns, side="left")) - 1),
        int(np.searchsorted(ts, end_ns, side="right")) + 1,
    )
    view = CurveView(ts[seen], balance[seen], equity[seen], drawdown[seen])
    if view.ts.size <= 4 * pixels:
        return view
    width = max(1, -(-int(view.ts[-1] - view.ts[0] + 1) // pixels))
    kept = extreme_rows(view.ts, np.ascontiguousarray(view.equity), int(view.ts[0]), width, pixels)
    return CurveView(view.ts[kept], view.balance[kept], view.equity[kept], view.drawdown_pct[kept])


def _rows_to_value(result: BacktestResult, start_ns: int, end_ns: int, pixels: int) -> IntArray:
    """Return the tradable rows on which equity is wanted, in order, each once."""
    panel, last = result.panel, result.last_row
    if last < 0:
        return np.empty(0, np.int64)
    whole = np.linspace(panel.start_ns, panel.end_ns, pixels + 1).astype(np.int64)
    times = np.linspace(start_ns, end_ns, pixels + 1).astype(np.int64)
    wanted = np.searchsorted(panel.ts, np.concatenate([whole, times]), side="right") - 1
    closed = result.records["exit_index"]
    exits = closed[closed >= 0] if closed.size <= _EXITS_VALUED else closed[:0]
    rows = tradable_before(panel.market, np.minimum(np.unique(np.concatenate([wanted, exits])), last))
    return np.unique(rows[rows >= 0])


def equity_frame(
    result: BacktestResult, start: Any = None, end: Any = None, pixels: int = 1000
) -> pl.DataFrame:
    """Return what the equity's picture draws.

    Args:
        result: a run.
        start, end: as in `spread_frame`.
        pixels: of the picture's width; every extreme of the equity at those points is kept.

    Returns:
        `ts`, `balance_usd` (realised), `equity_usd` (open trades as if closed then) and `drawdown_pct` below
        the highest of the points before.
    """
    import polars as pl

    view = curve_view(result, *stretch_of(result.panel, start, end), pixels)
    return pl.DataFrame(
        {
            "ts": pl.Series(view.ts).cast(pl.Datetime("ns", "UTC")),
            "balance_usd": view.balance,
            "equity_usd": view.equity,
            "drawdown_pct": view.drawdown_pct,
        }
    )


def trades_frame(
    result: BacktestResult, start: Any = None, end: Any = None, most: int = 2000
) -> pl.DataFrame:
    """Return the trades drawn as marks: those open between two times, about `most` of them.

    Returns:
        Rows of `BacktestResult.trades`, in entry order.
    """
    view = trade_view(result, *stretch_of(result.panel, start, end), most)
    trades: pl.DataFrame = result.trades[view.positions.tolist()]
    return trades
