"""Tick tables: which price steps a venue allows at which price."""

from __future__ import annotations

from typing import Final

import numpy as np

from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.synthetic_book import TickTable

__all__ = ["TICK_TABLES", "tick_table", "whole_inverse"]

#: (price from, tick), highest price first. `upbit-krw`: Upbit's KRW markets since 2025-07-31.
TICK_TABLES: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "upbit-krw": (
        (1_000_000.0, 1000.0),
        (500_000.0, 500.0),
        (100_000.0, 100.0),
        (50_000.0, 50.0),
        (10_000.0, 10.0),
        (5_000.0, 5.0),
        (100.0, 1.0),
        (10.0, 0.1),
        (1.0, 0.01),
        (0.1, 0.001),
        (0.01, 0.0001),
        (0.001, 0.00001),
        (0.0001, 0.000001),
        (0.00001, 0.0000001),
        (0.0, 0.00000001),
    ),
}


def tick_table(tick: float | str) -> TickTable:
    """Return the arrays of a named tick table, or of one tick that holds at every price.

    Raises:
        ConfigError: for an unknown name (with the nearest ones) or a tick that is not above 0.
    """
    if isinstance(tick, str):
        if tick not in TICK_TABLES:
            raise ConfigError(f"`{tick}` is no tick table; {nearest_names(tick, TICK_TABLES)}")
        bands = TICK_TABLES[tick]
    else:
        if not tick > 0:
            raise ConfigError(f"`tick` must be above 0, was {tick!r}")
        bands = ((0.0, float(tick)),)
    ticks = np.array([step for _, step in bands])
    inverse = np.array([whole_inverse(step) for step in ticks])
    return TickTable(np.array([floor for floor, _ in bands]), ticks, inverse)


def whole_inverse(step: float) -> float:
    """Return 1/step where that is a whole number above 1, else 0."""
    whole = round(1.0 / step)
    return float(whole) if step < 1.0 and abs(whole * step - 1.0) < 1e-9 else 0.0
