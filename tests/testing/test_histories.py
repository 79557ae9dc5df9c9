"""Candles, tickers and public trades at every venue: what a strategy warms up on."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import websockets

from arbkit.testing import PracticeExchange, ServerClock
from tests.testing.traders import BOOKS, MARKETS, Trader
from tests.testing.world_clients import fetch, hear, run

#: A minute past midnight.
START_NS = 1_767_225_660_000_000_000
PATHS = {"binance_usdm": "/fapi/v1/", "binance_spot": "/api/v3/"}


async def get(exchange: PracticeExchange, venue: str, path: str) -> Any:
    status, body, _ = await fetch(exchange.venues[venue].rest_url + path)
    assert status == 200, body
    return body


async def traded(exchange: PracticeExchange, venue: str) -> None:
    """Show a book, and after two minutes another, in which an order is filled."""
    trader = Trader(exchange, venue)
    trader.push()
    exchange.clock.advance(120)
    bids, asks = [[(price + 10, size) for price, size in side] for side in (trader.bids, trader.asks)]
    exchange.push_book(venue, trader.symbol, bids, asks)
    status, _ = await trader.submit("one", price=int(asks[0][0]) // 1000 * 1000 + 1000)
    assert status in (200, 201)
    while not exchange.ledger()[venue]["fills"]:
        await fetch(exchange.venues[venue].rest_url + "/nothing")


@pytest.mark.parametrize("venue", ["binance_usdm", "binance_spot"])
def test_binance_answers_candles_tickers_and_trades(venue: str) -> None:
    async def main() -> None:
        clock = ServerClock(start_ns=START_NS)
        async with PracticeExchange(MARKETS, clock=clock) as exchange:
            await traded(exchange, venue)
            api = PATHS[venue]
            rows = await get(exchange, venue, f"{api}klines?symbol=BTCUSDT&interval=1m&limit=3")
            assert [row[0] // 60_000 % 60 for row in rows] == [1, 2, 3]
            assert [len(row) for row in rows] == [12] * 3
            assert rows[1][1:6] == ["97000.50000000"] * 4 + ["0.00000000"], "nothing happened then"
            assert (rows[2][5], rows[2][8]) == ("0.01000000", 1)
            first = await get(exchange, venue, f"{api}klines?symbol=BTCUSDT&interval=1m&startTime=1&limit=1")
            assert first[0] == rows[0]
            trade = (await get(exchange, venue, f"{api}trades?symbol=BTCUSDT"))[0]
            assert (trade["price"], trade["qty"], trade["isBuyerMaker"]) == (
                "97011.00000000",
                "0.01000000",
                False,
            )
            assert (await get(exchange, venue, f"{api}aggTrades?symbol=BTCUSDT"))[0]["a"] == trade["id"]
            day = await get(exchange, venue, f"{api}ticker/24hr?symbol=BTCUSDT")
            assert (day["openPrice"], day["lastPrice"], day["count"]) == (
                "97000.50000000",
                "97011.00000000",
                1,
            )
            assert (await get(exchange, venue, f"{api}ticker/price"))[0]["price"] == day["lastPrice"]
            url = f"{exchange.venues[venue].rest_url}{api}klines?symbol=BTCUSDT&interval=7m"
            assert (await fetch(url))[1]["code"] == -1120

    run(main())


def test_binance_streams_candles_and_closes_them() -> None:
    async def main() -> None:
        clock = ServerClock(start_ns=START_NS, speed=100)
        async with PracticeExchange({"binance_usdm": ["BTCUSDT"]}, clock=clock) as exchange:
            venue = exchange.binance_usdm
            symbol, bids, asks = BOOKS["binance_usdm"]
            venue.push_book(symbol, bids, asks)
            url = venue.ws_url + "/market/stream?streams=btcusdt@kline_1m/!ticker@arr/!miniTicker@arr"
            async with websockets.connect(url) as socket:
                seen: dict[str, list[Any]] = {}
                while not any(item["k"]["x"] for item in seen.get("btcusdt@kline_1m", [])):
                    event = await hear(socket)
                    seen.setdefault(event["stream"], []).append(event["data"])
                assert seen["!ticker@arr"][0][0]["e"] == "24hrTicker"
                assert seen["!miniTicker@arr"][0][0]["e"] == "24hrMiniTicker"
                candles = [item["k"] for item in seen["btcusdt@kline_1m"]]
                assert {(candle["i"], candle["c"]) for candle in candles} == {("1m", "97000.50000000")}
                assert [candle["x"] for candle in candles[:-1]] == [False] * (len(candles) - 1)
                assert candles[-1]["t"] == candles[0]["t"]

    run(main())


def test_upbit_answers_candles_tickers_and_trades() -> None:
    async def main() -> None:
        clock = ServerClock(start_ns=START_NS)
        async with PracticeExchange(MARKETS, clock=clock) as exchange:
            await traded(exchange, "upbit")
            rows = await get(exchange, "upbit", "/v1/candles/minutes/1?market=KRW-BTC&count=5")
            assert [row["candle_date_time_utc"][-8:] for row in rows] == ["00:03:00", "00:01:00"], "gaps stay"
            assert rows[0]["candle_date_time_kst"][-8:] == "09:03:00"
            assert (rows[0]["unit"], rows[0]["candle_acc_trade_volume"]) == (1, 0.01)
            before = await get(
                exchange, "upbit", "/v1/candles/minutes/1?market=KRW-BTC&to=2026-01-01T09:02:00%2B09:00"
            )
            assert before == rows[1:]
            day = (await get(exchange, "upbit", "/v1/candles/days?market=KRW-BTC"))[0]
            assert {"prev_closing_price", "change_price", "change_rate"} <= set(day)
            assert (
                "first_day_of_period" in (await get(exchange, "upbit", "/v1/candles/weeks?market=KRW-BTC"))[0]
            )
            trade = (await get(exchange, "upbit", "/v1/trades/ticks?market=KRW-BTC"))[0]
            assert (trade["trade_volume"], trade["ask_bid"]) == (0.01, "BID")
            ticker = (await get(exchange, "upbit", "/v1/ticker?markets=KRW-BTC"))[0]
            assert {"trade_date_kst", "signed_change_rate", "highest_52_week_price"} <= set(ticker)
            assert "market_state" not in ticker
            status, error, _ = await fetch(exchange.upbit.rest_url + "/v1/candles/minutes/7?market=KRW-BTC")
            assert (status, error["error"]["name"]) == (400, 400)

    run(main())


def test_upbit_streams_candles_and_tickers_in_short_names() -> None:
    async def main() -> None:
        async with PracticeExchange({"upbit": ["KRW-BTC"]}, clock=ServerClock(speed=50)) as exchange:
            symbol, bids, asks = BOOKS["upbit"]
            exchange.upbit.push_book(symbol, bids, asks)
            async with websockets.connect(exchange.upbit.ws_url + "/websocket/v1") as socket:
                asked = [{"type": kind, "codes": [symbol]} for kind in ("candle.1s", "ticker", "trade")]
                await socket.send(json.dumps([{"ticket": "t"}, *asked, {"format": "SIMPLE"}]))
                candle, ticker, trade = [await hear(socket) for _ in range(3)]
                assert (candle["ty"], candle["st"], candle["op"]) == ("candle.1s", "SNAPSHOT", 137000500)
                assert len(candle["cdttmk"]) == 19
                assert len(ticker["tdt"]) == 8
                assert (trade["ty"], len(trade["td"])) == ("trade", 10)
                exchange.upbit.push_book(symbol, [(137_010_000, 1)], asks)
                while (event := await hear(socket))["ty"] != "candle.1s" or event["hp"] == candle["hp"]:
                    pass
                assert Decimal(str(event["hp"])) == 137005500
                assert event["st"] == "REALTIME"

    run(main())


def test_spot_replaces_orders_and_lists_them() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, "binance_spot")
            trader.push()
            await trader.submit("a", price=96000, tif="GTC")
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
            order |= {"quantity": "0.01", "price": "95000", "newClientOrderId": "b"}

            async def replace(which: str, mode: str) -> tuple[int, Any]:
                members = order | {"cancelOrigClientOrderId": which, "cancelReplaceMode": mode}
                return await trader.signed("POST", "/api/v3/order/cancelReplace", members)

            status, row = await replace("a", "STOP_ON_FAILURE")
            assert (status, row["cancelResult"], row["newOrderResponse"]["status"]) == (200, "SUCCESS", "NEW")
            status, row = await replace("a", "STOP_ON_FAILURE")
            assert (status, row["code"], row["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
            order["newClientOrderId"] = "c"
            status, row = await replace("a", "ALLOW_FAILURE")
            assert (status, row["code"], row["data"]["newOrderResult"]) == (409, -2021, "SUCCESS")
            _, rows = await trader.signed("GET", "/api/v3/allOrders", {"symbol": "BTCUSDT"})
            assert [(item["clientOrderId"], item["status"]) for item in rows] == [
                ("a", "CANCELED"),
                ("b", "NEW"),
                ("c", "NEW"),
            ]

    run(main())
