"""The keeper: an order is sent once, and what became of it is asked until it is known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.venues.intents import IntentFile, read_intents, read_lines
from arbkit.venues.orders import Order, OrderKeeper, OrderState
from arbkit.venues.protocol import Fill, OrderRequest, OrderSide, TimeInForce
from tests.venues.scripted import Reply, Scripted, scripted
from tests.venues.test_clients import HTML, made, upbit

D = Decimal
Result = TypeVar("Result")
BUY = OrderRequest(client_id="", symbol="KRW-BTC", side=OrderSide.BUY, size=D("0.3"), price=D(30000))
FEES = D("0.0005")


def answer(state: str, *volumes: str, client_id: str = "ab-r-1") -> Reply:
    """An order of 0.3 at 30,000 KRW with these trades, as Upbit shows it."""
    trades = [
        {"market": "KRW-BTC", "uuid": f"t{k}", "price": "30000", "volume": volume,
         "funds": str(D(volume) * 30000), "created_at": "2026-11-02T10:13:14+09:00"}
        for k, volume in enumerate(volumes)
    ]  # fmt: skip
    filled = sum(map(D, volumes), D(0))
    body = {
        "uuid": "u-1", "side": "bid", "ord_type": "limit", "price": "30000", "state": state,
        "market": "KRW-BTC",
        "created_at": "2026-11-02T10:13:14+09:00", "volume": "0.3", "executed_volume": str(filled),
        "paid_fee": str(filled * 30000 * FEES), "identifier": client_id, "trades": trades,
    }  # fmt: skip
    return Reply(201, json.dumps(body))


NOT_FOUND = upbit("order_not_found", 404)


class Kept:
    """A keeper of one scripted venue, and what it wrote."""

    def __init__(self, server: Scripted, client: Any, path: Path, **options: Any) -> None:
        self.server, self.client, self.path = server, client, path
        self.log = IntentFile(path)
        self.ended: list[Order] = []
        self.keeper = OrderKeeper(
            {"upbit": client}, self.log, run="r", grace_s=0.05, on_end=self.ended.append, **options
        )

    def script(self, post: Reply, *queries: Reply) -> None:
        self.server.on("POST", "/v1/orders", post)
        self.server.on("GET", "/v1/order", *queries)

    def kinds(self) -> list[str]:
        return [record["kind"] for record in read_lines(self.path)]


@asynccontextmanager
async def kept(path: Path, **options: Any) -> Any:
    async with scripted() as server:
        client = made("upbit", server)
        client.latest_arrival_s = 0.1
        await client.start()
        world = Kept(server, client, path, **options)
        try:
            yield world
        finally:
            await world.keeper.close()
            world.log.close()
            await client.close()


def keeping(tmp_path: Path, act: Callable[[Kept], Awaitable[Result]], **options: Any) -> Result:
    async def run() -> Result:
        async with kept(tmp_path / "log", **options) as world:
            return await act(world)

    return asyncio.run(run())


def submitted(world: Kept) -> int:
    return world.server.count("POST", "/v1/orders")


@pytest.mark.parametrize(
    "post",
    [
        Reply(reset=True), Reply(502, HTML), Reply(200, '{"uuid'), upbit("duplicated_identifier"),
        answer("wait"),
    ],
    ids=["reset", "html", "cut", "duplicate", "acknowledged"],
)  # fmt: skip
def test_whatever_the_answer_was_the_order_is_sent_once_and_its_fills_are_found(
    tmp_path: Path, post: Reply
) -> None:
    async def act(world: Kept) -> Order:
        world.script(
            post, NOT_FOUND, Reply(502, HTML), answer("wait", "0.1"), answer("cancel", "0.1", "0.05")
        )
        order = await world.keeper.submit("upbit", BUY)
        assert await world.keeper.settle(order, 5)
        assert submitted(world) == 1
        assert world.keeper.ledger.positions == {("upbit", "KRW-BTC"): D("0.15")}
        assert world.keeper.ledger.flows["upbit", "KRW"] == D("0.15") * -30000 * (1 + FEES)
        return order

    order = keeping(tmp_path, act)
    assert (order.state, order.filled, order.average_price) == (OrderState.ENDED, D("0.15"), D(30000))
    assert order.fees == {"KRW": D("2.25")}


def test_an_order_the_venue_never_knew_is_given_up_only_after_it_could_have_arrived(tmp_path: Path) -> None:
    async def act(world: Kept) -> Order:
        world.script(Reply(reset=True), NOT_FOUND)
        order = await world.keeper.submit("upbit", BUY)
        assert not await world.keeper.settle(order, 0.1)
        assert await world.keeper.settle(order, 5)
        return order

    order = keeping(tmp_path, act)
    assert (order.state, order.code, order.filled) == (OrderState.REJECTED, "never_placed", 0)
    assert order.settled_ns - order.sent_ns > 100_000_000


def test_an_order_that_was_acknowledged_is_never_given_up_for_not_being_found(tmp_path: Path) -> None:
    async def act(world: Kept) -> OrderState:
        world.script(answer("wait"), NOT_FOUND)
        order = await world.keeper.submit("upbit", BUY)
        assert not await world.keeper.settle(order, 0.5)
        return order.state

    assert keeping(tmp_path, act) is OrderState.WORKING


def test_a_refusal_is_final_and_nothing_is_asked(tmp_path: Path) -> None:
    async def act(world: Kept) -> tuple[Order, int, list[str]]:
        world.script(upbit("insufficient_funds_bid"), NOT_FOUND)
        order = await world.keeper.submit("upbit", BUY)
        assert order.is_settled
        return order, world.server.count("GET", "/v1/order"), world.kinds()

    order, queries, kinds = keeping(tmp_path, act)
    assert (order.state, order.code, queries) == (OrderState.REJECTED, "insufficient_funds_bid", 0)
    assert kinds == ["intent", "order_end"]


def test_what_the_grid_refuses_never_leaves(tmp_path: Path) -> None:
    async def act(world: Kept) -> tuple[str, int]:
        small = OrderRequest(
            client_id="", symbol="KRW-BTC", side=OrderSide.BUY, size=D("0.1"), price=D(30000)
        )
        order = await world.keeper.submit("upbit", small)
        return order.code, submitted(world)

    assert keeping(tmp_path, act) == ("below_minimum", 0)


def test_the_intent_is_on_disk_before_the_request_leaves(tmp_path: Path) -> None:
    async def act(world: Kept) -> list[str]:
        world.script(answer("done", "0.3"), answer("done", "0.3"))
        seen: list[str] = []
        submit = world.client.submit

        async def watched(request: OrderRequest) -> Any:
            seen.extend(world.kinds())
            return await submit(request)

        world.client.submit = watched
        await world.keeper.submit("upbit", BUY)
        return seen

    assert keeping(tmp_path, act) == ["intent"]


def fill(trade: str, size: str = "0.1", client_id: str = "ab-r-1") -> Fill:
    return Fill(
        venue="upbit", symbol="KRW-BTC", trade_id=trade, client_id=client_id, order_id="u-1",
        side=OrderSide.BUY, price=D(30000), size=D(size), fee=D(size) * 30000 * FEES, fee_asset="KRW", ts=1,
    )  # fmt: skip


def test_a_fill_counts_once_whichever_way_it_comes_and_late_ones_count_too(tmp_path: Path) -> None:
    counted: list[str] = []

    async def act(world: Kept) -> Order:
        world.script(answer("wait"), answer("cancel", "0.1"))
        order = await world.keeper.submit("upbit", BUY)
        world.keeper.on_fill(fill("t0"))
        world.keeper.on_fill(fill("t0"))
        assert await world.keeper.settle(order, 5)
        world.keeper.on_fill(fill("t0"))
        assert order.filled == D("0.1")
        world.keeper.on_fill(fill("t1"))
        assert world.keeper.ledger.positions == {("upbit", "KRW-BTC"): D("0.2")}
        return order

    order = keeping(tmp_path, act, on_fill=lambda _, seen: counted.append(seen.trade_id))
    assert (order.filled, order.late_fills, counted) == (D("0.2"), 1, ["t0", "t1"])


def test_what_is_long_over_leaves_memory_and_its_fills_still_count_once(tmp_path: Path) -> None:
    minute = 60 * 10**9
    now = [10**18]

    async def act(world: Kept) -> list[int]:
        keeper, sizes = world.keeper, []
        for k in range(7):
            done = answer("done", "0.1", client_id=f"ab-r-{k + 1}")
            body = done.body.replace('"u-1"', f'"u-{k}"').replace('"t0"', f'"t{k}"')
            world.script(done._replace(body=body))
            assert await keeper.settle(await keeper.submit("upbit", BUY), 5)
            sizes.append(len(keeper.orders) + len(keeper._by_venue_id) + len(keeper._seen))
            now[0] += 2 * minute
        for again in (fill("t0"), fill("t6")):  # one that only the log knows, and one in memory
            keeper.on_fill(again)
        assert keeper.ledger.positions == {("upbit", "KRW-BTC"): D("0.7")}
        keeper.on_fill(fill("missed"))
        assert keeper.ledger.positions == {("upbit", "KRW-BTC"): D("0.8")}
        assert (keeper.count, len(keeper.open)) == (7, 0)
        return sizes

    sizes = keeping(tmp_path, act, clock=lambda: now[0])
    assert sizes[3:] == [9] * 4


def test_fills_before_the_answer_and_of_other_orders_are_kept_apart(tmp_path: Path) -> None:
    async def act(world: Kept) -> tuple[Order, int]:
        world.script(answer("wait")._replace(late_s=0.1), answer("done", "0.3"))
        sending = asyncio.create_task(world.keeper.submit("upbit", BUY))
        await asyncio.sleep(0.05)
        world.keeper.on_fill(fill("t0", "0.3"))
        world.keeper.on_fill(Fill(**{**fields(fill("x9")), "client_id": "autoclose-1", "order_id": "u-9"}))
        order = await sending
        assert await world.keeper.settle(order, 5)
        return order, len(world.keeper.strangers)

    order, strangers = keeping(tmp_path, act)
    assert (order.filled, strangers) == (D("0.3"), 1)
    assert order.first_fill_ns < order.answered_ns


def fields(seen: Fill) -> dict[str, Any]:
    return {name: getattr(seen, name) for name in seen.__struct_fields__}


def test_a_cancel_that_loses_against_a_fill_is_told_by_asking(tmp_path: Path) -> None:
    async def act(world: Kept) -> Order:
        world.script(answer("wait"), answer("wait"), answer("done", "0.3"))
        world.server.on("DELETE", "/v1/order", answer("wait")._replace(status=200))
        resting = OrderRequest(
            client_id="", symbol="KRW-BTC", side=OrderSide.BUY, size=D("0.3"), price=D(30000),
            time_in_force=TimeInForce.GTC,
        )  # fmt: skip
        order = await world.keeper.submit("upbit", resting)
        await world.keeper.cancel(order)
        assert await world.keeper.settle(order, 5)
        return order

    order = keeping(tmp_path, act)
    assert (order.state, order.filled) == (OrderState.ENDED, D("0.3"))


def test_after_a_crash_every_open_intent_is_settled_before_anything_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def crash() -> None:
        async with kept(path) as world:
            world.script(answer("wait"), answer("wait", "0.1"))
            order = await world.keeper.submit("upbit", BUY)
            while not order.filled:
                await asyncio.sleep(0.01)
            assert (order.is_settled, order.filled) == (False, D("0.1"))
            world.script(Reply(reset=True), Reply(502, HTML))
            await world.keeper.submit("upbit", BUY)

    async def recover() -> tuple[list[Order], list[str], int, Any]:
        async with kept(path) as world:
            world.log._file.write(b'{"kind": "order_e')
            world.log._file.flush()
            recorded = read_intents(read_lines(path))
            world.script(answer("wait"), NOT_FOUND)
            world.server.by_query = {
                "ab-r-1": [answer("wait", "0.1"), answer("cancel", "0.1", "0.2")],
                "ab-r-2": [Reply(502, HTML), NOT_FOUND],
            }
            world.keeper._stem = "ab-s"
            recovery = asyncio.create_task(world.keeper.recover(recorded.intents, recorded.fills))
            await asyncio.sleep(0)
            sending = asyncio.create_task(world.keeper.submit("upbit", BUY))
            opened = await recovery
            assert submitted(world) == 0
            states = [f"{order.state} {order.filled}" for order in opened]
            sent = await sending
            return list(opened), states, submitted(world), (world.keeper.ledger.positions, sent.client_id)

    asyncio.run(crash())
    opened, states, sent, (positions, client_id) = asyncio.run(recover())
    assert states == ["ended 0.3", "rejected 0"]
    assert len(opened) == 2
    assert (sent, client_id) == (1, "ab-s-1")
    assert positions == {("upbit", "KRW-BTC"): D("0.3")}


def test_a_second_life_has_ids_of_its_own(tmp_path: Path) -> None:
    with IntentFile(tmp_path / "log") as log:
        stems = {OrderKeeper({}, log).new_id() for _ in range(50)}
    assert len(stems) == 50
    assert all(len(stem) <= 36 for stem in stems)
    with IntentFile(tmp_path / "log") as log, pytest.raises(ConfigError, match="at most 26 letters"):
        OrderKeeper({}, log, prefix="a b")


def test_a_client_id_is_used_once_and_an_unknown_venue_is_named(tmp_path: Path) -> None:
    async def act(world: Kept) -> None:
        world.script(answer("done", "0.3", client_id="mine"), answer("done", "0.3", client_id="mine"))
        request = OrderRequest(
            client_id="mine", symbol="KRW-BTC", side=OrderSide.BUY, size=D("0.3"), price=D(30000)
        )
        await world.keeper.submit("upbit", request)
        with pytest.raises(ConfigError, match="was used before: mine"):
            await world.keeper.submit("upbit", request)
        with pytest.raises(ConfigError, match="did you mean `upbit`"):
            await world.keeper.submit("upbitt", BUY)

    keeping(tmp_path, act)


def test_fills_that_the_venue_goes_on_to_deny_end_the_order_and_are_named(tmp_path: Path) -> None:
    async def act(world: Kept) -> Order:
        world.script(answer("wait"), answer("cancel"))
        order = await world.keeper.submit("upbit", BUY)
        world.keeper.on_fill(fill("t0"))
        assert await world.keeper.settle(order, 5)
        return order

    order = keeping(tmp_path, act)
    assert (order.code, order.filled) == ("overfilled", D("0.1"))


@pytest.mark.parametrize("record", [{"kind": "intent", "client_id": "x"}, {"kind": "fill", "price": "abc"}])
def test_a_record_that_is_not_whole_is_named(record: dict[str, str]) -> None:
    with pytest.raises(DataError, match="not whole: KeyError"):
        read_intents([record])


def test_a_log_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="log of orders cannot be read"):
        list(read_lines(tmp_path / "none"))


def test_an_order_whose_intent_cannot_be_written_is_never_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*what: Any, **fields: Any) -> None:
        raise OSError(28, "No space left on device")

    async def run() -> None:
        async with kept(tmp_path / "log") as world:
            world.script(answer("wait"), NOT_FOUND)
            monkeypatch.setattr(world.log, "append", full)
            with pytest.raises(OSError, match="No space"):
                await world.keeper.submit("upbit", BUY)
            assert world.server.count("POST", "/v1/orders") == 0

    asyncio.run(run())
