"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest

from arbkit.report import numbers as n
from arbkit.report.text import load_text
from arbkit.units import DAY_NS, HOUR_NS, SECOND_NS


def plain_spaces(text: str) -> str:
    return text.replace(n.NBSP, " ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0.00"),
        (-0.0, "0.00"),
        (1234.5, "1,234.50"),
        (-1234.5, "−1,234.50"),
        (123_456.7, "123,457"),
        (0.00123, "0.0012"),
        (-0.001, "−0.0010"),
        (None, "—"),
        (math.nan, "—"),
        (math.inf, "∞"),
    ],
)
def test_money_has_digits_that_fit_its_size(value, expected):
    assert n.money(value) == expected


def test_money_names_its_currency_unless_there_is_nothing_to_name():
    assert plain_spaces(n.money(12.0, "USDT", plus=True)) == "+12.00 USDT"
    assert n.money(None, "USDT") == n.NOTHING


def test_rounded_away_amount_has_no_sign():
    assert n.number(-0.001, 2) == "0.00"
    assert n.number(0.001, 2, plus=True) == "0.00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (45.26, "45.3 %"),
        (0.36, "0.36 %"),
        (0.034, "0.034 %"),
        (0.0, "0.0 %"),
        (None, "—"),
        (-12.0, "−12.0 %"),
    ],
)
def test_percent_has_more_digits_when_small(value, expected):
    assert plain_spaces(n.percent(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "none"),
        (True, "true"),
        (3, "3"),
        (25_000, "25,000"),
        (5.967812, "5.968"),
        (0.96053, "0.9605"),
        (-17.5, "−17.5"),
        (259_200.0, "259,200"),
        (1e-5, "1e-05"),
        ("ewma:6h", "ewma:6h"),
    ],
)
def test_parameters_are_written_as_they_would_be_typed(value, expected):
    assert n.plain(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "—"),
        (0.0, "0 s"),
        (0.25, "250 ms"),
        (1.5, "1.5 s"),
        (59.7, "1 min"),
        (185.0, "3 min 5 s"),
        (7_200.0, "2 h"),
        (100_000.0, "1 d 3 h"),
        (400 * 86_400.0, "400 d"),
    ],
)
def test_durations_have_at_most_two_units(seconds, expected):
    assert plain_spaces(n.hold(seconds)) == expected


def test_periods_are_days_once_there_are_three():
    assert n.period(20 * DAY_NS + 19 * HOUR_NS, load_text()) == "20.8 days"
    assert n.period(365 * DAY_NS, load_text()) == "365 days"
    assert plain_spaces(n.period(30 * HOUR_NS, load_text())) == "1 d 6 h"
    assert plain_spaces(n.period(12 * SECOND_NS, load_text())) == "12 s"


def test_stamps_are_utc_and_fine_only_when_the_span_is_short():
    assert plain_spaces(n.stamp(1_700_000_000 * SECOND_NS)) == "2023-11-14 22:13 UTC"
    assert (
        plain_spaces(n.stamp(1_700_000_000 * SECOND_NS, span_ns=60 * SECOND_NS)) == "2023-11-14 22:13:20 UTC"
    )
    assert n.date(1_700_000_000 * SECOND_NS) == "2023-11-14"
