"""What a list of trades was worth on some rows, at the cost of the trades and of those rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import jit
from arbkit.kernels.funding import book_funding
from arbkit.kernels.market import Market, quote_at
from arbkit.kernels.money import open_value
from arbkit.kernels.state import new_state

__all__ = ["curve_points", "tradable_before"]


@jit
def curve_points(
    market: Market, rules: Any, state: Any, trades: RecordArray, rows: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return realised PnL and value of the open trades at the end of each of some rows.

    Args:
        market: arrays of the panel.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`, scratch.
        trades: `TRADE_DTYPE` (n,) in entry order, each on tradable rows.
        rows: int64 (m,), non-decreasing numbers of tradable rows.
    """
    new_state(state, rules)
    trades = trades.copy()
    for k in range(trades.size):
        trades[k].funding_usd = 0.0
    realized, value = np.empty(rows.size), np.empty(rows.size)
    open_ids = np.empty(trades.size, np.int64)
    upcoming, total = 0, 0.0
    for point in range(rows.size):
        while True:
            event = trades[upcoming].entry_index if upcoming < trades.size else rows[point] + 1
            for k in range(state.n_open):
                leave = trades[open_ids[k]].exit_index
                event = leave if 0 <= leave < event else event
            if event > rows[point]:
                break
            if rules.has_funding == 1:
                book_funding(market.payments, event, state, trades, open_ids)
            kept = 0
            for k in range(state.n_open):
                if trades[open_ids[k]].exit_index == event:
                    total += trades[open_ids[k]].pnl_usd
                else:
                    open_ids[kept] = open_ids[k]
                    kept += 1
            state.n_open = kept
            while upcoming < trades.size and trades[upcoming].entry_index == event:
                open_ids[state.n_open] = upcoming
                state.n_open += 1
                upcoming += 1
        if rules.has_funding == 1:
            book_funding(market.payments, rows[point], state, trades, open_ids)
        quote = quote_at(market, rows[point])
        realized[point] = total
        value[point] = open_value(quote, rules, state, trades, open_ids) if state.n_open else 0.0
    return realized, value


@jit
def tradable_before(market: Market, rows: IntArray) -> IntArray:
    """Return for each row number the last tradable row at or before it, -1 where there is none."""
    out = np.empty(rows.size, np.int64)
    for k in range(rows.size):
        row = min(rows[k], market.ts.size - 1)
        while row >= 0 and not market.tradable[row]:
            row -= 1
        out[k] = row
    return out
