"""The next row on which the guard has to look, read off the index."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit._typing import BoolArray, IntArray, RecordArray
from arbkit.kernels._jit import inlined, inner, jit
from arbkit.kernels.equity import equity_at, linear_equity, node_bounds
from arbkit.kernels.guard import DAY_NS, breaker_trips, guard_day
from arbkit.kernels.index import FAN, FAN_BITS, Index, first_row_from
from arbkit.kernels.market import Market

__all__ = ["guard_event"]


@inlined
def _tradable_from(ts: IntArray, tradable: BoolArray, start: int, stop: int, moment: int) -> int:
    row = first_row_from(ts, start, stop, moment)
    while row < stop and not tradable[row]:
        row += 1
    return row


@inner
def guard_event(
    market: Market,
    index: Index,
    row: int,
    stop: int,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
) -> int:
    """Return the first row after `row` on which the guard's memory may change, or `stop`.

    That is the end of the breaker's cooldown, and, while a trade is open, the first row of a day and the
    first on which the breaker opens. Without an open trade equity stands still, and the day's opening equity
    is the same wherever in the day it is read.

    Args:
        market, index: the panel and its index.
        row, stop: the row just stepped and the next event; the open trades stay the same between them.
        rules, state: records of `RULES_DTYPE` and `STATE_DTYPE`.
        trades, open_ids: the trades, and which of them are open, oldest first.
    """
    now = market.ts[row]
    waits = rules.guard_has_breaker == 1 and state.guard_until > now
    if waits:
        stop = _tradable_from(market.ts, market.tradable, row + 1, stop, state.guard_until)
    if state.n_open == 0:
        return stop
    tomorrow = (guard_day(now, rules) + 1) * DAY_NS - rules.guard_offset_ns
    stop = _tradable_from(market.ts, market.tradable, row + 1, stop, tomorrow)
    if rules.guard_has_breaker == 1 and not waits and rules.guard_cooldown_ns > 0:
        stop = _trip_row(market, index, row + 1, stop, rules, state, trades, open_ids)
    return stop


@jit
def _trip_row(
    market: Market,
    index: Index,
    start: int,
    stop: int,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
) -> int:
    """Return the first tradable row in start <= i < stop on which the breaker opens, or stop."""
    if start >= stop:
        return stop
    line = linear_equity(market.books, rules, state, trades, open_ids)
    balance = rules.initial_balance_usd + state.realized_pnl
    offsets, top = index.offsets, index.offsets.size - 2
    height, block = 0, start >> FAN_BITS
    while True:
        end = min(offsets[height + 1] - offsets[height], (block | (FAN - 1)) + 1)
        while block < end:
            low, high = node_bounds(market.books, index, offsets[height] + block, line)
            if high > -np.inf and breaker_trips(low, rules, state):
                break
            block += 1
        if block << (FAN_BITS * (height + 1)) >= stop or (block >= end and height == top):
            return stop
        if block >= end:
            block, height = block >> FAN_BITS, height + 1
        elif height > 0:
            block, height = block << FAN_BITS, height - 1
        else:
            for i in range(max(start, block << FAN_BITS), min(stop, (block + 1) << FAN_BITS)):
                if market.tradable[i]:
                    equity = equity_at(market, i, balance, rules, state, trades, open_ids)
                    if breaker_trips(equity, rules, state):
                        return i
            block += 1
            if block & (FAN - 1) == 0 and height < top:
                block, height = block >> FAN_BITS, height + 1
