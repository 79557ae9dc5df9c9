"""Ratios of return to risk, by hand; test_oracles.py compares them with other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit.errors import ArbkitError
from arbkit.metrics import (
    annualised,
    calmar_ratio,
    downside_deviation,
    ewma_variance,
    ewma_window,
    expected_shortfall,
    omega_ratio,
    sortino_ratio,
    value_at_risk,
)

RETURNS = [0.01, -0.02, 0.03, -0.01, 0.0]


def test_a_year_has_365_days_because_crypto_never_closes() -> None:
    assert annualised(0.1) == pytest.approx(0.1 * math.sqrt(365))
    assert annualised(0.1, periods_per_day=6) == pytest.approx(0.1 * math.sqrt(2190))


def test_downside_deviation_counts_all_periods() -> None:
    assert downside_deviation(RETURNS) == pytest.approx(math.sqrt((0.02**2 + 0.01**2) / 5))
    assert downside_deviation(RETURNS, target=0.01) == pytest.approx(
        math.sqrt((0.03**2 + 0.02**2 + 0.01**2) / 5)
    )


def test_sortino_is_mean_over_downside_deviation() -> None:
    assert sortino_ratio(RETURNS) == pytest.approx(0.002 / 0.01)
    assert sortino_ratio([0.1, 0.2]) == math.inf
    assert sortino_ratio([0.0, 0.0]) == 0
    assert sortino_ratio([0.1, 0.1], target=0.1) == 0


def test_omega_is_gains_over_losses() -> None:
    assert omega_ratio(RETURNS) == pytest.approx(0.04 / 0.03)
    assert omega_ratio(RETURNS, threshold=0.002) == pytest.approx(1.0)
    assert omega_ratio([0.1, 0.2]) == math.inf
    assert omega_ratio([0.0, 0.0]) == 1


def test_calmar_is_growth_over_drawdown_of_wealth_that_starts_at_one() -> None:
    # The first period already loses against the 1 that was there before it.
    assert calmar_ratio([-0.1] + [0.0] * 364) == pytest.approx(-0.1 / 0.1)
    assert calmar_ratio([0.1, -0.5, 0.2] + [0.0] * 362) == pytest.approx((1.1 * 0.5 * 1.2 - 1) / 0.5)
    assert calmar_ratio([-0.1] + [0.0] * 729, periods_per_day=2) == pytest.approx(-1)
    assert calmar_ratio([0.01, 0.02]) == math.inf


def test_value_at_risk_is_the_quantile_of_type_7() -> None:
    # Position (n - 1) 0.05 = 0.95 between the two smallest of 20.
    returns = np.arange(20.0)[::-1]
    assert value_at_risk(returns) == pytest.approx(0.95)
    assert expected_shortfall(returns) == 0.0
    assert value_at_risk(np.arange(11.0), level=0.9) == 1.0
    assert expected_shortfall(np.arange(11.0), level=0.9) == 0.5
    assert expected_shortfall(returns, level=0.8) == pytest.approx(np.mean([0, 1, 2, 3]))


def test_running_variance() -> None:
    assert ewma_variance([0.1, 0.2, 0.0], decay=0.9) == pytest.approx([0.01, 0.013, 0.0117])


@pytest.mark.parametrize(("decay", "days"), [(0.94, 74), (0.97, 151)])
def test_days_that_carry_99_percent_of_the_weight_as_in_riskmetrics(decay: float, days: int) -> None:
    assert round(ewma_window(decay)) == days
    assert 1 - decay ** ewma_window(decay) == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calmar_ratio([0.1, -1.0]), "above -1 .*, had -1.0"),
        (lambda: calmar_ratio([0.1], periods_per_day=0), "`periods_per_day` must be above 0, was 0"),
        (lambda: sortino_ratio([]), "at least 1 periods, had 0"),
        (lambda: omega_ratio([0.1, math.inf]), "finite, had 1 values"),
        (lambda: downside_deviation([0.1], target=math.nan), "`target` must be a finite number"),
        (lambda: value_at_risk([0.1], level=1), "`level` must be above 0 and below 1, was 1"),
        (lambda: ewma_variance([0.1], decay=1.0), "`decay` must be above 0 and below 1, was 1.0"),
        (lambda: annualised(math.nan), "`ratio` must be a finite number, was nan"),
    ],
)
def test_input_without_an_answer_is_one_clear_error(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ArbkitError, match=message):
        call()
