"""What the rules read and what they keep: parameters as a record, and a fresh state."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from arbkit.kernels._jit import inlined

__all__ = [
    "ABANDONED",
    "LONG_AGO",
    "REFUSED_DEPTH",
    "REFUSED_INVENTORY",
    "REFUSED_LOT",
    "REFUSED_THIN",
    "REFUSED_TOTAL_NOTIONAL",
    "REFUSED_TOTAL_TRADES",
    "RULES_DTYPE",
    "new_state",
    "refuse",
]

#: `Params` as the kernels read them: fractions, nanoseconds and flags instead of text and none.
RULES_DTYPE: Final = np.dtype(
    [
        ("min_spread_bps", np.float64),
        ("cost_bps", np.float64),
        ("fee_a", np.float64),
        ("fee_b", np.float64),
        ("half_slip", np.float64),
        ("notional_usd", np.float64),
        ("initial_balance_usd", np.float64),
        ("max_open_trades", np.int64),
        ("allow_ab", np.int64),
        ("allow_ba", np.int64),
        ("has_reversal", np.int64),
        ("exit_spread_bps", np.float64),
        ("has_take_profit", np.int64),
        ("take_profit_bps", np.float64),
        ("has_stop_loss", np.int64),
        ("stop_loss_bps", np.float64),
        ("min_hold_ns", np.int64),
        ("has_max_hold", np.int64),
        ("max_hold_ns", np.int64),
        ("cooldown_ns", np.int64),
        ("has_rearm", np.int64),
        ("rearm_spread_bps", np.float64),
        ("has_stop_drawdown", np.int64),
        ("stop_on_drawdown_pct", np.float64),
        ("close_at_end", np.int64),
        ("pnl_model", np.int64),
        ("entry_step_bps", np.float64),
        ("entry_gap_ns", np.int64),
        ("fx_at_exit", np.int64),
        ("has_stop_drawdown_mtm", np.int64),
        ("stop_on_drawdown_mtm_pct", np.float64),
        ("lot", np.float64),
        ("min_notional_usd", np.float64),
        ("has_inventory_a", np.int64),
        ("inventory_a_usd", np.float64),
        ("has_inventory_b", np.int64),
        ("inventory_b_usd", np.float64),
        ("has_funding", np.int64),
        ("has_margin", np.int64),
        ("leverage_b", np.float64),
        ("maintenance_b", np.float64),
        ("liquidation_fee", np.float64),
        ("guard_on", np.int64),
        ("guard_follows", np.int64),
        ("guard_max_notional", np.float64),
        ("guard_max_positions", np.float64),
        ("guard_daily_loss", np.float64),
        ("guard_total_loss", np.float64),
        ("guard_hour_trades", np.float64),
        ("guard_day_trades", np.float64),
        ("guard_min_spread", np.float64),
        ("guard_max_slip", np.float64),
        ("guard_min_fill", np.float64),
        ("guard_has_breaker", np.int64),
        ("guard_breaker_share", np.float64),
        ("guard_cooldown_ns", np.int64),
        ("guard_offset_ns", np.int64),
        ("has_total_limits", np.int64),
        ("max_total_trades", np.int64),
        ("max_total_notional", np.float64),
        ("ordered", np.int64),
        ("latency_a_ns", np.int64),
        ("latency_b_ns", np.int64),
        ("max_slip_bps", np.float64),
        ("depth_levels", np.int64),
    ],
    align=True,
)

#: A stamp before every other.
LONG_AGO: Final = int(np.iinfo(np.int64).min)

#: Why an entry that the signal allows is refused; positions in `state.rejected`.
REFUSED_INVENTORY: Final = 1
REFUSED_LOT: Final = 2
REFUSED_DEPTH: Final = 3
REFUSED_THIN: Final = 4
#: An entry on its way that was given up because the prices had slipped; counted there too.
ABANDONED: Final = 5
REFUSED_TOTAL_TRADES: Final = 18
REFUSED_TOTAL_NOTIONAL: Final = 19


@inlined
def new_state(state: Any, rules: Any) -> None:
    """Reset a state record to what it is before the first row."""
    state.n_trades = 0
    state.n_open = 0
    state.n_closed = 0
    state.stopped = 0
    state.first_ts = 0
    state.last_ts = 0
    state.last_index = -1
    state.open_since_ts = 0
    state.exposure_ns = 0
    state.blocked_until_ab = LONG_AGO
    state.blocked_until_ba = LONG_AGO
    state.rearm_ab = 0
    state.rearm_ba = 0
    state.in_run_ab = 0
    state.in_run_ba = 0
    state.excursions = 0
    state.realized_pnl = 0.0
    state.gross_profit = 0.0
    state.gross_loss = 0.0
    state.n_win = 0
    state.n_loss = 0
    state.held_ns = 0
    state.max_held_ns = 0
    state.fees = 0.0
    state.turnover = 0.0
    state.peak_balance = rules.initial_balance_usd
    state.max_drawdown = 0.0
    state.unrealized_pnl = 0.0
    state.peak_equity = rules.initial_balance_usd
    state.max_drawdown_mtm = 0.0
    state.last_entry_ab = LONG_AGO
    state.last_entry_ba = LONG_AGO
    state.next_payment = 0
    state.funding = 0.0
    state.guard_day = LONG_AGO
    state.guard_opening = rules.initial_balance_usd
    state.guard_equity = rules.initial_balance_usd
    state.guard_until = LONG_AGO
    state.guard_hour = LONG_AGO
    state.guard_hour_entries = 0
    state.guard_entry_day = LONG_AGO
    state.guard_day_entries = 0
    state.desk_open = 0
    state.desk_notional = 0.0
    state.n_orders = 0
    state.n_entering = 0
    state.n_taken = 0
    state.n_beyond = 0
    state.refusing_ab = 0
    state.refusing_ba = 0
    state.refused_row_ab = -1
    state.refused_row_ba = -1
    state.refused_ab = 0
    state.refused_ba = 0
    for kind in range(20):
        state.rejected[kind] = 0
    for reason in range(7):
        state.exits[reason] = 0


@inlined
def refuse(side: int, kind: int, state: Any) -> None:
    """Note that an entry of a side is refused on this row; `count_refusals` counts it."""
    if side == 0:
        state.refusing_ab |= 1 << kind
    else:
        state.refusing_ba |= 1 << kind
