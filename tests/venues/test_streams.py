"""Private streams over real sockets: fills, balances and orders as venues send them, and new connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from arbkit.testing import PracticeExchange
from arbkit.venues import (
    BinanceSpotClient,
    BinanceUsdmClient,
    Fill,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    TimeInForce,
    UpbitClient,
)

D = Decimal
Result = TypeVar("Result")
KINDS = {"upbit": UpbitClient, "binance_usdm": BinanceUsdmClient, "binance_spot": BinanceSpotClient}
SYMBOLS = {"upbit": "KRW-BTC", "binance_usdm": "BTCUSDT", "binance_spot": "BTCUSDT"}
MIDS = {"upbit": 84_000_000, "binance_usdm": 60_000, "binance_spot": 60_000}
VENUES = tuple(KINDS)


class Heard:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.fills: list[Fill] = []
        self.orders: list[OrderReport] = []
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def on_fill(self, fill: Fill) -> None:
        self.fills.append(fill)

    def on_order(self, report: OrderReport) -> None:
        self.orders.append(report)

    def on_account(self, venue: str, what: str, detail: Mapping[str, Any]) -> None:
        self.events.append((what, detail))

    def count(self, what: str) -> int:
        return sum(name == what for name, _ in self.events)


class Streamed:
    """An exchange, one client and what its private stream brings."""

    def __init__(self, exchange: PracticeExchange, client: Any, venue: str) -> None:
        self.exchange, self.client, self.venue = exchange, client, venue
        self.heard = Heard()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.01)

    async def trade(self, client_id: str, **fields: Any) -> OrderReport:
        mid, symbol = MIDS[self.venue], SYMBOLS[self.venue]
        self.exchange.venues[self.venue].push_book(
            symbol, [(mid - 1000, 0.5)], [(mid, 0.01), (mid + 1000, 0.5)]
        )
        request = OrderRequest(
            client_id=client_id,
            symbol=symbol,
            side=OrderSide.BUY,
            size=D("0.02"),
            price=D(mid + 1000),
            **fields,
        )
        return await self.client.submit(request)  # type: ignore[no-any-return]


def streaming(venue: str, act: Callable[[Streamed], Awaitable[Result]], **options: Any) -> Result:
    async def run() -> Result:
        async with PracticeExchange({venue: [SYMBOLS[venue]]}) as exchange:
            server = exchange.venues[venue]
            client = KINDS[venue](
                server.keys.key, server.keys.secret, rest_url=server.rest_url, ws_url=server.ws_url,
                symbols=(SYMBOLS[venue],), **options,
            )  # fmt: skip
            world = Streamed(exchange, client, venue)
            await client.start()
            stream = asyncio.create_task(client.run_account(world.heard))
            try:
                await world.until(lambda: world.heard.count("positions") == 1)
                return await act(world)
            finally:
                stream.cancel()
                await asyncio.gather(stream, return_exceptions=True)
                await client.close()

    return asyncio.run(run())


@pytest.mark.parametrize("venue", VENUES)
def test_fills_and_the_end_of_an_order_come_as_the_venue_books_them(venue: str) -> None:
    async def act(world: Streamed) -> tuple[Heard, list[Any], OrderReport | None]:
        await world.trade("my-1")
        await world.until(lambda: any(report.is_final for report in world.heard.orders))
        report = await world.client.query(SYMBOLS[venue], "my-1")
        return world.heard, world.exchange.ledger()[venue]["fills"], report

    heard, booked, report = streaming(venue, act)
    told = [(fill.price, fill.size, fill.fee, fill.fee_asset, fill.client_id) for fill in heard.fills]
    assert told == [(trade.price, trade.size, trade.fee, trade.fee_asset, "my-1") for trade in booked]
    assert len(told) == 2
    assert report is not None
    assert {fill.trade_id for fill in report.fills} == {fill.trade_id for fill in heard.fills}
    assert [fill.fee for fill in report.fills] == [fill.fee for fill in heard.fills]
    last = heard.orders[-1]
    assert (last.status, last.filled, last.client_id) == (OrderStatus.FILLED, D("0.02"), "my-1")
    assert heard.count("wallet" if venue == "binance_usdm" else "balances") >= 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_stream_that_ends_is_made_anew_and_the_state_read_again(venue: str) -> None:
    async def act(world: Streamed) -> tuple[Heard, Mapping[str, int]]:
        world.exchange.faults.on("expire_listen_key", venue=venue)
        await world.until(lambda: world.heard.count("positions") >= 2)
        await world.trade("my-2")
        await world.until(lambda: len(world.heard.fills) == 2)
        return world.heard, world.client.stats()

    heard, stats = streaming(venue, act)
    assert (heard.count("reconnected"), heard.count("disconnected")) == (2, 1)
    assert stats["stream_connections"] == 2


@pytest.mark.parametrize("venue", VENUES)
def test_a_cancelled_order_is_told_by_its_own_id(venue: str) -> None:
    async def act(world: Streamed) -> OrderReport:
        mid = MIDS[venue]
        world.exchange.venues[venue].push_book(SYMBOLS[venue], [(mid - 1000, 0.5)], [(mid, 0.5)])
        resting = OrderRequest(
            client_id="my-3", symbol=SYMBOLS[venue], side=OrderSide.BUY, size=D("0.01"),
            price=D(mid - 1000), time_in_force=TimeInForce.GTC,
        )  # fmt: skip
        await world.client.submit(resting)
        assert [report.client_id for report in await world.client.open_orders(SYMBOLS[venue])] == ["my-3"]
        assert len(await world.client.open_orders()) == 1
        await world.client.cancel(SYMBOLS[venue], "my-3")
        await world.until(lambda: any(report.is_final for report in world.heard.orders))
        return world.heard.orders[-1]

    report = streaming(venue, act)
    assert (report.client_id, report.status, report.filled) == ("my-3", OrderStatus.ENDED, 0)


def test_a_listen_key_is_extended_and_made_anew_when_it_is_gone() -> None:
    async def act(world: Streamed) -> tuple[int, int]:
        server: Any = world.exchange.venues["binance_usdm"]
        await world.until(lambda: server.requests["listen_key"] >= 4)
        world.exchange.clock.advance(3_700)
        await world.until(lambda: world.heard.count("reconnected") >= 2)
        return server.requests["listen_key"], world.client.stats()["stream_connections"]

    asked, connections = streaming("binance_usdm", act, extend_s=0.05)
    assert asked >= 5
    assert connections == 2


def test_balances_and_positions_are_those_of_the_venue() -> None:
    async def act(world: Streamed) -> tuple[Any, Any, Any]:
        await world.trade("my-4")
        await world.until(lambda: len(world.heard.fills) == 2)
        return await world.client.balances(), await world.client.positions(), world.exchange.ledger()

    for venue in VENUES:
        balances, positions, ledger = streaming(venue, act)
        booked = ledger[venue]["balances"]
        assert {asset: held.total for asset, held in balances.items() if held.total} == booked
        held = D("0.02") if venue != "binance_spot" else D("0.01998")
        assert positions == {SYMBOLS[venue]: held}
