"""Durations as a person writes them."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.errors import ConfigError
from arbkit.units import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    duration_ns,
    format_duration,
    ms_to_ns,
    seconds_to_ns,
)


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("500ms", 500_000_000),
        ("5s", 5 * SECOND_NS),
        ("1h", HOUR_NS),
        ("1d12h", 36 * HOUR_NS),
        ("90", 90 * SECOND_NS),
        (5, 5 * SECOND_NS),
        (0.25, 250_000_000),
        (0, 0),
        ("0s", 0),
        ("2m", 2 * MINUTE_NS),
        ("2min", 2 * MINUTE_NS),
        ("1w", 7 * DAY_NS),
        ("1.5h", 90 * MINUTE_NS),
        (" 1 h 30 m ", 90 * MINUTE_NS),
        ("7us", 7_000),
        ("3ns", 3),
        (np.float64(1.5), 1_500_000_000),
        (np.int64(2), 2 * SECOND_NS),
    ],
)
def test_a_duration_is_whole_nanoseconds(value: object, ns: int) -> None:
    assert duration_ns(value) == ns  # type: ignore[arg-type]
    assert isinstance(duration_ns(value), int)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "5x",
        "-5s",
        "5s later",
        "1e3",
        -1,
        -0.5,
        float("nan"),
        float("inf"),
        True,
        None,
        "9" * 400,
        1e30,
        "99999w",
    ],
)
def test_anything_else_is_an_error_that_names_the_parameter(value: object) -> None:
    with pytest.raises(ConfigError, match="`max_age` must be a duration"):
        duration_ns(value, name="max_age")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["0s", "500ms", "5s", "1h30m", "2d", "1d1h1m1s1ms1us1ns"])
def test_a_written_duration_reads_back(text: str) -> None:
    assert format_duration(duration_ns(text)) == text


def test_negative_durations_are_written_with_a_sign() -> None:
    assert format_duration(-90 * SECOND_NS) == "-1m30s"


def test_seconds_and_milliseconds_are_rounded() -> None:
    assert seconds_to_ns(1e-9 * 1.6) == 2
    assert seconds_to_ns(0.1 + 0.2) == 300_000_000
    assert ms_to_ns(0.0000016) == 2
