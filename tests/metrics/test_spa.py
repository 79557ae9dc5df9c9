"""The test of superior predictive ability, on columns whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.metrics import long_run_deviation, superior_predictive_ability


def noise(sets: int, *, seed: int = 0, periods: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((periods, sets))


@pytest.mark.parametrize("block", [1, 6])
def test_long_run_deviation_is_the_sum_over_all_lags(block: int) -> None:
    table = noise(3).cumsum(axis=0)
    n, stay = len(table), 1 - 1 / block
    for column, found in zip(table.T, long_run_deviation(table, block=block), strict=True):
        around = column - column.mean()
        total = (around**2).sum()
        for lag in range(1, n):
            kernel = (1 - lag / n) * stay**lag + lag / n * stay ** (n - lag)
            total += 2 * kernel * (around[lag:] * around[:-lag]).sum()
        assert found == pytest.approx(math.sqrt(total / n), rel=1e-9)


def test_a_quiet_good_set_is_found_among_wild_ones() -> None:
    table = noise(200) * 50
    table[:, 17] = 0.5 + noise(1, seed=1)[:, 0]
    result = superior_predictive_ability(table, block=6)
    assert result.best == 17
    assert result.p_value == 1 / 1001
    assert (result.n_sets, result.n_periods, result.draws) == (200, 200, 1000)


def test_noise_with_costs_is_not_superior() -> None:
    result = superior_predictive_ability(noise(100) - 0.1, block=6)
    assert result.p_value > 0.2
    assert result.p_lower <= result.p_value <= result.p_upper


def test_sets_that_only_lose_have_a_p_of_one() -> None:
    result = superior_predictive_ability(noise(20) - 2, block=6)
    assert (result.p_value, result.statistic, result.best, result.n_valid) == (1.0, 0.0, -1, 0)


def test_the_p_is_below_five_percent_just_where_the_statistic_exceeds_its_critical_value() -> None:
    for seed in range(8):
        table = noise(50, seed=seed)
        table[:, 0] += 0.2
        result = superior_predictive_ability(table, block=6)
        assert (result.p_value < 0.05) == (result.statistic > result.critical), seed
    assert 2.5 < result.critical < 3.6
    assert superior_predictive_ability(table, block=6, level=0.9).critical < result.critical


def test_bad_sets_do_not_hide_a_good_one() -> None:
    table = noise(300) - 3
    table[:, 5] += 0.18 - table[:, 5].mean()
    alone = superior_predictive_ability(table[:, [5]], block=6)
    among = superior_predictive_ability(table, block=6)
    assert among.p_value == alone.p_value < 0.05
    assert among.p_upper > among.p_value


def test_sets_that_never_trade_change_nothing() -> None:
    table = noise(10)
    silent = np.hstack([np.zeros((200, 3)), table])
    result, among = (superior_predictive_ability(item, block=6) for item in (table, silent))
    assert (among.p_value, among.statistic, among.best) == (
        result.p_value,
        result.statistic,
        result.best + 3,
    )


def test_only_sets_that_never_trade_have_a_p_of_one() -> None:
    assert superior_predictive_ability(np.zeros((50, 4)), block=6).p_value == 1


def test_a_constant_gain_is_beyond_doubt() -> None:
    table = noise(3)
    table[:, 1] = 0.25
    result = superior_predictive_ability(table, block=6)
    assert (result.p_value, result.best, result.statistic) == (1 / 1001, 1, math.inf)


def test_the_same_seed_gives_the_same_answer_and_another_another() -> None:
    table = noise(30) + 0.05
    first, again, other = (superior_predictive_ability(table, block=6, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.p_value != other.p_value
    assert abs(first.p_value - other.p_value) < 0.08


def test_bad_input_is_one_clear_error() -> None:
    with pytest.raises(DataError, match="at least 16 periods, had 10"):
        superior_predictive_ability(noise(3, periods=10), block=2)
    with pytest.raises(DataError, match="finite, had 1 values"):
        superior_predictive_ability(np.where(noise(3) == noise(3).max(), np.nan, noise(3)), block=6)
    with pytest.raises(DataError, match=r"a table \(n_periods, n_sets\), had shape \(200,\)"):
        superior_predictive_ability(noise(3)[:, 0], block=6)
    with pytest.raises(ConfigError, match="`block` must be within 1 and the 200 periods, was 0"):
        superior_predictive_ability(noise(3), block=0)
    with pytest.raises(ConfigError, match="`draws` must be a whole number of at least 19, was 5"):
        superior_predictive_ability(noise(3), block=6, draws=5)
