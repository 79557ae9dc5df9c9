"""Funding of perpetual legs: when it is booked, and what an open trade pays or receives (section 6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import inlined, jit
from arbkit.records import PAYMENT_DTYPE

__all__ = ["book_funding", "payments_of"]


@jit
def payments_of(
    ts: IntArray,
    bid_a: FloatArray,
    ask_a: FloatArray,
    bid_b: FloatArray,
    ask_b: FloatArray,
    tradable: BoolArray,
    times: IntArray,
    legs: IntArray,
    rates: FloatArray,
) -> RecordArray:
    """Lay funding times out over the rows of a panel.

    A payment is booked on the first tradable row at or after its time, at that row's mid when the stamps are
    equal and at the mid of the tradable row before otherwise. Where one of the two is missing nobody can
    have held a trade, and the time is left out.

    Args:
        ts, bid_a, ask_a, bid_b, ask_b, tradable: the panel, length n.
        times: int64 (m,), nanoseconds, non-decreasing.
        legs: int64 (m,), 0 for A and 1 for B.
        rates: float64 (m,), what a long pays, as a fraction of its value.

    Returns:
        `PAYMENT_DTYPE`, at most m, in order of time.
    """
    out = np.empty(times.size, PAYMENT_DTYPE)
    kept = 0
    row, before = 0, -1
    for k in range(times.size):
        while row < ts.size and (ts[row] < times[k] or not tradable[row]):
            if tradable[row]:
                before = row
            row += 1
        if row == ts.size:
            break
        if before < 0:
            continue
        at = row if ts[row] == times[k] else before
        mid = (bid_a[at] + ask_a[at]) / 2 if legs[k] == 0 else (bid_b[at] + ask_b[at]) / 2
        out[kept].row = row
        out[kept].ts = times[k]
        out[kept].leg = legs[k]
        out[kept].amount = rates[k] * mid
        kept += 1
    return out[:kept]


@inlined
def book_funding(
    payments: RecordArray, row: int, state: Any, trades: RecordArray, open_ids: IntArray
) -> None:
    """Book what fell due up to this row on the trades that were open at its time, before the row is stepped.

    Args:
        payments: `PAYMENT_DTYPE`, in order of time.
        row: the row about to be stepped; those between the last one and it had no payment while a trade was
            open.
        state: record of `STATE_DTYPE`; `next_payment` and `funding` are changed.
        trades, open_ids: the trades, and which of them are open, oldest first.
    """
    at = state.next_payment
    while at < payments.size and payments[at].row <= row:
        for k in range(state.n_open):
            trade = trades[open_ids[k]]
            if trade.entry_ts < payments[at].ts:
                flow = payments[at].amount * trade.size
                if trade.side == payments[at].leg:
                    flow = -flow
                trade.funding_usd += flow
                state.funding += flow
        at += 1
    state.next_payment = at
