"""Joining two venues: row times, ages, ladders."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.errors import CoverageError
from arbkit.panel.align import LegQuotes, asof, joined_times, ladders_of, span_text

NAMES = ("x/BTC", "y/BTC")


def times(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_rows_begin_when_both_are_there_and_end_when_one_goes() -> None:
    assert joined_times(times(0, 5, 9), times(2, 5, 7), None, NAMES).tolist() == [2, 5, 7]


def test_a_venue_known_to_go_on_keeps_the_rows_of_the_other() -> None:
    assert joined_times(times(0, 5, 9), times(2, 5, 7), None, NAMES, (None, 12)).tolist() == [2, 5, 7, 9]


def test_a_grid_has_the_multiples_of_its_step() -> None:
    assert joined_times(times(-7, 9), times(-8, 12), 5, NAMES).tolist() == [-5, 0, 5]
    assert joined_times(times(1), times(1), 5, NAMES).tolist() == []
    assert joined_times(times(5), times(5), 5, NAMES).tolist() == [5]


def test_a_venue_without_quotes_or_overlap_is_an_error() -> None:
    with pytest.raises(CoverageError, match="y/BTC had none"):
        joined_times(times(1), times(), None, NAMES)
    with pytest.raises(CoverageError, match="must overlap in time, x/BTC covers 1970-01-01T00:00:00 to"):
        joined_times(times(1), times(2), None, NAMES)


def test_levels_are_carried_with_the_quote() -> None:
    level = np.array([[1.0, 2.0], [3.0, 4.0]])
    quotes = LegQuotes(times(0, 10), np.array([1.0, 3.0]), np.array([2.0, 4.0]), (level,) * 4)
    seen = asof(times(-1, 0, 3, 4, 10), quotes, 3)
    assert np.array_equal(seen.bid, [np.nan, 1, 1, np.nan, 3], equal_nan=True)
    assert np.array_equal(seen.levels[0][2:], [[1, 2], [np.nan, np.nan], [3, 4]], equal_nan=True)


def test_ladders_need_levels_on_both_legs() -> None:
    level = np.ones((1, 2))
    deep, flat = (
        LegQuotes(times(0), level[:, 0], level[:, 0], (level,) * 4),
        LegQuotes(times(0), level[:, 0], level[:, 0]),
    )
    assert ladders_of(deep, flat) is None
    assert ladders_of(deep, deep).levels == 2


def test_a_span_is_written_in_utc() -> None:
    assert span_text(times(0, 86_400 * 10**9)) == "1970-01-01T00:00:00 to 1970-01-02T00:00:00"
