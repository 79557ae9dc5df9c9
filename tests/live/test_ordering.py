"""Decisions that go to venues as orders: what is filled becomes the trade, whatever happens on the way."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arbkit.live import LiveRunner, ReplayLoop, open_run, parity_of
from arbkit.live.ordering import VenueOrders
from arbkit.live.redone import undecided
from arbkit.live.replay import ReplayFeed
from arbkit.live.session import Session
from arbkit.venues import OrderRejectedError
from tests.live.conftest import Configure

VENUE: dict[str, Any] = {"fills": "venue", "max_slip_bps": 30}


def test_paper_venues_without_delay_pay_the_prices_of_the_backtest(configure: Configure) -> None:
    config = configure(execution=VENUE)
    final = LiveRunner(config).run_forever()
    assert final["state"]["reasons"] == ["stopping"]
    assert final["orders"]["orders"] == 4 * final["trades_closed"] > 20
    run = open_run(config.runs / "small")
    parity = parity_of(run)
    assert parity.ok
    assert parity.same > final["trades_closed"] / 2
    assert {d.cause for d in parity.differences} <= {"latency", "guard"}
    assert undecided(run) == []
    assert len(list(run.records("intent"))) == final["orders"]["orders"]


def test_a_delay_is_what_the_differences_come_from(configure: Configure) -> None:
    config = configure(execution=VENUE | {"legs": "lead_a"}, params={"latency_ms": 400})
    final = LiveRunner(config).run_forever()
    parity = parity_of(open_run(config.runs / "small"))
    assert parity.ok
    counts = {cause: count for cause, (count, _) in parity.by_cause().items()}
    assert counts["latency"] > 5
    assert counts["none"] == 0
    first = next(open_run(config.runs / "small").records("outcome"))
    assert first["a"]["first_fill_ns"] - first["decided_ns"] >= 400_000_000
    assert final["orders"]["longest_naked_s"] > 0


def test_what_a_run_earned_is_the_money_that_changed_hands(configure: Configure) -> None:
    config = configure(execution=VENUE, params={"latency_ms": 150, "slippage_bps": 0})
    final = LiveRunner(config).run_forever()
    run = open_run(config.runs / "small")
    assert final["trades_opened"] == final["trades_closed"] > 5
    rates = {
        (line["decided_row"], line["what"][:4]): (line["fx_a"], line["fx_b"])
        for line in run.records("decision")
        if line["what"].endswith("filled")
    }
    money = 0.0
    for line in run.records("outcome"):
        fx_a, fx_b = rates[line["row"], "entr" if line["trade"] < 0 else "exit"]
        money += line["a"]["cash"] * fx_a + line["b"]["cash"] * fx_b
        money -= line["a"]["fees"]["KRW"] * fx_a + line["b"]["fees"]["USDT"] * fx_b
    assert final["realized_pnl"] == pytest.approx(money, abs=1e-6)


def test_a_run_that_dies_between_decision_and_fill_goes_on(configure: Configure, tmp_path: Path) -> None:
    config = configure(execution=VENUE, params={"latency_ms": 400}, name="killed")
    path = tmp_path / "killed.yaml"
    path.write_text(config.text)
    code = (
        "import asyncio, os, signal, sys\n"
        "from arbkit.live import LiveRunner\n"
        "from arbkit.live.ordering import VenueOrders\n"
        "first = VenueOrders.send\n"
        "def send(self, p, orders):\n"
        "    first(self, p, orders)\n"
        "    if self._session.desk.n_trades >= 3:\n"
        "        loop = asyncio.get_running_loop()\n"
        "        loop.call_later(0.0, os.kill, os.getpid(), signal.SIGKILL)\n"
        "VenueOrders.send = send\n"
        "LiveRunner(sys.argv[1]).run_forever()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    final = LiveRunner(config).run_forever()
    run = open_run(config.runs / "killed")
    assert final["trades_closed"] > 5
    assert final["orders"]["open"] == 0
    kinds = [line["kind"] for line in run.records()]
    assert (kinds.count("start"), kinds.count("resume")) == (1, 1)
    assert parity_of(run).ok


def test_the_kill_switch_flattens_through_the_venues(configure: Configure) -> None:
    config = configure(execution=VENUE, params={"max_hold_s": 600, "close_on_spread_reversal": False})
    runner = LiveRunner(config)

    async def run() -> dict[str, Any]:
        async def halt() -> None:
            while not (runner._session and any(lane.open for lane in runner.session.lanes)):
                await asyncio.sleep(0.01)
            runner.halt(flatten=True, reason="test")

        task = asyncio.ensure_future(halt())
        final = await runner.run()
        await task
        return final

    with asyncio.Runner(loop_factory=ReplayLoop) as loop:
        final = loop.run(run())
    assert (final["trades_opened"], final["trades_closed"]) == (1, 1)
    last = open_run(config.runs / "small").trades.row(-1, named=True)
    assert last["exit_reason"] == "end_of_data"


def decided(session: Any, replay: Any, moments: Any) -> None:
    """Bring books until the first pair has an order on its way."""
    session.guard.set("reconciling", False)
    for ts, events in moments:
        replay.now_ns = ts
        session.on_moment(events)
        if session.desk.orders(0).size:
            return


async def begun(runner: LiveRunner) -> tuple[Session, VenueOrders, ReplayFeed]:
    """Open a run on a replay whose orders go to venues, up to where the first book would come."""
    runner.open()
    session, orders, replay = runner.session, await runner._open_orders(), runner._replay
    assert orders is not None
    assert replay is not None
    await orders.prepare()
    return session, orders, replay


def test_what_is_decided_while_a_run_is_taken_up_is_sent_once_and_afterwards(configure: Configure) -> None:
    config = configure(execution=VENUE, params={"min_spread_bps": -1_000}, reference="none")

    async def run() -> None:
        runner = LiveRunner(config)
        session, orders, replay = await begun(runner)
        decided(session, replay, replay.moments())
        for _ in range(50):
            await asyncio.sleep(0)
        assert not orders.keeper.orders
        orders._finish_all()
        assert await orders.settle(5.0)
        assert [outcome.action for outcome in orders.outcomes(0)] == ["done"]
        await orders.close()
        runner.close()

    asyncio.run(run())
    outcomes = list(open_run(config.runs / "small").records("outcome"))
    assert [line["action"] for line in outcomes] == ["done"]


def test_a_run_that_stops_books_what_was_filled_or_says_that_it_has_not(configure: Configure) -> None:
    config = configure(
        execution=VENUE, params={"min_spread_bps": -1_000, "max_hold_s": 600}, reference="none"
    )
    told: list[str] = []

    async def run() -> dict[str, Any]:
        runner = LiveRunner(config, say=told.append)
        session, orders, replay = await begun(runner)
        orders._finish_all()
        moments = replay.moments()
        decided(session, replay, moments)
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        ended.set_result(None)
        await runner._settle(orders, [ended])
        assert runner.stats()["orders"]["not_booked"] == "1 filled entry not yet booked"
        session.guard.set("stopping", True)
        loop.call_later(0.02, lambda: session.on_moment(next(moments)[1]))
        await runner._settle(orders, [loop.create_future()])
        await orders.close()
        return runner.close()

    final = asyncio.run(run())
    assert told[-1] == "1 filled entry not yet booked; the next start books it"
    assert (final["trades_opened"], final["orders"]["not_booked"]) == (1, "")


def money_of(run: Any) -> float:
    """Return what changed hands by the outcomes of a run, at the rates of the rows that booked them."""
    rates = {
        (line["decided_row"], line["trade"] if line["what"].startswith("exit") else -1): line
        for line in run.records("decision")
        if line["what"].endswith(("filled", "failed"))
    }
    money = 0.0
    for line in run.records("outcome"):
        fx_a, fx_b = (rates[line["row"], line["trade"]][name] for name in ("fx_a", "fx_b"))
        money += line["a"]["cash"] * fx_a + line["b"]["cash"] * fx_b
        money -= line["a"]["fees"].get("KRW", 0.0) * fx_a + line["b"]["fees"].get("USDT", 0.0) * fx_b
    return money


@pytest.mark.parametrize("dies", [False, True], ids=["in one life", "over a crash"])
def test_a_side_that_nobody_takes_is_levelled_when_somebody_does_and_its_money_booked(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    monkeypatch.setattr("arbkit.live.legs._RETRY_S", 0.001)
    monkeypatch.setattr("arbkit.live.legs._MOST_PAUSE_S", (0.001, 0.001))
    params = {"min_spread_bps": -1_000, "max_hold_s": 2}
    guard = {"max_trades_per_hour": 3}
    config = configure(execution=VENUE, params=params, guard=guard, reference="none")
    told: list[str] = []

    async def run() -> dict[str, Any]:
        runner = LiveRunner(config, say=told.append)
        session, orders, replay = await begun(runner)
        orders._finish_all()
        orders.executor._alarm_s = 5.0
        moments = replay.moments()
        accepts = {venue: client.submit for venue, client in orders._clients.items()}

        async def once(request: Any) -> Any:
            if len(orders.keeper.orders) > 2:
                raise OrderRejectedError("no", "halted")
            return await accepts["upbit"](request)

        async def never(request: Any) -> Any:
            raise OrderRejectedError("no", "halted")

        orders._clients["upbit"].submit = once  # type: ignore[method-assign]
        orders._clients["binance_usdm"].submit = never  # type: ignore[method-assign]

        async def step(until: Any) -> None:
            while not until():
                replay.now_ns, events = next(moments)
                session.on_moment(events)
                await asyncio.sleep(0.002)

        session.guard.set("reconciling", False)
        await step(lambda: orders.executor.alarms)
        assert session.guard.holds("unhedged", "BTC")
        assert runner.stats()["orders"]["open_on_one_side"]["BTC"] == pytest.approx(
            float(orders.executor.exposure("BTC"))
        )
        assert (session.desk.n_trades, len(session.desk.orders(0))) == (0, 1)
        if dies:
            await orders.close()
            runner.close("killed")
            return await LiveRunner(config).run()
        for venue, submit in accepts.items():
            orders._clients[venue].submit = submit  # type: ignore[method-assign]
        await step(lambda: session.lanes[0].closed >= 2)
        assert not session.guard.holds("unhedged", "BTC")
        assert await orders.settle(5.0)
        await step(lambda: not any(orders._outcomes))
        await orders.close()
        return runner.close()

    with asyncio.Runner(loop_factory=ReplayLoop) as loop:
        final = loop.run(run())
    found = open_run(config.runs / "small")
    first = next(found.records("outcome"))
    assert ("unhedged" in first["reasons"], "cut_off" in first["reasons"]) == (not dies, dies)
    assert first["action"] in ("hedged", "flattened", "recovered")
    assert first["residual"] == 0.0
    assert final["trades_closed"] >= 2
    assert parity_of(found).ok
    assert undecided(found) == []
    if final["trades_opened"] == final["trades_closed"]:
        assert final["realized_pnl"] == pytest.approx(money_of(found), abs=1e-6)
    assert any(" open on one side; it is tried until it works" in text for text in told)
