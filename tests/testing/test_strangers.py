"""A client that knows nothing of this project trades here: ccxt, pointed at the exchange by its address."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from arbkit.testing import PracticeExchange, practice_exchange
from tests.testing.traders import BOOKS

ccxt = pytest.importorskip("ccxt")
MARKETS = {venue: [symbol] for venue, (symbol, _, _) in BOOKS.items()}


@pytest.fixture(scope="module")
def exchange() -> Iterator[PracticeExchange]:
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    with practice_exchange(MARKETS, limits=False) as world:
        for venue, (symbol, bids, asks) in BOOKS.items():
            world.push_book(venue, symbol, bids, asks)
        yield world


def pointed(kind: Any, exchange: PracticeExchange, venue: str) -> Any:
    """Return a client of ccxt whose every address is that of the practice exchange."""
    keys = exchange.addresses()[venue]
    options = {"fetchCurrencies": False}
    client = kind(
        {"apiKey": keys["key"], "secret": keys["secret"], "options": options, "enableRateLimit": False}
    )
    api = client.urls["api"]
    for name, url in api.items():
        path = (
            "" if venue == "upbit" or not isinstance(url, str) else url.partition("://")[2].partition("/")[2]
        )
        api[name] = keys["rest_url"] + (f"/{path}" if path else "")
    return client


def trade(client: Any, symbol: str, low: float, size: float) -> None:
    """Rest and cancel an order, then take: every answer in ccxt's own terms."""
    order = client.create_order(symbol, "limit", "buy", size, low, {"clientOrderId": "stranger-1"})
    found = client.fetch_order(order["id"], symbol)
    assert (found["status"], found["clientOrderId"], found["remaining"]) == ("open", "stranger-1", size)
    assert [item["id"] for item in client.fetch_open_orders(symbol)] == [order["id"]]
    client.cancel_order(order["id"], symbol)
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order("0", symbol)


def test_futures(exchange: PracticeExchange) -> None:
    client, symbol = pointed(ccxt.binanceusdm, exchange, "binance_usdm"), "BTC/USDT:USDT"
    market = client.load_markets()[symbol]
    assert (market["precision"]["amount"], market["precision"]["price"]) == (0.001, 0.1)
    assert client.fetch_order_book(symbol)["bids"][0] == [97_000, 1]
    assert client.fetch_ticker(symbol)["last"] == 97_000.5
    assert client.fetch_ohlcv(symbol, "1m")[-1][4] == 97_000.5
    trade(client, symbol, 96_000, 0.01)
    assert int(client.set_leverage(5, symbol)["leverage"]) == 5
    order = client.create_order(symbol, "market", "buy", 0.01)
    assert (order["status"], order["filled"], order["average"]) == ("closed", 0.01, 97_001)
    assert client.fetch_my_trades(symbol)[-1]["fee"]["cost"] == pytest.approx(97_001 * 0.01 * 0.0005)
    held = client.fetch_positions([symbol])[0]
    assert (held["side"], held["contracts"], held["entryPrice"]) == ("long", 0.01, 97_001)
    assert client.fetch_balance()["USDT"]["total"] < 100_000
    assert client.fetch_funding_rate(symbol)["fundingRate"] == 0.0001
    assert client.fetch_leverage_tiers([symbol])[symbol][0]["maxLeverage"] == 125
    client.create_order(symbol, "market", "sell", 0.01, None, {"reduceOnly": True})
    assert client.fetch_positions([symbol]) == []
    two = [{"symbol": symbol, "type": "limit", "side": "buy", "amount": 0.01, "price": 96_000}] * 2
    placed = client.create_orders(two)
    assert len(client.cancel_orders([item["id"] for item in placed], symbol)) == 2
    with pytest.raises(ccxt.OperationRejected):
        client.set_position_mode(False)


def test_spot(exchange: PracticeExchange) -> None:
    client, symbol = pointed(ccxt.binance, exchange, "binance_spot"), "BTC/USDT"
    client.options |= {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}
    client.load_markets()
    assert client.fetch_ticker(symbol)["bid"] == 97_000
    trade(client, symbol, 96_000, 0.01)
    order = client.create_market_buy_order_with_cost(symbol, 970.01)
    assert (order["status"], order["filled"], order["fee"]["currency"]) == ("closed", 0.01, "BTC")
    assert client.fetch_my_trades(symbol)[-1]["order"] == order["id"]
    assert client.fetch_trading_fee(symbol)["taker"] == 0.001
    assert [item["status"] for item in client.fetch_orders(symbol)] == ["canceled", "closed"]
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(symbol, "limit", "buy", 50, 96_000)


def test_upbit(exchange: PracticeExchange) -> None:
    client, symbol = pointed(ccxt.upbit, exchange, "upbit"), "BTC/KRW"
    client.load_markets()
    assert client.fetch_order_book(symbol)["asks"][0] == [137_001_000, 1]
    assert client.fetch_ohlcv(symbol, "1d")[-1][4] == 137_000_500
    trade(client, symbol, 136_000_000, 0.001)
    order = client.create_market_buy_order_with_cost(symbol, 1_370_010)
    for _ in range(1_000):
        order = client.fetch_order(order["id"], symbol)
        if order["status"] != "open":
            break
    assert (order["filled"], float(order["fee"]["cost"])) == (0.01, 685.005)
    assert client.fetch_balance()["BTC"]["free"] == 0.01
    assert client.fetch_trading_fee(symbol)["taker"] == 0.0005
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(symbol, "limit", "buy", 5, 136_000_000)
