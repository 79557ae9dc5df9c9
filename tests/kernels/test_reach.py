"""Bounds of what ladders reach, against every level of every row."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.panel import Ladders, Panel

SIDES = ("bid_a", "ask_a", "bid_b", "ask_b")
SECOND = 10**9


def deep_panel(rng: np.random.Generator, rows: int = 700, levels: int = 4) -> Panel:
    """Return books with levels at random distances, some of them void, and rows that are not tradable."""
    mid = 100 + 0.01 * np.cumsum(rng.integers(-2, 3, rows))
    other = mid + 0.01 * np.round(20 * np.sin(np.arange(rows) / 40)) + 0.01 * rng.integers(-2, 3, rows)
    tops = {"bid_a": mid, "ask_a": mid + 0.01, "bid_b": other, "ask_b": other + 0.02}
    sides = {}
    for name, top in tops.items():
        sign = -1 if name.startswith("bid") else 1
        away = np.cumsum(rng.integers(0, 3, (rows, levels)), axis=1)
        kind, venue = name.split("_")
        sides[f"{kind}_px_{venue}"] = top[:, None] + sign * 0.01 * (away - away[:, :1])
        sides[f"{kind}_sz_{venue}"] = rng.choice(
            [0.0, 0.5, 3.0, 30.0], (rows, levels), p=[0.1, 0.2, 0.4, 0.3]
        )
    tops["bid_a"] = np.where(rng.random(rows) < 0.05, np.nan, tops["bid_a"])
    return Panel(np.arange(rows) * SECOND, *tops.values(), ladders=Ladders(**sides))


@pytest.mark.parametrize("seed", range(8))
def test_no_level_that_can_be_filled_lies_beyond_the_bound(seed: int) -> None:
    panel = deep_panel(np.random.default_rng(seed))
    books, index = panel.measured_market.books, panel.index
    assert books.reach != 0
    reach = panel._reaches[-1]
    assert books.reach == reach.ctypes.data
    ladders = panel.ladders
    assert ladders is not None
    for number, name in enumerate(SIDES):
        kind, venue = name.split("_")
        top = getattr(panel, name)[:, None]
        away = np.abs(getattr(ladders, f"{kind}_px_{venue}") - top) / top
        away[getattr(ladders, f"{kind}_sz_{venue}") == 0] = 0
        farthest = np.where(panel.tradable, away.max(axis=1), 0)
        for level in range(index.offsets.size - 1):
            rows = 16 ** (level + 1)
            blocks = -(-len(panel) // rows)
            bounds = reach[number, index.offsets[level] : index.offsets[level] + blocks]
            exact = [farthest[k * rows : (k + 1) * rows].max() for k in range(blocks)]
            assert (bounds >= exact).all()
            assert bounds == pytest.approx(exact, rel=1e-6, abs=1e-30)


@pytest.mark.parametrize("seed", range(12))
def test_drawdown_with_depth_is_that_of_the_walk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = deep_panel(rng, int(rng.choice([50, 700, 5000])))
    deepest = 0.0
    for _ in range(4):
        params = Params(
            min_spread_bps=float(rng.choice([-5, 2, 8])),
            taker_fee_a_bps=1, taker_fee_b_bps=0, slippage_bps=1,
            max_position_usd=float(rng.choice([50, 500, 5000])), depth_levels=int(rng.choice([1, 2, 4])),
            max_open_trades=int(rng.choice([1, 3])), exit_spread_bps=float(rng.choice([-8, 0])),
            initial_balance_usd=1000, take_profit_bps=float(rng.choice([3, 40])),
            stop_on_drawdown_mtm_pct=[None, 0.4][int(rng.integers(2))],
        )  # fmt: skip
        found, wanted = (backtest(panel, params, engine=engine) for engine in ("skip", "step"))
        assert found.metrics == wanted.metrics
        deepest = max(deepest, found.metrics.max_drawdown_mtm_pct)
    assert deepest > 0.01


def test_a_panel_without_books_has_no_bounds_of_them() -> None:
    flat = np.full(20, 100.0)
    panel = Panel(np.arange(20) * SECOND, flat, flat + 1, flat, flat + 1)
    assert panel.measured_market is panel.market
