"""What a Sharpe ratio is worth, against the values its authors published."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit.errors import ArbkitError, ConfigError, DataError
from arbkit.metrics import (
    ar1_scaling,
    deflated_sharpe_ratio,
    expected_max_sharpe,
    expected_maximum,
    min_backtest_length,
    min_track_record_length,
    probabilistic_sharpe_ratio,
    return_moments,
    sharpe_ratio,
    sharpe_standard_error,
)

#: The hedge fund index of Bailey and Lopez de Prado (2012): monthly ratio, skewness, kurtosis.
FUND = {"skewness": -2.448, "kurtosis": 10.164}


@pytest.mark.parametrize(
    ("periods", "moments", "published"),
    [(24, {}, 0.982), (24, FUND, 0.913), (36, FUND, 0.953)],
    ids=["normal", "fat tails", "fat tails, a year longer"],
)
def test_probabilistic_sharpe_ratio_of_bailey_and_lopez_de_prado_2012(
    periods: int, moments: dict[str, float], published: float
) -> None:
    # The paper gives the ratio to three digits, .458: hence a unit of the last digit.
    assert probabilistic_sharpe_ratio(0.458, periods, **moments) == pytest.approx(published, abs=1e-3)


@pytest.mark.parametrize(
    ("per_year", "moments", "years"),
    [
        (250, {}, 2.73),
        (52, {}, 2.83),
        (12, {}, 3.24),
        (12, {"skewness": -0.72, "kurtosis": 5.78}, 4.99),
    ],
    ids=["daily", "weekly", "monthly", "monthly, fat tails"],
)
def test_minimum_track_record_of_bailey_and_lopez_de_prado_2012(
    per_year: int, moments: dict[str, float], years: float
) -> None:
    ratio, benchmark = 2 / math.sqrt(per_year), 1 / math.sqrt(per_year)
    periods = min_track_record_length(ratio, benchmark=benchmark, **moments)
    assert round(periods / per_year, 2) == years


def test_probabilistic_sharpe_ratio_reaches_its_confidence_at_the_minimum_track_record() -> None:
    periods = min_track_record_length(0.1, benchmark=0.03, skewness=-1, kurtosis=9)
    at, before = (
        probabilistic_sharpe_ratio(0.1, int(n), benchmark=0.03, skewness=-1, kurtosis=9)
        for n in (math.ceil(periods), math.floor(periods))
    )
    assert before < 0.95 <= at


def test_minimum_track_record_without_excess_is_infinite() -> None:
    assert min_track_record_length(0.1, benchmark=0.1) == math.inf
    assert min_track_record_length(-0.1) == math.inf


#: The example of Bailey and Lopez de Prado (2014): an annual ratio of 2.5 over 1,250 days of 250 a year, the
#: best of N trials whose annual ratios have a variance of 1/2.
DAYS = 250
EXAMPLE = {"skewness": -3.0, "kurtosis": 10.0}


def deflated(
    *,
    n_trials: int = 100,
    days: int = DAYS,
    sharpe: float | None = None,
    variance: float | None = None,
    kurtosis: float = 10.0,
) -> float:
    sharpe = 2.5 / math.sqrt(days) if sharpe is None else sharpe
    variance = 0.5 / days if variance is None else variance
    return deflated_sharpe_ratio(
        sharpe, 1250, n_trials, skewness=-3.0, kurtosis=kurtosis, variance=variance
    ).probability


def test_deflated_sharpe_ratio_of_bailey_and_lopez_de_prado_2014() -> None:
    result = deflated_sharpe_ratio(2.5 / math.sqrt(DAYS), 1250, 100, variance=0.5 / DAYS, **EXAMPLE)
    assert round(result.benchmark, 4) == 0.1132
    assert round(result.probability, 4) == 0.9004
    assert (result.form, result.n_trials, result.variance) == ("published", 100, 0.002)
    assert round(deflated(n_trials=46), 4) == 0.9505


def test_252_days_instead_of_250_is_the_first_trap() -> None:
    assert round(deflated(days=252), 5) == 0.89967


def test_annualised_ratio_fed_in_is_the_second_trap() -> None:
    assert round(deflated(sharpe=2.5), 4) == 1.0000


def test_excess_kurtosis_fed_in_is_the_third_trap() -> None:
    assert round(deflated(kurtosis=7.0), 4) == 0.9018


def test_variance_read_as_a_deviation_is_the_fourth_trap() -> None:
    assert round(deflated(variance=0.5**2 / DAYS), 4) == 0.9871


def test_deflated_sharpe_ratio_with_the_sampling_variance_of_nothing() -> None:
    result = deflated_sharpe_ratio(0.1, 400, 50)
    assert (result.form, result.variance) == ("1/T", 1 / 400)
    assert result.benchmark == pytest.approx(expected_maximum(50) / 20)
    assert result.probability == probabilistic_sharpe_ratio(0.1, 400, benchmark=result.benchmark)
    assert deflated_sharpe_ratio(0.1, 400, 50, variance=1 / 400).probability == result.probability


def test_expected_maximum_of_ten_trials_is_that_of_bailey_et_al_2014() -> None:
    assert round(expected_maximum(10), 2) == 1.57
    assert expected_max_sharpe(10, 0.25) == pytest.approx(expected_maximum(10) / 2)


@pytest.mark.parametrize(("n_trials", "years"), [(45, 5), (7, 2)])
def test_minimum_backtest_length_of_bailey_et_al_2014(n_trials: int, years: int) -> None:
    # "No more than 45 configurations in five years, no more than 7 in two."
    assert min_backtest_length(n_trials) <= years < min_backtest_length(n_trials + 1)
    assert round(min_backtest_length(n_trials)) == years


@pytest.mark.parametrize(
    ("sharpe", "periods", "published"),
    [(0.5, 12, 0.306), (1.5, 60, 0.188), (3, 60, 0.303), (3, 12, 0.677), (2, 24, 0.354)],
)
def test_standard_error_of_lo_2002(sharpe: float, periods: int, published: float) -> None:
    assert round(sharpe_standard_error(sharpe, periods), 3) == published


@pytest.mark.parametrize(
    ("periods", "autocorrelation", "published"),
    [(12, 0.2, 2.88), (12, -0.2, 4.17), (12, 0, 3.46), (12, 0.5, 2.12), (250, 0.9, 3.70), (250, 0.2, 12.92)],
)
def test_scaling_under_autocorrelation_of_lo_2002(
    periods: int, autocorrelation: float, published: float
) -> None:
    assert round(ar1_scaling(periods, autocorrelation), 2) == published


def test_scaling_of_independent_days_to_a_year_that_never_closes() -> None:
    assert ar1_scaling(365) == math.sqrt(365)


def test_moments_of_a_series() -> None:
    moments = return_moments([1.0, -1.0, 1.0, -1.0, 4.0])
    assert (moments.n_periods, moments.mean) == (5, 0.8)
    assert moments.deviation == pytest.approx(np.std([1, -1, 1, -1, 4], ddof=1))
    assert moments.sharpe == sharpe_ratio([1.0, -1.0, 1.0, -1.0, 4.0]) == moments.mean / moments.deviation
    assert moments.skewness == pytest.approx(4.224 / 3.36**1.5)
    assert moments.kurtosis == pytest.approx(25.1712 / 3.36**2)


def test_a_set_that_never_trades_has_a_ratio_of_zero() -> None:
    moments = return_moments(np.zeros(30))
    assert (moments.sharpe, moments.skewness, moments.kurtosis) == (0.0, 0.0, 3.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sharpe_ratio([1.0, math.nan, 2.0]), "finite, had 1 values"),
        (lambda: sharpe_ratio([1.0, 2.0]), "at least 3 periods, had 2"),
        (lambda: sharpe_ratio(np.ones((4, 2))), r"one series .*shape \(4, 2\)"),
        (lambda: sharpe_ratio(["a", "b", "c"]), "must hold numbers, was list"),
        (lambda: sharpe_ratio([0.1, 0.1, 0.1]), "all 3 were 0.1"),
        (lambda: probabilistic_sharpe_ratio(0.1, 1), "`n_periods` must be .* at least 2, was 1"),
        (lambda: probabilistic_sharpe_ratio(math.nan, 10), "`sharpe` must be a finite number, was nan"),
        (lambda: probabilistic_sharpe_ratio(0.1, math.nan), "`n_periods` must be .* at least 2, was nan"),
        (lambda: probabilistic_sharpe_ratio(2, 10, skewness=3, kurtosis=1), "kurtosis is raw"),
        (lambda: min_track_record_length(2, skewness=3, kurtosis=1), "kurtosis is raw"),
        (lambda: min_track_record_length(0.1, confidence=0.5), "above 0.5 and below 1, was 0.5"),
        (lambda: deflated_sharpe_ratio(0.1, 100, 1), "`n_trials` must be .* at least 2, was 1"),
        (lambda: deflated_sharpe_ratio(0.1, 100, 9, variance=-1), "`variance` must be at least 0, was -1"),
        (lambda: deflated_sharpe_ratio(0.1, 100, 9, variance="T"), "must be \"1/T\" or a number, was 'T'"),
        (lambda: min_backtest_length(9, 0), "`expected_max` must be above 0, was 0"),
        (lambda: sharpe_standard_error(0.1, 0), "`n_periods` must be .* at least 1, was 0"),
        (lambda: ar1_scaling(12, 1.0), "above -1 and below 1, was 1.0"),
    ],
)
def test_input_without_an_answer_is_one_clear_error(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ArbkitError, match=message) as caught:
        call()
    assert isinstance(caught.value, (ConfigError, DataError))
