"""Updates of two venues and their FX book, in order of time, joined into the rows of a panel as they come."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import jit

__all__ = ["JoinState", "join_tops"]

_A, _B, _FX = range(3)
#: Where `JoinState.at` keeps the time of the last update, and whether a row for that time is due.
_LAST, _DUE = range(2)


class JoinState(NamedTuple):
    """What the join remembers between calls.

    Attributes:
        at: int64[2]: time of the last update of any stream, and 1 where a row for it is still to be written.
        seen_ns: int64[3]: time of each stream's last update; negative before the first.
        quotes: float64[3, 2]: bid and ask of each stream's last update; a void FX quote is NaN.
        max_age_ns: int64[3]: how long each quote counts; negative for no limit.
    """

    at: IntArray
    seen_ns: IntArray
    quotes: FloatArray
    max_age_ns: IntArray


@jit
def _write_row(state: JoinState, executable: bool, row: int, out_ts: IntArray, out: FloatArray) -> None:
    """Write what stands at the time of the last update; NaN for a quote that is missing or too old."""
    now, seen_ns, limit, quotes = state.at[_LAST], state.seen_ns, state.max_age_ns, state.quotes
    out_ts[row] = now
    out[:, row] = np.nan
    if seen_ns[_FX] >= 0 and (limit[_FX] < 0 or now - seen_ns[_FX] <= limit[_FX]):
        bid, ask = quotes[_FX, 0], quotes[_FX, 1]
        worth = 1 / ((bid + ask) / 2)
        out[4, row] = worth
        if limit[_A] < 0 or now - seen_ns[_A] <= limit[_A]:
            out[0, row] = quotes[_A, 0] * (1 / ask if executable else worth)
            out[1, row] = quotes[_A, 1] * (1 / bid if executable else worth)
    if limit[_B] < 0 or now - seen_ns[_B] <= limit[_B]:
        out[2, row], out[3, row] = quotes[_B, 0], quotes[_B, 1]


@jit
def join_tops(
    state: JoinState, executable: bool, ends: bool, stream: Any, ts: IntArray, tops: FloatArray,
    out_ts: IntArray, out: FloatArray,
) -> int:  # fmt: skip
    """Write one row per distinct time at which A or B updated, once both have, with the last quote of each.

    A row is written when an update of a later time comes, so that it shows all updates of its own.

    Args:
        state: as left by the last call; changed in place.
        executable: whether A's bids are converted at the FX ask and its asks at the FX bid; else at the mid.
        ends: no further updates follow: the last row is written too.
        stream, ts: int8[n], int64[n], non-decreasing: whose update it is (0 A, 1 B, 2 FX, units of A's
            currency per unit of B's) and when.
        tops: float64[4, n]: bids in row 0, asks in row 2, in the venue's currency.
        out_ts: int64[n + 1], written.
        out: float64[5, n + 1], written: bid and ask of A, bid and ask of B, all in B's currency, and what one
            unit of A's currency is worth there.

    Returns:
        How many rows were written.
    """
    at, seen_ns, quotes = state.at, state.seen_ns, state.quotes
    rows = 0
    for i in range(ts.size):
        if at[_DUE] == 1 and ts[i] != at[_LAST]:
            _write_row(state, executable, rows, out_ts, out)
            rows += 1
            at[_DUE] = 0
        s, bid, ask = np.int64(stream[i]), tops[0, i], tops[2, i]
        if s == _FX and not (bid > 0 and ask >= bid and ask < np.inf):
            bid, ask = np.nan, np.nan
        quotes[s, 0], quotes[s, 1], seen_ns[s], at[_LAST] = bid, ask, ts[i], ts[i]
        if s != _FX and seen_ns[_A] >= 0 and seen_ns[_B] >= 0:
            at[_DUE] = 1
    if ends and at[_DUE] == 1:
        _write_row(state, executable, rows, out_ts, out)
        rows += 1
        at[_DUE] = 0
    return rows
