"""Money against plain sums: accounts hold what the fills say, and nothing stays locked."""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from arbkit.testing import PracticeExchange
from arbkit.testing.orders import Order
from arbkit.testing.spot import Spot
from arbkit.testing.upbit_orders import Upbit
from arbkit.testing.usdm import Usdm

ZERO = Decimal(0)
PRICES = {"upbit": (137_000_000, 1000), "binance_spot": (97_000, 1), "binance_usdm": (97_000, 1)}
MARKETS = {"upbit": ["KRW-BTC"], "binance_spot": ["BTCUSDT"], "binance_usdm": ["BTCUSDT"]}
START = {
    "upbit": {"KRW": 50_000_000, "BTC": "0.5"},
    "binance_spot": {"USDT": 50_000, "BTC": "0.5"},
    "binance_usdm": {"USDT": 50_000},
}


def push(exchange: PracticeExchange, venue: str, symbol: str, chance: random.Random) -> None:
    middle, tick = PRICES[venue]
    middle += chance.randint(-5, 5) * tick
    bids = [(middle - k * tick, round(chance.uniform(0.001, 0.05), 5)) for k in range(1, 6)]
    asks = [(middle + k * tick, round(chance.uniform(0.001, 0.05), 5)) for k in range(5)]
    exchange.push_book(venue, symbol, bids, asks)


def order_of(venue: Any, symbol: str, chance: random.Random, number: int) -> Order:
    """Return a random order: limit of any kind near the market, market, or a buy for an amount."""
    middle, tick = PRICES[venue.name]
    fields: dict[str, Any] = {
        "client_id": f"c{number}",
        "symbol": symbol,
        "side": chance.choice(["buy", "sell"]),
    }
    fields["size"] = Decimal(chance.randint(1, 60)) / 1000
    kind = chance.choice(["limit", "limit", "limit", "market", "amount"])
    if kind == "limit":
        fields |= {"kind": "limit", "tif": chance.choice(["gtc", "gtc", "ioc", "fok", "post_only"])}
        fields["price"] = Decimal(middle + chance.randint(-6, 6) * tick)
    elif kind == "amount" and fields["side"] == "buy" and not isinstance(venue, Usdm):
        fields |= {"kind": "price" if isinstance(venue, Upbit) else "market", "tif": "ioc", "size": None}
        fields["amount"] = Decimal(chance.randint(10_000, 3_000_000)) * tick / 1000
    else:
        fields |= {"kind": "market", "tif": "ioc"}
        if isinstance(venue, Upbit) and fields["side"] == "buy":
            fields |= {"kind": "limit", "price": Decimal(middle + 50 * tick)}
    return venue.desk.make(**fields)  # type: ignore[no-any-return]


def trade_at_random(exchange: PracticeExchange, venue: Any, chance: random.Random) -> None:
    symbol = next(iter(venue.listings))
    listing = venue.listings[symbol]
    for number in range(150):
        push(exchange, venue.name, symbol, chance)
        order = order_of(venue, symbol, chance, number)
        if isinstance(venue, (Upbit, Spot)):
            estimate = venue._estimate(order) if isinstance(venue, Spot) else None
            asset, amount = venue.account.need(order, listing, estimate)
            if not venue.account.reserve(order, asset, amount):
                continue
        venue.desk.place(order)
        venue.desk.take(order)
        working = venue.desk.working()
        if working and chance.random() < 0.4:
            venue.desk.cancel(chance.choice(working))
    for order in venue.desk.working():
        venue.desk.cancel(order)


@pytest.mark.parametrize("venue", ["upbit", "binance_spot"])
@pytest.mark.parametrize("seed", [1, 2])
def test_coins_are_what_the_fills_say(venue: str, seed: int) -> None:
    exchange = PracticeExchange(MARKETS, balances=START)
    served: Any = exchange.venues[venue]
    trade_at_random(exchange, served, random.Random(seed))
    quote = "KRW" if venue == "upbit" else "USDT"
    expected = {asset: Decimal(amount) for asset, amount in START[venue].items()}
    fills = exchange.ledger()[venue]["fills"]
    assert len(fills) > 50
    assert {fill.maker for fill in fills} == {True, False}
    for fill in fills:
        way = 1 if fill.side == "buy" else -1
        expected["BTC"] += way * fill.size
        expected[quote] -= way * fill.size * fill.price
        expected[fill.fee_asset] -= fill.fee
    assert exchange.ledger()[venue]["balances"] == expected
    assert all(holding.locked == 0 and holding.free >= 0 for holding in served.account.holdings.values())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_wallet_is_what_the_fills_say(seed: int) -> None:
    exchange = PracticeExchange(MARKETS, balances=START)
    trade_at_random(exchange, exchange.binance_usdm, random.Random(seed))
    ledger = exchange.ledger()["binance_usdm"]
    amount = cost = cash = ZERO
    for fill in ledger["fills"]:
        way = 1 if fill.side == "buy" else -1
        amount += way * fill.size
        cost += way * fill.size * fill.price
        cash -= fill.fee
    assert ledger["positions"].get("BTCUSDT", ZERO) == amount
    # Realised profit and the open position's cost are what was paid, but for the rounding of entries.
    entry = exchange.binance_usdm.account.position("BTCUSDT").entry
    realized = sum((fill.realized for fill in ledger["fills"]), ZERO)
    assert abs(realized - (amount * entry - cost)) < Decimal("0.0001")
    assert ledger["balances"]["USDT"] == Decimal(50_000) + cash + realized


def test_sizes_taken_never_exceed_what_stood_there() -> None:
    exchange = PracticeExchange(MARKETS, balances=START)
    venue = exchange.binance_usdm
    exchange.push_book("binance_usdm", "BTCUSDT", [(97_000, 1)], [(97_001, "0.01"), (97_002, "0.02")])
    taken: dict[Decimal, Decimal] = defaultdict(Decimal)
    for number in range(5):
        order = venue.desk.make(
            client_id=f"t{number}",
            symbol="BTCUSDT",
            side="buy",
            kind="market",
            tif="ioc",
            size=Decimal("0.008"),
        )
        venue.desk.place(order)
        venue.desk.take(order)
        for trade in order.trades:
            taken[trade.price] += trade.size
    assert taken == {Decimal(97_001): Decimal("0.01"), Decimal(97_002): Decimal("0.02")}
    assert venue.book_of("BTCUSDT").asks == []
    exchange.push_book("binance_usdm", "BTCUSDT", [(97_000, 1)], [(97_001, "0.01")])
    assert venue.book_of("BTCUSDT").asks == [(97_001.0, 0.01)]
