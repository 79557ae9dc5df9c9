"""Runs one by one, the rows that orders are filled on, what pays down two ladders: against plain twins."""

from __future__ import annotations

import math

import numpy as np
import pytest

import arbkit
from arbkit import Panel, Params
from arbkit.kernels.opportunities import opportunity_rows, paying_notional, rows_after, widest_signal
from arbkit.kernels.spread import signal_ab, signal_ba

SECOND = 1_000_000_000


def random_panel(seed: int, n: int, *, fair: bool = False) -> Panel:
    """Prices on few ticks with void rows, equal stamps, and a fair ratio that is not always known."""
    rng = np.random.default_rng(seed)
    ts = 1_700_000_000 * SECOND + np.cumsum(rng.choice([0, 1, SECOND, 7 * SECOND], n))
    mid_b = 100 + rng.integers(-8, 9, n) * 0.05
    bid_b = np.where(rng.random(n) < 0.1, np.nan, mid_b)
    ratios = rng.choice([1.0, 1.001, 0.999, np.nan], n) if fair else None
    return Panel(ts, np.full(n, 100.0), np.full(n, 100.05), bid_b, mid_b + 0.05, fair=ratios)


def signals_of(panel: Panel, side: int) -> list[float]:
    """Return x of a direction per row, bps; None-like NaN where it is not known."""
    out = []
    for i in range(len(panel)):
        fair = 1.0 if panel.fair is None else float(panel.fair[i])
        if side == 0:
            out.append(signal_ab(panel.ask_a[i], panel.bid_b[i], fair))
        else:
            out.append(signal_ba(panel.bid_a[i], panel.ask_b[i], fair))
    return out


def twin_runs(panel: Panel, side: int, cost: float, level: float) -> list[tuple[int, int, int, int, int]]:
    xs = signals_of(panel, side)
    live = [i for i in range(len(panel)) if panel.tradable[i]]
    runs: list[list[int]] = []
    for before, i in zip([-1, *live], live, strict=False):
        if not xs[i] - cost >= level:
            continue
        if runs and runs[-1][-1] == before:
            runs[-1].append(i)
        else:
            runs.append([i])
    out = []
    for run in runs:
        after = [i for i in live if i > run[-1]]
        peak = max(run, key=lambda i: (xs[i], -i))
        out.append((run[0], run[-1], after[0] if after else -1, peak, len(run)))
    return out


@pytest.mark.parametrize("fair", [False, True])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("n", [0, 1, 2, 300])
def test_runs_are_those_of_the_plain_twin(n: int, side: int, fair: bool) -> None:
    for seed in range(4):
        panel = random_panel(seed, n, fair=fair)
        for level in (-40.0, 5.0, 9.0):
            found = opportunity_rows(panel.market, side, 3.0, level)
            assert list(zip(*(map(int, column) for column in found), strict=True)) == twin_runs(
                panel, side, 3.0, level
            )


def test_runs_number_as_the_metric_excursions_counts_them() -> None:
    panel = random_panel(9, 400, fair=True)
    params = Params(
        min_spread_bps=4, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=1, max_position_usd=100
    )
    runs = sum(opportunity_rows(panel.market, side, 3.0, 4.0)[0].size for side in (0, 1))
    assert runs == arbkit.backtest(panel, params).metrics.excursions > 10


@pytest.mark.parametrize("delay", [0, 1, SECOND, 10 * SECOND, 4 * 10**18])
def test_orders_are_filled_on_the_first_tradable_row_late_enough(delay: int) -> None:
    panel = random_panel(3, 200)
    rows = np.flatnonzero(panel.tradable).astype(np.int64)
    expected = []
    for i in rows:
        later = [
            j for j in range(i + 1, len(panel)) if panel.tradable[j] and panel.ts[j] >= panel.ts[i] + delay
        ]
        expected.append(int(i) if delay == 0 else later[0] if later else -1)
    assert rows_after(panel.ts, panel.tradable, rows, delay).tolist() == expected


def test_widest_signal_is_the_highest_of_tradable_rows() -> None:
    panel = random_panel(5, 200, fair=True)
    for side in (0, 1):
        known = [x for i, x in enumerate(signals_of(panel, side)) if panel.tradable[i] and not math.isnan(x)]
        assert widest_signal(panel.market, side) == max(known)
    assert widest_signal(random_panel(5, 0).market, 0) == -math.inf


def ladder(*levels: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[px for px, _ in levels]]), np.array([[sz for _, sz in levels]])


def test_paying_notional_walks_both_ladders_until_the_next_unit_pays_less() -> None:
    asks = ladder((100.0, 2.0), (100.1, 5.0), (101.0, 9.0))
    bids = ladder((100.5, 1.0), (100.3, 3.0), (100.05, 9.0))
    # 1 at 100 against 100.5, 1 at 100 and 2 at 100.1 against 100.3; then 100.1 against 100.05 loses
    found = paying_notional(0, *asks, *bids, np.ones(1), 0.0, 0.0)
    assert found[0] == pytest.approx(1 * 100 + 1 * 100 + 2 * 100.1)
    assert paying_notional(0, *asks, *bids, np.ones(1), 60.0, 0.0)[0] == 0.0


@pytest.mark.parametrize("side", [0, 1])
def test_paying_notional_measures_from_the_fair_ratio_and_stops_at_a_void_level(side: int) -> None:
    asks = ladder((100.0, 2.0), (np.nan, np.nan))
    bids = ladder((100.4, 5.0), (100.2, 5.0))
    assert paying_notional(side, *asks, *bids, np.ones(1), 0.0, 30.0)[0] == pytest.approx(200.0)
    away = np.array([0.99 if side == 0 else 1.01])
    assert paying_notional(side, *asks, *bids, away, 0.0, 30.0)[0] == 0.0
    assert paying_notional(side, *asks, *bids, np.full(1, np.nan), 0.0, 30.0)[0] == 0.0
