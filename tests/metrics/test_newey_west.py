"""Newey and West's t of a mean, against its definition written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit.errors import DataError
from arbkit.metrics import newey_west_mean, newey_west_t, t_quantile


def plain(values: np.ndarray, lags: int) -> tuple[float, float]:
    """Return mean and standard error by the textbook sums."""
    n, mean = len(values), values.sum() / len(values)
    total = 0.0
    for i in range(n):
        for j in range(n):
            weight = max(0.0, 1 - abs(i - j) / (lags + 1))
            total += weight * (values[i] - mean) * (values[j] - mean)
    return float(mean), math.sqrt(total / n / (n - 1))


@pytest.mark.parametrize("lags", [0, 1, 6])
def test_mean_and_error_are_those_of_the_double_sum(lags: int) -> None:
    values = np.random.default_rng(3).standard_normal(40).cumsum()
    found = newey_west_mean(values, lags=lags)
    mean, error = plain(values, lags)
    assert found.mean == pytest.approx(mean)
    assert found.standard_error == pytest.approx(error)
    assert found.t == pytest.approx(mean / error)
    assert (found.df, found.lags) == (39, lags)


def test_without_lags_it_is_student() -> None:
    # Gosset (1908): the extra sleep by the second drug over the first, ten patients: t = 4.06, p = .0014.
    found = newey_west_mean([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4], lags=0)
    assert round(found.t, 2) == 4.06
    assert round(found.p_value, 4) == 0.0014
    low, high = found.interval(0.95)
    assert (round(low, 2), round(high, 2)) == (0.70, 2.46)


def test_many_columns_have_the_t_of_each() -> None:
    table = np.random.default_rng(4).standard_normal((50, 7))
    table[:, 2] = 0
    assert newey_west_t(table, lags=6) == pytest.approx(
        [newey_west_mean(column, lags=6).t for column in table.T]
    )


def test_constant_series_have_no_error() -> None:
    assert newey_west_mean(np.zeros(20), lags=6).t == 0
    assert newey_west_mean(np.zeros(20), lags=6).interval() == (0, 0)
    gain = newey_west_mean(np.full(20, 0.1), lags=6)
    assert (gain.t, gain.standard_error, gain.p_value) == (math.inf, 0, 0)
    assert newey_west_mean(np.full(20, -0.1), lags=6).t == -math.inf


def test_critical_value_is_that_of_the_tables_of_t() -> None:
    assert round(t_quantile(0.95, 10), 3) == 1.812
    assert round(newey_west_mean(np.arange(11.0), lags=1).critical(), 3) == 1.812


def test_too_few_periods_for_the_lags_is_an_error() -> None:
    with pytest.raises(DataError, match="at least 8 periods, had 7"):
        newey_west_mean(np.arange(7.0), lags=6)
    with pytest.raises(DataError, match="1 degree of freedom"):
        t_quantile(0.95, 0)
