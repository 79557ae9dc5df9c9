"""Binance's public half over real sockets: differences that agree with the snapshot, pings, limits."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
import websockets

from arbkit.testing import PracticeExchange, ServerClock, walk_frames
from arbkit.wire import BookBuilder, DepthUpdate, binance
from tests.testing.world_clients import fetch, hear, run, silent

USDM = {"binance_usdm": ["BTCUSDT"]}
SPOT = {"binance_spot": ["BTCUSDT"]}


def push(venue: Any, price: float) -> None:
    venue.push_book("BTCUSDT", [(price, 1), (price - 0.1, 2)], [(price + 0.1, 1), (price + 0.2, 2)])


def test_bases_carry_their_own_streams_only() -> None:
    async def main() -> None:
        async with PracticeExchange(USDM) as exchange:
            url = exchange.binance_usdm.ws_url
            async with (
                websockets.connect(url + "/public/ws/btcusdt@depth@100ms") as public,
                websockets.connect(url + "/market/ws/btcusdt@depth@100ms") as market,
            ):
                push(exchange.binance_usdm, 97_000.0)
                event = await hear(public)
                assert (event["e"], event["s"], event["pu"] + 1) == ("depthUpdate", "BTCUSDT", event["U"])
                assert await silent(market)
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(url + "/ws/btcusdt@depth")

    run(main())


def test_subscribing_answers_and_wraps_only_on_stream() -> None:
    async def main() -> None:
        async with (
            PracticeExchange(USDM) as exchange,
            websockets.connect(exchange.binance_usdm.ws_url + "/public/stream") as socket,
        ):
            await socket.send('{"method":"SUBSCRIBE","params":["btcusdt@depth5@100ms"],"id":7}')
            assert await hear(socket) == {"result": None, "id": 7}
            await socket.send('{"method":"SUBSCRIBE","params":["nonsense"],"id":8}')
            answer = await hear(socket)
            assert (answer["error"]["code"], answer["id"]) == (2, 8)
            push(exchange.binance_usdm, 97_000.0)
            event = await hear(socket)
            assert event["stream"] == "btcusdt@depth5@100ms"
            assert [float(price) for price, _ in event["data"]["b"]] == [97_000.0, 96_999.9]
            await socket.send('{"method":"UNSUBSCRIBE","params":["btcusdt@depth5@100ms"],"id":9}')
            await hear(socket)
            await socket.send('{"method":"LIST_SUBSCRIPTIONS","id":10}')
            assert await hear(socket) == {"result": [], "id": 10}

    run(main())


@pytest.mark.parametrize(
    ("venue", "path", "rule"), [("binance_usdm", "/fapi/v1", "futures"), ("binance_spot", "/api/v3", "spot")]
)
def test_differences_and_snapshot_rebuild_the_book(venue: str, path: str, rule: Any) -> None:
    frames = list(walk_frames({venue: ["BTCUSDT"]}, per_second=10, seconds=6, levels=10, seed=3))
    middle = random.Random(5).randrange(5, 20)

    async def main() -> None:
        async with PracticeExchange({venue: ["BTCUSDT"]}) as exchange:
            served = exchange.venues[venue]
            base = "/public/ws/" if venue == "binance_usdm" else "/ws/"
            async with websockets.connect(f"{served.ws_url}{base}btcusdt@depth@100ms") as socket:
                for frame in frames[:middle]:
                    exchange.push(frame)
                _, snapshot, _ = await fetch(f"{served.rest_url}{path}/depth?symbol=BTCUSDT&limit=1000")
                for frame in frames[middle:]:
                    exchange.push(frame)
                builder = BookBuilder(rule)
                for _ in frames:
                    update = binance.parse_message(await socket.recv())
                    assert isinstance(update, DepthUpdate)
                    builder.on_update(update)
                builder.on_snapshot(binance.parse_snapshot(json.dumps(snapshot)))
            assert builder.book.bids(50) == list(frames[-1].bids)
            assert builder.book.asks(50) == list(frames[-1].asks)

    run(main())


def test_spot_differences_have_no_pu_and_tops_no_symbol() -> None:
    async def main() -> None:
        async with PracticeExchange(SPOT) as exchange:
            url = (
                exchange.binance_spot.ws_url
                + "/stream?streams=btcusdt@depth/btcusdt@depth20/btcusdt@bookTicker"
            )
            async with websockets.connect(url) as socket:
                push(exchange.binance_spot, 97_000.0)
                events = {event["stream"]: event["data"] for event in [await hear(socket) for _ in range(3)]}
            assert set(events["btcusdt@depth"]) == {"e", "E", "s", "U", "u", "b", "a"}
            assert set(events["btcusdt@depth20"]) == {"lastUpdateId", "bids", "asks"}
            assert set(events["btcusdt@bookTicker"]) == {"u", "s", "b", "B", "a", "A"}

    run(main())


def test_conflated_differences_join_into_one_with_the_ids_of_all() -> None:
    async def main() -> None:
        async with PracticeExchange(USDM, conflate=True) as exchange:
            async with websockets.connect(
                exchange.binance_usdm.ws_url + "/public/ws/btcusdt@depth@100ms"
            ) as socket:
                for step in range(4):
                    push(exchange.binance_usdm, 97_000.0 + step)
                event = await hear(socket)
                assert await silent(socket)
            _, snapshot, _ = await fetch(exchange.binance_usdm.rest_url + "/fapi/v1/depth?symbol=BTCUSDT")
            assert event["u"] == snapshot["lastUpdateId"]
            left = [level for level in event["b"] if float(level[1])]
            assert sorted(left, reverse=True) == snapshot["bids"]

    run(main())


def test_a_pong_that_stays_away_and_24_hours_end_the_connection() -> None:
    async def main() -> None:
        clock = ServerClock(speed=1e-3)
        async with PracticeExchange(SPOT, clock=clock) as exchange:
            url = exchange.binance_spot.ws_url + "/ws/btcusdt@depth"
            deaf = await asyncio.open_connection("127.0.0.1", exchange.binance_spot.port)
            deaf[1].write(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            async with websockets.connect(url, ping_interval=None) as answering:
                ended = asyncio.ensure_future(deaf[0].read())
                for _ in range(30):
                    clock.advance(5)
                    # A first round brings what the server has sent before, a second the answer to it.
                    for _ in range(2):
                        await asyncio.wait_for(await answering.ping(), 20)
                heard = await asyncio.wait_for(ended, 20)
                assert b"Pong timeout" in heard
                assert answering.state.name == "OPEN"
                clock.advance(86_400)
                with pytest.raises(websockets.ConnectionClosed):
                    await hear(answering)
            deaf[1].close()

    run(main())


def test_weight_is_counted_and_refused_with_a_time_to_wait() -> None:
    async def main() -> None:
        async with PracticeExchange(USDM, clock=ServerClock(speed=0.001)) as exchange:
            push(exchange.binance_usdm, 97_000.0)
            url = exchange.binance_usdm.rest_url + "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"
            exchange.binance_usdm.weight.use(2370)
            status, _, headers = await fetch(url)
            assert (status, headers["X-MBX-USED-WEIGHT-1M"]) == (200, "2390")
            status, error, headers = await fetch(url)
            assert (status, error["code"]) == (429, -1003)
            assert 1 <= int(headers["Retry-After"]) <= 60
            status = 429
            while status == 429:
                status, error, _ = await fetch(url)
            assert (status, error["code"]) == (418, -1003)

    run(main())


def test_mark_prices_and_funding_times() -> None:
    async def main() -> None:
        async with PracticeExchange(USDM, clock=ServerClock(speed=50)) as exchange:
            push(exchange.binance_usdm, 97_000.0)
            async with websockets.connect(
                exchange.binance_usdm.ws_url + "/market/ws/btcusdt@markPrice@1s"
            ) as socket:
                event = await hear(socket)
            assert event["p"] == "97000.05000000"
            assert event["T"] % (8 * 3_600_000) == 0
            _, index, _ = await fetch(exchange.binance_usdm.rest_url + "/fapi/v1/premiumIndex?symbol=BTCUSDT")
            assert index["nextFundingTime"] == event["T"]

    run(main())
