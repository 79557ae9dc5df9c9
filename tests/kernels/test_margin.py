"""The row of a liquidation, against a walk over the rows."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.kernels.margin import liquidation_row
from arbkit.kernels.market import prices_of
from arbkit.panel import Panel


@pytest.mark.parametrize("seed", range(8))
def test_the_first_row_beyond_the_level_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.choice([1, 17, 300, 5_000]))
    a = 100 + np.round(np.cumsum(rng.normal(0, 0.05, rows)), 2)
    b = a + np.round(rng.normal(0, 0.3, rows), 2)
    a[rng.random(rows) < 0.2] = np.nan
    panel = Panel(np.arange(rows), a - 0.01, a, b, b + 0.02)
    prices = prices_of.py_func(panel.market)
    for _ in range(200):
        start = int(rng.integers(0, rows))
        stop = int(rng.integers(start, rows + 1))
        for side, series in ((0, panel.ask_b), (1, panel.bid_b)):
            level = float(rng.choice(series) + rng.choice([0, 0, -1e-9, 1e-9, 0.5, -0.5]))
            beyond = series >= level if side == 0 else series <= level
            hits = np.flatnonzero((beyond & panel.tradable)[start:stop])
            expected = start + int(hits[0]) if hits.size else stop
            assert liquidation_row(prices, panel.index, start, stop, side, level) == expected
