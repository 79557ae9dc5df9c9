"""The statistics against other libraries, where these compute the same thing.

All of them are imported here and nowhere else, by the tests that need them: `import skfolio` alone takes
seconds, and every test process collects this module.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit import metrics, risk

DAYS = 400


def returns(seed: int = 0) -> np.ndarray:
    """Fat-tailed, skewed returns of a set that stands still on a third of the days."""
    random = np.random.default_rng(seed)
    values = 0.002 + 0.01 * random.standard_t(4, DAYS) - 0.004 * (random.random(DAYS) < 0.05)
    return np.where(random.random(DAYS) < 1 / 3, 0.0, values)


def test_probabilistic_sharpe_ratio_is_that_of_skfolio() -> None:
    import skfolio.measures

    moments = metrics.return_moments(returns())
    for benchmark in (0.0, 0.05):
        ours = metrics.probabilistic_sharpe_ratio(
            moments.sharpe, DAYS, skewness=moments.skewness, kurtosis=moments.kurtosis, benchmark=benchmark
        )
        theirs = skfolio.measures.probabilistic_sharpe_ratio(returns(), benchmark_sharpe_ratio=benchmark)
        assert ours == pytest.approx(theirs, rel=1e-12)


def test_published_deflated_sharpe_ratio_is_that_of_skfolio() -> None:
    import skfolio.measures

    trials = np.random.default_rng(1).normal(0, 0.05, 80)
    moments = metrics.return_moments(returns())
    ours = metrics.deflated_sharpe_ratio(
        moments.sharpe,
        DAYS,
        len(trials),
        skewness=moments.skewness,
        kurtosis=moments.kurtosis,
        variance=float(trials.var(ddof=1)),
    )
    theirs = skfolio.measures.deflated_sharpe_ratio(returns(), trials)
    assert ours.probability == pytest.approx(theirs, rel=1e-12)


def test_both_forms_of_the_deflated_sharpe_ratio_are_those_of_purgedcv() -> None:
    import purgedcv

    # It divides by n, and corrects skewness and kurtosis for their bias: its moments go into our formula.
    full = purgedcv.deflated_sharpe_ratio_full(returns(), n_trials=80, var_sharpe=1 / DAYS)
    for variance in ("1/T", 1 / DAYS):
        ours = metrics.deflated_sharpe_ratio(
            full.observed_sr, DAYS, 80, skewness=full.skew, kurtosis=full.kurt, variance=variance
        )
        assert ours.probability == pytest.approx(full.dsr, rel=1e-12)
        assert ours.benchmark == pytest.approx(full.sr_star, rel=1e-12)


def test_track_record_and_backtest_length_are_those_of_purgedcv() -> None:
    import purgedcv

    moments = {"skewness": -1.2, "kurtosis": 7.0}
    for confidence in (0.9, 0.95):
        # It rounds up to whole periods.
        assert math.ceil(
            metrics.min_track_record_length(0.15, benchmark=0.05, confidence=confidence, **moments)
        ) == purgedcv.min_track_record_length(0.15, 0.05, 1 - confidence, -1.2, 7.0)
    assert metrics.min_backtest_length(45, 1.5) == pytest.approx(purgedcv.minimum_backtest_length(45, 1.5))


@pytest.mark.parametrize("periods", [96, 101])
def test_probability_of_overfitting_is_that_of_purgedcv(periods: int) -> None:
    import purgedcv

    table = np.random.default_rng(2).standard_normal((periods, 12)) * np.logspace(-2, 2, 12)
    table[:, 3] = 0
    table[: periods // 2, 5] = 0
    ours = metrics.probability_of_overfitting(table, blocks=6)
    theirs = purgedcv.probability_of_backtest_overfitting(table.T.copy(), n_splits=6)
    # It names the half outside first where we name the half inside: the same splits, backwards.
    assert ours.logits[::-1] == pytest.approx(theirs.logits, abs=1e-12)
    inside, outside = theirs.is_oos_performance.T
    assert ours.in_sample[::-1] == pytest.approx(inside, abs=1e-12)
    assert ours.out_of_sample[::-1] == pytest.approx(outside, abs=1e-12)
    assert ours.p_loss == (outside < 0).mean()
    # It leaves out a rank right in the middle (logit 0), which an even number of sets does not have.
    assert ours.pbo == theirs.pbo


def test_sortino_and_downside_deviation_are_those_of_empyrical() -> None:
    import empyrical
    import pandas as pd

    series = pd.Series(returns(), index=pd.date_range("2026-01-01", periods=DAYS))
    for target in (0.0, 0.001):
        downside = empyrical.downside_risk(series, required_return=target, annualization=1)
        assert metrics.downside_deviation(returns(), target=target) == pytest.approx(downside, rel=1e-12)
        theirs = empyrical.sortino_ratio(series, required_return=target, annualization=365)
        ours = metrics.annualised(metrics.sortino_ratio(returns(), target=target))
        assert ours == pytest.approx(theirs, rel=1e-12)


def test_sharpe_ratio_for_a_year_is_that_of_empyrical() -> None:
    import empyrical
    import pandas as pd

    series = pd.Series(returns(), index=pd.date_range("2026-01-01", periods=DAYS))
    theirs = empyrical.sharpe_ratio(series, annualization=365)
    assert metrics.annualised(metrics.sharpe_ratio(returns())) == pytest.approx(theirs, rel=1e-12)


def test_omega_and_calmar_are_those_of_empyrical() -> None:
    import empyrical
    import pandas as pd

    series = pd.Series(returns(), index=pd.date_range("2026-01-01", periods=DAYS))
    assert metrics.omega_ratio(returns()) == pytest.approx(empyrical.omega_ratio(series), rel=1e-12)
    theirs = empyrical.omega_ratio(series, required_return=0.001, annualization=1)
    assert metrics.omega_ratio(returns(), threshold=0.001) == pytest.approx(theirs, rel=1e-12)
    theirs = empyrical.calmar_ratio(series, annualization=365)
    assert metrics.calmar_ratio(returns()) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_value_at_risk_and_shortfall_are_those_of_empyrical(level: float) -> None:
    import empyrical

    cutoff = 1 - level
    assert metrics.value_at_risk(returns(), level=level) == pytest.approx(
        empyrical.value_at_risk(returns(), cutoff=cutoff), rel=1e-12
    )
    assert metrics.expected_shortfall(returns(), level=level) == pytest.approx(
        empyrical.conditional_value_at_risk(returns(), cutoff=cutoff), rel=1e-12
    )


def test_value_at_risk_and_downside_deviation_are_those_of_skfolio() -> None:
    import skfolio.measures

    # It takes a return where the type-7 quantile lies between two: of 401 one lies at 5 % exactly. And its
    # deviation divides by n - 1.
    values = np.append(returns(), 0.02)
    theirs = skfolio.measures.value_at_risk(values, beta=0.95)
    assert -metrics.value_at_risk(values) == pytest.approx(theirs, rel=1e-12)
    theirs = skfolio.measures.semi_deviation(values, min_acceptable_return=0.0)
    assert metrics.downside_deviation(values) == pytest.approx(theirs * math.sqrt(400 / 401), rel=1e-12)


def test_newey_west_is_that_of_statsmodels() -> None:
    from statsmodels.regression.linear_model import OLS

    values = returns().cumsum()
    fit = OLS(values, np.ones(DAYS)).fit(
        cov_type="HAC", cov_kwds={"maxlags": 6, "use_correction": True}, use_t=True
    )
    ours = metrics.newey_west_mean(values, lags=6)
    assert ours.t == pytest.approx(float(fit.tvalues[0]), rel=1e-9)
    assert ours.interval(0.9) == pytest.approx(tuple(fit.conf_int(0.1)[0]), rel=1e-9)


def test_superior_predictive_ability_is_that_of_arch_on_scaled_columns() -> None:
    from arch.bootstrap import SPA

    table = np.random.default_rng(3).standard_normal((120, 25)) * np.logspace(-1, 1, 25)
    table[1:] += 0.3 * table[:-1]
    table[:, 20:] -= 2 * table.std(axis=0)[20:]
    deviation = metrics.long_run_deviation(table, block=6)
    theirs = SPA(np.zeros(120), -table / deviation, block_size=6, reps=1500, seed=4)
    theirs.compute()
    ours = metrics.superior_predictive_ability(table, block=6, draws=10_000, seed=5)
    # Three standard errors of a share of 1,500 draws.
    for name, found in (("lower", ours.p_lower), ("consistent", ours.p_value), ("upper", ours.p_upper)):
        share = float(theirs.pvalues[name])
        assert 0.02 < share < 0.98
        assert found == pytest.approx(share, abs=3 * math.sqrt(share * (1 - share) / 1500) + 1e-3)


def test_long_run_deviation_is_that_of_arch() -> None:
    from arch.bootstrap import SPA

    table = np.random.default_rng(3).standard_normal((60, 4)).cumsum(axis=0)
    theirs = SPA(np.zeros(60), -table, block_size=6, reps=50, seed=0)
    theirs.compute()
    assert metrics.long_run_deviation(table, block=6) ** 2 == pytest.approx(theirs._loss_diff_var, rel=1e-9)


def test_arch_does_not_studentize_what_it_says_it_does() -> None:
    from arch.bootstrap import SPA

    # Why the columns are divided here: a set with a t of 7 among wild ones is missed by it, and found by us.
    table = np.random.default_rng(6).standard_normal((120, 20)) * 100
    table[:, 0] = 0.7 + np.random.default_rng(7).standard_normal(120)
    theirs = SPA(np.zeros(120), -table, block_size=6, reps=200, studentize=True, seed=0)
    theirs.compute()
    assert float(theirs.pvalues["consistent"]) > 0.1
    ours = metrics.superior_predictive_ability(table, block=6)
    assert (ours.best, ours.p_value) == (0, 1 / 1001)


@pytest.mark.parametrize("seed", range(3))
def test_shrunk_covariance_is_that_of_scikit_learn(seed: int) -> None:
    from sklearn.covariance import LedoitWolf

    rng = np.random.default_rng(seed)
    pnl = (rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4)) + rng.uniform(-0.2, 0.5, 4)) / 1_000
    theirs = LedoitWolf().fit(pnl)
    covariance, shrinkage = risk.ledoit_wolf(pnl)
    assert shrinkage == pytest.approx(theirs.shrinkage_, rel=1e-9)
    assert covariance == pytest.approx(theirs.covariance_, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_losses_to_expect_are_those_of_skfolio(level: float) -> None:
    import skfolio.measures

    # Where the tail is no whole number of periods: there theirs takes one more, for a rounding of 1 - level.
    values = returns()[:333]
    found = risk.tail_loss(values, level)
    assert found.value_at_risk == pytest.approx(skfolio.measures.value_at_risk(values, level), rel=1e-12)
    assert found.expected_shortfall == pytest.approx(skfolio.measures.cvar(values, level), rel=1e-12)
