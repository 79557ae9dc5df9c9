"""Round numbers beside a picture, and values in their places."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.report.figures.scale import Scale, hold_ticks, log_ticks, number_ticks, padded, time_ticks
from arbkit.units import DAY_NS, HOUR_NS, SECOND_NS

MIDNIGHT_NS = 1_700_006_400 * SECOND_NS


def test_ends_of_a_scale_are_its_pixels():
    assert Scale(10, 20, 100, 200)([10, 15, 20]).tolist() == [100, 150, 200]
    assert Scale(1, 100, 0, 10, log=True)([1, 10, 100]) == pytest.approx([0, 5, 10])
    assert np.isnan(Scale(1, 100, 0, 10, log=True)([0.0, -1.0])).all()


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (-1.2, 1.2, ["\N{MINUS SIGN}1.0", "\N{MINUS SIGN}0.5", "0.0", "0.5", "1.0"]),
        (0, 52_000, ["0", "20,000", "40,000"]),
        (0.0, 0.01, ["0.000", "0.002", "0.004", "0.006", "0.008", "0.010"]),
        (0, 10, ["0.0", "2.5", "5.0", "7.5", "10.0"]),
    ],
)
def test_numbers_are_round_and_written_as_finely_as_they_need(low, high, texts):
    count = 5 if high != 10 else 4
    assert [tick.text for tick in number_ticks(low, high, count)] == texts


def test_a_range_of_nothing_has_no_ticks():
    assert number_ticks(1.0, 1.0) == []
    assert number_ticks(0.0, float("nan")) == []
    assert log_ticks(0.0, 1.0) == []


def test_whole_numbers_stay_whole():
    assert [tick.text for tick in number_ticks(0, 3, 8, integer=True)] == ["0", "1", "2", "3"]


def test_times_are_written_as_date_at_midnight_and_clock_within_a_day():
    ticks = time_ticks(MIDNIGHT_NS, MIDNIGHT_NS + DAY_NS, 5)
    assert [tick.text for tick in ticks] == ["11-15", "06:00", "12:00", "18:00", "11-16"]
    first = time_ticks(MIDNIGHT_NS + HOUR_NS, MIDNIGHT_NS + 4 * HOUR_NS, 4)[0]
    assert first.text == "11-15 01:00"


@pytest.mark.parametrize("days", [0.00001, 0.01, 1, 9, 80, 400, 4_000])
def test_times_never_crowd_the_axis(days):
    ticks = time_ticks(MIDNIGHT_NS, MIDNIGHT_NS + round(days * DAY_NS), 8)
    assert 1 <= len(ticks) <= 14
    assert len({tick.text for tick in ticks}) == len(ticks)


def test_durations_are_those_people_use():
    assert [tick.text.replace("\N{NO-BREAK SPACE}", " ") for tick in hold_ticks(5, 700)] == [
        "10 s",
        "1 min",
        "10 min",
    ]


def test_equal_values_get_room_around_them():
    assert padded(3.0, 3.0) == (2.85, 3.15)
    assert padded(float("nan"), 1.0) == (0.0, 1.0)
