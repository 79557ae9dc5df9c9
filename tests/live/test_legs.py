"""Two legs: sizes on both grids, the leader first, and nothing tradable left open on one side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from arbkit.errors import ConfigError
from arbkit.live.legs import LegPlan, PairExecutor, PairIntent, PairResult, worst_naked_ns
from arbkit.venues.intents import IntentFile
from arbkit.venues.orders import OrderKeeper
from arbkit.venues.paper import PaperClient
from arbkit.venues.protocol import (
    BookEvent,
    Instrument,
    OrderRejectedError,
    OrderReport,
    OrderRequest,
    OrderSide,
)
from tests.venues.virtual import VirtualLoop, run_virtually

D = Decimal
Result = TypeVar("Result")
SPOT = Instrument(
    venue="a", symbol="KRW-BTC", base="BTC", quote="KRW", tick=D(1), lot=D("0.00000001"),
    min_notional=D(5000), taker_fee=D("0.0005"),
)  # fmt: skip
PERPETUAL = Instrument(
    venue="b", symbol="BTCUSDT", base="BTC", quote="USDT", kind="perpetual", tick=D("0.1"), lot=D("0.001"),
    min_size=D("0.001"), min_notional=D(5), taker_fee=D("0.0005"),
)  # fmt: skip


class Refusing(PaperClient):
    """A paper venue that refuses its first orders, or leaves them in doubt for a while."""

    refusals = 0

    async def submit(self, request: OrderRequest) -> OrderReport:
        if self.refusals > 0:
            self.refusals -= 1
            raise OrderRejectedError("no", "busy")
        return await super().submit(request)


class World:
    """Two paper venues, their books, and an executor."""

    def __init__(self, log: IntentFile, clock: Callable[[], int], **options: Any) -> None:
        given_: dict[str, Any] = {"depth_levels": 5, "clock": clock}
        self.a = Refusing(
            "a", balances={"KRW": D(10**9), "BTC": D(1)}, instruments={"KRW-BTC": SPOT}, **given_
        )
        self.b = Refusing("b", balances={"USDT": D(10**6)}, instruments={"BTCUSDT": PERPETUAL}, **given_)
        self.books: dict[tuple[str, str], BookEvent] = {}
        self.keeper = OrderKeeper({"a": self.a, "b": self.b}, log, clock=clock)
        given = {"max_slip_bps": 10.0, "deadline_s": 0.15, "alarm_s": 1.0} | options
        self.executor = PairExecutor(self.keeper, lambda *key: self.books.get(key), clock=clock, **given)
        self.show(self.a, 60_000_000, 2.0)
        self.show(self.b, 60_000, 2.0)

    def show(self, client: PaperClient, mid: float, size: float) -> None:
        symbol = "KRW-BTC" if client is self.a else "BTCUSDT"
        book = BookEvent(
            venue=client.venue, symbol=symbol, ts_recv=1, ts_event=None,
            bids=((mid * 0.9999, size), (mid * 0.99, 10.0)), asks=((mid * 1.0001, size), (mid * 1.01, 10.0)),
        )  # fmt: skip
        self.books[client.venue, symbol] = book
        client.on_book(book)

    async def trade(self, size: str, *, entry: bool = True, **fields: Any) -> PairResult:
        sides = (OrderSide.BUY, OrderSide.SELL) if entry else (OrderSide.SELL, OrderSide.BUY)
        return await self.executor.run(
            PairIntent(
                name="BTC",
                a=LegPlan(venue="a", symbol="KRW-BTC", side=sides[0]),
                b=LegPlan(venue="b", symbol="BTCUSDT", side=sides[1], reduce_only=not entry),
                size=D(size),
                **fields,
            )
        )


def trading(tmp_path: Path, act: Callable[[World], Awaitable[Result]], **options: Any) -> Result:
    loop = VirtualLoop()

    async def run() -> Result:
        with IntentFile(tmp_path / "log") as log:
            world = World(log, loop.clock, **options)
            try:
                return await act(world)
            finally:
                await world.keeper.close()

    return run_virtually(loop, run())


@pytest.mark.parametrize("execution", ["together", "lead_a", "lead_b"])
def test_both_legs_are_filled_on_the_coarser_grid(tmp_path: Path, execution: str) -> None:
    async def act(world: World) -> tuple[PairResult, PairResult]:
        entry = await world.trade("0.12345678")
        return entry, await world.trade("0.123", entry=False)

    entry, leaving = trading(tmp_path, act, execution=execution)
    assert (entry.a.filled, entry.b.filled, entry.residual) == (D("0.123"), D("0.123"), 0)
    assert (entry.action, entry.reasons, entry.worst_naked_s < 0.15) == ("done", (), True)
    assert entry.a.cash == -entry.a.filled * (entry.a.average_price or 0)
    assert (leaving.a.net, leaving.b.net, leaving.action) == (D("-0.123"), D("0.123"), "done")


def test_the_leader_decides_how_much_the_other_does(tmp_path: Path) -> None:
    async def act(world: World) -> PairResult:
        world.show(world.a, 60_000_000, 0.0504)
        return await world.trade("0.2")

    async def lead(world: World) -> tuple[PairResult, Decimal]:
        result = await act(world)
        return result, world.executor.exposure("BTC")

    result, carried = trading(tmp_path, lead, execution="lead_a")
    assert (result.a.filled, result.b.filled) == (D("0.0504"), D("0.05"))
    assert (result.action, result.residual, carried) == ("done", D("0.0004"), D("0.0004"))
    assert [len(leg.orders) for leg in (result.a, result.b)] == [1, 1]


def test_what_was_too_small_is_carried_into_the_next_pair(tmp_path: Path) -> None:
    async def act(world: World) -> tuple[PairResult, PairResult]:
        world.show(world.a, 60_000_000, 0.0506)
        first = await world.trade("0.2")
        world.show(world.a, 60_000_000, 0.0506)
        return first, await world.trade("0.2")

    first, second = trading(tmp_path, act, execution="lead_a")
    assert (first.residual, first.b.filled) == (D("0.0006"), D("0.05"))
    assert (second.residual, second.b.filled) == (D("0.0002"), D("0.051"))


def test_together_the_lacking_leg_is_hedged_within_the_slippage_while_there_is_time(tmp_path: Path) -> None:
    async def act(world: World) -> PairResult:
        world.b.refusals = 1
        return await world.trade("0.1")

    result = trading(tmp_path, act)
    assert (result.a.filled, result.b.filled, result.action) == (D("0.1"), D("0.1"), "done")
    assert result.reasons == ("busy:b",)
    assert result.exposures[0][1] == D("0.1")
    assert result.exposures[-1][1] == 0


@pytest.mark.parametrize(
    ("on_naked", "action", "filled"), [("hedge", "hedged", "0.1"), ("flatten", "flattened", "0.0")]
)
def test_after_the_deadline_what_is_open_is_closed_at_any_price(
    tmp_path: Path, on_naked: str, action: str, filled: str
) -> None:
    async def act(world: World) -> tuple[PairResult, dict[str, int]]:
        world.show(world.b, 60_000, 0.0)
        book = BookEvent(
            venue="b", symbol="BTCUSDT", ts_recv=2, ts_event=None, bids=((59_994.0, 1e-9), (59_700.0, 5.0)),
            asks=((60_006.0, 1.0),),
        )  # fmt: skip
        world.books["b", "BTCUSDT"] = book
        world.b.on_book(book)
        return await world.trade("0.1"), dict(world.executor.counts)

    result, counts = trading(tmp_path, act, on_naked=on_naked)
    assert (result.action, result.a.filled, result.residual) == (action, D(filled), 0)
    assert counts[action] == 1
    assert 0.15 <= result.worst_naked_s < 0.6


def test_a_leg_that_refuses_twice_is_left_to_the_other(tmp_path: Path) -> None:
    async def act(world: World) -> PairResult:
        world.b.refusals = 10**6
        return await world.trade("0.1")

    result = trading(tmp_path, act, deadline_s=0.9)
    assert (result.action, result.a.filled, result.a.net) == ("flattened", 0, 0)
    assert result.worst_naked_s < 0.9
    assert result.reasons == ("busy:b", "busy:b")


def test_where_both_legs_have_refused_each_is_tried_again(tmp_path: Path) -> None:
    """A venue that always refuses does not keep the other, which refused for a while, from being asked."""

    async def act(world: World) -> PairResult:
        world.b.refusals = 10**6
        trade = asyncio.create_task(world.trade("0.1"))
        await asyncio.sleep(0.02)
        world.a.refusals = 3
        return await trade

    result = trading(tmp_path, act, deadline_s=0.15, alarm_s=3.0)
    assert (result.action, result.a.net, result.b.filled, result.residual) == ("flattened", 0, 0, 0)


def test_what_nobody_takes_is_told_and_tried_until_somebody_does(tmp_path: Path) -> None:
    told: list[tuple[str, str, Decimal]] = []

    async def act(world: World) -> tuple[PairResult, dict[str, str]]:
        world.b.refusals = 10**6
        submit, sent = world.a.submit, []

        async def once(request: OrderRequest) -> OrderReport:
            sent.append(request)
            if len(sent) > 1:
                raise OrderRejectedError("no", "halted")
            return await submit(request)

        world.a.submit = once  # type: ignore[method-assign]
        trade = asyncio.create_task(world.trade("0.1"))
        while not told:
            await asyncio.sleep(0.01)
        alarms = dict(world.executor.alarms)
        world.b.refusals = 0
        return await trade, alarms

    result, alarms = trading(tmp_path, act, deadline_s=0.1, alarm_s=0.2, told=lambda *what: told.append(what))
    assert told == [("BTC", "unhedged", D("0.1"))]
    assert alarms == {"BTC": "unhedged"}
    assert (result.action, result.residual, result.b.filled) == ("hedged", 0, D("0.1"))
    assert "unhedged" in result.reasons
    assert result.worst_naked_s >= 0.2


@pytest.mark.parametrize(("size", "reason"), [("0.0009", "below_lot"), ("0.00001", "below_lot"), ("0.0", "")])
def test_what_is_too_small_is_not_begun(tmp_path: Path, size: str, reason: str) -> None:
    result = trading(tmp_path, lambda world: world.trade(size))
    assert (result.action, result.reasons) == ("none", (reason,) if reason else ())
    assert (result.a.orders, result.b.orders) == ((), ())


def test_a_leg_below_its_venues_minimum_or_without_a_book_begins_nothing(tmp_path: Path) -> None:
    async def small(world: World) -> tuple[str, ...]:
        world.show(world.a, 4_000_000, 1.0)
        return (await world.trade("0.001")).reasons

    async def blind(world: World) -> tuple[str, ...]:
        del world.books["b", "BTCUSDT"]
        return (await world.trade("0.1")).reasons

    assert trading(tmp_path, small) == ("below_minimum:a",)
    assert trading(tmp_path, blind) == ("no_book:b",)


def test_a_price_the_rules_do_not_accept_is_not_paid(tmp_path: Path) -> None:
    async def act(world: World) -> PairResult:
        plans = {
            "a": LegPlan(venue="a", symbol="KRW-BTC", side=OrderSide.BUY, limit=D(59_000_000)),
            "b": LegPlan(venue="b", symbol="BTCUSDT", side=OrderSide.SELL),
        }
        return await world.executor.run(PairIntent(name="BTC", size=D("0.1"), **plans))

    result = trading(tmp_path, act, execution="lead_a")
    assert (result.a.filled, result.b.orders, result.action) == (0, (), "done")


def test_a_fee_in_the_coin_bought_is_hedged_less(tmp_path: Path) -> None:
    async def act(world: World) -> PairResult:
        world.a._instruments["KRW-BTC"] = msgspec.structs.replace(SPOT, fee_in_received=True)
        return await world.trade("0.1")

    result = trading(tmp_path, act, execution="lead_a")
    assert (result.a.net, result.b.filled, result.residual) == (D("0.09995"), D("0.099"), D("0.00095"))


def test_the_longest_time_on_one_side_is_measured() -> None:
    line = [(0, D(1)), (5, D(0)), (10, D(2)), (12, D(3)), (30, D(0)), (40, D(1))]
    assert worst_naked_ns(line, lambda exposure: exposure > 0, 45) == 20
    assert worst_naked_ns(line, lambda exposure: exposure > 0, 90) == 50
    assert worst_naked_ns([], lambda exposure: True, 10) == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"execution": "lead_c"}, "must be one of together"),
        ({"on_naked": "hope"}, "hedge or flatten"),
        ({"max_slip_bps": 200.0}, "at most `naked_slip_bps`"),
        ({"deadline_s": 0.0}, "above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, Any], match: str) -> None:
    with IntentFile(tmp_path / "log") as log, pytest.raises(ConfigError, match=match):
        World(log, time.time_ns, **options)


def test_two_legs_of_one_side_are_refused(tmp_path: Path) -> None:
    async def act(world: World) -> None:
        plan = LegPlan(venue="a", symbol="KRW-BTC", side=OrderSide.BUY)
        with pytest.raises(ConfigError, match="opposite sides"):
            await world.executor.run(PairIntent(name="x", a=plan, b=plan, size=D(1)))

    trading(tmp_path, act)
