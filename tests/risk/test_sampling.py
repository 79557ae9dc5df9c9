from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit.errors import ConfigError
from arbkit.risk.sampling import GridSampler, Sample, samples_of
from arbkit.units import SECOND_NS


def rows(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows with equal times, long silences and some that cannot be used."""
    rng = np.random.default_rng(seed)
    gaps = rng.choice([0, 1, 7, 60, 900], n, p=[0.1, 0.4, 0.3, 0.15, 0.05]) * SECOND_NS // 2
    mid_a, mid_b = np.exp(rng.normal(0, 1e-3, (2, n)).cumsum(axis=1))
    usable = rng.random(n) > 0.2
    mid_a[~usable] = np.nan
    return np.cumsum(gaps) + 1_234_567_890, mid_a, mid_b, usable


def one_by_one(sampler: GridSampler, *columns: np.ndarray) -> list[Sample]:
    found: list[Sample] = []
    for ts, mid_a, mid_b, usable in zip(*(column.tolist() for column in columns), strict=True):
        found += sampler.before(ts)
        if usable:
            sampler.see(ts, mid_a, mid_b)
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("max_age", [-1, 40 * SECOND_NS])
def test_rows_at_once_and_one_by_one_have_the_same_samples(seed: int, max_age: int) -> None:
    columns = rows(seed)
    of = ("ratio", "a", "b")[seed % 3]
    step = (10, 30)[seed % 2] * SECOND_NS
    at_once = samples_of(*columns, step_ns=step, of=of, max_age_ns=max_age)
    assert at_once == one_by_one(GridSampler(step, of, max_age), *columns)
    assert len(at_once) > 20


def test_a_sample_is_that_of_the_last_usable_row_at_or_before_its_time() -> None:
    ts = np.array([5, 10, 10, 19, 31]) * SECOND_NS
    mid_a = np.array([1.0, 2.0, 3.0, np.nan, 5.0])
    usable = np.array([True, True, True, False, True])
    found = samples_of(ts, mid_a, np.ones(5), usable, step_ns=10 * SECOND_NS)
    assert found == [(at * SECOND_NS, math.log(3.0)) for at in (10, 20, 30)]


def test_a_time_whose_last_row_is_too_old_has_no_sample() -> None:
    ts = np.array([0, 100]) * SECOND_NS
    found = samples_of(
        ts, np.ones(2), np.ones(2), np.ones(2, bool), step_ns=10 * SECOND_NS, max_age_ns=20 * SECOND_NS
    )
    assert [time // SECOND_NS for time, _ in found] == [0, 10, 20]


def test_without_a_usable_row_there_is_nothing() -> None:
    columns = np.arange(3), np.ones(3), np.ones(3), np.zeros(3, bool)
    assert samples_of(*columns, step_ns=1) == one_by_one(GridSampler(1), *columns) == []


@pytest.mark.parametrize(("step", "of", "said"), [(0, "ratio", "longer than 0"), (1, "c", "ratio, a or b")])
def test_a_grid_that_is_none_is_refused(step: int, of: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        GridSampler(step, of)
