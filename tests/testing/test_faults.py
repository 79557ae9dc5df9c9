"""Each fault, on each venue that has it: what a client then sees, and what the exchange holds to be true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

from arbkit.errors import ConfigError
from arbkit.testing import FAULTS, PracticeExchange, ServerClock
from tests.testing.traders import MARKETS, Trader
from tests.testing.world_clients import fetch, hear, run, settled, silent

VENUES = ("upbit", "binance_usdm", "binance_spot")
DONE = {"upbit": "done", "binance_usdm": "FILLED", "binance_spot": "FILLED"}
OPEN = {"upbit": "wait", "binance_usdm": "NEW", "binance_spot": "NEW"}
#: fault -> (status, or None for a broken connection), whether the order was carried out.
ANSWERS: dict[str, tuple[int | None, bool]] = {
    "rate_limited": (429, False),
    "banned": (418, False),
    "maintenance": (503, False),
    "reset_before": (None, False),
    "reset_after": (None, True),
    "unknown_503": (503, True),
    "html_502": (502, True),
    "truncated_body": (None, True),
    "unavailable_503": (503, False),
    "refuse": (400, False),
}
CASES = [(name, venue) for name in ANSWERS for venue in VENUES]


def stream_url(exchange: PracticeExchange, venue: str, stream: str = "@depth@100ms") -> str:
    base = {"upbit": "/websocket/v1", "binance_usdm": "/public/ws/btcusdt", "binance_spot": "/ws/btcusdt"}
    return exchange.venues[venue].ws_url + base[venue] + ("" if venue == "upbit" else stream)


@asynccontextmanager
async def listening(exchange: PracticeExchange, venue: str) -> AsyncIterator[Any]:
    """Yield a socket that gets the venue's books."""
    async with websockets.connect(stream_url(exchange, venue), ping_interval=None) as socket:
        if venue == "upbit":
            entry = {"type": "orderbook", "codes": ["KRW-BTC"], "is_only_realtime": True}
            await socket.send(json.dumps([{"ticket": "t"}, entry]))
            await settled(socket)
        yield socket


def test_unknown_faults_and_options_are_refused() -> None:
    exchange = PracticeExchange(MARKETS)
    with pytest.raises(ConfigError, match="no fault `stall`; did you mean `stall_data`"):
        exchange.faults.on("stall")
    with pytest.raises(ConfigError, match="exists at binance_usdm, binance_spot, was venue='upbit'"):
        exchange.faults.on("overloaded", venue="upbit")
    with pytest.raises(ConfigError, match="has no option `cod`; it has: code"):
        exchange.faults.on("close_sockets", cod=1)


def test_the_page_names_every_fault(repository: Path) -> None:
    page = (repository / "docs" / "practice-exchange.md").read_text(encoding="utf-8")
    assert [name for name in FAULTS if f"`{name}`" not in page] == []


def test_counts_skips_times_and_places_are_kept() -> None:
    clock = ServerClock(speed=1e-3)
    faults = PracticeExchange(MARKETS, clock=clock).faults
    faults.on("drop_book", venue="upbit", symbol="KRW-BTC", count=2, skip=1)
    hits = [faults.hit("drop_book", "upbit", symbol="KRW-BTC") is not None for _ in range(4)]
    assert hits == [False, True, True, False]
    assert faults.hit("drop_book", "binance_usdm") is None
    faults.on("stall_data", seconds=5)
    assert faults.hit("stall_data", "bithumb") is not None
    clock.advance(6)
    assert faults.hit("stall_data", "bithumb") is None
    assert faults.active() == ()


@pytest.mark.parametrize(("name", "venue"), CASES)
def test_what_an_order_meets(name: str, venue: str) -> None:
    status, carried_out = ANSWERS[name]

    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            exchange.faults.on(name, venue=venue, count=1)
            if status is None:
                with pytest.raises(aiohttp.ClientError):
                    await trader.submit("a")
            else:
                found, body = await trader.submit("a")
                assert found == status
                assert ("<html>" in str(body)) == (name in ("maintenance", "html_502"))
            assert exchange.faults.hits[venue, name] >= 1
            assert await trader.state("a") == (DONE[venue] if carried_out else "missing")
            assert len(exchange.ledger()[venue]["fills"]) == int(carried_out)

    run(main())


