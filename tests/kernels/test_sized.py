"""Signals at a size and the crossings of one unit: against plain twins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit import Panel
from arbkit.kernels.sized import crossings, sized_signals
from arbkit.panel.arrays import Ladders

SECOND = 1_000_000_000
N = 60


def panel_of(levels: int, *, fair: bool = False, seed: int = 0) -> Panel:
    """Two ladders on few ticks, some rows void."""
    rng = np.random.default_rng(seed)
    mid = 100 + rng.integers(-20, 21, N) * 0.05
    tops = {"bid_a": mid - 0.05, "ask_a": mid + 0.05, "bid_b": np.full(N, 99.95), "ask_b": np.full(N, 100.05)}
    tops["bid_b"][5], tops["bid_a"][9] = np.nan, np.nan
    books = {}
    for side, sign in (("bid", -1), ("ask", 1)):
        for leg in "ab":
            books[f"{side}_px_{leg}"] = tops[f"{side}_{leg}"][:, None] + sign * 0.05 * np.arange(levels)
            books[f"{side}_sz_{leg}"] = rng.integers(1, 5, (N, levels)).astype(float)
    ratios = rng.choice([1.0, 1.001, np.nan], N) if fair else None
    ts = 1_700_000_000 * SECOND + np.arange(N) * SECOND
    return Panel(ts, *tops.values(), ladders=Ladders(**books) if levels else None, fair=ratios)


def twin_price(panel: Panel, name: str, row: int, size: float) -> float:
    """Return the mean price of a size, NaN where the ladder is too short."""
    side, leg = name.split("_")
    if panel.ladders is None:
        return float(getattr(panel, name)[row])
    prices, sizes = (getattr(panel.ladders, f"{side}_{kind}_{leg}")[row] for kind in ("px", "sz"))
    left, money = size, 0.0
    for price, visible in zip(prices, sizes, strict=True):
        part = min(left, visible)
        money, left = money + part * price, left - part
        if left <= 0:
            return float(money / size)
    return math.nan


@pytest.mark.parametrize("fair", [False, True])
@pytest.mark.parametrize(("levels", "notional"), [(0, 1e9), (3, 150.0), (3, 700.0), (3, 1e5)])
def test_signals_are_those_of_both_ladders(levels: int, notional: float, fair: bool) -> None:
    panel = panel_of(levels, fair=fair)
    x_ab, x_ba = sized_signals(panel.market, panel.levels, notional)
    for i in range(N):
        ratio = 1.0 if panel.fair is None else panel.fair[i]
        ab = ba = math.nan
        if panel.tradable[i]:
            buy, sell = panel.ask_a[i], panel.ask_b[i]
            ask, bid = (twin_price(panel, name, i, notional / buy) for name in ("ask_a", "bid_b"))
            ab = (bid * ratio - ask) / ask * 1e4
            ask, bid = (twin_price(panel, name, i, notional / sell) for name in ("ask_b", "bid_a"))
            ba = (bid - ask * ratio) / (ask * ratio) * 1e4
        np.testing.assert_allclose((x_ab[i], x_ba[i]), (ab, ba), rtol=1e-9, atol=1e-9)
    assert np.isfinite(x_ab).any() == (notional < 1e5 or levels == 0)


def test_no_rows_give_no_signals() -> None:
    empty = np.empty(0)
    panel = Panel(np.empty(0, np.int64), empty, empty, empty, empty)
    x_ab, x_ba = sized_signals(panel.market, 0, 100.0)
    assert x_ab.size == x_ba.size == 0
    assert crossings(x_ab, x_ba, 0.0, 0.0)[0].size == 0


def twin_crossings(x_ab: list[float], x_ba: list[float], cost: float, level: float) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    for i, signals in enumerate(zip(x_ab, x_ba, strict=True)):
        for side in (0, 1):
            balance = sum(1 if one == 0 else -1 for _, one in made)
            room = balance < 1 if side == 0 else balance > -1
            if room and signals[side] - cost >= level:
                made.append((i, side))
                break
    return made


@pytest.mark.parametrize("seed", range(4))
def test_crossings_move_one_unit_to_and_fro(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x_ab, x_ba = (rng.choice([-9.0, 1.0, 3.0, 8.0, np.nan], 200, p=[0.6, 0.1, 0.1, 0.1, 0.1]) for _ in "ab")
    rows, sides = crossings(x_ab, x_ba, 1.0, 2.0)
    expected = twin_crossings(x_ab.tolist(), x_ba.tolist(), 1.0, 2.0)
    assert list(zip(rows.tolist(), sides.tolist(), strict=True)) == expected
    assert set(np.cumsum(np.where(sides == 0, 1, -1))) <= {-1, 0, 1}
    assert rows.size > 5
