"""Where batches end."""

from __future__ import annotations

import pytest

from arbkit.study.schedule import batch_end, batch_start, batches


def test_batches_grow_with_the_trials_before_them_up_to_the_largest() -> None:
    sizes = [end - start for start, end in batches(64, 3_000)]

    assert sizes[:17] == [8] * 17
    assert sizes[:-1] == sorted(sizes[:-1])
    assert all(end - start == max(8, start // 16) for start, end in batches(64, 1_000) if end < 1_000)
    assert set(sizes[-20:-1]) == {64}
    assert sum(sizes) == 3_000


@pytest.mark.parametrize("batch", [1, 2, 7, 8, 9, 64, 100_000])
def test_each_trial_lies_in_the_batch_that_its_number_says(batch: int) -> None:
    for start, end in batches(batch, 2_000):
        whole = batch_end(batch, start)
        assert start < end <= whole <= start + batch
        for trial in (start, (start + end) // 2, end - 1):
            assert (batch_start(batch, trial), batch_end(batch, trial)) == (start, whole)


def test_a_small_batch_is_the_same_from_the_start() -> None:
    assert list(batches(5, 12)) == [(0, 5), (5, 10), (10, 12)]


def test_numbers_of_any_size_are_answered_at_once() -> None:
    assert batch_end(1, 10**12) == 10**12 + 1
