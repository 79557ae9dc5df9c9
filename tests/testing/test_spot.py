"""Binance spot orders over real sockets: fees out of what is received, the user stream over its API."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

import pytest
import websockets

from arbkit.testing import PracticeExchange
from tests.testing.world_clients import binance_query, fetch, hear, run

KEY, SECRET = "practice-binance_spot-key", "practice-binance_spot-secret"
MARKETS = {"binance_spot": ["BTCUSDT"]}
START = {"binance_spot": {"USDT": "10000", "BTC": "1"}}


async def call(exchange: PracticeExchange, method: str, path: str, **members: Any) -> tuple[int, Any]:
    text = binance_query(SECRET, "&".join(f"{key}={value}" for key, value in members.items()))
    url = f"{exchange.binance_spot.rest_url}/api/v3{path}?{text}"
    status, body, _ = await fetch(url, method, headers={"X-MBX-APIKEY": KEY})
    return status, body


async def submit(exchange: PracticeExchange, side: str, **members: Any) -> tuple[int, Any]:
    given = {"type": "MARKET", **members}
    return await call(exchange, "POST", "/order", symbol="BTCUSDT", side=side, **given)


def filled(exchange: PracticeExchange) -> None:
    exchange.binance_spot.push_book("BTCUSDT", [(50_000, 1)], [(50_010, "0.01"), (50_020, 1)])


def test_a_buy_pays_its_fee_in_the_coin_and_a_sale_in_dollars() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances=START) as exchange:
            filled(exchange)
            _, order = await submit(exchange, "BUY", quantity="0.02")
            assert (order["status"], order["cummulativeQuoteQty"]) == ("FILLED", "1000.30000000")
            assert [fill["commissionAsset"] for fill in order["fills"]] == ["BTC", "BTC"]
            assert sum(Decimal(fill["commission"]) for fill in order["fills"]) == Decimal("0.00002")
            assert exchange.ledger()["binance_spot"]["balances"] == {
                "USDT": Decimal("8999.7"),
                "BTC": Decimal("1.01998"),
            }
            _, order = await submit(exchange, "SELL", quantity="0.02")
            assert order["fills"][0]["commissionAsset"] == "USDT"
            assert exchange.ledger()["binance_spot"]["balances"]["USDT"] == Decimal("9998.7")
            _, account = await call(exchange, "GET", "/account")
            assert {row["asset"]: row["free"] for row in account["balances"]} == {
                "USDT": "9998.70000000",
                "BTC": "0.99998000",
            }
            _, trades = await call(exchange, "GET", "/myTrades", symbol="BTCUSDT")
            assert [trade["id"] for trade in trades] == [
                fill.number for fill in exchange.ledger()["binance_spot"]["fills"]
            ]

    run(main())


def test_a_buy_for_an_amount_stays_on_the_lot() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances=START) as exchange:
            exchange.binance_spot.push_book("BTCUSDT", [(50_000, 1)], [(50_001, 1)])
            _, order = await submit(exchange, "BUY", quoteOrderQty="100", newOrderRespType="RESULT")
            assert (order["executedQty"], order["origQuoteOrderQty"]) == ("0.00199000", "100.00000000")
            assert exchange.binance_spot.account.holding("USDT").locked == 0

    run(main())


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"quantity": "1"}, -2010, "insufficient balance"),
        ({"quantity": "0.000011"}, -1013, "LOT_SIZE"),
        ({"quantity": "0.00002"}, -1013, "NOTIONAL"),
        (
            {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000.001"},
            -1013,
            "PRICE_FILTER",
        ),
        ({"type": "LIMIT_MAKER", "quantity": "0.01", "price": "50010"}, -2010, "match and take"),
        ({"quantity": "0.01", "newClientOrderId": "resting"}, -2010, "Duplicate"),
    ],
)
def test_refusals_have_code_and_words(members: dict[str, str], code: int, words: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances=START) as exchange:
            filled(exchange)
            rest = {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "49000"}
            await submit(exchange, "BUY", newClientOrderId="resting", **rest)
            status, error = await submit(exchange, "BUY", **members)
            assert (status, error["code"]) == (400, code)
            assert words in error["msg"]

    run(main())


def test_the_user_stream_is_subscribed_by_signature_and_wraps_its_events() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances=START) as exchange:
            filled(exchange)
            async with websockets.connect(exchange.binance_spot.ws_url + "/ws-api/v3") as socket:
                params: dict[str, Any] = {"timestamp": exchange.clock.now_ms(), "apiKey": KEY}
                text = "&".join(f"{key}={params[key]}" for key in sorted(params))
                wrong = {**params, "signature": "00"}
                method = "userDataStream.subscribe.signature"
                await socket.send(json.dumps({"id": "1", "method": method, "params": wrong}))
                assert (await hear(socket))["error"]["code"] == -1022
                params["signature"] = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
                await socket.send(json.dumps({"id": "2", "method": method, "params": params}))
                assert await hear(socket) == {"id": "2", "status": 200, "result": {"subscriptionId": 0}}
                rest = {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "49000"}
                await submit(exchange, "BUY", newClientOrderId="mine", **rest)
                report = (await hear(socket))["event"]
                assert (report["e"], report["x"], report["c"]) == ("executionReport", "NEW", "mine")
                balances = (await hear(socket))["event"]
                assert balances["B"][1] == {"a": "USDT", "f": "9510.00000000", "l": "490.00000000"}
                status, row = await call(
                    exchange, "DELETE", "/order", symbol="BTCUSDT", origClientOrderId="mine"
                )
                assert (status, row["origClientOrderId"], row["status"]) == (200, "mine", "CANCELED")
                report = (await hear(socket))["event"]
                assert (report["x"], report["C"]) == ("CANCELED", "mine")
                assert report["c"] != "mine"
                await hear(socket)
                exchange.faults.on("expire_listen_key", venue="binance_spot")
                assert (await hear(socket))["event"]["e"] == "eventStreamTerminated"

    run(main())
