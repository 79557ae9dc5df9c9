"""Executable spread of both directions, measured as it is and from the fair ratio; tradable rows.

Each expression is evaluated as written, left to right: prices come in ticks, exact ties with a threshold
are common, and every engine must let them fall the same way.
"""

from __future__ import annotations

import numpy as np

from arbkit._typing import BoolArray, FloatArray
from arbkit.kernels._jit import jit

__all__ = [
    "is_tradable",
    "signal_ab",
    "signal_ba",
    "signals",
    "spread_ab",
    "spread_ba",
    "spreads",
    "tradable_rows",
]


@jit
def spread_ab(ask_a: float, bid_b: float) -> float:
    """Return what buying A and selling B earns now, in bps of the price paid, before costs."""
    return (bid_b - ask_a) / ask_a * 1e4


@jit
def spread_ba(bid_a: float, ask_b: float) -> float:
    """Return what buying B and selling A earns now, in bps of the price paid, before costs."""
    return (bid_a - ask_b) / ask_b * 1e4


@jit
def signal_ab(ask_a: float, bid_b: float, fair: float) -> float:
    """Return `spread_ab` measured from the fair ratio A/B; the same bits when `fair` is 1."""
    return (bid_b * fair - ask_a) / ask_a * 1e4


@jit
def signal_ba(bid_a: float, ask_b: float, fair: float) -> float:
    """Return `spread_ba` measured from the fair ratio A/B; the same bits when `fair` is 1."""
    return (bid_a - ask_b * fair) / (ask_b * fair) * 1e4


@jit
def is_tradable(bid_a: float, ask_a: float, bid_b: float, ask_b: float) -> bool:
    """Tell whether both books are two-sided, positive, finite and not crossed; NaN is never tradable."""
    return 0.0 < bid_a < ask_a < np.inf and 0.0 < bid_b < ask_b < np.inf


@jit
def tradable_rows(bid_a: FloatArray, ask_a: FloatArray, bid_b: FloatArray, ask_b: FloatArray) -> BoolArray:
    """Mark the tradable rows.

    Args:
        bid_a, ask_a, bid_b, ask_b: float64 (n,), account currency; NaN where a quote is void or stale.

    Returns:
        bool (n,).
    """
    out = np.empty(bid_a.size, np.bool_)
    for i in range(bid_a.size):
        out[i] = is_tradable(bid_a[i], ask_a[i], bid_b[i], ask_b[i])
    return out


@jit
def spreads(
    bid_a: FloatArray, ask_a: FloatArray, bid_b: FloatArray, ask_b: FloatArray, tradable: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return `s_ab_bps`, `s_ba_bps`, float64 (n,), NaN on rows that are not tradable."""
    ab = np.full(bid_a.size, np.nan)
    ba = np.full(bid_a.size, np.nan)
    for i in range(bid_a.size):
        if tradable[i]:
            ab[i] = spread_ab(ask_a[i], bid_b[i])
            ba[i] = spread_ba(bid_a[i], ask_b[i])
    return ab, ba


@jit
def signals(
    bid_a: FloatArray,
    ask_a: FloatArray,
    bid_b: FloatArray,
    ask_b: FloatArray,
    fair: FloatArray,
    tradable: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """Return `x_ab_bps`, `x_ba_bps`, float64 (n,), NaN where not tradable or where `fair` is NaN.

    `fair` has length n, or 0 for a fair ratio of 1 on every row.
    """
    ab = np.full(bid_a.size, np.nan)
    ba = np.full(bid_a.size, np.nan)
    for i in range(bid_a.size):
        if tradable[i]:
            ratio = fair[i] if fair.size else 1.0
            ab[i] = signal_ab(ask_a[i], bid_b[i], ratio)
            ba[i] = signal_ba(bid_a[i], ask_b[i], ratio)
    return ab, ba
