"""A small market for studies and jobs."""

from __future__ import annotations

import numpy as np
import polars as pl


def market_frame(rows: int = 3_000, seed: int = 3) -> pl.DataFrame:
    """Two venues, one row in ten seconds, a premium that returns to zero."""
    rng = np.random.default_rng(seed)
    mid = 100 * np.exp(np.cumsum(rng.normal(0, 2e-5, rows)))
    premium, shocks = np.zeros(rows), rng.normal(0, 6e-4, rows)
    for row in range(1, rows):
        premium[row] = 0.97 * premium[row - 1] + shocks[row]
    mid_a = mid * (1 + premium)
    return pl.DataFrame(
        {
            "ts": np.arange(rows, dtype=np.int64) * 10_000_000_000,
            "bid_a": mid_a * (1 - 1e-4),
            "ask_a": mid_a * (1 + 1e-4),
            "bid_b": mid * (1 - 1e-4),
            "ask_b": mid * (1 + 1e-4),
        }
    )
