"""Upbit's price steps by band, on both sides of every edge that matters."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.errors import ConfigError
from arbkit.wire.ticks import KRW_TICKS_2024, upbit_tick


@pytest.mark.parametrize(
    ("price", "tick"),
    [
        ("137002000", "1000"),
        ("1000000", "1000"),
        ("999500", "500"),
        ("100000", "100"),
        ("99950", "50"),
        ("10000", "10"),
        ("9995", "5"),
        ("5000", "5"),
        ("4999", "1"),
        ("100", "1"),
        ("99.9", "0.1"),
        ("0.5", "0.001"),
        ("0.000001", "0.00000001"),
    ],
)
def test_step_follows_the_price(price: str, tick: str) -> None:
    assert upbit_tick(Decimal(price)) == Decimal(tick)


def test_recordings_before_august_2025_have_another_table() -> None:
    assert upbit_tick(Decimal(1_999_500), table=KRW_TICKS_2024) == 500
    assert upbit_tick(Decimal("999.9"), table=KRW_TICKS_2024) == Decimal("0.1")


def test_other_quotes_have_one_step() -> None:
    assert upbit_tick(Decimal("0.03"), "BTC") == Decimal("0.00000001")


def test_price_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="must be above 0, was 0"):
        upbit_tick(Decimal(0))
