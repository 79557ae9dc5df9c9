"""Accounts that other hands trade on, and keys that a venue takes back, against the practice exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit.live import LiveConfig, LiveRunner, open_run
from arbkit.testing import PracticeExchange
from arbkit.venues import BinanceUsdmClient, OrderRequest, OrderSide, TimeInForce, UpbitClient
from tests.live.test_practice import MARKETS, played, values

EXECUTION = {"fills": "venue", "max_slip_bps": 50, "deadline": "500ms"}
#: For what must happen: longer than any machine takes.
PATIENCE_S = 60.0


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)


def keys_of(exchange: PracticeExchange) -> dict[str, str]:
    environ = {"ARBKIT_LIVE": "practice"}
    for name in MARKETS:
        keys = getattr(exchange, name).keys
        environ |= {f"ARBKIT_{name.upper()}_KEY": keys.key, f"ARBKIT_{name.upper()}_SECRET": keys.secret}
    return environ


def watched(
    tmp_path: Path,
    act: Callable[[PracticeExchange, LiveRunner], Awaitable[None]],
    after: Sequence[Callable[[], Awaitable[None]]] = (),
    **params: Any,
) -> list[str]:
    """Run with money against the practice exchange until `act` is done, then `after`; return what it said."""
    told: list[str] = []

    async def run(exchange: PracticeExchange) -> None:
        given = values(exchange, tmp_path, mode="live", execution=EXECUTION)
        given["params"] |= params
        runner = LiveRunner(
            LiveConfig.from_dict(given), mode="live", environ=keys_of(exchange), say=told.append
        )

        async def watch() -> None:
            await until(lambda: runner._session and runner._session.desk.n_trades)
            await act(exchange, runner)

        watching = asyncio.ensure_future(watch())
        watching.add_done_callback(lambda _: runner.stop())
        await runner.run()
        await watching
        for more in after:
            await more()

    played(run)
    return told


def test_a_key_that_is_taken_back_stops_entries_and_exits_go_when_it_is_given_again(tmp_path: Path) -> None:
    async def act(exchange: PracticeExchange, runner: LiveRunner) -> None:
        guard, orders, venue = runner.session.guard, runner._orders, exchange.binance_usdm
        assert orders is not None
        venue.keys.may.discard("order")
        await until(lambda: guard.holds("key_refused"))
        opened = runner.session.lanes[0].opened
        await until(lambda: orders._pauses[0] >= 1)
        assert runner.session.lanes[0].opened - opened <= 1
        venue.keys.may.add("order")
        await until(lambda: not guard.holds("key_refused"))

    told = watched(tmp_path, act, max_hold_s=1.0)
    (text,) = [text for text in told if "refuses the key" in text]
    assert text.startswith("binance_usdm refuses the key (-2015); check ARBKIT_BINANCE_USDM_KEY and ")
    run = open_run(tmp_path / "practice")
    assert [line["what"] for line in run.records("error")].count("key_refused") == 1
    assert any("key_refused: binance_usdm (-2015)" in line["reasons"] for line in run.records("guard"))
    assert any(line["what"] == "exit_failed" for line in run.records("decision"))


@pytest.mark.parametrize("venue", ["upbit", "binance_usdm"])
def test_trades_of_another_hand_that_no_stream_has_told_stop_entries_and_are_named(
    tmp_path: Path, venue: str
) -> None:
    foreign: list[str] = []

    async def act(exchange: PracticeExchange, runner: LiveRunner) -> None:
        guard, orders, at = runner.session.guard, runner._orders, getattr(exchange, venue)
        assert orders is not None
        await until(orders.accounts.ready.is_set)
        guard.set("stopping", True)
        await until(lambda: not runner.session.lanes[0].open and not orders.keeper.open)
        exchange.faults.on("missing_fill", venue=venue)
        before = len(exchange.ledger()[venue]["fills"])
        client: Any = UpbitClient if venue == "upbit" else BinanceUsdmClient
        hand = client(at.keys.key, at.keys.secret, rest_url=at.rest_url, ws_url=at.ws_url)
        await hand.start()
        symbol = MARKETS[venue][0]
        book = runner.session.legs[venue, symbol]
        request = OrderRequest(
            client_id="by-hand", symbol=symbol, side=OrderSide.BUY, size=Decimal("0.01"),
            price=Decimal(str(book.ask)) * Decimal("1.01"), time_in_force=TimeInForce.IOC,
        )  # fmt: skip
        await hand.submit(request)
        await until(lambda: len(exchange.ledger()[venue]["fills"]) > before)
        await hand.close()
        await until(lambda: not orders.keeper.strangers)
        await orders.accounts.look()
        fills = exchange.ledger()[venue]["fills"][before:]
        foreign.extend(fill.uuid if venue == "upbit" else str(fill.number) for fill in fills)
        assert guard.holds("foreign_fills", "BTC")
        assert orders.accounts.ready.is_set()
        assert sorted(fill.trade_id for fill in orders.keeper.strangers) == sorted(foreign)

    told = watched(tmp_path, act)
    (text,) = [text for text in told if "foreign" in text]
    assert f"/{MARKETS[venue][0]} differs by +0.01" in text
    assert f"because of {len(foreign)} foreign fill" in text
    assert all(number in text for number in foreign[:5])
    assert text.endswith("BTC enters nothing until the run is started again")


def test_the_switch_that_cancels_orders_is_held_and_taken_back(tmp_path: Path) -> None:
    held: list[Any] = []

    async def act(exchange: PracticeExchange, runner: LiveRunner) -> None:
        venue = exchange.binance_usdm
        await until(lambda: venue.requests["countdown"] and venue._countdowns)
        held.append(venue)

    watched(tmp_path, act)
    assert held[0].requests["countdown"] == 2
    assert held[0]._countdowns == {}


def test_orders_of_a_client_that_falls_silent_are_cancelled_by_the_venue() -> None:
    async def run(exchange: PracticeExchange) -> None:
        at = exchange.binance_usdm
        client = BinanceUsdmClient(at.keys.key, at.keys.secret, rest_url=at.rest_url, ws_url=at.ws_url)
        await client.start()
        price = Decimal("90000")
        request = OrderRequest(
            client_id="resting", symbol="BTCUSDT", side=OrderSide.BUY, size=Decimal("0.01"), price=price,
            time_in_force=TimeInForce.GTC,
        )  # fmt: skip
        await until(lambda: at.books["BTCUSDT"].bids)
        await client.submit(request)
        assert len(await client.open_orders("BTCUSDT")) == 1
        await client.cancel_all_after("BTCUSDT", 0.05)
        async with asyncio.timeout(PATIENCE_S):
            while await client.open_orders("BTCUSDT"):
                await asyncio.sleep(0.02)
        await client.close()

    played(run)
