"""The paper venue: filled from books by the rules of the simulation."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit.errors import ConfigError
from arbkit.venues.intents import IntentFile
from arbkit.venues.orders import OrderKeeper, OrderState
from arbkit.venues.paper import PaperClient
from arbkit.venues.protocol import (
    BookEvent,
    GapEvent,
    Instrument,
    OrderRejectedError,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    TimeInForce,
)

D = Decimal
BTC = Instrument(
    venue="binance_spot", symbol="BTCUSDT", base="BTC", quote="USDT", tick=D("0.01"), lot=D("0.001"),
    min_notional=D(5), taker_fee=D("0.001"), fee_in_received=True,
)  # fmt: skip
IDS = iter(range(10**6))


def book(
    ts: int, bids: Any = ((99.0, 1.0), (98.0, 5.0)), asks: Any = ((101.0, 1.0), (102.0, 5.0))
) -> BookEvent:
    return BookEvent(venue="x", symbol="BTCUSDT", ts_recv=ts, ts_event=None, bids=bids, asks=asks)


def request(side: str = "buy", size: str | None = "0.5", **fields: Any) -> OrderRequest:
    given = {"time_in_force": TimeInForce.MARKET} | fields
    return OrderRequest(
        client_id=f"c{next(IDS)}",
        symbol="BTCUSDT",
        side=OrderSide(side),
        size=None if size is None else D(size),
        **given,
    )


def paper(**options: Any) -> PaperClient:
    given = {
        "balances": {"USDT": D(1000), "BTC": D(2)},
        "taker_fee_bps": 10.0,
        "clock": lambda: 1000,
    } | options
    client = PaperClient("paper", **given)
    client.on_book(book(900))
    return client


def submitted(client: PaperClient, wanted: OrderRequest) -> OrderReport:
    return asyncio.run(client.submit(wanted))


def asked(client: PaperClient, client_id: str) -> OrderReport:
    report = asyncio.run(client.query("BTCUSDT", client_id))
    assert report is not None
    return report


def test_without_depth_all_is_filled_at_the_top_worsened_by_half_the_slippage() -> None:
    client = paper(slippage_bps=3.0)
    bought, sold = submitted(client, request(size="1.75")), submitted(client, request("sell", "1.75"))
    half = 3.0 / 2 / 1e4
    assert float(bought.fills[0].price) == 101.0 * (1 + half)
    assert float(sold.fills[0].price) == 99.0 * (1 - half)
    assert (bought.status, bought.filled) == (OrderStatus.FILLED, D("1.75"))
    assert bought.fills[0].fee == bought.fills[0].price * D("1.75") * D("0.001")


def test_money_and_coins_move_by_fills_and_fees() -> None:
    client = paper()
    submitted(client, request())
    totals = {asset: held.total for asset, held in asyncio.run(client.balances()).items()}
    assert totals == {"USDT": 1000 - D("50.5") * D("1.001"), "BTC": D("2.5")}
    assert asyncio.run(client.positions()) == {"BTCUSDT": D("2.5")}


def test_depth_walks_the_ladder_and_what_was_taken_is_gone_until_the_next_book() -> None:
    client = paper(depth_levels=2)
    first = submitted(client, request(size="2"))
    assert float(first.fills[0].price) == (1.0 * 101.0 + 1.0 * 102.0) / 2.0
    second = submitted(client, request(size="1"))
    assert float(second.fills[0].price) == 102.0
    client.on_book(book(1001))
    third = submitted(client, request(size="1"))
    assert float(third.fills[0].price) == 101.0


def test_an_entry_takes_what_the_ladder_holds_and_an_exit_its_whole_size() -> None:
    client = paper(depth_levels=2, balances={"USDT": D(10_000), "BTC": D(10)})
    entry = submitted(client, request(size="8"))
    assert (entry.status, entry.filled) == (OrderStatus.ENDED, D(6))
    leaving = submitted(client, request("sell", "8", reduce_only=True))
    assert (leaving.status, leaving.filled) == (OrderStatus.FILLED, D(8))
    assert float(leaving.fills[0].price) == (1.0 * 99.0 + 5.0 * 98.0 + 2.0 * 98.0) / 8.0


def test_a_limit_stops_at_its_price() -> None:
    client = paper(depth_levels=2, balances={"USDT": D(10_000)})
    within = submitted(client, request(size="3", price=D("101.5"), time_in_force=TimeInForce.IOC))
    assert (within.status, within.filled) == (OrderStatus.ENDED, D(1))
    never = submitted(client, request(size="1", price=D(100), time_in_force=TimeInForce.IOC))
    assert (never.status, never.filled) == (OrderStatus.ENDED, D(0))
    whole = submitted(client, request(size="9", price=D(105), time_in_force=TimeInForce.FOK))
    assert (whole.status, whole.filled) == (OrderStatus.ENDED, D(0))
    rest = submitted(client, request(size="5"))
    assert rest.average_price == 102


def test_latency_fills_on_the_first_usable_book_at_or_after_it() -> None:
    client = paper(latency_ms=0.001)
    working = submitted(client, request())
    assert working.status is OrderStatus.OPEN
    client.on_book(book(1999))
    assert asked(client, working.client_id).filled == 0
    client.on_book(book(2000, bids=((101.0, 1.0),)))
    client.on_gap(GapEvent("x", "BTCUSDT", 2100, "lost"))
    client.advance(2200)
    client.on_book(book(2300, asks=()))
    assert asked(client, working.client_id).filled == 0
    client.on_book(book(2400, asks=((103.0, 1.0),)))
    report = asked(client, working.client_id)
    assert (report.status, report.fills[0].price, report.fills[0].ts) == (OrderStatus.FILLED, D(103), 2400)


def test_a_clocked_venue_fills_only_when_it_is_advanced() -> None:
    client = paper(latency_ms=0.001, clocked=True)
    working = submitted(client, request())
    client.on_book(book(2500, asks=((104.0, 1.0),)))
    assert asked(client, working.client_id).filled == 0
    client.advance(2500, "ETHUSDT")
    assert asked(client, working.client_id).filled == 0
    client.advance(2500, "BTCUSDT")
    assert asked(client, working.client_id).average_price == 104


def test_a_resting_order_waits_for_its_price_and_can_be_cancelled() -> None:
    client = paper()
    resting = request(price=D(100), time_in_force=TimeInForce.GTC)
    assert submitted(client, resting).status is OrderStatus.OPEN
    assert [report.client_id for report in asyncio.run(client.open_orders())] == [resting.client_id]
    client.on_book(book(1001, asks=((99.5, 1.0),)))
    assert asked(client, resting.client_id).status is OrderStatus.FILLED
    other = request(price=D(50), time_in_force=TimeInForce.GTC)
    submitted(client, other)
    ended = asyncio.run(client.cancel("BTCUSDT", other.client_id))
    assert ended is not None
    assert ended.status is OrderStatus.ENDED
    assert asyncio.run(client.cancel("BTCUSDT", "none")) is None


def test_a_spot_account_sells_what_it_has_and_pays_with_what_it_has() -> None:
    client = paper(latency_ms=1.0)
    with pytest.raises(OrderRejectedError, match="holds 2 BTC, the order needs 3"):
        submitted(client, request("sell", "3"))
    submitted(client, request("sell", "1.5"))
    with pytest.raises(OrderRejectedError, match=r"holds 0.5 BTC, the order needs 1"):
        submitted(client, request("sell", "1"))
    with pytest.raises(OrderRejectedError) as caught:
        submitted(client, request(size="9.9"))
    assert caught.value.code == "insufficient_funds"


def test_a_perpetual_goes_short_and_reduces_to_flat_at_most() -> None:
    client = paper(kind="perpetual", balances={"USDT": D(100)}, taker_fee_bps=0)
    submitted(client, request("sell", "1"))
    assert asyncio.run(client.positions()) == {"BTCUSDT": D(-1)}
    closed = submitted(client, request("buy", "3", reduce_only=True))
    assert (closed.filled, asyncio.run(client.positions())) == (D(1), {})
    assert asyncio.run(client.balances())["USDT"].total == 98
    with pytest.raises(OrderRejectedError, match="nothing to trade"):
        submitted(client, request("buy", "1", reduce_only=True))


def test_the_instruments_rules_hold_and_a_fee_in_the_coin_lowers_the_position() -> None:
    client = paper(instruments={"BTCUSDT": BTC}, taker_fee_bps=None)
    with pytest.raises(OrderRejectedError, match="at least 5 USDT"):
        submitted(client, request(size="0.02", price=D(101)))
    bought = submitted(client, request(size="1.0009"))
    assert (bought.filled, bought.fills[0].fee, bought.fills[0].fee_asset) == (D(1), D("0.001"), "BTC")
    assert asyncio.run(client.positions()) == {"BTCUSDT": D("2.999")}


def test_a_market_buy_by_amount_buys_what_it_pays_for() -> None:
    bought = submitted(paper(), request(size=None, quote_amount=D("50.5")))
    assert bought.filled == D("0.5")


def test_a_client_id_is_taken_once() -> None:
    client, wanted = paper(), request()
    submitted(client, wanted)
    with pytest.raises(OrderRejectedError) as caught:
        submitted(client, wanted)
    assert caught.value.code == "duplicate"


def test_only_the_latest_of_the_orders_that_ended_are_remembered() -> None:
    client = paper(balances={"USDT": D(10**9)})
    resting = request(time_in_force=TimeInForce.GTC, price=D(50))
    submitted(client, resting)
    first = request()
    submitted(client, first)
    for _ in range(1200):
        submitted(client, request())
    assert client.stats() == {"orders": 1202, "trades": 1201, "pending": 1}
    assert len(client._orders) <= 1002
    assert asked(client, resting.client_id).status is OrderStatus.OPEN
    assert asyncio.run(client.query("BTCUSDT", first.client_id)) is None


def test_the_keeper_hears_of_paper_fills_without_asking(tmp_path: Path) -> None:
    async def run() -> tuple[Any, Any, int]:
        client = paper(latency_ms=0.001)
        with IntentFile(tmp_path / "log") as log:
            keeper = OrderKeeper({"paper": client}, log)
            stream = asyncio.create_task(client.run_account(keeper))
            await asyncio.sleep(0)
            order = await keeper.submit("paper", request(size="0.5"))
            client.on_book(book(5000))
            assert order.is_settled
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)
            await keeper.close()
            return order, keeper.ledger, client.stats()["trades"]

    order, ledger, trades = asyncio.run(run())
    assert (order.state, order.filled, trades) == (OrderState.ENDED, D("0.5"), 1)
    assert ledger.flows["paper", "BTC"] == D("0.5")


@pytest.mark.parametrize("options", [{"kind": "swap"}, {"slippage_bps": -1.0}, {"latency_ms": float("nan")}])
def test_an_impossible_model_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        paper(**options)
