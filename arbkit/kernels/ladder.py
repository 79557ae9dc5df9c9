"""The visible ladder of one side of a book, and what a size costs on it (section 6, Depth)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, RecordArray
from arbkit.kernels._jit import inlined, inner, jit
from arbkit.kernels.pointers import stored_float

__all__ = [
    "ASK_A",
    "ASK_B",
    "BID_A",
    "BID_B",
    "Books",
    "affordable",
    "first_unordered",
    "ladder_price",
    "ladder_size",
    "long_entry_side",
    "long_exit_side",
    "short_entry_side",
    "short_exit_side",
    "size_taken",
    "take",
    "worst_price",
]

#: The four sides, as `taken` names them.
BID_A: Final = 0
ASK_A: Final = 1
BID_B: Final = 2
ASK_B: Final = 3


class Books(NamedTuple):
    """Addresses of the ladders, float64 (rows, levels) each, best level first; all 0 where there are none.

    `reach` is the address of what `ladder_reach` writes, 0 where nobody asked for it, and `reach_bytes` the
    size of one of its series.
    """

    bid_px_a: int
    bid_sz_a: int
    ask_px_a: int
    ask_sz_a: int
    bid_px_b: int
    bid_sz_b: int
    ask_px_b: int
    ask_sz_b: int
    levels: int
    reach: int
    reach_bytes: int


@inlined
def long_entry_side(side: int) -> int:
    """Return what the long leg of a direction buys from."""
    return ASK_A if side == 0 else ASK_B


@inlined
def short_entry_side(side: int) -> int:
    """Return what the short leg of a direction sells to."""
    return BID_B if side == 0 else BID_A


@inlined
def long_exit_side(side: int) -> int:
    """Return what the long leg of a direction is sold to."""
    return BID_A if side == 0 else BID_B


@inlined
def short_exit_side(side: int) -> int:
    """Return what the short leg of a direction is bought back from."""
    return ASK_B if side == 0 else ASK_A


@inlined
def _ladder(books: Books, side: int) -> tuple[int, int]:
    if side == BID_A:
        return books.bid_px_a, books.bid_sz_a
    if side == ASK_A:
        return books.ask_px_a, books.ask_sz_a
    if side == BID_B:
        return books.bid_px_b, books.bid_sz_b
    return books.ask_px_b, books.ask_sz_b


@inlined
def _is_void(price: float, size: float) -> bool:
    """A level without price or size ends the ladder."""
    return not (np.isfinite(price) and price > 0 and np.isfinite(size) and size > 0)


@inner
def ladder_price(
    books: Books, side: int, row: int, levels: int, taken: float, size: float, top: float
) -> tuple[float, bool]:
    """Return the volume-weighted price of a size, and whether it reached beyond the visible ladder.

    What the ladder cannot fill is priced at its last level.

    Args:
        books: the ladders.
        side: one of the four.
        row: its row.
        levels: how many are looked at.
        taken: size that is gone from this ladder already.
        size: base units.
        top: the price where there is no ladder at all.
    """
    if size <= 0:
        return top, False
    px, sz = _ladder(books, side)
    at = row * books.levels
    money, left, last = 0.0, size, top
    for k in range(levels):
        price, visible = stored_float(px, at + k), stored_float(sz, at + k)
        if _is_void(price, visible):
            break
        gone = min(taken, visible)
        taken -= gone
        part = min(left, visible - gone)
        money += part * price
        left -= part
        last = price
        if left <= 0:
            return money / size, False
    return (money + left * last) / size, True


@inner
def ladder_size(books: Books, side: int, row: int, levels: int, taken: float) -> float:
    """Return the size left on a ladder, base units."""
    px, sz = _ladder(books, side)
    at = row * books.levels
    total = 0.0
    for k in range(levels):
        price, visible = stored_float(px, at + k), stored_float(sz, at + k)
        if _is_void(price, visible):
            break
        gone = min(taken, visible)
        taken -= gone
        total += visible - gone
    return total


@inner
def affordable(
    books: Books, side: int, row: int, levels: int, taken: float, money: float, worsen: float
) -> tuple[float, bool]:
    """Return the size that money buys at prices multiplied by `worsen`, and whether all of it is spent."""
    px, sz = _ladder(books, side)
    at = row * books.levels
    bought = 0.0
    for k in range(levels):
        price, visible = stored_float(px, at + k), stored_float(sz, at + k)
        if _is_void(price, visible):
            break
        gone = min(taken, visible)
        taken -= gone
        part = min(money / (price * worsen), visible - gone)
        bought += part
        money -= part * price * worsen
        if part < visible - gone:
            return bought, True
    return bought, False


@inlined
def size_taken(taken: RecordArray, n_taken: int, row: int, side: int) -> float:
    """Return the size that fills have taken off one side of one row."""
    total = 0.0
    for k in range(n_taken):
        if taken[k].row == row and taken[k].side == side:
            total += taken[k].size
    return total


@inlined
def take(taken: RecordArray, state: Any, row: int, side: int, size: float) -> None:
    """Remember that a size of one side of one row is gone."""
    entry = taken[state.n_taken]
    entry.row = row
    entry.side = side
    entry.size = size
    state.n_taken += 1


@inner
def worst_price(books: Books, side: int, row: int, top: float) -> float:
    """Return the price farthest from the best one among all levels that are not void."""
    px, sz = _ladder(books, side)
    at = row * books.levels
    worst, falling = top, side in (BID_A, BID_B)
    for k in range(books.levels):
        price = stored_float(px, at + k)
        if not _is_void(price, stored_float(sz, at + k)):
            worst = min(worst, price) if falling else max(worst, price)
    return worst


@jit
def first_unordered(
    prices: FloatArray, sizes: FloatArray, top: FloatArray, tradable: BoolArray, falling: bool
) -> tuple[int, int]:
    """Return row and level of the first price out of order on a tradable row, or (-1, -1).

    Args:
        prices, sizes: float64 (n, levels), best level first; a void level ends the ladder.
        top: float64 (n,), the best price of the row; a first level that is better is out of order too.
        tradable: bool (n,), rows that count.
        falling: whether prices fall from level to level (bids), or rise (asks).
    """
    for i in range(prices.shape[0]):
        if not tradable[i]:
            continue
        before = top[i]
        for k in range(prices.shape[1]):
            price = prices[i, k]
            if _is_void(price, sizes[i, k]):
                break
            if (price > before) if falling else (price < before):
                return i, k
            before = price
    return -1, -1
