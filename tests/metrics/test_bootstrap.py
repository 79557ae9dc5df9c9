"""The stationary bootstrap and the interval of a mean that is read off it."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.metrics import mean_interval
from arbkit.metrics.bootstrap import stationary_indices, stationary_weights


def test_blocks_run_on_wrap_around_and_have_the_mean_length_asked_for() -> None:
    indices = stationary_indices(np.random.default_rng(0), 50, 5, 400)
    runs_on = (indices[:, 1:] - indices[:, :-1]) % 50 == 1
    # A new block happens to go on where the old one ended once in 50 times.
    assert runs_on.mean() == pytest.approx(0.8 + 0.2 / 50, abs=0.01)
    assert ((indices[:, :-1] == 49) & (indices[:, 1:] == 0)).any()
    assert np.bincount(indices.ravel(), minlength=50) == pytest.approx(np.full(50, 400), rel=0.3)


def test_blocks_of_one_period_are_drawn_anew_each_time() -> None:
    indices = stationary_indices(np.random.default_rng(0), 50, 1, 400)
    assert ((indices[:, 1:] - indices[:, :-1]) % 50 == 1).mean() == pytest.approx(1 / 50, abs=0.01)


def test_weights_count_the_periods_of_each_resample() -> None:
    indices = stationary_indices(np.random.default_rng(1), 20, 3, 5)
    weights = stationary_weights(np.random.default_rng(1), 20, 3, 5)
    assert weights.sum(axis=1).tolist() == [20.0] * 5
    assert weights.tolist() == [np.bincount(row, minlength=20).tolist() for row in indices]


@pytest.mark.parametrize("method", ["studentized", "percentile", "basic"])
def test_interval_of_independent_normal_periods_is_that_of_student(method: str) -> None:
    values = 0.3 + np.random.default_rng(2).standard_normal(400)
    found = mean_interval(values, block=1, draws=4000, method=method)
    half = 1.6487 * values.std(ddof=1) / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.01)
    assert found.high == pytest.approx(values.mean() + half, abs=0.01)
    assert (found.mean, found.method, found.draws) == (values.mean(), method, 4000)


def test_interval_of_a_dependent_series_is_wider() -> None:
    shocks = np.random.default_rng(3).standard_normal(600)
    values = np.convolve(shocks, np.ones(6))[:600]
    alone, day = (mean_interval(values, block=block) for block in (1, 12))
    assert day.high - day.low > 1.5 * (alone.high - alone.low)


def test_interval_of_few_trades_is_not_blown_up_by_draws_that_miss_them() -> None:
    values = np.zeros(60)
    values[[7, 31, 44]] = 1.0, 2.0, 1.5
    found = mean_interval(values, block=6)
    error = values.std(ddof=1) / np.sqrt(60)
    assert found.low < values.mean() - 1.5 * error
    assert found.high < values.mean() + 5 * error


def test_seed_decides_the_draws() -> None:
    values = np.random.default_rng(4).standard_normal(90)
    assert mean_interval(values, block=6, seed=1) == mean_interval(values, block=6, seed=1)
    assert mean_interval(values, block=6, seed=1) != mean_interval(values, block=6, seed=2)


def test_series_that_never_changes_has_an_interval_without_width() -> None:
    found = mean_interval(np.full(30, 0.1), block=6)
    assert (found.mean, found.low, found.high) == (0.1, 0.1, 0.1)


def test_bad_input_is_one_clear_error() -> None:
    values = np.random.default_rng(5).standard_normal(90)
    with pytest.raises(ConfigError, match="`percentiles` is no method; did you mean `percentile`"):
        mean_interval(values, block=6, method="percentiles")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="`level` must be above 0 and below 1, was 90"):
        mean_interval(values, block=6, level=90)
    with pytest.raises(ConfigError, match="`block` must be within 1 and the 90 periods, was 91"):
        mean_interval(values, block=91)
    with pytest.raises(ConfigError, match="`draws` must be a whole number of at least 99, was 10"):
        mean_interval(values, block=6, draws=10)
    with pytest.raises(DataError, match="at least 16 periods, had 10"):
        mean_interval(values[:10], block=6)
