"""Upbit's orders over real sockets, signed by the documented vectors, money compared to the last digit."""

from __future__ import annotations

import asyncio
import hashlib
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import websockets

from arbkit.testing import PracticeExchange
from tests.testing.world_clients import fetch, hear, run, settled, silent, upbit_token

KEY, SECRET = "practice-upbit-key", "practice-upbit-secret"
MARKETS = {"upbit": ["KRW-BTC", "KRW-USDT"]}
ID_A = {"identifier": "a"}
BIDS = [(137_001_000, 0.5), (137_000_000, 0.25)]
ASKS = [(137_002_000, 0.001), (137_003_000, 0.002)]


async def call(exchange: PracticeExchange, method: str, path: str, **members: Any) -> tuple[int, Any]:
    """Send a signed request; members go into the body of a POST and into the query of the others."""
    text = "&".join(
        "&".join(f"{key}[]={item}" for item in value) if isinstance(value, list) else f"{key}={value}"
        for key, value in members.items()
    )
    headers = {"Authorization": upbit_token(KEY, SECRET, text)}
    url = f"{exchange.upbit.rest_url}/v1{path}"
    if method == "POST":
        status, body, _ = await fetch(url, "POST", json=members, headers=headers)
    else:
        status, body, _ = await fetch(f"{url}?{text}" if text else url, method, headers=headers)
    return status, body


async def submit(exchange: PracticeExchange, side: str, kind: str, **members: Any) -> tuple[int, Any]:
    return await call(exchange, "POST", "/orders", market="KRW-BTC", side=side, ord_type=kind, **members)


def filled(exchange: PracticeExchange) -> None:
    exchange.upbit.push_book("KRW-BTC", BIDS, ASKS)


def test_the_documented_hash_of_a_query() -> None:
    text = "market=KRW-BTC&side=bid&volume=0.01&price=100.0&ord_type=limit"
    assert hashlib.sha512(text.encode()).hexdigest().startswith("1db802a392c559d55c99662a20c6911ba9ea31a9")


def test_a_limit_order_is_answered_before_it_is_matched_and_paid_with_the_fee_on_top() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, balances={"upbit": {"KRW": 1_000_000}}) as exchange:
            filled(exchange)
            status, order = await submit(
                exchange,
                "bid",
                "limit",
                price="137003000",
                volume="0.002",
                time_in_force="ioc",
                identifier="a",
            )
            assert status == 201
            assert (order["state"], order["executed_volume"]) == ("wait", "0.0")
            assert order["locked"] == str(Decimal("274006") * Decimal("1.0005")).rstrip("0")
            _, order = await call(exchange, "GET", "/order", identifier="a")
            assert (order["state"], order["executed_volume"]) == ("done", "0.002")
            prices = [(trade["price"], trade["volume"]) for trade in order["trades"]]
            assert prices == [("137002000", "0.001"), ("137003000", "0.001")]
            paid = Decimal("137002") + Decimal("137003")
            fee = paid * Decimal("0.0005")
            assert Decimal(order["paid_fee"]) == fee
            balances = exchange.ledger()["upbit"]["balances"]
            assert balances == {"KRW": Decimal(1_000_000) - paid - fee, "BTC": Decimal("0.002")}
            _, rows = await call(exchange, "GET", "/accounts")
            assert {row["currency"]: row["locked"] for row in rows} == {"KRW": "0.0", "BTC": "0.0"}
            assert Decimal(rows[0]["balance"]) == balances["KRW"]

    run(main())


def test_a_market_buy_by_amount_ends_cancelled_with_what_cannot_buy_a_coin() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            exchange.upbit.push_book("KRW-BTC", [(29_000, 5)], [(30_000, 5)])
            await submit(exchange, "bid", "price", price="10000", identifier="b")
            _, order = await call(exchange, "GET", "/order", identifier="b")
            assert (order["state"], order["executed_volume"]) == ("cancel", "0.33333333")
            assert (order["volume"], order["locked"]) == (None, "0.0")
            spent = Decimal("9999.9999") * Decimal("1.0005")
            assert exchange.ledger()["upbit"]["balances"]["KRW"] == 100_000_000 - spent

    run(main())


