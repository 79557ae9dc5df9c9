"""As-of joins against slow plain twins."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.kernels.align import asof_rows, taken, union_times

CASES = [
    ([], []),
    ([5], []),
    ([], [5]),
    ([5], [5]),
    ([1, 1, 1], [1, 1]),
    ([1, 2, 3], [4, 5]),
    ([-5, 0, 7], [-6, 0, 0, 8]),
]


def random_times(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 40, 2)
    return np.sort(rng.integers(-30, 60, sizes[0])), np.sort(rng.integers(-30, 60, sizes[1]))


def all_cases() -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.array(a, np.int64), np.array(b, np.int64)) for a, b in CASES] + [
        random_times(k) for k in range(20)
    ]


def plain_asof(ts: np.ndarray, quotes: np.ndarray, max_age: int) -> list[int]:
    out = []
    for t in ts:
        known = [j for j, q in enumerate(quotes) if q <= t]
        j = known[-1] if known else -1
        out.append(-2 if j >= 0 and 0 <= max_age < t - quotes[j] else j)
    return out


@pytest.mark.parametrize(("a", "b"), all_cases())
def test_union_is_the_sorted_set_of_both(a: np.ndarray, b: np.ndarray) -> None:
    times = union_times(a, b)
    assert times.dtype == np.int64
    assert times.tolist() == sorted({*a.tolist(), *b.tolist()})


@pytest.mark.parametrize("max_age", [-1, 0, 3, 1_000])
@pytest.mark.parametrize(("a", "b"), all_cases())
def test_asof_is_the_last_quote_at_or_before(a: np.ndarray, b: np.ndarray, max_age: int) -> None:
    assert asof_rows(a, b, max_age).tolist() == plain_asof(a, b, max_age)


def test_asof_takes_the_last_of_equal_stamps_and_counts_the_limit_as_fresh() -> None:
    quotes = np.array([1, 1, 1, 4], np.int64)
    assert asof_rows(np.array([0, 1, 3, 4, 6, 7], np.int64), quotes, 2).tolist() == [-1, 2, 2, 3, 3, -2]


@pytest.mark.parametrize("seed", range(5))
def test_asof_never_looks_ahead(seed: int) -> None:
    a, b = random_times(seed + 100)
    cut = 15
    before = asof_rows(a, b, -1)[: np.searchsorted(a, cut)]
    changed = np.concatenate((b[b < cut], np.arange(cut, cut + 50)))
    assert asof_rows(a, changed, -1)[: before.size].tolist() == before.tolist()


def test_taken_gives_nan_where_there_is_no_row() -> None:
    values = np.array([1.0, np.nan, 3.0])
    out = taken(values, np.array([2, -1, 1, -2, 0], np.int64))
    assert np.array_equal(out, [3, np.nan, np.nan, np.nan, 1], equal_nan=True)
    assert taken(np.empty(0), np.array([-1], np.int64)).tolist() == pytest.approx([np.nan], nan_ok=True)
    assert taken(values, np.empty(0, np.int64)).size == 0


def test_a_strided_array_gives_what_its_copy_gives() -> None:
    wide = np.arange(20.0).reshape(10, 2)
    rows = np.array([0, 9, -1], np.int64)
    strided, packed = taken(wide[:, 1], rows), taken(np.ascontiguousarray(wide[:, 1]), rows)
    assert np.array_equal(strided, packed, equal_nan=True)
