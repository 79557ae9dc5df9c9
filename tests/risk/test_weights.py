from __future__ import annotations

import numpy as np
import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.risk.weights import (
    METHODS,
    PairWeights,
    ledoit_wolf,
    mean_variance,
    risk_parity,
    weights_over_time,
)


def days(seed: int, t: int = 60, n: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(t, n)) @ rng.normal(size=(n, n))
    return mixed * rng.uniform(0.5, 20, n) + rng.uniform(-0.2, 0.5, n)


@pytest.mark.parametrize("seed", range(5))
def test_every_pair_contributes_the_same_risk(seed: int) -> None:
    covariance, _ = ledoit_wolf(days(seed))
    weights = risk_parity(covariance)
    share = weights * (covariance @ weights) / (weights @ covariance @ weights)
    assert share == pytest.approx(np.full(4, 0.25), abs=1e-12)
    assert weights.sum() == pytest.approx(1)
    assert risk_parity(covariance * 1e-12) == pytest.approx(weights, rel=1e-12)


def test_two_pairs_share_by_their_deviation_whatever_their_correlation() -> None:
    for correlation in (-0.9, 0.0, 0.7):
        covariance = np.array([[1.0, 3 * correlation], [3 * correlation, 9.0]])
        assert risk_parity(covariance) == pytest.approx([0.75, 0.25], rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_weights_have_a_higher_ratio(seed: int) -> None:
    pnl = days(seed)
    covariance, _ = ledoit_wolf(pnl)
    mean = pnl.mean(axis=0)
    weights = mean_variance(mean, covariance)

    def ratio(shares: np.ndarray) -> np.ndarray:
        return np.asarray(shares @ mean / np.sqrt(np.einsum("ij,jk,ik->i", shares, covariance, shares)))

    others = np.random.default_rng(seed).dirichlet(np.full(4, 0.3), 20_000)
    assert ratio(others).max() <= ratio(weights[None])[0] * (1 + 1e-12)
    assert (weights >= 0).all()


def test_where_no_pair_earned_anything_none_has_a_weight() -> None:
    assert mean_variance(np.array([-1.0, 0.0]), np.eye(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_days_at_once_and_one_by_one_have_the_same_bits(method: str, seed: int) -> None:
    pnl = days(seed, 45)
    at_once = weights_over_time(pnl, method, window=15, fewest=5)
    live = PairWeights(4, method, window=15, fewest=5)
    by_day = [live.weights.tolist(), *(live.update(day).tolist() for day in pnl)]
    assert at_once.tolist() == by_day
    assert at_once[4].tolist() == [0.25] * 4
    assert live.scales.max() == 1


def test_a_pair_that_never_moved_breaks_nothing() -> None:
    pnl = days(1, 30)
    pnl[:, 2] = 0.0
    for method in METHODS:
        weights = weights_over_time(pnl, method, fewest=5)
        assert np.isfinite(weights).all()
    assert weights_over_time(np.zeros((9, 3)), fewest=2)[-1].tolist() == [1 / 3] * 3


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: PairWeights(2, "parity"), "did you mean `risk_parity`"),
        (lambda: PairWeights(0), "at least 1 pair"),
        (lambda: PairWeights(2, fewest=1), "`fewest`"),
        (lambda: PairWeights(2).update([1.0]), "2 finite numbers"),
        (lambda: PairWeights(2).update([1.0, np.nan]), "2 finite numbers"),
        (lambda: weights_over_time(np.zeros(3)), "table of days and pairs"),
        (lambda: ledoit_wolf(np.zeros((1, 2))), "at least 2 periods"),
        (lambda: ledoit_wolf(np.full((3, 2), np.inf)), "must be finite"),
        (lambda: risk_parity(np.zeros((2, 2))), "positive definite"),
        (lambda: risk_parity(np.zeros((2, 3))), "square"),
        (lambda: mean_variance(np.ones(3), np.eye(2)), "one mean per pair"),
    ],
)
def test_bad_input_is_one_clear_error(made, said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        made()
