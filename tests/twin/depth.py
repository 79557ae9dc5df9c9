"""Walking a visible ladder (section 6, depth): lists of (price, size), best level first."""

from __future__ import annotations

import math

from .market import Levels


def usable(levels: Levels, count: int, taken: float) -> list[tuple[float, float]]:
    """Return the first `count` levels up to the first void one, less the size taken on this row."""
    left = []
    for price, size in list(levels)[:count]:
        if not (math.isfinite(price) and price > 0 and math.isfinite(size) and size > 0):
            break
        gone = min(taken, size)
        taken -= gone
        left.append((price, size - gone))
    return left


def total(levels: Levels) -> float:
    return sum(size for _, size in levels)


def walk(levels: Levels, size: float, top: float) -> tuple[float, bool]:
    """Return the volume-weighted price of `size`, and whether it reached beyond the ladder.

    What the ladder cannot fill is priced at its last level (at `top` where there is no ladder at all).
    """
    if size <= 0:
        return top, False
    money, left, last = 0.0, size, top
    for price, available in levels:
        part = min(left, available)
        money += part * price
        left -= part
        last = price
        if left <= 0:
            return money / size, False
    return (money + left * last) / size, True


def affordable(levels: Levels, money: float, worsen: float) -> tuple[float, bool]:
    """Return how much `money` buys at prices multiplied by `worsen`, and whether it is all spent."""
    bought = 0.0
    for price, available in levels:
        part = min(money / (price * worsen), available)
        bought += part
        money -= part * price * worsen
        if part < available:
            return bought, True
    return bought, False
