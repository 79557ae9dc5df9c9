"""The arrays of a panel as kernels take them, and one row of it."""

from __future__ import annotations

from typing import NamedTuple

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import inlined, inner, jit
from arbkit.kernels.ladder import Books
from arbkit.kernels.quote import Quote, make_quote

__all__ = ["Grid", "Market", "Prices", "ends", "first_grid", "grid_size", "prices_of", "quote_at"]


class Market(NamedTuple):
    """The arrays of a panel: length n, or 0 where an optional one is absent.

    `payments` is `PAYMENT_DTYPE` (m,), one per funding time that can be paid, in order of time.
    `books` are addresses: the panel must outlive the market.
    """

    ts: IntArray
    bid_a: FloatArray
    ask_a: FloatArray
    bid_b: FloatArray
    ask_b: FloatArray
    fair: FloatArray
    entry_ok: BoolArray
    tradable: BoolArray
    scale: FloatArray
    fx_a: FloatArray
    fx_b: FloatArray
    payments: RecordArray
    books: Books


class Prices(NamedTuple):
    """What a search for the next row reads: each array more in a call costs it some nanoseconds."""

    bid_a: FloatArray
    ask_a: FloatArray
    bid_b: FloatArray
    ask_b: FloatArray
    fair: FloatArray
    tradable: BoolArray


@inlined
def prices_of(market: Market) -> Prices:
    """Return the part of a market that `next_row` reads."""
    return Prices(market.bid_a, market.ask_a, market.bid_b, market.ask_b, market.fair, market.tradable)


class Grid(NamedTuple):
    """Equity at every multiple of `step_ns` since the epoch, filled as the rows go by."""

    equity: FloatArray
    step_ns: int


@inlined
def quote_at(market: Market, i: int) -> Quote:
    """Return one row of the market with its spreads."""
    fair = market.fair[i] if market.fair.size else 1.0
    scale = market.scale[i] if market.scale.size else 1.0
    fx_a = market.fx_a[i] if market.fx_a.size else 1.0
    fx_b = market.fx_b[i] if market.fx_b.size else 1.0
    return make_quote(
        i,
        market.ts[i],
        market.bid_a[i],
        market.ask_a[i],
        market.bid_b[i],
        market.ask_b[i],
        fair,
        scale,
        fx_a,
        fx_b,
        market.books,
    )


@jit
def ends(market: Market) -> tuple[int, int]:
    """Return the first and last tradable row, or (0, -1) when there is none."""
    first, last = 0, market.ts.size - 1
    while first <= last and not market.tradable[first]:
        first += 1
    while last >= first and not market.tradable[last]:
        last -= 1
    return (first, last) if first <= last else (0, -1)


@inner
def first_grid(ts: int, step_ns: int) -> int:
    """Return the number of the first grid point at or after ts."""
    return -((-ts) // step_ns)


@jit
def grid_size(market: Market, step_ns: int) -> int:
    """Return how many grid points lie between the first and the last tradable row, both included."""
    first, last = ends(market)
    if last < first:
        return 0
    return int(max(0, market.ts[last] // step_ns - first_grid(market.ts[first], step_ns) + 1))