def test_a_ban_says_how_long_it_lasts() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, clock=ServerClock(speed=1e-3)) as exchange:
            exchange.faults.on("banned", seconds=120)
            url = exchange.binance_usdm.rest_url + "/fapi/v1/time"
            status, error, headers = await fetch(url)
            assert (status, error["code"], headers["Retry-After"]) == (418, -1003, "120")
            status, error, _ = await fetch(exchange.upbit.rest_url + "/v1/market/all")
            assert (status, error["error"]["message"]) == (418, "Blocked for 120 seconds.")
            exchange.clock.advance(121)
            assert (await fetch(url))[0] == 200

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_an_error_may_leave_the_order_undone(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            exchange.faults.on("timeout_error", venue=venue, count=1, accept=False)
            status, body = await trader.submit("a")
            assert (status, body.get("code", 0)) == ((500, 0) if venue == "upbit" else (408, -1007))
            assert await trader.state("a") == "missing"

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_a_late_answer_comes_after_the_order_is_done(venue: str) -> None:
    async def main() -> None:
        clock = ServerClock(speed=1e-3)
        async with PracticeExchange(MARKETS, clock=clock) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            exchange.faults.on("slow_answer", venue=venue, delay=5, count=1)
            late = asyncio.create_task(trader.submit("a"))
            while await trader.state("a") != DONE[venue]:
                await asyncio.sleep(0.01)
            assert not late.done()
            clock.advance(5.1)
            assert (await late)[0] in (200, 201)

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_may_be_invisible_for_a_while(venue: str) -> None:
    async def main() -> None:
        clock = ServerClock(speed=1e-3)
        async with PracticeExchange(MARKETS, clock=clock) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            exchange.faults.on("invisible_order", venue=venue, ms=900, count=1)
            await trader.submit("a")
            assert await trader.state("a") == "missing"
            clock.advance(1)
            assert await trader.state("a") == DONE[venue]

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_a_cancel_may_lose_against_the_fill(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            await trader.submit("a", price=trader.bids[0][0], tif="GTC")
            assert await trader.state("a") == OPEN[venue]
            exchange.faults.on("cancel_loses", venue=venue, count=1)
            status, body = await trader.cancel("a")
            assert status == 200 if venue == "upbit" else body["code"] == -2011
            await asyncio.sleep(0.02)
            assert await trader.state("a") == DONE[venue]
            assert len(exchange.ledger()[venue]["fills"]) == 1

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_a_part_may_be_filled_and_the_rest_end(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            exchange.faults.on("partial_fill", venue=venue, share=0.3, count=1)
            await trader.submit("a", tif="GTC")
            assert await trader.state("a") == ("cancel" if venue == "upbit" else "EXPIRED")
            fills = exchange.ledger()[venue]["fills"]
            assert [str(fill.size.normalize()) for fill in fills] == ["0.003"]
            held = exchange.venues[venue]
            assert venue == "binance_usdm" or all(
                holding.locked == 0
                for holding in held.account.holdings.values()  # type: ignore[attr-defined]
            )

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_a_halted_symbol_takes_no_orders_and_its_book_stands_still(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            exchange.faults.on("halt_symbol", venue=venue, symbol=trader.symbol)
            assert (await trader.submit("a"))[0] == 400
            async with listening(exchange, venue) as socket:
                trader.push()
                assert await silent(socket, 0.05)

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_the_tick_may_change_while_it_runs(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            exchange.faults.on("change_ticks", venue=venue, factor=1000)
            status, body = await trader.submit("a")
            assert status == 400
            assert "invalid_price" in str(body) or body["code"] in (-4014, -1013)

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_stalled_data_leave_pings_answered_and_muted_pongs_leave_data(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            async with listening(exchange, venue) as socket:
                exchange.faults.on("stall_data", venue=venue)
                trader.push()
                await asyncio.wait_for(await socket.ping(), 2)
                assert await silent(socket, 0.05)
                exchange.faults.off()
                exchange.faults.on("mute_pongs", venue=venue)
                trader.push()
                await hear(socket)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(await socket.ping(), 0.05)

    run(main())


@pytest.mark.parametrize("code", [1001, 1006, 1008])
def test_sockets_are_closed_with_any_code(code: int) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange, listening(exchange, "upbit") as socket:
            exchange.faults.on("close_sockets", code=code)
            await asyncio.wait_for(socket.wait_closed(), 3)
            assert socket.close_code == code

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_handshakes_are_refused_for_a_while(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            exchange.faults.on("refuse_handshake", venue=venue, status=429, retry_after=7, count=1)
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(stream_url(exchange, venue))
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"] == "7"
            async with listening(exchange, venue):
                pass

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_a_half_open_socket_says_nothing_any_more(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            async with listening(exchange, venue) as socket:
                exchange.faults.on("half_open", venue=venue)
                trader.push()
                assert await silent(socket, 0.05)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(await socket.ping(), 0.05)
                socket.transport.abort()

    run(main())


def ids(message: Any) -> Any:
    """Return what orders messages: Upbit's best bid (there is no sequence), Binance's update id."""
    return message["orderbook_units"][0]["bid_price"] if "orderbook_units" in message else message["u"]


@pytest.mark.parametrize(
    ("name", "order"), [("drop_book", [1, 2]), ("duplicate_book", [0, 0, 1, 2]), ("reorder_book", [1, 0, 2])]
)
@pytest.mark.parametrize("venue", VENUES)
def test_books_are_lost_doubled_and_out_of_order(name: str, order: list[int], venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            async with listening(exchange, venue) as socket, listening(exchange, venue) as whole:
                step = 1000 if venue == "upbit" else 1
                for number in range(3):
                    if number == 0:
                        exchange.faults.on(name, venue=venue, count=2, skip=0)
                    bid = trader.bids[0][0] - 10 * step + number * step
                    exchange.push_book(venue, trader.symbol, [(bid, 1)], trader.asks)
                    if number == 0:
                        exchange.faults.off()
                heard = [ids(await hear(socket)) for _ in order]
                again = [ids(await hear(whole)) for _ in order]
                assert heard == again
                known = sorted(set(heard))
                wanted = known if 0 in order else [None, *known]
                assert heard == [wanted[number] for number in order]

    run(main())


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("name", ["crossed_book", "empty_book", "one_sided_book", "zero_price_book"])
def test_a_spoilt_book_is_spoilt_everywhere_and_gone_with_the_next(name: str, venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            exchange.faults.on(name, venue=venue, count=1)
            trader.push()
            assert is_spoilt(await snapshot(exchange, trader)) == name
            trader.push()
            assert is_spoilt(await snapshot(exchange, trader)) == ""
            assert (await trader.submit("a"))[0] in (200, 201)

    run(main())


async def snapshot(exchange: PracticeExchange, trader: Trader) -> tuple[list[float], list[float]]:
    """Return the prices of bids and asks as REST tells them."""
    url = exchange.venues[trader.venue].rest_url
    if trader.venue == "upbit":
        _, rows, _ = await fetch(f"{url}/v1/orderbook?markets={trader.symbol}")
        units = rows[0]["orderbook_units"]
        sides = [[(u[f"{side}_price"], u[f"{side}_size"]) for u in units] for side in ("bid", "ask")]
        return tuple([price for price, size in side if size] for side in sides)  # type: ignore[return-value]
    path = "/fapi/v1" if trader.venue == "binance_usdm" else "/api/v3"
    _, book, _ = await fetch(f"{url}{path}/depth?symbol={trader.symbol}&limit=5")
    return [float(p) for p, _ in book["bids"]], [float(p) for p, _ in book["asks"]]


def is_spoilt(sides: tuple[list[float], list[float]]) -> str:
    bids, asks = sides
    if not bids and not asks:
        return "empty_book"
    if not asks:
        return "one_sided_book"
    if 0 in asks:
        return "zero_price_book"
    return "crossed_book" if max(bids) >= min(asks) else ""


@pytest.mark.parametrize("venue", VENUES)
def test_frames_are_cut_foreign_or_errors_and_members_unknown(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            async with listening(exchange, venue) as socket:
                for name in ("truncated_frame", "junk_frame"):
                    exchange.faults.on(name, venue=venue, count=1)
                    trader.push()
                    with pytest.raises(json.JSONDecodeError):
                        await hear(socket)
                exchange.faults.on("error_frame", venue=venue, count=1)
                trader.push()
                assert "error" in await hear(socket)
                exchange.faults.on("extra_members", venue=venue, count=1)
                trader.push()
                assert "zz_new_member" in await hear(socket)
                exchange.faults.on("unknown_symbol", venue=venue, count=1)
                trader.push()
                heard = [await hear(socket) for _ in range(2)]
                assert {message.get("code", message.get("s")) for message in heard} == {
                    trader.symbol,
                    "KRW-ZZZZ" if venue == "upbit" else "ZZZZUSDT",
                }

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_stamps_in_microseconds_and_of_an_hour_ago(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            async with listening(exchange, venue) as socket:
                stamps = []
                for name in ("micro_timestamp", "old_timestamp"):
                    exchange.faults.on(name, venue=venue, count=1)
                    trader.push()
                    message = await hear(socket)
                    stamps.append(message.get("timestamp", message.get("E")))
                now = exchange.clock.now_ms()
                assert abs(stamps[0] // 1000 - now) < 5_000
                assert abs(stamps[1] + 3_600_000 - now) < 5_000

    run(main())


@pytest.mark.parametrize("venue", ["binance_usdm", "binance_spot"])
def test_a_snapshot_may_be_older_than_what_the_stream_has_sent(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            for number in range(30):
                exchange.push_book(venue, trader.symbol, [(96_000 + number, 1)], trader.asks)
            assert (await snapshot(exchange, trader))[0] == [96_029]
            exchange.faults.on("stale_snapshot", venue=venue, count=1)
            assert (await snapshot(exchange, trader))[0] == [96_009]

    run(main())


@pytest.mark.parametrize("venue", VENUES)
def test_the_clock_is_wrong_or_jumps(venue: str) -> None:
    async def main() -> None:
        clock = ServerClock(speed=1e-3)
        async with PracticeExchange(MARKETS, clock=clock) as exchange:
            served = exchange.venues[venue]
            exchange.faults.on("clock_offset", venue=venue, seconds_off=-7)
            assert served.now_ms() - clock.now_ms() in (-7_000, -7_001)
            exchange.faults.off()
            exchange.faults.on("clock_jumps", venue=venue, seconds_off=3)
            assert [round((served.now_ms() - clock.now_ms()) / 1000) for _ in range(3)] == [3, -3, 3]

    run(main())


def test_maintenance_closes_sockets_and_refuses_new_ones() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange, listening(exchange, "upbit") as socket:
            exchange.faults.on("maintenance", venue="upbit")
            await asyncio.wait_for(socket.wait_closed(), 3)
            assert socket.close_code == 1001
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(stream_url(exchange, "upbit"))

    run(main())


def test_leverage_and_funding_change_by_the_exchange() -> None:
    exchange = PracticeExchange(MARKETS)
    for name, options in (("change_leverage", {"leverage": 3}), ("change_funding_interval", {"hours": 4})):
        assert FAULTS[name].once
        exchange.faults.watch(exchange.binance_usdm._switched)
        exchange.faults.on(name, symbol="BTCUSDT", **options)
    assert exchange.binance_usdm.account.position("BTCUSDT").leverage == 3
    assert exchange.binance_usdm.listings["BTCUSDT"].funding_hours == 4


@pytest.mark.parametrize("venue", VENUES)
def test_fills_stand_on_the_public_tape(venue: str) -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            trader = Trader(exchange, venue)
            trader.push()
            base = {"upbit": "/websocket/v1", "binance_usdm": "/market/ws/btcusdt@aggTrade"}
            url = exchange.venues[venue].ws_url + base.get(venue, "/ws/btcusdt@trade")
            async with websockets.connect(url) as socket:
                if venue == "upbit":
                    entry = {"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True}
                    await socket.send(json.dumps([{"ticket": "t"}, entry]))
                    await settled(socket)
                await trader.submit("a")
                message = await hear(socket)
            fill = exchange.ledger()[venue]["fills"][0]
            if venue == "upbit":
                seen = (message["trade_price"], message["trade_volume"], message["ask_bid"])
                assert seen == (float(fill.price), float(fill.size), "BID")
            else:
                assert (float(message["p"]), message["m"]) == (float(fill.price), False)

    run(main())
