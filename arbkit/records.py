"""Numpy record layouts and integer enums shared by kernels and frames."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

__all__ = [
    "METRICS_DTYPE",
    "ORDER_DTYPE",
    "PAYMENT_DTYPE",
    "STATE_DTYPE",
    "TAKEN_DTYPE",
    "TRADE_DTYPE",
    "TRIP_DTYPE",
    "DirectionLimit",
    "ExitReason",
    "PnlModel",
    "Side",
]


class Side(IntEnum):
    """Direction of a trade: which venue is bought."""

    LONG_A_SHORT_B = 0
    LONG_B_SHORT_A = 1


class DirectionLimit(IntEnum):
    """Which directions the parameters allow."""

    BOTH = 0
    LONG_A_SHORT_B = 1
    LONG_B_SHORT_A = 2


class ExitReason(IntEnum):
    """Why a trade was closed; `OPEN` while it is not."""

    OPEN = 0
    STOP_LOSS = 1
    TAKE_PROFIT = 2
    SPREAD_REVERSAL = 3
    TIMEOUT = 4
    END_OF_DATA = 5
    LIQUIDATION = 6


class PnlModel(IntEnum):
    """How a closed trade is booked."""

    EXECUTABLE = 0
    CONVERGENCE = 1


#: When and why one trade was entered and left: all of it that does not depend on money. `exit_row` is -1
#: while the trade is open.
TRIP_DTYPE: Final = np.dtype(
    [("entry_row", np.int64), ("exit_row", np.int64), ("side", np.int64), ("reason", np.int64)]
)

#: One trade. Prices are raw (before slippage), spreads in bps, money in the account currency.
#: `exit_index` is -1 and the exit fields NaN while the trade is open; `pnl_usd` of an open trade is
#: its mark at the last processed row. `funding_usd` is what it received (negative: paid) so far,
#: `liquidation_px` the price of B at which it is liquidated, NaN without margin. Each leg has the row on
#: which it was filled; `leaving` is 1 from the decision to close until its fill, `beyond_book` when a ladder
#: could not fill the whole exit. `mae_bps`/`mfe_bps` are NaN when no row followed the entry.
TRADE_DTYPE: Final = np.dtype(
    [
        ("side", np.int64),
        ("reason", np.int64),
        ("entry_index", np.int64),
        ("exit_index", np.int64),
        ("entry_ts", np.int64),
        ("exit_ts", np.int64),
        ("entry_spread_bps", np.float64),
        ("entry_signal_bps", np.float64),
        ("exit_spread_bps", np.float64),
        ("unwind_bps", np.float64),
        ("entry_long_px", np.float64),
        ("entry_short_px", np.float64),
        ("exit_long_px", np.float64),
        ("exit_short_px", np.float64),
        ("entry_fx_long", np.float64),
        ("entry_fx_short", np.float64),
        ("size", np.float64),
        ("notional_usd", np.float64),
        ("pnl_usd", np.float64),
        ("pnl_bps", np.float64),
        ("fees_usd", np.float64),
        ("turnover_usd", np.float64),
        ("funding_usd", np.float64),
        ("liquidation_px", np.float64),
        ("entry_long_row", np.int64),
        ("entry_short_row", np.int64),
        ("exit_long_row", np.int64),
        ("exit_short_row", np.int64),
        ("leaving", np.int64),
        ("beyond_book", np.int64),
        ("mae_bps", np.float64),
        ("mfe_bps", np.float64),
    ],
    align=True,
)

#: One decision on its way: an exit of the trade at `trade`, or an entry where that is -1. `due_a`, `due_b`
#: are the times of the legs, `row_a`, `row_b` the rows on which they were filled or -1, with the tops of
#: that venue's book there. `next_row` is the next row on which a leg is due, or -1 while that is not known.
ORDER_DTYPE: Final = np.dtype(
    [
        ("trade", np.int64),
        ("side", np.int64),
        ("reason", np.int64),
        ("row", np.int64),
        ("ts", np.int64),
        ("spread_bps", np.float64),
        ("notional_usd", np.float64),
        ("due_a", np.int64),
        ("due_b", np.int64),
        ("row_a", np.int64),
        ("row_b", np.int64),
        ("next_row", np.int64),
        ("bid_a", np.float64),
        ("ask_a", np.float64),
        ("bid_b", np.float64),
        ("ask_b", np.float64),
        ("fx_a", np.float64),
        ("fx_b", np.float64),
    ],
    align=True,
)

#: What a fill took off one side (`kernels.ladder`) of one row, base units.
TAKEN_DTYPE: Final = np.dtype([("row", np.int64), ("side", np.int64), ("size", np.float64)], align=True)

#: One funding time: the row on which it is booked, its stamp, the leg (0 for A, 1 for B) and what one base
#: unit held long pays, rate x mid in the account currency (negative: receives).
PAYMENT_DTYPE: Final = np.dtype(
    [("row", np.int64), ("ts", np.int64), ("leg", np.int64), ("amount", np.float64)], align=True
)

#: The whole state of one run between two rows: what a live runner has to keep.
STATE_DTYPE: Final = np.dtype(
    [
        ("n_trades", np.int64),
        ("n_open", np.int64),
        ("n_closed", np.int64),
        ("stopped", np.int64),
        ("first_ts", np.int64),
        ("last_ts", np.int64),
        ("last_index", np.int64),
        ("open_since_ts", np.int64),
        ("exposure_ns", np.int64),
        ("blocked_until_ab", np.int64),
        ("blocked_until_ba", np.int64),
        ("rearm_ab", np.int64),
        ("rearm_ba", np.int64),
        ("in_run_ab", np.int64),
        ("in_run_ba", np.int64),
        ("excursions", np.int64),
        ("realized_pnl", np.float64),
        ("gross_profit", np.float64),
        ("gross_loss", np.float64),
        ("n_win", np.int64),
        ("n_loss", np.int64),
        ("held_ns", np.int64),
        ("max_held_ns", np.int64),
        ("fees", np.float64),
        ("turnover", np.float64),
        ("peak_balance", np.float64),
        ("max_drawdown", np.float64),
        ("unrealized_pnl", np.float64),
        ("peak_equity", np.float64),
        ("max_drawdown_mtm", np.float64),
        ("last_entry_ab", np.int64),
        ("last_entry_ba", np.int64),
        ("next_payment", np.int64),
        ("funding", np.float64),
        ("guard_day", np.int64),
        ("guard_opening", np.float64),
        ("guard_equity", np.float64),
        ("guard_until", np.int64),
        ("guard_hour", np.int64),
        ("guard_hour_entries", np.int64),
        ("guard_entry_day", np.int64),
        ("guard_day_entries", np.int64),
        ("desk_open", np.int64),
        ("desk_notional", np.float64),
        ("n_orders", np.int64),
        ("n_entering", np.int64),
        ("n_taken", np.int64),
        ("n_beyond", np.int64),
        ("refusing_ab", np.int64),
        ("refusing_ba", np.int64),
        ("refused_row_ab", np.int64),
        ("refused_row_ba", np.int64),
        ("refused_ab", np.int64),
        ("refused_ba", np.int64),
        ("rejected", np.int64, (20,)),
        ("exits", np.int64, (7,)),
    ],
    align=True,
)

#: The metrics of one run, in the order of `arbkit.Metrics`. Undefined ratios are NaN here and null there.
METRICS_DTYPE: Final = np.dtype(
    [
        ("total_trades", np.int64),
        ("closed_trades", np.int64),
        ("open_trades", np.int64),
        ("winning_trades", np.int64),
        ("losing_trades", np.int64),
        ("win_rate", np.float64),
        ("realized_pnl_usd", np.float64),
        ("unrealized_pnl_usd", np.float64),
        ("mtm_pnl_usd", np.float64),
        ("final_balance_usd", np.float64),
        ("avg_pnl_per_trade_usd", np.float64),
        ("max_drawdown_pct", np.float64),
        ("max_drawdown_mtm_pct", np.float64),
        ("sharpe", np.float64),
        ("sortino", np.float64),
        ("profit_factor", np.float64),
        ("fees_usd", np.float64),
        ("turnover_usd", np.float64),
        ("funding_usd", np.float64),
        ("exposure_pct", np.float64),
        ("avg_hold_s", np.float64),
        ("max_hold_seen_s", np.float64),
        ("excursions", np.int64),
        ("exits_stop_loss", np.int64),
        ("exits_take_profit", np.int64),
        ("exits_spread_reversal", np.int64),
        ("exits_timeout", np.int64),
        ("exits_end_of_data", np.int64),
        ("exits_liquidation", np.int64),
        ("stopped", np.int64),
        ("rejected_no_inventory", np.int64),
        ("rejected_lot", np.int64),
        ("rejected_no_depth", np.int64),
        ("rejected_thin", np.int64),
        ("abandoned_entries", np.int64),
        ("beyond_book", np.int64),
        ("rejected_guard_breaker", np.int64),
        ("rejected_guard_daily_loss", np.int64),
        ("rejected_guard_total_loss", np.int64),
        ("rejected_guard_hour_trades", np.int64),
        ("rejected_guard_day_trades", np.int64),
        ("rejected_guard_positions", np.int64),
        ("rejected_guard_position_size", np.int64),
        ("rejected_guard_spread", np.int64),
        ("rejected_guard_slippage", np.int64),
        ("rejected_guard_fill_rate", np.int64),
        ("rejected_total_trades", np.int64),
        ("rejected_total_notional", np.int64),
    ],
    align=True,
)
