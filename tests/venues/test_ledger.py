"""Positions and money from fills, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.venues.ledger import Ledger
from arbkit.venues.protocol import Fill, Instrument, OrderSide

D = Decimal
SPOT = Instrument(venue="v", symbol="BTCUSDT", base="BTC", quote="USDT")
PERPETUAL = Instrument(venue="v", symbol="BTCUSDT", base="BTC", quote="USDT", kind="perpetual")


def fill(side: str, size: str, price: str, fee: str = "0", asset: str = "USDT") -> Fill:
    return Fill(
        venue="v", symbol="BTCUSDT", trade_id="t", client_id="c", order_id="o", side=OrderSide(side),
        price=D(price), size=D(size), fee=D(fee), fee_asset=asset, ts=0,
    )  # fmt: skip


def test_a_spot_buy_that_pays_in_the_coin_holds_less_than_was_filled() -> None:
    ledger = Ledger()
    ledger.apply(fill("buy", "1", "100", "0.001", "BTC"), SPOT)
    assert ledger.positions["v", "BTCUSDT"] == D("0.999")
    assert dict(ledger.flows) == {("v", "BTC"): D("0.999"), ("v", "USDT"): D(-100)}
    assert ledger.fees["v", "BTC"] == D("0.001")


@pytest.mark.parametrize(
    ("fills", "position", "money"),
    [
        ([("buy", "1", "100"), ("sell", "1", "110")], "0", "10"),
        ([("sell", "2", "100"), ("buy", "1", "90")], "-1", "10"),
        ([("buy", "1", "100"), ("sell", "3", "110"), ("buy", "2", "100")], "0", "30"),
        ([("buy", "3", "100"), ("buy", "4", "107"), ("sell", "2", "111"), ("sell", "5", "103")], "0", "9"),
    ],
)
def test_a_perpetual_realises_what_it_closes_and_nothing_is_left_over(
    fills: list[tuple[str, str, str]], position: str, money: str
) -> None:
    ledger = Ledger()
    for side, size, price in fills:
        ledger.apply(fill(side, size, price, "0.5"), PERPETUAL)
    assert ledger.positions["v", "BTCUSDT"] == D(position)
    assert ledger.flows["v", "USDT"] == D(money) - D("0.5") * len(fills)
