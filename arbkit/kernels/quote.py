"""One tradable row as the rules see it."""

from __future__ import annotations

from typing import NamedTuple

from arbkit.kernels._jit import inlined
from arbkit.kernels.ladder import Books
from arbkit.kernels.spread import signal_ab, signal_ba, spread_ab, spread_ba

__all__ = ["Quote", "make_quote"]


class Quote(NamedTuple):
    """One tradable row: prices in the account currency, the four spreads in bps.

    `scale` multiplies the notional of an entry; `fx_a`, `fx_b` are account currency per unit of the venue's.
    `books` holds the ladders of all rows.
    """

    row: int
    ts: int
    bid_a: float
    ask_a: float
    bid_b: float
    ask_b: float
    s_ab: float
    s_ba: float
    x_ab: float
    x_ba: float
    fair: float
    scale: float
    fx_a: float
    fx_b: float
    books: Books


@inlined
def make_quote(
    row: int,
    ts: int,
    bid_a: float,
    ask_a: float,
    bid_b: float,
    ask_b: float,
    fair: float,
    scale: float,
    fx_a: float,
    fx_b: float,
    books: Books,
) -> Quote:
    """Return the row with its spreads (section 1)."""
    s_ab = spread_ab(ask_a, bid_b)
    s_ba = spread_ba(bid_a, ask_b)
    return Quote(
        row,
        ts,
        bid_a,
        ask_a,
        bid_b,
        ask_b,
        s_ab,
        s_ba,
        s_ab if fair == 1.0 else signal_ab(ask_a, bid_b, fair),
        s_ba if fair == 1.0 else signal_ba(bid_a, ask_b, fair),
        fair,
        scale,
        fx_a,
        fx_b,
        books,
    )
