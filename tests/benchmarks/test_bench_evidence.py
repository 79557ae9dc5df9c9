"""The command that says how often each statistic is right, small: every series and market is there."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bench_evidence import MARKETS, SERIES, coverage, market, pieces


@pytest.mark.parametrize("name", SERIES)
def test_series_have_the_mean_that_they_are_said_to_have(name):
    make, truth = SERIES[name]
    series = make(np.random.default_rng(1), (800, 60))
    means = series.mean(axis=1)
    assert means.mean() == pytest.approx(truth, abs=4 * means.std() / np.sqrt(800))


def test_coverage_names_every_method_for_every_series(monkeypatch):
    monkeypatch.setattr("benchmarks.bench_evidence._DRAWS", 99)
    rows = coverage(2, periods=(54,))
    assert [row["series"] for row in rows] == list(SERIES)
    assert set(rows[0]) == {"series", "bins", "Newey-West t", "percentile", "basic", "studentized", "BCa"}


def test_every_statistic_judges_every_market(monkeypatch):
    monkeypatch.setattr("benchmarks.bench_evidence._EACH", 60)
    rows = pieces(1, days=9)
    assert [row["market"] for row in rows] == list(MARKETS)
    assert all(
        0 <= value <= 100
        for row in rows
        for key, value in row.items()
        if key not in ("market", "t of the best")
    )
    assert rows[3]["SPA"] == rows[3]["t"] == 100


def test_markets_differ_from_seed_to_seed():
    name = next(iter(MARKETS))
    assert not np.array_equal(market(name, 1, 0).bid_a, market(name, 1, 1).bid_a)
