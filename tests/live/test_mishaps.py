"""What happens to venues and machines in the middle of a run with money, against the practice exchange."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit.live import LiveConfig, LiveRunner, open_run, parity_of
from arbkit.testing import PracticeExchange, walk_frames
from tests.live.test_accounts import EXECUTION, keys_of, until, watched
from tests.live.test_practice import BALANCES, MARKETS, values


def agrees(exchange: PracticeExchange, runner: LiveRunner) -> None:
    """Check that the run's positions and number of fills are those of the exchange's own books."""
    ledger, orders = exchange.ledger(), runner._orders
    assert orders is not None
    own = orders.keeper.ledger.positions
    assert own["binance_usdm", "BTCUSDT"] == ledger["binance_usdm"]["positions"].get("BTCUSDT", 0)
    assert own["upbit", "KRW-BTC"] == ledger["upbit"]["balances"]["BTC"] - 2
    fills = {(line["venue"], line["trade_id"]) for line in open_run(runner.folder.path).records("fill")}
    assert len(fills) == sum(len(ledger[name]["fills"]) for name in MARKETS)


def level(exchange: PracticeExchange) -> Decimal:
    """Return what is open on one side, by the exchange's own books."""
    ledger = exchange.ledger()
    short = ledger["binance_usdm"]["positions"].get("BTCUSDT", Decimal(0))
    return ledger["upbit"]["balances"]["BTC"] - 2 + short


def test_an_exchange_that_goes_away_and_comes_back_is_taken_up_again(tmp_path: Path) -> None:
    async def act(exchange: PracticeExchange, runner: LiveRunner) -> None:
        lane, orders, session = runner.session.lanes[0], runner._orders, runner.session
        assert orders is not None
        for name in MARKETS:
            venue = getattr(exchange, name)
            port = int(venue.rest_url.rpartition(":")[2])
            await venue.stop()
            await until(lambda: session.guard.holds("venue_down"))
            await venue.start(port)
        await until(lambda: not session.guard.holds("venue_down"))
        closed = lane.closed
        await until(lambda: lane.closed > closed)
        session.guard.set("stopping", True)
        await until(lambda: not lane.open and not orders.keeper.open and not any(orders._tasks))
        await until(lambda: all(client.stats()["stream_connections"] for client in orders._clients.values()))
        await orders.accounts.look()
        assert orders.accounts.ready.is_set()
        agrees(exchange, runner)
        assert level(exchange) == 0

    watched(tmp_path, act)
    assert parity_of(open_run(tmp_path / "practice")).ok


def test_a_run_that_is_told_to_end_while_an_order_is_on_its_way_goes_on_with_it(tmp_path: Path) -> None:
    async def act(exchange: PracticeExchange, runner: LiveRunner) -> None:
        orders = runner._orders
        assert orders is not None
        exchange.faults.on("slow_answer", venue="upbit", delay=1.5)
        await until(lambda: any(order.venue == "upbit" for order in orders.keeper.open))
        runner.stop()

        async def again() -> None:
            await until(lambda: runner._session is None)
            exchange.faults.off()
            second = LiveRunner(runner.config, mode="live", environ=keys_of(exchange))

            async def watch() -> None:
                await until(lambda: second._orders and second._orders.accounts.ready.is_set())
                session, keeper = second.session, second._orders.keeper  # type: ignore[union-attr]
                session.guard.set("stopping", True)
                await until(lambda: not session.lanes[0].open and not keeper.open)
                assert second._orders is not None
                await until(lambda: not any(second._orders._tasks))  # type: ignore[union-attr]
                agrees(exchange, second)
                assert level(exchange) == 0

            watching = asyncio.ensure_future(watch())
            watching.add_done_callback(lambda _: second.stop())
            await second.run()
            await watching

        later.append(again)

    later: list[Any] = []
    watched(tmp_path, act, after=later, max_hold_s=0.5)
    assert parity_of(open_run(tmp_path / "practice")).ok


@pytest.mark.parametrize("seconds", [10.0, -10.0], ids=["ahead", "behind"])
def test_a_venue_whose_clock_is_off_is_followed(tmp_path: Path, seconds: float) -> None:
    async def act(exchange: PracticeExchange, runner: LiveRunner) -> None:
        lane, orders = runner.session.lanes[0], runner._orders
        assert orders is not None
        exchange.faults.on("clock_offset", venue="binance_usdm", seconds_off=seconds)
        client: Any = orders._clients["binance_usdm"]
        closed = lane.closed
        await until(lambda: abs(client.clock_offset_ns / 1e9 - seconds) < 1 and lane.closed > closed + 1)
        assert client.stats()["clock"] < 10
        runner.session.guard.set("stopping", True)
        await until(lambda: not lane.open and not orders.keeper.open and not any(orders._tasks))
        agrees(exchange, runner)
        assert level(exchange) == 0

    watched(tmp_path, act)


def test_a_leg_without_money_costs_two_crossings_and_then_nothing(tmp_path: Path) -> None:
    """The first entry is undone; from then on the leg that was refused goes first, and alone."""

    async def run() -> tuple[dict[str, Any], list[Any], Decimal]:
        poor = BALANCES | {"binance_usdm": {"USDT": 5}}
        async with PracticeExchange(MARKETS, balances=poor, limits=False) as exchange:  # type: ignore[arg-type]
            playing = exchange.play(walk_frames(MARKETS, per_second=25, seconds=600, levels=5, seed=2))
            given = values(exchange, tmp_path, mode="live", execution=EXECUTION | {"cooldown": "1h"})
            runner = LiveRunner(LiveConfig.from_dict(given), mode="live", environ=keys_of(exchange))

            async def watch() -> None:
                await until(lambda: runner._session and runner.session.guard.holds("rejected_orders", "BTC"))
                runner.stop()

            watching = asyncio.ensure_future(watch())
            final = await runner.run()
            await watching
            playing.cancel()
            return final, exchange.ledger()["upbit"]["fills"], level(exchange)

    final, fills, exposure = asyncio.run(run())
    assert final["refusals"]["-2019"] == 5
    assert [fill.side for fill in fills] in (["buy", "sell"], ["sell", "buy"])
    assert exposure == 0
    assert final["trades_opened"] == 0
