"""The fair ratio against slow plain twins, and its causality."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest

from arbkit.kernels.reference import ewma_fair, log_ratio_on_grid, median_fair
from arbkit.kernels.spread import tradable_rows

STEP = 60


def plain_grid(ts: Any, mids: list[float | None], step: int, max_age: int) -> tuple[int, list[float]]:
    """Sample the last known log ratio at every multiple of the step; mids None where not tradable."""
    known = [t for t, mid in zip(ts, mids, strict=True) if mid is not None]
    if not known:
        return 0, []
    start = -(-known[0] // step) * step
    out = []
    for t in range(start, ts[-1] + 1, step):
        seen, mid = [(s, m) for s, m in zip(ts, mids, strict=True) if m is not None and s <= t][-1]
        out.append(math.nan if 0 <= max_age < t - seen else math.log(mid))
    return start, out


def plain_ewma(ts: Any, start: int, samples: list[float], step: int, half_life: int) -> list[float]:
    out = []
    for t in ts:
        mean, first, last = math.nan, 0, 0
        for k, g in enumerate(samples):
            at = start + k * step
            if at >= t or math.isnan(g):
                continue
            if math.isnan(mean):
                mean, first = g, at
            else:
                mean = mean + (1 - 2.0 ** (-(at - last) / half_life)) * (g - mean)
            last = at
        ready = not math.isnan(mean) and t - first >= 2 * half_life
        out.append(math.exp(mean) if ready else math.nan)
    return out


def plain_median(ts: Any, start: int, samples: list[float], step: int, window: int) -> list[float]:
    out = []
    for t in ts:
        past = [(start + k * step, g) for k, g in enumerate(samples) if start + k * step < t]
        width = max(1, window // step)
        inside = [g for _, g in past[-width:] if not math.isnan(g)]
        out.append(math.exp(statistics.median(inside)) if len(past) >= width and inside else math.nan)
    return out


def market(
    n: int, seed: int, *, void: float = 0.2, flat: bool = False
) -> tuple[Any, list[Any], list[float | None]]:
    rng = np.random.default_rng(seed)
    ts = np.sort(rng.integers(-500, 40 * n + 1, n)).astype(np.int64)
    a = np.full(n, 100.0) if flat else np.round(100 + np.cumsum(rng.normal(0, 0.1, n)), 2)
    columns = [a, a + 0.1, np.full(n, 99.0), np.full(n, 99.2)]
    columns[int(rng.integers(4))][rng.random(n) < void] = np.nan
    live = tradable_rows(*columns)
    mids = [
        (row[0] + row[1]) / 2 / ((row[2] + row[3]) / 2) if good else None
        for good, row in zip(live, zip(*columns, strict=True), strict=True)
    ]
    return ts, [*columns, live], mids


MARKETS = [
    *((60, seed, 0.2, False) for seed in range(6)),
    (0, 0, 0.0, False), (1, 0, 0.0, False), (1, 0, 1.0, False), (40, 1, 1.0, False), (40, 1, 0.0, True),
    (300, 9, 0.6, False),
]  # fmt: skip


@pytest.mark.parametrize("max_age", [-1, 0, 45])
@pytest.mark.parametrize(("n", "seed", "void", "flat"), MARKETS)
def test_samples_agree_with_the_plain_twin(n: int, seed: int, void: float, flat: bool, max_age: int) -> None:
    ts, arrays, mids = market(n, seed, void=void, flat=flat)
    start, samples = log_ratio_on_grid(ts, *arrays, STEP, max_age)
    want_start, want = plain_grid(ts.tolist(), mids, STEP, max_age)
    assert start == want_start
    np.testing.assert_allclose(samples, want, rtol=0, atol=1e-15)


@pytest.mark.parametrize("max_age", [-1, 45])
@pytest.mark.parametrize("span", [60, 90, 200, 1_000])
@pytest.mark.parametrize(("n", "seed", "void", "flat"), MARKETS)
def test_ewma_and_median_agree_with_the_plain_twins(
    n: int, seed: int, void: float, flat: bool, span: int, max_age: int
) -> None:
    ts, arrays, _ = market(n, seed, void=void, flat=flat)
    start, samples = log_ratio_on_grid(ts, *arrays, STEP, max_age)
    for kernel, twin in ((ewma_fair, plain_ewma), (median_fair, plain_median)):
        got = kernel(ts, start, samples, STEP, span)
        np.testing.assert_allclose(got, twin(ts.tolist(), start, samples.tolist(), STEP, span), rtol=1e-14)


def test_the_comparison_can_fail() -> None:
    ts, arrays, _ = market(60, 0)
    start, samples = log_ratio_on_grid(ts, *arrays, STEP, -1)
    got = ewma_fair(ts, start, samples, STEP, 90)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            got, plain_ewma(ts.tolist(), start, samples.tolist(), STEP, 91), rtol=1e-14
        )


@pytest.mark.parametrize("kernel", [ewma_fair, median_fair])
@pytest.mark.parametrize("cut", [1, 60, 150, 299])
def test_what_comes_later_changes_nothing_before(kernel: Any, cut: int) -> None:
    ts, arrays, _ = market(300, 5)
    changed = [array.copy() for array in arrays]
    for array in changed[:4]:
        array[cut:] *= 3.0
    changed[4] = tradable_rows(*changed[:4])
    before, after = (
        kernel(ts, *log_ratio_on_grid(ts, *some, STEP, -1), STEP, 120) for some in (arrays, changed)
    )
    same = int(np.searchsorted(ts, ts[cut], side="right"))  # rows with the stamp of the change see it neither
    assert np.array_equal(before[:same], after[:same], equal_nan=True)
    shorter = kernel(ts[:cut], *log_ratio_on_grid(ts[:cut], *(a[:cut] for a in arrays), STEP, -1), STEP, 120)
    assert np.array_equal(shorter, before[:cut], equal_nan=True)


def test_the_first_two_half_lives_are_unknown() -> None:
    ts = np.arange(0, 1_000, 10, dtype=np.int64)
    fair = ewma_fair(ts, 0, np.zeros(17), STEP, 100)
    assert np.isnan(fair[ts < 200]).all()
    assert (fair[ts >= 200] == 1.0).all()
