"""The metrics of one finished run (docs/engine.md, section 5), as one record."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray, RecordArray
from arbkit.kernels._jit import jit
from arbkit.kernels.guard import REFUSED_BY_GUARD
from arbkit.kernels.state import (
    ABANDONED,
    REFUSED_DEPTH,
    REFUSED_INVENTORY,
    REFUSED_LOT,
    REFUSED_THIN,
    REFUSED_TOTAL_NOTIONAL,
    REFUSED_TOTAL_TRADES,
)
from arbkit.records import ExitReason

__all__ = ["MIN_DIFFERENCES", "ratios", "ratios_of_changes", "summarize"]

#: Fewer differences of equity than this give no Sharpe and no Sortino ratio.
MIN_DIFFERENCES: Final = 30

_STOP_LOSS: Final = int(ExitReason.STOP_LOSS)
_TAKE_PROFIT: Final = int(ExitReason.TAKE_PROFIT)
_REVERSAL: Final = int(ExitReason.SPREAD_REVERSAL)
_TIMEOUT: Final = int(ExitReason.TIMEOUT)
_END_OF_DATA: Final = int(ExitReason.END_OF_DATA)
_LIQUIDATION: Final = int(ExitReason.LIQUIDATION)
_YEAR_NS: Final = 365 * 24 * 3_600 * 1_000_000_000


@jit
def ratios(equity: FloatArray, initial: float, step_ns: int) -> tuple[float, float]:
    """Return the annualised Sharpe and Sortino ratios of equity on a regular grid.

    Args:
        equity: float64 (n,), account currency, on a grid of `step_ns`.
        initial: what the differences are divided by.
        step_ns: distance of two grid points.

    Returns:
        Sharpe (sample deviation, ddof 1) and Sortino (root mean square of the losses over all n, target 0),
        times the square root of the grid points in 365 days; NaN below 30 differences or without deviation.
    """
    changes = np.empty(max(0, equity.size - 1), np.float64)
    m = 0
    for i in range(changes.size):
        change = equity[i + 1] - equity[i]
        if change != 0:
            changes[m] = change
            m += 1
    return ratios_of_changes(changes[:m], changes.size, initial, step_ns)


@jit
def ratios_of_changes(changes: FloatArray, n: int, initial: float, step_ns: int) -> tuple[float, float]:
    """Like `ratios`, from the differences that are not 0, in their order, and the number of all.

    The differences are scratch: they are divided by `initial` in place. This defines the order of summation:
    equity that stands still adds nothing to the mean and, all its points at once, their number times mean
    squared to the squares.
    """
    if n < MIN_DIFFERENCES:
        return np.nan, np.nan
    mean = 0.0
    for i in range(changes.size):
        changes[i] = changes[i] / initial
    for i in range(changes.size):
        mean += changes[i]
    mean /= n
    squares = 0.0
    losses = 0.0
    for i in range(changes.size):
        r = changes[i]
        squares += (r - mean) * (r - mean)
        if r < 0:
            losses += r * r
    squares += (n - changes.size) * (mean * mean)
    year = np.sqrt(_YEAR_NS / step_ns)
    deviation = np.sqrt(squares / (n - 1))
    downside = np.sqrt(losses / n)
    sharpe = mean / deviation * year if deviation > 0 else np.nan
    sortino = mean / downside * year if downside > 0 else np.nan
    return sharpe, sortino


@jit
def summarize(
    state: Any, rules: Any, trades: RecordArray, equity: FloatArray, step_ns: int, out: Any
) -> None:
    """Write the metrics of a finished run into `out`, a record of `METRICS_DTYPE`.

    Undefined ratios are NaN: profit factor without losers, Sharpe and Sortino on too little data.
    """
    closed = state.n_closed
    out.total_trades = state.n_trades
    out.closed_trades = closed
    out.open_trades = state.n_open
    out.winning_trades = state.n_win
    out.losing_trades = state.n_loss
    out.win_rate = state.n_win / closed if closed else 0.0
    out.realized_pnl_usd = state.realized_pnl
    out.unrealized_pnl_usd = state.unrealized_pnl
    out.mtm_pnl_usd = state.realized_pnl + state.unrealized_pnl
    out.final_balance_usd = rules.initial_balance_usd + state.realized_pnl
    out.avg_pnl_per_trade_usd = state.realized_pnl / closed if closed else 0.0
    out.max_drawdown_pct = state.max_drawdown * 100
    out.max_drawdown_mtm_pct = state.max_drawdown_mtm * 100
    out.sharpe, out.sortino = ratios(equity, rules.initial_balance_usd, step_ns)
    out.profit_factor = state.gross_profit / state.gross_loss if state.n_loss else np.nan
    out.fees_usd = state.fees
    out.turnover_usd = state.turnover
    out.funding_usd = state.funding
    span = state.last_ts - state.first_ts
    out.exposure_pct = state.exposure_ns / span * 100 if span > 0 else 0.0
    out.avg_hold_s = state.held_ns / closed / 1e9 if closed else 0.0
    out.max_hold_seen_s = _longest_hold_ns(state, trades) / 1e9
    out.excursions = state.excursions
    out.exits_stop_loss = state.exits[_STOP_LOSS]
    out.exits_take_profit = state.exits[_TAKE_PROFIT]
    out.exits_spread_reversal = state.exits[_REVERSAL]
    out.exits_timeout = state.exits[_TIMEOUT]
    out.exits_end_of_data = state.exits[_END_OF_DATA]
    out.exits_liquidation = state.exits[_LIQUIDATION]
    out.stopped = state.stopped
    out.rejected_no_inventory = state.rejected[REFUSED_INVENTORY]
    out.rejected_lot = state.rejected[REFUSED_LOT]
    out.rejected_no_depth = state.rejected[REFUSED_DEPTH]
    out.rejected_thin = state.rejected[REFUSED_THIN]
    out.abandoned_entries = state.rejected[ABANDONED]
    out.beyond_book = state.n_beyond
    out.rejected_guard_breaker = state.rejected[REFUSED_BY_GUARD + 0]
    out.rejected_guard_daily_loss = state.rejected[REFUSED_BY_GUARD + 1]
    out.rejected_guard_total_loss = state.rejected[REFUSED_BY_GUARD + 2]
    out.rejected_guard_hour_trades = state.rejected[REFUSED_BY_GUARD + 3]
    out.rejected_guard_day_trades = state.rejected[REFUSED_BY_GUARD + 4]
    out.rejected_guard_positions = state.rejected[REFUSED_BY_GUARD + 5]
    out.rejected_guard_position_size = state.rejected[REFUSED_BY_GUARD + 6]
    out.rejected_guard_spread = state.rejected[REFUSED_BY_GUARD + 7]
    out.rejected_guard_slippage = state.rejected[REFUSED_BY_GUARD + 8]
    out.rejected_guard_fill_rate = state.rejected[REFUSED_BY_GUARD + 9]
    out.rejected_total_trades = state.rejected[REFUSED_TOTAL_TRADES]
    out.rejected_total_notional = state.rejected[REFUSED_TOTAL_NOTIONAL]


@jit
def _longest_hold_ns(state: Any, trades: RecordArray) -> int:
    """Return the longest holding time, an open trade counted by its age at the last row.

    The oldest open trade is the first one in entry order that has no exit, so the search ends there. Without
    trades `max_held_ns` counts the open one already.
    """
    longest = state.max_held_ns
    if state.n_open > 0:
        for k in range(min(state.n_trades, trades.size)):
            if trades[k].exit_index < 0:
                longest = max(longest, state.last_ts - trades[k].entry_ts)
                break
    return longest  # type: ignore[no-any-return]
