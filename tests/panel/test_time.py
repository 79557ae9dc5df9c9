"""Points in time as a person writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

from arbkit.errors import ConfigError
from arbkit.panel._time import to_ns

START = 1_704_067_200 * 10**9


@pytest.mark.parametrize(
    "value",
    [
        START,
        np.int64(START),
        "2024-01-01",
        " 2024-01-01T00:00:00Z ",
        "2024-01-01T09:00:00+09:00",
        date(2024, 1, 1),
        datetime(2024, 1, 1),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 9, tzinfo=timezone(timedelta(hours=9))),
        np.datetime64("2024-01-01"),
        np.datetime64("2024-01-01T00:00:00.000"),
    ],
)
def test_every_way_to_write_a_time_is_read(value: object) -> None:
    assert to_ns(value) == START


@pytest.mark.parametrize(
    ("text", "beyond"),
    [("2024-01-01T00:00:00.000000001Z", 1), ("2024-01-01T09:00:00.12345678+09:00", 123_456_780)],
)
def test_a_time_is_read_to_the_nanosecond(text: str, beyond: int) -> None:
    assert to_ns(text) == START + beyond


@pytest.mark.parametrize("value", [None, True, 1.5, "soon", "", [], np.datetime64("NaT", "ns")])
def test_anything_else_is_an_error(value: object) -> None:
    with pytest.raises(ConfigError, match="a time must be"):
        to_ns(value)


@pytest.mark.parametrize(
    "value", ["9999-12-31", date(1, 1, 1), np.datetime64("2300-01-01"), datetime(1600, 1, 1)]
)
def test_years_that_nanoseconds_cannot_hold_are_an_error(value: object) -> None:
    with pytest.raises(ConfigError, match="years 1678 to 2261"):
        to_ns(value)
