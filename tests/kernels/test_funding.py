"""Where funding times fall on the rows of a panel."""

from __future__ import annotations

import numpy as np

from arbkit.kernels.funding import payments_of


def payments(times: list[int], ts: list[int], tradable: list[bool]) -> list[tuple[int, int, float]]:
    mid = np.arange(10.0, 10.0 + len(ts))
    found = payments_of(
        np.array(ts),
        mid - 1,
        mid + 1,
        mid - 0.5,
        mid + 0.5,
        np.array(tradable),
        np.array(times, np.int64),
        np.zeros(len(times), np.int64),
        np.full(len(times), 2.0),
    )
    return [(int(one["row"]), int(one["ts"]), float(one["amount"])) for one in found]


def test_a_time_on_a_row_takes_its_mid_and_one_between_the_mid_before() -> None:
    assert payments([20, 25], [10, 20, 30], [True] * 3) == [(1, 20, 22.0), (2, 25, 22.0)]


def test_rows_that_are_not_tradable_are_passed_over_on_both_sides() -> None:
    assert payments([20], [10, 15, 20, 30], [True, False, False, True]) == [(3, 20, 20.0)]


def test_of_rows_with_one_stamp_the_first_counts() -> None:
    assert payments([20], [10, 20, 20], [True] * 3) == [(1, 20, 22.0)]


def test_times_before_the_first_and_after_the_last_tradable_row_are_left_out() -> None:
    assert payments([5, 10, 31], [10, 20, 30], [True] * 3) == []
    assert payments([5], [], []) == []
    assert payments([15], [10, 20], [False, False]) == []
