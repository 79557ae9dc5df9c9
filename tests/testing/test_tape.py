"""Candles of a tape: where they begin, what they join, what fills the gaps."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.testing.orders import Trade
from arbkit.testing.tape import Bar, Tape, bar_start, next_start

#: Wednesday, 2026-11-18 13:47:12.345 UTC.
MOMENT = 1_795_009_632_345


@pytest.mark.parametrize(
    ("interval", "start", "following"),
    [
        ("1s", 1_795_009_632_000, 1_795_009_633_000),
        ("15m", 1_795_009_500_000, 1_795_010_400_000),
        ("4h", 1_795_003_200_000, 1_795_017_600_000),
        ("1d", 1_794_960_000_000, 1_795_046_400_000),
        ("1w", 1_794_787_200_000, 1_795_392_000_000),  # a Monday
        ("1M", 1_793_491_200_000, 1_796_083_200_000),  # the first of November, of December
    ],
)
def test_candles_begin_on_their_grid(interval: str, start: int, following: int) -> None:
    assert bar_start(MOMENT, interval) == start
    assert next_start(start, interval) == following
    assert bar_start(following, interval) == following
    assert bar_start(following - 1, interval) == start


def traded(tape: Tape, ts_ms: int, price: str, side: str = "buy") -> None:
    tape.traded(
        Trade(
            number=7, uuid="u", order=1, client_id="c", symbol="S", side=side, price=Decimal(price),
            size=Decimal("0.5"), fee=Decimal(0), fee_asset="USDT", maker=False, ts_ms=ts_ms,
        )
    )  # fmt: skip


def shape(bar: Bar) -> tuple[int, float, float, float, float]:
    return bar.start_ms, bar.open, bar.high, bar.low, bar.close


def test_prices_and_trades_make_candles_and_gaps_are_filled_where_asked() -> None:
    tape = Tape()
    for second, price in ((0, 100.0), (20, 103.0), (50, 99.0), (200, 105.0)):
        tape.seen(second * 1000, price)
    traded(tape, 201_000, "106")
    traded(tape, 202_000, "104", "sell")
    minutes = tape.bars("1m")
    assert [shape(bar) for bar in minutes] == [(0, 100, 103, 99, 99), (180_000, 105, 106, 104, 104)]
    assert minutes[1].volume == (1.0, 105.0)
    assert minutes[1].taken == (0.5, 53.0)
    assert minutes[1].count == 2
    filled = tape.bars("1m", until_ms=300_000)
    assert [bar.start_ms for bar in filled] == [0, 60_000, 120_000, 180_000, 240_000, 300_000]
    assert shape(filled[1]) == (60_000, 99, 99, 99, 99)
    assert [shape(bar) for bar in tape.bars("5m")] == [(0, 100, 106, 99, 104)]
    assert [bar.start_ms for bar in tape.bars("1s")] == [0, 20_000, 50_000, 200_000]
    whole = tape.since(100_000)
    assert whole is not None
    assert shape(whole) == (180_000, 105, 106, 104, 104)
    assert tape.since(1_000_000) is None
    assert Tape().bars("1d", until_ms=MOMENT) == []
