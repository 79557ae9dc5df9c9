"""What is stored behind the search."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from arbkit.study.behind import WriteBehind


def test_blocks_are_stored_in_order_and_waiting_for_a_slow_storage_is_counted() -> None:
    stored: list[int] = []

    def store(number: int) -> None:
        time.sleep(0.02)
        stored.append(number)

    with WriteBehind() as writer:
        for number in range(5):
            writer.put(lambda number=number: store(number))
        waited = writer.waited_s

    assert stored == list(range(5))
    assert waited >= 0.02


def test_nothing_is_stored_after_an_error_and_it_is_raised() -> None:
    stored: list[int] = []

    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        _store([fail, lambda: stored.append(1)])
    assert stored == []


def _store(jobs: list[Callable[[], None]]) -> None:
    with WriteBehind() as writer:
        for job in jobs:
            writer.put(job)
            time.sleep(0.01)
