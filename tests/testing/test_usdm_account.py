"""USD-M's account: margin that runs out, settings, income, what the exchange made itself."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
import websockets

from arbkit.testing import PracticeExchange, ServerClock
from tests.testing.test_usdm import KEY, call, filled, limit, submit
from tests.testing.world_clients import fetch, hear, run

MARKETS = {"binance_usdm": ["BTCUSDT", "ETHUSDT"]}
SYMBOL = "BTCUSDT"


async def private(exchange: PracticeExchange) -> websockets.ClientConnection:
    venue = exchange.binance_usdm
    _, made, _ = await fetch(venue.rest_url + "/fapi/v1/listenKey", "POST", headers={"X-MBX-APIKEY": KEY})
    return await websockets.connect(f"{venue.ws_url}/private/ws/{made['listenKey']}")


async def heard_until(socket: websockets.ClientConnection, last: Any) -> list[Any]:
    """Return what is heard until `last(event)` is true."""
    found = [await hear(socket)]
    while not last(found[-1]):
        found.append(await hear(socket))
    return found


def move(exchange: PracticeExchange, mid: int, size: str = "1") -> None:
    exchange.binance_usdm.push_book(SYMBOL, [(mid - 1, size)], [(mid + 1, size)])


def test_a_position_whose_margin_runs_out_is_liquidated() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances={"binance_usdm": {"USDT": 1_000}}) as exchange:
            filled(exchange)
            await submit(exchange, "BUY", quantity="0.1")
            await submit(exchange, "SELL", quantity="0.01", **limit("99000"))
            _, rows = await call(exchange, "GET", "/fapi/v3/positionRisk")
            stop = Decimal(rows[0]["liquidationPrice"])
            assert 87_000 < stop < 88_000
            market = await websockets.connect(exchange.binance_usdm.ws_url + "/market/ws/!forceOrder@arr")
            async with market, await private(exchange) as socket:
                move(exchange, int(stop) + 60)
                assert (await hear(socket))["e"] == "MARGIN_CALL"
                assert exchange.ledger()["binance_usdm"]["positions"] == {SYMBOL: Decimal("0.1")}
                move(exchange, int(stop) - 60, "0.04")
                events = await heard_until(
                    socket,
                    lambda event: event["e"] == "ACCOUNT_UPDATE" and event["a"]["m"] == "INSURANCE_CLEAR",
                )
                orders = [event["o"] for event in events if event["e"] == "ORDER_TRADE_UPDATE"]
                assert [order["x"] for order in orders] == ["CANCELED", "NEW", "TRADE", "CALCULATED"]
                assert {order["c"].partition("-")[0] for order in orders[1:]} == {"autoclose"}
                assert (orders[-1]["X"], orders[-1]["z"]) == ("FILLED", "0.1")
                public = await hear(market)
                assert (public["e"], public["o"]["S"], public["o"]["q"]) == ("forceOrder", "SELL", "0.1")
            ledger = exchange.ledger()["binance_usdm"]
            assert (ledger["positions"], ledger["open"]) == ({}, [])
            assert ledger["balances"]["USDT"] == 0, "what was left went to the insurance fund"
            _, forced = await call(exchange, "GET", "/fapi/v1/forceOrders", autoCloseType="LIQUIDATION")
            assert [row["executedQty"] for row in forced] == ["0.1"]
            who = {"symbol": SYMBOL, "origClientOrderId": forced[0]["clientOrderId"]}
            assert (await call(exchange, "GET", "/fapi/v1/order", **who))[1]["status"] == "FILLED"
            _, income = await call(exchange, "GET", "/fapi/v1/income")
            assert sum(Decimal(row["income"]) for row in income) == -1_000

    run(main())


def test_the_account_says_what_is_held_back() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances={"binance_usdm": {"USDT": 10_000}}) as exchange:
            filled(exchange)
            await submit(exchange, "SELL", quantity="0.1")
            await submit(exchange, "SELL", quantity="0.1", **limit("98000"))
            _, account = await call(exchange, "GET", "/fapi/v3/account")
            assert Decimal(account["totalOpenOrderInitialMargin"]) == 490
            assert Decimal(account["totalPositionInitialMargin"]) == Decimal("9700.005") / 20
            assert Decimal(account["totalMaintMargin"]) == Decimal("9700.005") * Decimal("0.004")
            used = Decimal(account["totalInitialMargin"])
            left = Decimal(account["totalMarginBalance"]) - used
            assert Decimal(account["availableBalance"]) == left.quantize(Decimal("1e-8"))
            _, rows = await call(exchange, "GET", "/fapi/v3/positionRisk", symbol=SYMBOL)
            assert Decimal(rows[0]["liquidationPrice"]) > 180_000
            assert (rows[0]["askNotional"], rows[0]["bidNotional"]) == ("9800", "0")
            _, old = await call(exchange, "GET", "/fapi/v2/positionRisk")
            assert [(row["symbol"], row["leverage"]) for row in old] == [(SYMBOL, "20"), ("ETHUSDT", "20")]

    run(main())


def test_settings_answer_with_their_codes() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances={"binance_usdm": {"USDT": 1_000}}) as exchange:
            filled(exchange)

            async def code(path: str, **members: Any) -> int:
                _, body = await call(exchange, "POST", f"/fapi/v1/{path}", **members)
                return int(body.get("code", 0))

            assert await code("marginType", symbol=SYMBOL, marginType="CROSSED") == -4046
            assert await code("marginType", symbol=SYMBOL, marginType="ISOLATED") == -4168
            assert await code("positionSide/dual", dualSidePosition="false") == -4059
            await submit(exchange, "BUY", quantity="0.1", **limit("96000"))
            assert await code("positionSide/dual", dualSidePosition="true") == -4067
            await submit(exchange, "BUY", quantity="0.1")
            await call(exchange, "DELETE", "/fapi/v1/allOpenOrders", symbol=SYMBOL)
            assert await code("positionSide/dual", dualSidePosition="true") == -4068
            assert await code("leverage", symbol=SYMBOL, leverage=126) == -4028
            assert await code("leverage", symbol=SYMBOL, leverage=5) == -2028, "the margin is not there"
            await submit(exchange, "SELL", quantity="0.1", reduceOnly="true")
            assert await code("positionSide/dual", dualSidePosition="true") == 200
            status, refused = await submit(exchange, "BUY", quantity="0.01")
            assert (status, refused["code"]) == (400, -4061), "no order is taken in hedge mode"
            assert await code("positionSide/dual", dualSidePosition="false") == 200
            async with await private(exchange) as socket:
                assert await code("leverage", symbol=SYMBOL, leverage=100) == 0
                told = await hear(socket)
                assert (told["e"], told["ac"]) == ("ACCOUNT_CONFIG_UPDATE", {"s": SYMBOL, "l": 100})
            exchange.binance_usdm.account.deposit("USDT", 10**6)
            _, refused = await submit(exchange, "BUY", quantity="9")
            assert refused["code"] == -2027, "more than the bracket of 100 times allows"
            _, brackets = await call(exchange, "GET", "/fapi/v1/leverageBracket", symbol=SYMBOL)
            assert brackets[0]["brackets"][1]["notionalCap"] == 800_000

    run(main())


def test_funding_that_was_paid_is_found_again_at_the_rate_of_then() -> None:
    async def main() -> None:
        clock = ServerClock(start_ns=1_767_225_600_000_000_000 + 60 * 10**9)  # a minute past midnight
        async with PracticeExchange(MARKETS, clock=clock) as exchange:
            filled(exchange)
            await submit(exchange, "BUY", quantity="0.1")
            rates = [Decimal("0.0003"), Decimal("-0.0002")]
            for rate in rates:
                exchange.binance_usdm.listings[SYMBOL].funding_rate = rate
                rows = len(exchange.binance_usdm.account.income)
                clock.advance(8 * 3_600)
                while len(exchange.binance_usdm.account.income) == rows:
                    await asyncio.sleep(0.001)
            paid = [-Decimal("0.1") * Decimal("97000.05") * rate for rate in rates]
            _, income = await call(exchange, "GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
            assert [Decimal(row["income"]) for row in income] == paid
            later = {"incomeType": "FUNDING_FEE", "startTime": income[0]["time"] + 1}
            assert len((await call(exchange, "GET", "/fapi/v1/income", **later))[1]) == 1
            until = {"incomeType": "FUNDING_FEE", "endTime": income[0]["time"]}
            assert len((await call(exchange, "GET", "/fapi/v1/income", **until))[1]) == 1
            url = f"{exchange.binance_usdm.rest_url}/fapi/v1/fundingRate?symbol={SYMBOL}&limit=2"
            _, history, _ = await fetch(url)
            assert [Decimal(row["fundingRate"]) for row in history] == rates
            kinds = [row["incomeType"] for row in exchange.binance_usdm.account.income]
            assert kinds == ["COMMISSION", "FUNDING_FEE", "FUNDING_FEE"]

    run(main())


def test_orders_are_changed_and_placed_several_at_once() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            many = (
                '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.1","price":"96000",'
                '"newClientOrderId":"m1"},{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC",'
                '"quantity":"0.1","price":"50"}]'
            )
            _, rows = await call(exchange, "POST", "/fapi/v1/batchOrders", batchOrders=many)
            assert [row.get("status", row.get("code")) for row in rows] == ["NEW", -4024]
            who = {"symbol": SYMBOL, "origClientOrderId": "m1", "side": "BUY"}
            await asyncio.sleep(0)
            async with await private(exchange) as socket:
                _, same = await call(exchange, "PUT", "/fapi/v1/order", **who, quantity="0.1", price="96000")
                assert same["code"] == -5027
                _, row = await call(
                    exchange, "PUT", "/fapi/v1/order", **who, quantity="0.05", price="97000.1"
                )
                assert (row["price"], row["origQty"]) == ("97000.1", "0.05")
                events = await heard_until(socket, lambda event: event.get("o", {}).get("X") == "FILLED")
                assert events[0]["o"]["x"] == "AMENDMENT"
            _, row = await call(
                exchange, "POST", "/fapi/v1/order", symbol=SYMBOL, side="BUY", type="STOP_MARKET"
            )
            assert row["code"] == -4120
            exchange.clock.advance(4 * 86_400)
            assert (await call(exchange, "GET", "/fapi/v1/order", **who))[1]["status"] == "FILLED"
            exchange.clock.advance(90 * 86_400)
            assert (await call(exchange, "GET", "/fapi/v1/order", **who))[1]["code"] == -2013

    run(main())


@pytest.mark.parametrize(("asked", "sent"), [("btcusdt@markPrice@1s", 1), ("!markPrice@arr@1s", 2)])
def test_mark_prices_of_one_and_of_all(asked: str, sent: int) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, clock=ServerClock(speed=50)) as exchange:
            filled(exchange)
            exchange.binance_usdm.push_book("ETHUSDT", [(3000, 1)], [(3001, 1)])
            url = f"{exchange.binance_usdm.ws_url}/market/ws/{asked}"
            async with websockets.connect(url) as socket:
                event = await hear(socket)
                rows = event if isinstance(event, list) else [event]
                assert [row["e"] for row in rows] == ["markPriceUpdate"] * sent
                assert {"p", "i", "P", "r", "T"} <= set(rows[0])

    run(main())
