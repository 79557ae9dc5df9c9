from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.risk.losses import LossLimit, LossVerdict, tail_loss, tail_losses


def test_of_a_hundred_periods_the_worst_five_are_the_tail_of_95_percent() -> None:
    found = tail_loss(np.arange(-50.0, 50.0), 0.95)
    assert (found.value_at_risk, found.expected_shortfall) == (46.0, 48.0)
    assert tail_loss(np.arange(-50.0, 50.0), 0.99)[2:] == (50.0, 50.0, 100)


def test_the_shortfall_counts_the_part_of_a_period_that_belongs_to_the_tail() -> None:
    found = tail_loss(np.arange(-15.0, 15.0), 0.95)
    assert found.value_at_risk == 14.0
    assert found.expected_shortfall == pytest.approx((15 + 0.5 * 14) / 1.5)


def test_normal_losses_are_those_of_the_bell_curve() -> None:
    pnl = np.random.default_rng(2).normal(1.0, 3.0, 50)
    mean, deviation = pnl.mean(), pnl.std(ddof=1)
    for level in (0.95, 0.99):
        z = NormalDist().inv_cdf(1 - level)
        found = tail_loss(pnl, level, "normal")
        assert found.value_at_risk == pytest.approx(-(mean + z * deviation))
        shortfall = -(mean - deviation * NormalDist().pdf(z) / (1 - level))
        assert found.expected_shortfall == pytest.approx(shortfall)


def test_cornish_fisher_sees_the_heavy_tail_that_the_bell_curve_misses() -> None:
    draws = np.random.default_rng(4).gamma(6.0, 1.0, 200_000)
    pnl = -draws  # Skewed to losses.
    true = -float(np.quantile(pnl, 0.01))
    bent, normal = (tail_loss(pnl, 0.99, method) for method in ("cornish_fisher", "normal"))
    assert bent.value_at_risk == pytest.approx(true, rel=0.01)
    assert normal.value_at_risk < 0.95 * true
    tail = np.sort(draws)[-2_000:]
    assert bent.expected_shortfall == pytest.approx(float(tail.mean()), rel=0.02)


def test_the_shortfall_is_the_mean_of_the_expanded_quantiles_beyond_the_value_at_risk() -> None:
    pnl = np.random.default_rng(7).gamma(9.0, 1.0, 400)
    levels = 1 - (np.arange(2_000) + 0.5) / 2_000 * 0.05
    beyond = [tail_loss(pnl, float(level), "cornish_fisher").value_at_risk for level in levels]
    found = tail_loss(pnl, 0.95, "cornish_fisher")
    assert found.expected_shortfall == pytest.approx(float(np.mean(beyond)), rel=1e-3)


def test_where_the_expansion_is_not_monotone_the_historical_figures_stand() -> None:
    pnl = np.concatenate([np.random.default_rng(1).normal(size=99), [-80.0]])
    assert tail_loss(pnl, 0.99, "cornish_fisher")[2:] == tail_loss(pnl, 0.99)[2:]


def test_both_levels_of_all_methods_are_measured_and_the_shortfall_is_never_the_smaller() -> None:
    found = tail_losses(np.random.default_rng(5).standard_t(5, 300))
    assert [(item.method, item.level) for item in found] == [
        (method, level) for method in ("historical", "normal", "cornish_fisher") for level in (0.95, 0.99)
    ]
    assert all(item.expected_shortfall >= item.value_at_risk for item in found)


def test_a_market_that_never_moves_loses_what_it_earns() -> None:
    for item in tail_losses(np.full(10, 2.0)):
        assert item[2:4] == (-2.0, -2.0)


def limit(**options: float) -> LossLimit:
    return LossLimit(level=0.95, window=40, fewest=20, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
def test_periods_at_once_and_one_by_one_have_the_same_verdicts(seed: int) -> None:
    pnl = np.random.default_rng(seed).normal(0, 10, 120)
    live = limit(max_expected_shortfall=22.0, max_value_at_risk=18.0)
    by_period = []
    for period in pnl.tolist():
        by_period.append(live.verdict(period))
        live.update(period)
    at_once = limit(max_expected_shortfall=22.0, max_value_at_risk=18.0).over(pnl)
    assert str(at_once) == str(by_period)
    assert {item.state for item in at_once} == {"active", "reducing", "tripped"}


def test_nothing_is_limited_before_enough_is_known() -> None:
    loss = limit(max_value_at_risk=0.001)
    verdicts = loss.over(np.full(20, -1.0))
    assert {item.state for item in verdicts} == {"active"}
    assert math.isnan(verdicts[-1].value_at_risk)
    assert loss.verdict().state == "reducing"


def test_the_breaker_trips_within_a_period_and_grows_with_the_size() -> None:
    loss = limit(breaker=1.5)
    loss.over(np.arange(-10.0, 10.0))
    assert loss.verdict(-14.0) == LossVerdict("active", "", 10.0, 10.0)
    assert loss.verdict(-16.0) == LossVerdict("tripped", "breaker", 10.0, 10.0)
    assert loss.verdict(-16.0, scale=2.0).state == "active"


def test_a_strategy_whose_tail_earns_trips_at_its_first_loss() -> None:
    loss = limit()
    loss.over(np.full(30, 5.0))
    assert loss.verdict(1.0).state == "active"
    assert loss.verdict(-1.0).reason == "breaker"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: tail_loss([1.0, 2.0], 0.5), "`level`"),
        (lambda: tail_loss([1.0, 2.0], 0.99, "guess"), "historical, normal, cornish_fisher"),
        (lambda: tail_loss([1.0]), "at least 2"),
        (lambda: tail_loss([1.0, math.nan]), "at least 2 finite"),
        (lambda: LossLimit(fewest=1), "`fewest`"),
        (lambda: LossLimit(max_value_at_risk=0), "`max_value_at_risk` must be above 0"),
        (lambda: LossLimit().update(math.nan), "finite"),
    ],
)
def test_bad_input_is_one_clear_error(made, said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        made()
