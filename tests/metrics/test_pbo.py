"""The probability of backtest overfitting, against its definition written out."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.metrics import probability_of_overfitting


def plain(table: np.ndarray, blocks: int) -> tuple[list[float], list[float]]:
    """Return logit and out-of-sample ratio of the best set of each split, by the definition."""
    pieces = np.array_split(np.arange(len(table)), blocks)
    logits, outside = [], []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.isin(np.arange(blocks), chosen)
        here = np.concatenate([pieces[i] for i in range(blocks) if inside[i]])
        there = np.concatenate([pieces[i] for i in range(blocks) if not inside[i]])
        best = max(range(table.shape[1]), key=lambda j: ratio(table[here, j]))
        others = [ratio(table[there, j]) for j in range(table.shape[1])]
        rank = sum(o < others[best] for o in others) + (sum(o == others[best] for o in others) + 1) / 2
        logits.append(math.log(rank / (len(others) + 1 - rank)))
        outside.append(others[best])
    return logits, outside


def ratio(values: np.ndarray) -> float:
    return 0.0 if np.ptp(values) == 0 else float(values.mean() / values.std(ddof=1))


@pytest.mark.parametrize("periods", [48, 53])
def test_every_split_is_judged_as_defined(periods: int) -> None:
    table = np.random.default_rng(2).standard_normal((periods, 9)) * np.logspace(-3, 3, 9)
    table[:, 4] = 0
    table[: periods // 2, 6] = 0
    found = probability_of_overfitting(table, blocks=6)
    logits, outside = plain(table, 6)
    assert found.logits == pytest.approx(logits)
    assert found.out_of_sample == pytest.approx(outside)
    assert found.pbo == np.mean(np.array(logits) <= 0)
    assert found.p_loss == np.mean(np.array(outside) < 0)


def test_sixteen_blocks_have_12870_splits() -> None:
    found = probability_of_overfitting(np.random.default_rng(0).standard_normal((160, 20)))
    assert found.n_splits == len(found.logits) == 12_870
    assert found.n_sets == 20


def test_noise_is_overfitted_half_of_the_time_and_an_edge_never() -> None:
    tables = np.random.default_rng(5).standard_normal((20, 320, 50))
    mean = np.mean([probability_of_overfitting(table, blocks=6).pbo for table in tables])
    assert 0.4 < mean < 0.6
    table = tables[0]
    table[:, 8] += 1
    found = probability_of_overfitting(table, blocks=10)
    assert (found.pbo, found.p_loss, found.p_no_gain) == (0, 0, 0)


def test_noise_with_costs_looks_fine_until_the_loss_is_shown() -> None:
    table = np.random.default_rng(6).standard_normal((320, 40)) - np.linspace(0.3, 6, 40)
    found = probability_of_overfitting(table, blocks=10)
    assert found.pbo < 0.05
    assert found.p_loss > 0.95


def test_sets_that_never_trade_neither_lose_nor_gain() -> None:
    found = probability_of_overfitting(np.zeros((40, 3)), blocks=4)
    assert (found.pbo, found.p_loss, found.p_no_gain) == (1.0, 0.0, 1.0)


def test_bad_input_is_one_clear_error() -> None:
    table = np.ones((40, 3))
    with pytest.raises(ConfigError, match="even and within 2 and 20, was 5"):
        probability_of_overfitting(table, blocks=5)
    with pytest.raises(DataError, match="at least 2 columns, had 1"):
        probability_of_overfitting(table[:, :1], blocks=4)
    with pytest.raises(DataError, match="at least 32 periods, had 20"):
        probability_of_overfitting(table[:20])
    with pytest.raises(DataError, match="finite, had 120 values"):
        probability_of_overfitting(table * np.nan, blocks=4)
