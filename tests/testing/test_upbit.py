"""Upbit's public half over real sockets: shapes, subscriptions, limits, silence."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets

from arbkit.testing import PracticeExchange, ServerClock
from arbkit.wire import upbit as parsed
from tests.testing.world_clients import fetch, hear, run, settled

BIDS = [(137_001_000, 0.5), (137_000_000, 0.25), (136_999_000, 2)]
ASKS = [(137_002_000, 0.5), (137_003_000, 1)]


async def subscribe(socket: Any, *entries: dict[str, Any]) -> None:
    await socket.send(json.dumps([{"ticket": "t"}, *entries]))


def book(code: str, **more: Any) -> dict[str, Any]:
    return {"type": "orderbook", "codes": [code], **more}


def test_books_over_rest_are_numbers_with_the_rate_left() -> None:
    async def main() -> None:
        async with PracticeExchange({"upbit": ["KRW-BTC"]}) as exchange:
            exchange.upbit.push_book("KRW-BTC", BIDS, ASKS)
            status, rows, headers = await fetch(exchange.upbit.rest_url + "/v1/orderbook?markets=KRW-BTC")
            assert status == 200
            assert headers["Remaining-Req"] == "group=orderbook; min=1800; sec=9"
            units = rows[0]["orderbook_units"]
            first = {"ask_price": 137002000, "bid_price": 137001000, "ask_size": 0.5, "bid_size": 0.5}
            assert units[0] == first
            assert units[2]["ask_price"] == 0, "the shorter side is filled up with the price 0"
            status, error, _ = await fetch(exchange.upbit.rest_url + "/v1/orderbook?markets=KRW-ZZZ")
            assert (status, error["error"]["name"]) == (404, 404)

    run(main())


def test_level_groups_and_an_unknown_level_gives_nothing() -> None:
    async def main() -> None:
        async with PracticeExchange({"upbit": ["KRW-BTC"]}) as exchange:
            exchange.upbit.push_book("KRW-BTC", BIDS, ASKS)
            url = exchange.upbit.rest_url + "/v1/orderbook?markets=KRW-BTC&level="
            grouped = (await fetch(url + "10000"))[1][0]["orderbook_units"]
            bids = [(unit["bid_price"], unit["bid_size"]) for unit in grouped]
            assert bids == [(137000000, 0.75), (136990000, 2)]
            assert (await fetch(url + "7"))[1] == []

    run(main())


def test_socket_sends_a_snapshot_and_then_every_book_in_binary_frames() -> None:
    async def main() -> None:
        async with PracticeExchange({"upbit": ["KRW-BTC"]}) as exchange:
            exchange.upbit.push_book("KRW-BTC", BIDS, ASKS)
            async with websockets.connect(exchange.upbit.ws_url + "/websocket/v1") as socket:
                await subscribe(socket, book("KRW-BTC.1"), {"format": "SIMPLE"})
                raw = await socket.recv()
                assert isinstance(raw, bytes)
                whole = parsed.parse_message(raw)
                assert whole is not None
                assert (whole.bids, whole.asks) == ([(137_001_000, 0.5)], [(137_002_000, 0.5)])
                exchange.upbit.push_book("KRW-BTC", BIDS[1:], ASKS)
                message = await hear(socket)
                assert (message["st"], message["obu"][0]["bp"]) == ("REALTIME", 137000000)

    run(main())


def test_a_second_request_replaces_the_first() -> None:
    async def main() -> None:
        async with (
            PracticeExchange({"upbit": ["KRW-BTC", "KRW-ETH"]}) as exchange,
            websockets.connect(exchange.upbit.ws_url + "/websocket/v1") as socket,
        ):
            await subscribe(socket, book("KRW-BTC.5", is_only_realtime=True))
            await subscribe(socket, book("KRW-ETH.15", is_only_realtime=True), {"format": "JSON_LIST"})
            assert [entry["codes"] for entry in await settled(socket)] == [["KRW-ETH.15"]]
            exchange.upbit.push_book("KRW-BTC", BIDS, ASKS)
            exchange.upbit.push_book("KRW-ETH", [(5_000_000, 1)], [(5_001_000, 1)])
            message = await hear(socket)
            assert isinstance(message, list)
            assert message[0]["code"] == "KRW-ETH"

    run(main())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{", "WRONG_FORMAT"),
        ("{}", "WRONG_FORMAT"),
        ('[{"type":"orderbook","codes":["KRW-BTC"]}]', "NO_TICKET"),
        ('[{"ticket":"x"}]', "NO_TYPE"),
        ('[{"ticket":"x"},{"type":"orderbook"}]', "NO_CODES"),
        ('[{"ticket":"x"},{"type":"orderbook","codes":["KRW-BTC.7"]}]', "INVALID_PARAM"),
        ('[{"ticket":"x"},{"type":"orderbook","codes":["KRW-ZZZ"]}]', "INVALID_PARAM"),
        ('[{"ticket":"x"},{"type":"myOrder"}]', "INVALID_PARAM"),
    ],
)
def test_wrong_requests_are_named_and_the_socket_stays_open(text: str, name: str) -> None:
    async def main() -> None:
        async with (
            PracticeExchange({"upbit": ["KRW-BTC"]}) as exchange,
            websockets.connect(exchange.upbit.ws_url + "/websocket/v1") as socket,
        ):
            await socket.send(text)
            assert (await hear(socket))["error"]["name"] == name
            await socket.send("PING")
            assert await hear(socket) == {"status": "UP"}

    run(main())


def test_silence_closes_after_120_seconds_and_pings_keep_it_open() -> None:
    async def main() -> None:
        clock = ServerClock(speed=1e-3)
        async with PracticeExchange({"upbit": ["KRW-BTC"]}, clock=clock) as exchange:
            url = exchange.upbit.ws_url + "/websocket/v1"
            async with (
                websockets.connect(url, ping_interval=None) as pinging,
                websockets.connect(url, ping_interval=None) as quiet,
                websockets.connect(url, ping_interval=None) as asking,
            ):
                await asking.send("PING")
                passed = 0
                while quiet.state.name == "OPEN":
                    clock.advance(10)
                    passed += 10
                    await asyncio.wait_for(await pinging.ping(), 20)
                assert 120 <= passed <= 150
                assert [await hear(asking) for _ in range(3)] == [{"status": "UP"}] * 3
                assert pinging.state.name == "OPEN"

    run(main())


def test_more_than_five_messages_a_second_end_the_connection() -> None:
    async def main() -> None:
        async with (
            PracticeExchange({"upbit": ["KRW-BTC"]}, clock=ServerClock(speed=1e-3)) as exchange,
            websockets.connect(exchange.upbit.ws_url + "/websocket/v1") as socket,
        ):
            for _ in range(7):
                await socket.send("PING")
            await asyncio.wait_for(socket.wait_closed(), 5)
            assert socket.close_code == 1008

    run(main())


def test_429_and_then_418_for_who_does_not_stop() -> None:
    async def main() -> None:
        async with PracticeExchange({"upbit": ["KRW-BTC"]}, clock=ServerClock(speed=0.001)) as exchange:
            url = exchange.upbit.rest_url + "/v1/market/all"
            codes = [(await fetch(url))[0] for _ in range(24)]
            assert codes[:10] == [200] * 10
            assert codes[10] == 429
            assert codes[-1] == 418

    run(main())


def test_bithumb_speaks_the_same() -> None:
    async def main() -> None:
        async with (
            PracticeExchange({"bithumb": ["KRW-BTC"]}) as exchange,
            websockets.connect(exchange.bithumb.ws_url + "/websocket/v1") as socket,
        ):
            await subscribe(socket, book("KRW-BTC", is_only_realtime=True))
            await settled(socket)
            exchange.bithumb.push_book("KRW-BTC", BIDS, ASKS)
            assert (await hear(socket))["code"] == "KRW-BTC"

    run(main())