def test_a_resting_order_is_filled_at_its_own_price_when_the_book_reaches_it() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            await submit(exchange, "bid", "limit", price="137001000", volume="0.003", identifier="c")
            _, orders = await call(exchange, "GET", "/orders/open", states=["wait", "watch"])
            assert [order["identifier"] for order in orders] == ["c"]
            exchange.upbit.push_book("KRW-BTC", [(136_000_000, 1)], [(136_999_000, 0.001)])
            _, order = await call(exchange, "GET", "/order", identifier="c")
            assert (order["state"], order["executed_volume"]) == ("wait", "0.001")
            assert order["trades"][0]["price"] == "137001000"
            status, answer = await call(exchange, "DELETE", "/order", identifier="c")
            assert (status, answer["state"]) == (200, "wait"), "the cancel comes later"
            await asyncio.sleep(0.05)
            _, order = await call(exchange, "GET", "/order", identifier="c")
            assert (order["state"], order["executed_volume"]) == ("cancel", "0.001")
            spent = Decimal("137001") * Decimal("1.0005")
            assert exchange.ledger()["upbit"]["balances"]["KRW"] == 100_000_000 - spent
            status, error = await call(exchange, "DELETE", "/order", identifier="c")
            assert (status, error["error"]["name"]) == (404, "order_not_found")

    run(main())


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"side": "bid", "ord_type": "limit", "price": "137001500", "volume": "1"}, "invalid_price_bid"),
        (
            {"side": "bid", "ord_type": "limit", "price": "137001000", "volume": "0.00001"},
            "under_min_total_bid",
        ),
        ({"side": "bid", "ord_type": "limit", "price": "137001000", "volume": "1"}, "insufficient_funds_bid"),
        ({"side": "ask", "ord_type": "market", "volume": "0.1"}, "insufficient_funds_ask"),
        ({"side": "bid", "ord_type": "market", "volume": "0.1"}, "create_bid_error"),
        ({"side": "bid", "ord_type": "price", "price": "9000", "volume": "1"}, "create_bid_error"),
        ({"side": "bid", "ord_type": "best", "price": "9000"}, "create_bid_error"),
        ({"side": "bid", "ord_type": "price", "price": 9000}, "create_bid_error"),
        ({"side": "bid", "ord_type": "odd"}, "validation_error"),
    ],
)
def test_wrong_orders_are_refused_by_name(members: dict[str, Any], name: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            status, error = await call(exchange, "POST", "/orders", market="KRW-BTC", **members)
            assert (status, error["error"]["name"]) == (400, name)
            assert exchange.ledger()["upbit"]["balances"] == {"KRW": 100_000_000} or name.endswith("ask")

    run(main())


def test_an_identifier_is_burnt_for_ever_even_by_a_refusal() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            await submit(exchange, "bid", "limit", price="137001500", volume="1", identifier="d")
            status, error = await submit(
                exchange, "bid", "limit", price="137001000", volume="0.001", identifier="d"
            )
            assert (status, error["error"]["name"]) == (400, "duplicated_identifier")

    run(main())


def test_tokens_are_checked_to_the_hash_and_the_nonce() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            url = exchange.upbit.rest_url + "/v1/orders/chance?market=KRW-BTC"

            async def name_of(token: str | None) -> str:
                headers = {"Authorization": token} if token else {}
                status, body, _ = await fetch(url, headers=headers)
                return "ok" if status == 200 else f"{status} {body['error']['name']}"

            query = "market=KRW-BTC"
            assert await name_of(None) == "401 no_authorization_token"
            assert await name_of("Bearer a.b.c") == "401 jwt_verification"
            assert await name_of(upbit_token("other", SECRET, query)) == "401 invalid_access_key"
            assert await name_of(upbit_token(KEY, "wrong", query)) == "401 jwt_verification"
            assert await name_of(upbit_token(KEY, SECRET, "market=KRW-ETH")) == "401 invalid_query_payload"
            assert await name_of(upbit_token(KEY, SECRET, query, algorithm="HS256", nonce="n")) == "ok"
            assert await name_of(upbit_token(KEY, SECRET, query, nonce="n")) == "401 nonce_used"
            form = {"market": "KRW-BTC", "side": "bid"}
            headers = {"Authorization": upbit_token(KEY, SECRET)}
            status, body, _ = await fetch(
                exchange.upbit.rest_url + "/v1/orders", "POST", data=form, headers=headers
            )
            assert (status, body["error"]["name"]) == (400, "validation_error")
            exchange.faults.on("revoke_key")
            assert await name_of(upbit_token(KEY, SECRET, query)) == "401 invalid_access_key"

    run(main())


def test_the_private_socket_wants_a_token_and_tells_fills_and_balances() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            url = exchange.upbit.ws_url + "/websocket/v1/private"
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(url)
            headers = {"Authorization": upbit_token(KEY, SECRET)}
            async with websockets.connect(url, additional_headers=headers) as socket:
                await socket.send(json.dumps([{"ticket": "t"}, {"type": "myOrder"}, {"type": "myAsset"}]))
                await settled(socket)
                assert await silent(socket), "nothing is sent before something happens"
                await submit(exchange, "bid", "limit", price="137002000", volume="0.001", identifier="e")
                heard = [await hear(socket) for _ in range(5)]
            states = [message["state"] for message in heard if message["type"] == "myOrder"]
            assert states == ["wait", "trade", "done"]
            assert heard[2]["trade_fee"] == pytest.approx(68.501)
            assert heard[2]["trade_uuid"] == exchange.ledger()["upbit"]["fills"][0].uuid
            coins = {row["currency"]: row["balance"] for row in heard[-1]["assets"]}
            assert coins["BTC"] == 0.001

    run(main())


def test_chance_instruments_and_wallets_say_what_may_be_done() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            _, rows = await call(exchange, "GET", "/orders/chance", market="KRW-BTC")
            assert (rows["bid_fee"], rows["market"]["bid"]["min_total"]) == ("0.0005", "5000")
            exchange.faults.on("halt_symbol", venue="upbit", symbol="KRW-BTC")
            _, rows = await call(exchange, "GET", "/orders/chance", market="KRW-BTC")
            assert rows["market"]["state"] != "active"
            exchange.upbit.listings["KRW-BTC"].can_withdraw = False
            _, wallets = await call(exchange, "GET", "/status/wallet")
            assert wallets[0]["wallet_state"] == "deposit_only"

    run(main())


def test_an_order_is_replaced_and_several_are_cancelled() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            await submit(exchange, "bid", "limit", price="137000000", volume="0.1", identifier="old")
            new = {"new_ord_type": "limit", "new_price": "136000000", "new_volume": "0.2"}
            status, answer = await call(
                exchange,
                "POST",
                "/orders/cancel_and_new",
                prev_order_identifier="old",
                new_identifier="new",
                **new,
            )
            assert status == 201
            _, order = await call(exchange, "GET", "/order", uuid=answer["new_order_uuid"])
            assert (order["identifier"], order["price"], order["state"]) == ("new", "136000000", "wait")
            assert (await call(exchange, "GET", "/order", identifier="old"))[1]["state"] == "cancel"
            _, answer = await call(exchange, "DELETE", "/orders/uuids", identifiers=["new", "none"])
            assert (answer["success"]["count"], answer["failed"]["count"]) == (1, 1)
            await asyncio.sleep(0.03)
            assert exchange.ledger()["upbit"]["open"] == []
            assert exchange.upbit.account.holding("KRW").locked == 0
            status, error = await call(exchange, "GET", "/orders/open", limit="many")
            assert (status, error["error"]["name"]) == (400, "validation_error")

    run(main())


def test_answers_that_never_come_leave_an_order_behind() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            filled(exchange)
            exchange.faults.on("reset_after", venue="upbit", count=1)
            with pytest.raises(aiohttp.ClientError):
                await submit(exchange, "bid", "limit", price="137002000", volume="0.001", identifier="f")
            _, order = await call(exchange, "GET", "/order", identifier="f")
            assert order["state"] == "done"
            exchange.faults.on("reset_before", venue="upbit", count=1)
            with pytest.raises(aiohttp.ClientError):
                await submit(exchange, "bid", "limit", price="137003000", volume="0.001", identifier="g")
            status, _ = await call(exchange, "GET", "/order", identifier="g")
            assert status == 404
            assert len(exchange.ledger()["upbit"]["fills"]) == 1

    run(main())
