"""Cuts through time: nothing lost, nothing twice, nothing seen early."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arbkit.engine import split_panel, walk_forward
from arbkit.errors import ConfigError, DataError
from arbkit.panel import Panel


def panel(ts: Any = None, n: int = 1_000) -> Panel:
    times = np.arange(n, dtype=np.int64) * 10 if ts is None else np.array(ts, np.int64)
    ones = np.ones(times.size)
    return Panel(times, ones, ones + 1, ones, ones + 1)


def test_the_last_share_of_the_time_is_out_of_sample_and_its_second_half_sealed() -> None:
    train, test, lockbox = split_panel(panel(n=1_001), 0.3)
    assert (len(train), len(test), len(lockbox)) == (700, 150, 151)
    assert train.end_ns < test.start_ns
    assert test.end_ns < lockbox.start_ns


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_the_parts_are_the_whole_in_order(share: float, seed: int) -> None:
    whole = panel(np.sort(np.random.default_rng(seed).integers(0, 10**18, 500)))
    parts = split_panel(whole, share)
    assert np.concatenate([part.ts for part in parts]).tolist() == whole.ts.tolist()
    assert parts.train.end_ns < whole.start_ns + (whole.end_ns - whole.start_ns) * (1 - share) + 1e3


def test_time_is_cut_not_rows() -> None:
    crowded = [*range(70), *range(70, 101, 2)]
    assert len(split_panel(panel(crowded), 0.3).train) == 70


def test_rows_of_one_stamp_stay_together() -> None:
    parts = split_panel(panel([0, 0, 70, 70, 70, 85, 85, 100, 100]), 0.3)
    assert [part.ts.tolist() for part in parts] == [[0, 0], [70, 70, 70], [85, 85, 100, 100]]


def test_a_reference_filled_before_the_cut_keeps_its_warm_up() -> None:
    n = 1_000
    base = 100 + np.sin(np.arange(n) / 20)
    one = Panel(
        np.arange(n) * 60 * 10**9, base, base + 0.1, np.full(n, 99.0), np.full(n, 99.2)
    ).with_reference("ewma:1h")
    assert not np.isnan(split_panel(one).test.fair).any()


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_outside_zero_and_one_is_an_error(share: float) -> None:
    with pytest.raises(ConfigError, match="`out_of_sample` must be between 0 and 1"):
        split_panel(panel(), share)


@pytest.mark.parametrize("ts", [[], [5], [1, 2], [5, 5, 5], [0, 1, 100]])
def test_a_part_without_rows_is_an_error(ts: list[int]) -> None:
    with pytest.raises(DataError, match="every part of a split needs rows"):
        split_panel(panel(ts))


class TestWalkForward:
    def test_each_fold_trains_on_all_before_and_tests_on_the_next_stretch(self):
        folds = walk_forward(panel(n=1_001), 5)
        assert [len(test) for _, test in folds] == [100, 100, 100, 100, 101]
        for train, test in folds:
            assert train.start_ns == 0
            assert train.end_ns < test.start_ns
        assert folds[0][0].end_ns == 4_990

    def test_tests_cover_everything_after_the_first_train_once(self):
        whole = panel(np.sort(np.random.default_rng(0).integers(0, 10**15, 999)))
        folds = walk_forward(whole, 7, first_train=0.2)
        tested = np.concatenate([test.ts for _, test in folds])
        assert np.concatenate([folds[0][0].ts, tested]).tolist() == whole.ts.tolist()

    def test_a_purge_is_cut_off_the_end_of_each_train(self):
        for train, test in walk_forward(panel(), 3, purge=500):
            assert test.start_ns - train.end_ns > 500

    @pytest.mark.parametrize(("n_folds", "first"), [(0, 0.5), (-1, 0.5), (2, 0), (2, 1), (2, -1)])
    def test_a_bad_argument_is_an_error(self, n_folds, first):
        with pytest.raises(ConfigError, match="must be"):
            walk_forward(panel(), n_folds, first_train=first)
