"""A market of single opportunities whose length, width and size are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from arbkit import Panel, Params
from arbkit.panel import Ladders

MS = 1_000_000
START = 1_700_000_000_000 * MS

#: (first row, rows, bid of B): windows in which buying A at 100.01 and selling B pays.
WINDOWS = ((10, 1, 100.31), (30, 5, 100.21), (60, 20, 100.41), (120, 2, 100.31), (160, 12, 100.26))

Make = Callable[..., Panel]


def make_panel(
    windows: Sequence[tuple[int, int, float]] = WINDOWS,
    *,
    n: int = 200,
    step_ms: int = 100,
    sizes: bool = True,
    **more: Any,
) -> Panel:
    """A and B at 100 within a cent; B dearer in the windows; two levels of 1 and 4 units a side."""
    bid_b = np.full(n, 99.99)
    for first, rows, price in windows:
        bid_b[first : first + rows] = price
    ask_b = bid_b + 0.02
    bid_a, ask_a = np.full(n, 99.99), np.full(n, 100.01)
    ts = START + np.arange(n) * step_ms * MS
    size = np.tile([1.0, 4.0], (n, 1))

    def down(best: np.ndarray, sign: int) -> np.ndarray:
        return np.column_stack([best, best + sign * 0.05])

    ladders = Ladders(
        down(bid_a, -1), size, down(ask_a, 1), size, down(bid_b, -1), size, down(ask_b, 1), size
    )
    panel = Panel(ts, bid_a, ask_a, bid_b, ask_b, ladders=ladders if sizes else None)
    return panel.replace(**{"leg_a": "x/BTC", "leg_b": "y/BTC", "currency": "USDT", **more})


@pytest.fixture
def market() -> Panel:
    """Five opportunities of 1, 5, 20, 2 and 12 rows, a row every 100 ms."""
    return make_panel()


@pytest.fixture
def params() -> Params:
    """Enter when B is 12 bps dearer after 3 bps of cost, leave when that is over."""
    return Params(
        min_spread_bps=12, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=1, max_position_usd=100
    )
