"""Many panels in one kernel: a table of where their arrays lie, and the pairs merged in order of time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from arbkit._typing import IntArray
from arbkit.kernels._jit import inlined, inner, placed
from arbkit.kernels.index import Index, first_row_from
from arbkit.kernels.market import Market

__all__ = [
    "NEVER",
    "PLACE_COLUMNS",
    "bounds_at",
    "first_after",
    "index_at",
    "market_at",
    "new_tree",
    "place_of",
    "rows_before",
    "winner",
]

#: A stamp after every other.
NEVER: Final = int(np.iinfo(np.int64).max)
_ARRAYS: Final = len(Market._fields) - 1
#: Columns of the table of places: address and length of each array of `Market`, in order; then address, rows
#: and columns of the bounds, address and length of the offsets, and first, last and signal of `Index`.
PLACE_COLUMNS: Final = 2 * _ARRAYS + 8
_INDEX: Final = 2 * _ARRAYS


def place_of(market: Market, index: Index) -> list[int]:
    """Return one row of the table of places; the arrays must outlive its use."""
    row: list[int] = []
    arrays: tuple[Any, ...] = market[:_ARRAYS]
    for array in arrays:
        row += [array.ctypes.data, array.size]
    row += [index.bounds.ctypes.data, *index.bounds.shape, index.offsets.ctypes.data, index.offsets.size]
    return [*row, index.first, index.last, index.signal]


@inlined
def market_at(like: Market, places: IntArray, p: int) -> Market:
    """Return the market of a pair, its arrays without owner."""
    at = places[p]
    return Market(
        placed(like.ts, at[0], at[1], 0),
        placed(like.bid_a, at[2], at[3], 0),
        placed(like.ask_a, at[4], at[5], 0),
        placed(like.bid_b, at[6], at[7], 0),
        placed(like.ask_b, at[8], at[9], 0),
        placed(like.fair, at[10], at[11], 0),
        placed(like.entry_ok, at[12], at[13], 0),
        placed(like.tradable, at[14], at[15], 0),
        placed(like.scale, at[16], at[17], 0),
        placed(like.fx_a, at[18], at[19], 0),
        placed(like.fx_b, at[20], at[21], 0),
        placed(like.payments, at[22], at[23], 0),
        like.books,
    )


@inlined
def index_at(like: Index, places: IntArray, p: int) -> Index:
    """Return the index of a pair, its arrays without owner."""
    at = places[p]
    return Index(
        placed(like.bounds, at[_INDEX], at[_INDEX + 1], at[_INDEX + 2]),
        placed(like.offsets, at[_INDEX + 3], at[_INDEX + 4], 0),
        at[_INDEX + 5],
        at[_INDEX + 6],
        at[_INDEX + 7],
    )


@inlined
def bounds_at(places: IntArray, p: int) -> tuple[int, int]:
    """Return the first and the last tradable row of a pair."""
    return places[p, _INDEX + 5], places[p, _INDEX + 6]


@inner
def new_tree(keys: IntArray) -> IntArray:
    """Return the tournament over n keys, a power of two: node 1 names the winner, leaf k stands at n + k.

    The lowest key wins, of equal ones the lowest position.
    """
    n = keys.size
    tree = np.empty(2 * n, np.int64)
    for k in range(n):
        tree[n + k] = k
    for node in range(n - 1, 0, -1):
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = right if keys[right] < keys[left] else left
    return tree


@inlined
def winner(tree: IntArray, keys: IntArray, changed: int) -> int:
    """Play the games of a position whose key has changed, and return the position of the lowest key."""
    node = (keys.size + changed) >> 1
    while node >= 1:
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = right if keys[right] < keys[left] else left
        node >>= 1
    return tree[1] if keys.size > 1 else 0


@inlined
def rows_before(ts: IntArray, start: int, stop: int, q: int, moment: int, p: int, row: int) -> int:
    """Return the first row of pair q in start <= i < stop that does not come before row `row` of pair p.

    The order is (ts, pair, row); `moment` is the stamp of that row.
    """
    if q == p:
        return max(start, min(stop, row))
    return first_row_from(ts, start, stop, moment + 1 if q < p else moment)


@inlined
def first_after(market: Market, start: int, last: int, q: int, moment: int, p: int, row: int) -> int:
    """Return the first tradable row of pair q from `start` to `last` that comes after row `row` of pair p."""
    i = row + 1 if q == p else first_row_from(market.ts, start, last + 1, moment + 1 if q < p else moment)
    while i <= last and not market.tradable[i]:
        i += 1
    return i
