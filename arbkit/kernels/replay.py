"""What a list of trades was worth on each row of its pair, read back from the trades alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import jit
from arbkit.kernels.funding import book_funding
from arbkit.kernels.market import Market, quote_at
from arbkit.kernels.money import open_value
from arbkit.kernels.state import new_state

__all__ = ["replay"]


@jit
def replay(
    market: Market, rules: Any, state: Any, trades: RecordArray, last: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return rows, realised PnL and value of the open trades at the end of each tradable row up to `last`.

    Args:
        market: arrays of the panel.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`, scratch.
        trades: `TRADE_DTYPE` (n,), the trades of this pair in entry order.
        last: the last row of the run.
    """
    new_state(state, rules)
    trades = trades.copy()
    n = 0
    for i in range(last + 1):
        n += market.tradable[i]
    rows, realized, value = np.empty(n, np.int64), np.empty(n), np.empty(n)
    open_ids = np.empty(trades.size, np.int64)
    for k in range(trades.size):
        trades[k].funding_usd = 0.0
    at, upcoming, total = 0, 0, 0.0
    for i in range(last + 1):
        if not market.tradable[i]:
            continue
        if rules.has_funding == 1:
            book_funding(market.payments, i, state, trades, open_ids)
        kept = 0
        for k in range(state.n_open):
            if trades[open_ids[k]].exit_index == i:
                total += trades[open_ids[k]].pnl_usd
            else:
                open_ids[kept] = open_ids[k]
                kept += 1
        state.n_open = kept
        while upcoming < trades.size and trades[upcoming].entry_index == i:
            open_ids[state.n_open] = upcoming
            state.n_open += 1
            upcoming += 1
        rows[at], realized[at] = i, total
        value[at] = open_value(quote_at(market, i), rules, state, trades, open_ids) if state.n_open else 0.0
        at += 1
    return rows, realized, value
