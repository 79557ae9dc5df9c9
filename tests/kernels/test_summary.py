"""Ratios of an equity curve against a plain twin."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest

from arbkit.kernels.summary import MIN_DIFFERENCES, ratios

HOUR = 3_600 * 10**9


def plain(equity: list[float], initial: float, hours: float) -> tuple[float, float]:
    returns = [(b - a) / initial for a, b in itertools.pairwise(equity)]
    if len(returns) < 30:
        return math.nan, math.nan
    year = math.sqrt(365 * 24 / hours)
    down = math.sqrt(sum(min(r, 0.0) ** 2 for r in returns) / len(returns))
    mean, spread = statistics.fmean(returns), statistics.stdev(returns)
    return (mean / spread * year if spread else math.nan), (mean / down * year if down else math.nan)


@pytest.mark.parametrize("n", [0, 1, 30, 31, 500])
@pytest.mark.parametrize("hours", [1.0, 0.25, 24.0])
def test_ratios_agree_with_the_plain_twin(n: int, hours: float) -> None:
    equity = 10_000 + np.cumsum(np.random.default_rng(n).normal(0.5, 20, n))
    got = ratios(equity, 10_000.0, round(hours * HOUR))
    assert got == pytest.approx(plain(equity.tolist(), 10_000, hours), rel=1e-10, nan_ok=True)


def test_thirty_differences_are_enough_and_one_fewer_is_not() -> None:
    equity = 100.0 + np.arange(MIN_DIFFERENCES + 1) % 3
    assert not math.isnan(ratios(equity, 100.0, HOUR)[0])
    assert math.isnan(ratios(equity[:-1], 100.0, HOUR)[0])


def test_flat_and_only_rising_equity_have_no_ratio_to_a_risk_that_is_not_there() -> None:
    assert all(math.isnan(value) for value in ratios(np.full(100, 5.0), 5.0, HOUR))
    assert math.isnan(ratios(np.cumsum(np.arange(100.0)), 5.0, HOUR)[1])


def test_a_large_balance_loses_no_digits() -> None:
    changes = np.random.default_rng(0).normal(0, 50, 2_000)
    equity = 1.5e8 + np.cumsum(changes)
    got = ratios(equity, 1.5e8, HOUR)
    assert got == pytest.approx(plain(equity.tolist(), 1.5e8, 1.0), rel=1e-8)
