"""USD-M orders, positions and funding over real sockets, signed by the documented vector."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from decimal import Decimal
from typing import Any

import pytest
import websockets

from arbkit.testing import PracticeExchange, ServerClock
from arbkit.venues import BinanceUsdmClient
from tests.testing.world_clients import binance_query, fetch, hear, run

KEY, SECRET = "practice-binance_usdm-key", "practice-binance_usdm-secret"
MARKETS = {"binance_usdm": ["BTCUSDT"]}
BIDS = [("97000.0", "0.5"), ("96999.9", "1")]
ASKS = [("97000.1", "0.1"), ("97000.2", "0.2")]


async def call(exchange: PracticeExchange, method: str, path: str, **members: Any) -> tuple[int, Any]:
    """Send a signed request, as a form for POST and as a query otherwise."""
    stamp = exchange.clock.now_ns() // 10**6
    text = binance_query(SECRET, "&".join(f"{key}={value}" for key, value in members.items()), stamp=stamp)
    url, headers = exchange.binance_usdm.rest_url + path, {"X-MBX-APIKEY": KEY}
    if method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        status, body, _ = await fetch(url, "POST", data=text, headers=headers)
    else:
        status, body, _ = await fetch(f"{url}?{text}", method, headers=headers)
    return status, body


async def submit(exchange: PracticeExchange, side: str, **members: Any) -> tuple[int, Any]:
    given = {"type": "MARKET", "newOrderRespType": "RESULT", **members}
    return await call(exchange, "POST", "/fapi/v1/order", symbol="BTCUSDT", side=side, **given)


def limit(price: str, tif: str = "GTC") -> dict[str, str]:
    return {"type": "LIMIT", "timeInForce": tif, "price": price}


def filled(exchange: PracticeExchange) -> None:
    exchange.binance_usdm.push_book("BTCUSDT", BIDS, ASKS)


def test_the_documented_signature() -> None:
    secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"  # of the documentation
    text = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
        "&recvWindow=5000&timestamp=1591702613943"
    )
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert signature == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


def test_a_market_order_walks_the_book_and_pays_its_fee_in_dollars() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances={"binance_usdm": {"USDT": 10_000}}) as exchange:
            filled(exchange)
            status, order = await submit(exchange, "BUY", quantity="0.150", newClientOrderId="a")
            assert (status, order["status"], order["executedQty"]) == (200, "FILLED", "0.15")
            value = Decimal("97000.1") * Decimal("0.1") + Decimal("97000.2") * Decimal("0.05")
            assert Decimal(order["cumQuote"]) == value
            _, trades = await call(exchange, "GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
            fees = sum(Decimal(trade["commission"]) for trade in trades)
            assert abs(fees - value * Decimal("0.0005")) < Decimal("1e-7")
            ledger = exchange.ledger()["binance_usdm"]
            assert ledger["balances"]["USDT"] == 10_000 - fees
            assert ledger["positions"] == {"BTCUSDT": Decimal("0.150")}
            _, rows = await call(exchange, "GET", "/fapi/v3/positionRisk")
            assert Decimal(rows[0]["positionAmt"]) == Decimal("0.15")
            await submit(exchange, "SELL", quantity="0.150", reduceOnly="true")
            assert (await call(exchange, "GET", "/fapi/v3/positionRisk"))[1] == []
            _, balances = await call(exchange, "GET", "/fapi/v3/balance")
            assert Decimal(balances[0]["balance"]) == exchange.ledger()["binance_usdm"]["balances"]["USDT"]
            fills = exchange.ledger()["binance_usdm"]["fills"]
            profit = Decimal("97000.0") * Decimal("0.15") - value
            assert sum(fill.realized for fill in fills) == pytest.approx(profit, abs=Decimal("1e-7"))

    run(main())


def test_an_immediate_order_expires_with_what_it_got() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            _, order = await submit(exchange, "BUY", quantity="0.2", **limit("97000.1", "IOC"))
            assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.1")
            _, order = await submit(exchange, "BUY", quantity="0.2", **limit("97000.1", "IOC"))
            assert (order["status"], order["executedQty"]) == ("EXPIRED", "0"), "eaten until the next book"
            status, error = await submit(exchange, "BUY", quantity="0.2", **limit("97000.1", "FOK"))
            assert (status, error["code"]) == (400, -5021)

    run(main())


def test_a_resting_order_can_be_cancelled_once() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            _, order = await submit(exchange, "BUY", quantity="0.2", newClientOrderId="r", **limit("96000"))
            assert order["status"] == "NEW"
            status, error = await submit(
                exchange, "BUY", quantity="0.2", newClientOrderId="r", **limit("96000")
            )
            assert (status, error["code"]) == (400, -4116)
            who = {"symbol": "BTCUSDT", "origClientOrderId": "r"}
            exchange.binance_usdm.push_book("BTCUSDT", [(95_000, 1)], [(95_999, "0.05")])
            _, order = await call(exchange, "GET", "/fapi/v1/order", **who)
            assert (order["status"], order["avgPrice"]) == ("PARTIALLY_FILLED", "96000")
            _, order = await call(exchange, "DELETE", "/fapi/v1/order", **who)
            assert (order["status"], order["executedQty"]) == ("CANCELED", "0.05")
            status, error = await call(exchange, "DELETE", "/fapi/v1/order", **who)
            assert (status, error["code"]) == (400, -2011)
            unknown = {"symbol": "BTCUSDT", "origClientOrderId": "zz"}
            assert (await call(exchange, "GET", "/fapi/v1/order", **unknown))[1]["code"] == -2013
            assert (await submit(exchange, "BUY", quantity="0.2", newClientOrderId="r"))[0] == 200

    run(main())


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"quantity": "0.0015"}, -1111),
        ({"quantity": "0"}, -4003),
        ({"quantity": "0.001"}, -4164),
        ({"quantity": "500"}, -2019),
        ({"quantity": "0.01", **limit("97000.05")}, -4014),
        ({"quantity": "0.01", **limit("50000")}, -4024),
        ({"quantity": "0.01", **limit("150000")}, -4016),
        ({"quantity": "0.01", **limit("97000.1", "GTX")}, -5022),
        ({"quantity": "0.01", "reduceOnly": "true"}, -2022),
        ({"quantity": "0.01", "positionSide": "LONG"}, -4061),
        ({}, -1102),
    ],
)
def test_filters_refuse_with_their_codes(members: dict[str, str], code: int) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            if code == -4164:
                exchange.binance_usdm.listings["BTCUSDT"].min_notional = Decimal(200)
            status, error = await submit(exchange, "BUY", **members)
            assert (status, error["code"]) == (400, code)
            assert exchange.ledger()["binance_usdm"]["fills"] == []

    run(main())


def test_signature_and_time_are_checked_from_the_raw_text() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            url = exchange.binance_usdm.rest_url + "/fapi/v3/balance?"
            now = exchange.clock.now_ms()

            async def code(query: str, key: str = KEY) -> int:
                _, body, _ = await fetch(url + query, headers={"X-MBX-APIKEY": key})
                return int(body["code"]) if isinstance(body, dict) else 0

            assert await code(binance_query(SECRET, "")) == 0
            assert await code(binance_query("wrong", "")) == -1022
            assert await code(binance_query(SECRET, "") + "&x=1") == -1102
            assert await code(binance_query(SECRET, ""), "other") == -2015
            assert await code(binance_query(SECRET, "", stamp=now + 2_000)) == -1021
            assert await code(binance_query(SECRET, "", stamp=now - 6_000)) == -1021
            assert await code(binance_query(SECRET, "recvWindow=9000", stamp=now - 6_000)) == 0
            exchange.faults.on("clock_offset", seconds_off=30)
            assert await code(binance_query(SECRET, "")) == -1021

    run(main())


def test_the_private_stream_tells_of_orders_fills_and_funding() -> None:
    async def main() -> None:
        clock = ServerClock(start_ns=1_767_225_600_000_000_000 + 60 * 10**9)  # a minute past midnight
        async with PracticeExchange(MARKETS, clock=clock) as exchange:
            filled(exchange)
            venue = exchange.binance_usdm
            _, made, _ = await fetch(
                venue.rest_url + "/fapi/v1/listenKey", "POST", headers={"X-MBX-APIKEY": KEY}
            )
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(venue.ws_url + "/private/ws?listenKey=wrong")
            async with websockets.connect(
                f"{venue.ws_url}/private/ws?listenKey={made['listenKey']}"
            ) as socket:
                await submit(exchange, "SELL", quantity="0.1", newClientOrderId="s")
                heard = [await hear(socket) for _ in range(4)]
                kinds = [event["e"] for event in heard]
                assert kinds == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE"]
                assert [heard[0]["o"]["x"], heard[3]["o"]["x"], heard[3]["o"]["X"]] == [
                    "NEW",
                    "TRADE",
                    "FILLED",
                ]
                assert heard[1]["a"]["P"][0]["pa"] == "-0.1"
                assert (
                    heard[3]["o"]["t"]
                    == heard[2]["t"]
                    == exchange.ledger()["binance_usdm"]["fills"][0].number
                )
                before = exchange.ledger()["binance_usdm"]["balances"]["USDT"]
                for _ in range(8):
                    clock.advance(3_500)
                    await fetch(venue.rest_url + "/fapi/v1/listenKey", "PUT", headers={"X-MBX-APIKEY": KEY})
                    await asyncio.sleep(0.01)
                clock.advance(8 * 3_600 - 8 * 3_500)
                paid = await hear(socket)
                assert paid["a"]["m"] == "FUNDING_FEE"
                assert paid["a"]["P"] == []
                payment = Decimal("0.1") * Decimal("97000.05") * Decimal("0.0001")
                assert exchange.ledger()["binance_usdm"]["balances"]["USDT"] == before + payment
                _, income = await call(exchange, "GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
                assert Decimal(income[0]["income"]) == payment
                client = BinanceUsdmClient(KEY, SECRET, rest_url=venue.rest_url, clock=clock.now_ns)
                told = await client.funding_paid("BTCUSDT", clock.now_ns() - 3_600 * 10**9)
                assert told == {income[0]["time"] * 10**6: float(payment)}
                await client.close()
                clock.advance(3_700)
                assert (await hear(socket))["e"] == "listenKeyExpired"
                status, error, _ = await fetch(
                    venue.rest_url + "/fapi/v1/listenKey", "PUT", headers={"X-MBX-APIKEY": KEY}
                )
                assert (status, error["code"]) == (400, -1125)

    run(main())


def test_the_exchange_closes_positions_itself() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            await submit(exchange, "BUY", quantity="0.1")
            exchange.faults.on("auto_deleverage", symbol="BTCUSDT", share=0.5)
            assert exchange.ledger()["binance_usdm"]["positions"] == {"BTCUSDT": Decimal("0.05")}
            exchange.faults.on("liquidate", symbol="BTCUSDT")
            ledger = exchange.ledger()["binance_usdm"]
            assert ledger["positions"] == {}
            assert [fill.client_id[:13] for fill in ledger["fills"][1:]] == [
                "adl_autoclose",
                ledger["fills"][2].client_id[:13],
            ]
            assert ledger["fills"][2].client_id.startswith("autoclose-")

    run(main())


def test_the_dead_mans_switch_cancels_and_orders_are_counted() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, clock=ServerClock(speed=1e-3)) as exchange:
            filled(exchange)
            await submit(exchange, "BUY", quantity="0.2", **limit("96000"))
            await call(exchange, "POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=3000)
            assert len(exchange.ledger()["binance_usdm"]["open"]) == 1
            exchange.clock.advance(3.1)
            await asyncio.sleep(0.02)
            assert exchange.ledger()["binance_usdm"]["open"] == []
            text = binance_query(SECRET, "symbol=BTCUSDT&side=BUY", stamp=exchange.clock.now_ms())
            _, _, headers = await fetch(
                f"{exchange.binance_usdm.rest_url}/fapi/v1/order?{text}",
                "POST",
                headers={"X-MBX-APIKEY": KEY},
            )
            assert {"X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1M"} <= set(headers)

    run(main())
