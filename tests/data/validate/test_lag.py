"""Cross-correlation: where it peaks, and when it is believed."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.data.validate.lag import fill_forward, lag_peak


@pytest.fixture
def walk():
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 1e-3, 4000)))


@pytest.mark.parametrize("lag", [-17, -1, 0, 1, 9, 24])
def test_the_peak_stands_where_the_second_series_repeats_the_first(walk, lag):
    peak = lag_peak(walk[100:3000], walk[100 - lag : 3000 - lag], 24)
    assert peak is not None
    assert peak.lag == lag
    assert peak.correlation == pytest.approx(1.0, abs=0.02)
    assert peak.is_shifted is (lag != 0)


def test_missing_prices_do_not_hide_the_peak(walk):
    a, b = walk[100:3000].copy(), walk[91:2991].copy()
    a[::7] = np.nan
    b[::5] = np.nan
    peak = lag_peak(a, b, 24)
    assert peak is not None
    assert peak.lag == 9


def test_series_that_share_nothing_are_not_correlated(walk):
    other = 50.0 * np.exp(np.cumsum(np.random.default_rng(8).normal(0, 1e-3, 2900)))
    peak = lag_peak(walk[100:3000], other, 24)
    assert peak is not None
    assert not peak.is_correlated
    assert not peak.is_shifted


def test_bars_stamped_part_of_a_bar_apart_lean_to_one_neighbour():
    hours = 100.0 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 1e-3, 24 * 1500)))
    peak = lag_peak(hours[24:-24:24], hours[24 - 9 : -24 - 9 : 24], 24)
    assert peak is not None
    assert peak.lag == 0
    assert peak.part == pytest.approx(9 / 24, abs=0.05)
    assert lag_peak(hours[24 - 9 : -24 - 9 : 24], hours[24:-24:24], 24).part == pytest.approx(
        -9 / 24, abs=0.05
    )


def test_too_few_bars_say_nothing(walk):
    assert lag_peak(walk[:50], walk[:50], 24) is None


def test_flat_prices_say_nothing_wrong():
    peak = lag_peak(np.full(200, 5.0), np.full(200, 5.0), 24)
    assert peak is not None
    assert not peak.is_correlated


def test_filling_forward_stops_at_its_limit():
    values = np.array([np.nan, 1.0, np.nan, np.nan, np.nan, 2.0, np.nan])
    assert np.array_equal(fill_forward(values, 2), [np.nan, 1, 1, 1, np.nan, 2, 2], equal_nan=True)
