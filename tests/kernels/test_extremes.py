"""Extremes of 16 rows are those of a plain reduction, rows that are not tradable left out."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError

from arbkit._typing import BoolArray, FloatArray
from arbkit.kernels._jit import jit
from arbkit.kernels.extremes import block_extremes


@jit
def extremes_at(
    bid_a: FloatArray, ask_a: FloatArray, bid_b: FloatArray, ask_b: FloatArray, tradable: BoolArray, row: int
) -> tuple[float, ...]:
    return block_extremes(bid_a, ask_a, bid_b, ask_b, tradable, row)  # type: ignore[no-any-return]


def plain(prices: FloatArray, tradable: BoolArray) -> list[float]:
    bid_a, ask_a, bid_b, ask_b = prices[:, tradable]
    out = []
    for series in (bid_b - ask_a, bid_a - ask_b, ask_a, ask_b):
        out += [series.max(initial=-np.inf), series.min(initial=np.inf)]
    return out


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95, 1.0])
def test_extremes_are_those_of_a_plain_reduction(share: float) -> None:
    rng = np.random.default_rng(int(share * 100))
    prices = 100 + 0.1 * rng.integers(-20, 21, (4, 400)).astype(float)
    tradable = rng.random(400) >= share
    prices[:, ~tradable] = np.nan
    for row in range(385):
        window = slice(row, row + 16)
        assert list(extremes_at(*prices, tradable, row)) == plain(prices[:, window], tradable[window])


@pytest.mark.parametrize("place", range(16))
def test_every_one_of_the_rows_is_looked_at(place: int) -> None:
    prices = np.full((4, 16), 100.0)
    prices[:, place] = 90.0, 120.0, 150.0, 155.0
    got = extremes_at(*prices, np.ones(16, np.bool_), 0)
    assert list(got) == plain(prices, np.ones(16, np.bool_))
    assert got[0] == 30.0
    assert got[3] == -65.0


def test_arrays_with_gaps_are_refused() -> None:
    gaps = np.full((32, 2), 100.0)[:, 0]
    with pytest.raises(TypingError, match="contiguous"):
        extremes_at(gaps, gaps, gaps, gaps, np.ones(32, np.bool_), 0)
