"""What every fault of a venue does to orders, positions and money; prints the table of docs/faults.md.

Each run trades a pair of legs against the practice exchange on loopback while one fault is on, rests and
cancels one order at the venue that has it, and sells everything off when it is over. Then what the order
keeper has counted is compared with the exchange's own books, to the last digit, and the time for which one
leg stood alone is taken from the fills as they became known, and from the exchange's own stamps.

    python -m benchmarks.faults [--runs N] [--only FAULT ...] [--venue VENUE ...] [--seed N]
                                [--page] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from arbkit.live.legs import LegPlan, PairExecutor, PairIntent
from arbkit.testing import FAULTS, PracticeExchange
from arbkit.venues import (
    BinanceSpotClient,
    BinanceUsdmClient,
    BookEvent,
    IntentFile,
    Order,
    OrderKeeper,
    OrderRequest,
    OrderSide,
    TimeInForce,
    UpbitClient,
)
from arbkit.venues.intents import read_intents, read_lines
from benchmarks.page import replace_section
from benchmarks.tables import table

__all__ = ["CASES", "DEADLINE_S", "Case", "Outcome", "World", "cases", "main", "market_order", "run_case"]

DEADLINE_S: Final = 0.6
#: How long a pair may take while its fault is on.
_PATIENCE_S: Final = 15.0
_TIMEOUT_S: Final = 0.35
_ARRIVAL_S: Final = 0.6
_GRACE_S: Final = 0.3
_SETTLE_S: Final = 20.0
PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
SYMBOLS: Final = {"upbit": "KRW-BTC", "binance_usdm": "BTCUSDT", "binance_spot": "BTCUSDT"}
MIDS: Final = {"upbit": 84_000_000, "binance_usdm": 60_000, "binance_spot": 60_010}
#: The other leg of a pair whose one leg has the fault.
PARTNER: Final = {"upbit": "binance_usdm", "binance_usdm": "upbit", "binance_spot": "binance_usdm"}
TICKS: Final = {"upbit": 1000, "binance_usdm": 0.1, "binance_spot": 0.01}


class Case(NamedTuple):
    """One fault and how it is switched on: `options` go to `Faults.on`; `also` are on with it."""

    name: str
    label: str
    options: dict[str, Any]
    venues: tuple[str, ...]
    also: tuple[tuple[str, dict[str, Any]], ...] = ()


def _case(name: str, label: str = "", /, *also: tuple[str, dict[str, Any]], **options: Any) -> Case:
    venues = tuple(venue for venue in FAULTS[name].venues if venue in SYMBOLS)
    return Case(name, label or name, options, venues, also)


CRASH: Final = "crash"
_UNSENT: Final[tuple[str, dict[str, Any]]] = ("missing_fill", {})
_HIDDEN: Final[tuple[str, dict[str, Any]]] = ("invisible_order", {"ms": 400})


#: Every fault that orders and accounts can meet.
CASES: Final = (
    _case("reset_before", count=1),
    _case("reset_after", count=1),
    _case("slow_answer", count=1, delay=0.8),
    _case("truncated_body", count=1),
    _case("html_502", "html_502, placed", count=1, accept=True),
    _case("html_502", "html_502, not placed", count=1, accept=False),
    _case("unknown_503", "unknown_503, placed", count=1, accept=True),
    _case("unknown_503", "unknown_503, not placed", count=1, accept=False),
    _case("timeout_error", "timeout_error, placed", count=1, accept=True),
    _case("timeout_error", "timeout_error, not placed", count=1, accept=False),
    _case("unavailable_503", count=1),
    _case("overloaded", count=1),
    _case("refuse", "refuse, no money", count=1, name="insufficient_funds_bid"),
    _case("rate_limited", count=1, endpoint="submit", retry_after=1),
    _case("rate_limited", "rate_limited, queries", count=2, endpoint="query", retry_after=1),
    _case("banned", seconds=1.0, retry_after=1),
    _case("maintenance", seconds=1.0),
    _case("reset_after", "reset_after, cancel", count=1, endpoint="cancel"),
    _case("html_502", "html_502, queries; fills unsent", _UNSENT, count=6, endpoint="query", accept=True),
    _case("truncated_body", "truncated_body, queries; fills unsent", _UNSENT, count=6, endpoint="query"),
    _case("reset_after", "reset_after; invisible, fills unsent", _UNSENT, _HIDDEN, count=1),
    _case("maintenance", "maintenance; fills unsent", _UNSENT, seconds=1.0),
    _case("invisible_order", count=2, ms=400),
    _case("cancel_loses", count=1),
    _case("partial_fill", count=1),
    _case("fill_before_answer", count=1),
    _case("duplicate_fill"),
    _case("missing_fill"),
    _case("expire_listen_key"),
    _case("revoke_key", seconds=0.8),
    _case("change_leverage", leverage=5),
    _case("change_ticks"),
    _case("halt_symbol", seconds=0.8),
    _case("auto_deleverage", share=0.5),
    _case("liquidate"),
    _case("clock_offset", "clock_offset, ahead", seconds_off=5.0),
    _case("clock_offset", "clock_offset, behind", seconds_off=-8.0),
    _case("clock_jumps"),
    _case("stall_data", endpoint="private"),
    _case("mute_pongs", endpoint="private"),
    _case("close_sockets", endpoint="private", code=1006),
    _case("refuse_handshake", endpoint="private", seconds=1.0),
    _case("half_open", endpoint="private"),
    _case("truncated_frame", endpoint="private", count=3),
    _case("junk_frame", endpoint="private", count=3),
    _case("error_frame", endpoint="private", count=3),
    _case("extra_members", endpoint="private"),
    Case(CRASH, "killed, resumed from the log", {}, tuple(SYMBOLS)),
)


def market_order(venue: str, client_id: str) -> OrderRequest:
    """Return a small order that is filled at once."""
    return OrderRequest(
        client_id=client_id, symbol=SYMBOLS[venue], side=OrderSide.BUY, size=Decimal("0.01"),
        price=Decimal(MIDS[venue]) * Decimal("1.01"),
    )  # fmt: skip


def cases(only: Sequence[str] = (), venues: Sequence[str] = ()) -> Iterator[tuple[Case, str]]:
    """Yield each case with each venue that it exists at."""
    for case in CASES:
        if only and case.name not in only and case.label not in only:
            continue
        for venue in case.venues:
            if not venues or venue in venues:
                yield case, venue


@dataclasses.dataclass
class Outcome:
    """What the runs of one case came to."""

    fault: str
    venue: str
    runs: int = 0
    struck: int = 0
    orders: int = 0
    sent: int = 0
    fills: int = 0
    doubts: int = 0
    rejected: int = 0
    late: int = 0
    actions: Counter[str] = dataclasses.field(default_factory=Counter)
    worst_naked_s: float = 0.0
    worst_known_s: float = 0.0
    wrong: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether every run ended with positions, money and fills as in the exchange's books."""
        return not self.wrong

    def row(self) -> dict[str, Any]:
        """Return the outcome as a row of the table."""
        acts = ", ".join(f"{name} {count}" for name, count in sorted(self.actions.items()))
        return {
            "fault": self.fault,
            "venue": self.venue,
            "runs": self.runs,
            "struck": self.struck or "state",
            "orders": self.orders,
            "sent twice": max(self.sent - self.orders, 0),
            "fills": self.fills,
            "in doubt": self.doubts,
            "refused": self.rejected,
            "pairs": acts,
            "alone s, known": f"{self.worst_known_s:.2f}",
            "alone s, true": f"{self.worst_naked_s:.2f}",
            "equal": "yes" if self.equal else "NO",
        }


class _Nowhere:
    """What a killed process writes to."""

    def append(self, kind: str, *, sync: bool = False, **fields: Any) -> None:
        """Write nothing."""

    def sync(self) -> None:
        """Nothing is to be put onto a disk."""

    def has_fill(self, venue: str, symbol: str, trade_id: str) -> bool:
        """Know of no fill."""
        return False


class World:
    """An exchange with three venues, clients with their private streams, a keeper and its log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = AsyncExitStack()
        self.books: dict[str, BookEvent] = {}
        self.streams: list[asyncio.Task[None]] = []
        self.charged: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)

    async def __aenter__(self) -> World:
        symbols = {venue: [symbol] for venue, symbol in SYMBOLS.items()}
        money = {
            "upbit": {"KRW": 1_000_000_000, "BTC": 5},
            "binance_usdm": {"USDT": 1_000_000},
            "binance_spot": {"USDT": 1_000_000, "BTC": 5},
        }
        self.exchange = await self.stack.enter_async_context(PracticeExchange(symbols, balances=money))
        self.show()
        await self._begin()
        self.before = {venue: dict(books["balances"]) for venue, books in self.exchange.ledger().items()}
        await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stop_streams()
        await self.stack.aclose()

    async def _begin(self) -> None:
        """Make clients and a keeper, and let it take over what the log holds."""
        self.clients = {venue: self._client(venue) for venue in SYMBOLS}
        for client in self.clients.values():
            self.stack.push_async_callback(client.close)
            await client.start()
        path = self.folder / "orders.jsonl"
        recorded = read_intents(read_lines(path)) if path.exists() else None
        self.log = self.stack.enter_context(IntentFile(path))
        self.keeper = OrderKeeper(self.clients, self.log, grace_s=_GRACE_S, on_event=self._told)
        self.stack.push_async_callback(self.keeper.close)
        if recorded is not None:
            await self.keeper.recover(*recorded)
        await self.keeper.start()
        self.streams = [
            asyncio.create_task(client.run_account(self.keeper)) for client in self.clients.values()
        ]

    def _told(self, venue: str, what: str, detail: Mapping[str, Any]) -> None:
        """Count what a liquidation cost beside its fill: no trade says it."""
        if what == "insurance":
            for asset, change in detail["changes"].items():
                self.charged[venue, asset] += change

    async def _stop_streams(self) -> None:
        for stream in self.streams:
            stream.cancel()
        await asyncio.gather(*self.streams, return_exceptions=True)

    async def crash(self, work: asyncio.Task[Any], *, torn: bool) -> None:
        """End as a killed process does, writing nothing more, and begin again from the log."""
        self.keeper._log = _Nowhere()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await self._stop_streams()
        await self.keeper.close()
        for client in self.clients.values():
            await client.close()
        self.log.close()
        if torn:
            with self.log.path.open("ab") as file:
                file.write(b'{"kind": "order_e')
        await self._begin()

    def _client(self, venue: str) -> Any:
        kind = {"upbit": UpbitClient, "binance_usdm": BinanceUsdmClient, "binance_spot": BinanceSpotClient}[
            venue
        ]
        server = self.exchange.venues[venue]
        return kind(
            server.keys.key,
            server.keys.secret,
            rest_url=server.rest_url,
            ws_url=server.ws_url,
            symbols=(SYMBOLS[venue],),
            timeout_s=_TIMEOUT_S,
            latest_arrival_s=_ARRIVAL_S,
        )

    def show(self) -> None:
        """Push fresh books, deep enough for every pair."""
        for venue, symbol in SYMBOLS.items():
            mid, tick = MIDS[venue], TICKS[venue]
            bids = [(round(mid - tick * k, 2), 0.02 * k) for k in range(1, 8)]
            asks = [(round(mid + tick * k, 2), 0.02 * k) for k in range(1, 8)]
            self.exchange.venues[venue].push_book(symbol, bids, asks)
            self.books[venue] = BookEvent(
                venue=venue, symbol=symbol, ts_recv=time.time_ns(), ts_event=None, bids=bids, asks=asks
            )

    def executor(self, execution: str, on_naked: str) -> PairExecutor:
        """Return what trades pairs."""
        return PairExecutor(
            self.keeper,
            lambda venue, symbol: self.books.get(venue),
            max_slip_bps=20.0,
            deadline_s=DEADLINE_S,
            alarm_s=_PATIENCE_S,
            execution=execution,
            on_naked=on_naked,
        )

    async def rest_and_cancel(self, venue: str) -> Order:
        """Rest an order far from the market and cancel it until it is over."""
        price = Decimal(str(round(MIDS[venue] * 0.97, 0)))
        order = await self.keeper.submit(
            venue,
            OrderRequest(
                client_id="", symbol=SYMBOLS[venue], side=OrderSide.BUY, size=Decimal("0.01"), price=price,
                time_in_force=TimeInForce.GTC,
            ),
        )  # fmt: skip
        for _ in range(100):
            await self.keeper.cancel(order)
            if await self.keeper.settle(order, 0.2):
                break
        return order

    async def sell_off(self) -> None:
        """Bring every position back to where it began, without faults."""
        for venue, symbol in SYMBOLS.items():
            for _ in range(20):
                size = self.keeper.ledger.positions[venue, symbol]
                lot = self.keeper.instrument(venue, symbol)
                if lot is None or abs(size) < max(lot.lot, Decimal("0.0002")):
                    break
                self.show()
                side = OrderSide.SELL if size > 0 else OrderSide.BUY
                factor = Decimal("0.99") if size > 0 else Decimal("1.01")
                price = Decimal(MIDS[venue]) * factor
                order = await self.keeper.submit(
                    venue,
                    OrderRequest(
                        client_id="", symbol=symbol, side=side, size=abs(size), price=price,
                        time_in_force=TimeInForce.IOC, reduce_only=True,
                    ),
                )  # fmt: skip
                await self.keeper.settle(order, _SETTLE_S)
                if not order.filled:
                    await asyncio.sleep(0.3)

    async def settled(self) -> bool:
        """Wait until every order is over."""
        ends = time.monotonic() + _SETTLE_S
        while self.keeper.open and time.monotonic() < ends:
            await self.keeper.settle_any(self.keeper.open, 0.2)
        return not self.keeper.open

    def differences(self) -> list[str]:
        """Return how the keeper's books differ from the exchange's."""
        found = []
        truth = self.exchange.ledger()
        for venue, symbol in SYMBOLS.items():
            books = truth[venue]
            mine = {
                asset: change for (where, asset), change in self.keeper.ledger.flows.items() if where == venue
            }
            for asset in sorted({*books["balances"], *mine}):
                began = self.before[venue].get(asset, Decimal(0))
                change = books["balances"].get(asset, Decimal(0)) - began
                counted = mine.get(asset, Decimal(0)) + self.charged[venue, asset]
                if change != counted:
                    found.append(f"{venue} {asset}: {counted} counted, {change} in the books")
            held = self.keeper.ledger.positions[venue, symbol]
            there = books["positions"].get(symbol, Decimal(0)) if venue == "binance_usdm" else held
            if held != there:
                found.append(f"{venue} {symbol}: {held} counted, {there} in the books")
            found += self._missing_fills(venue, books["fills"])
            if books["open"]:
                found.append(f"{venue}: {len(books['open'])} orders still open in the books")
        return found

    def _missing_fills(self, venue: str, trades: Sequence[Any]) -> list[str]:
        theirs = Counter(
            (trade.uuid if venue == "upbit" else str(trade.number), trade.price, trade.size, trade.fee)
            for trade in trades
        )
        fills = [fill for order in self.keeper.orders for fill in order.fills] + list(self.keeper.strangers)
        mine = Counter(
            (fill.trade_id, fill.price, fill.size, fill.fee) for fill in fills if fill.venue == venue
        )
        lost, doubled = theirs - mine, mine - theirs
        return [f"{venue}: lost {fill}" for fill in lost] + [f"{venue}: invented {fill}" for fill in doubled]

    def naked_s(self, legs: tuple[str, str], since_ms: int) -> float:
        """Return for how long a lot or more stood on one side, by the exchange's own stamps."""
        lot = Decimal("0.001")
        changes = []
        truth = self.exchange.ledger()
        for venue in legs:
            base = "BTC"
            for trade in truth[venue]["fills"]:
                if trade.ts_ms >= since_ms and trade.client_id in self.paired:
                    signed = trade.size if str(trade.side).lower() in ("buy", "bid") else -trade.size
                    changes.append((trade.ts_ms, signed - (trade.fee if trade.fee_asset == base else 0)))
        exposure, worst, began = Decimal(0), 0, None
        for ts, change in sorted(changes):
            exposure += change
            if abs(exposure) < lot:
                worst = max(worst, ts - began) if began is not None else worst
                began = None
            elif began is None:
                began = ts
        return (max(worst, sorted(changes)[-1][0] - began) if began is not None else worst) / 1e3

    paired: frozenset[str] = frozenset()


async def run_case(case: Case, venue: str, runs: int, folder: Path, seed: int = 0) -> Outcome:
    """Run one case on a fresh exchange and return what it came to."""
    outcome, chance = Outcome(case.label, venue), random.Random(f"{seed} {case.label} {venue}")
    began = time.perf_counter()
    async with World(folder) as world:
        for _ in range(runs):
            await _one_run(world, case, venue, chance, outcome)
        keeper, exchange = world.keeper, world.exchange
        outcome.orders = sum(order.code != "below_minimum" for order in keeper.orders)
        outcome.sent = sum(exchange.venues[name].requests["submit"] for name in SYMBOLS)
        outcome.fills = sum(len(order.fills) for order in keeper.orders)
        outcome.doubts = sum(order.doubts > 0 for order in keeper.orders)
        outcome.rejected = sum(order.state == "rejected" for order in keeper.orders)
        outcome.late = sum(order.late_fills for order in keeper.orders)
        outcome.struck = exchange.faults.hits[venue, case.name]
    outcome.seconds = time.perf_counter() - began
    return outcome


async def _one_run(world: World, case: Case, venue: str, chance: random.Random, outcome: Outcome) -> None:
    legs = (venue, PARTNER[venue])
    execution = chance.choice(["together", "lead_a", "lead_b"])
    executor = world.executor(execution, chance.choice(["hedge", "flatten"]))
    world.show()
    buying = chance.random() < 0.5
    sides = (OrderSide.BUY, OrderSide.SELL) if buying else (OrderSide.SELL, OrderSide.BUY)
    plans = [
        LegPlan(venue=leg, symbol=SYMBOLS[leg], side=side) for leg, side in zip(legs, sides, strict=True)
    ]
    size = Decimal(chance.randrange(10, 90)) / 1000 + Decimal(chance.randrange(10**5)) / 10**8
    intent = PairIntent(name="BTC", a=plans[0], b=plans[1], size=size)
    once = case.name != CRASH and FAULTS[case.name].once
    since = world.exchange.clock.now_ns() // 10**6
    for name, options in case.also:
        world.exchange.faults.on(name, venue=venue, **options)
    if not once and case.name != CRASH:
        world.exchange.faults.on(case.name, venue=venue, **case.options)
    pair = asyncio.create_task(executor.run(intent))
    if case.name == CRASH:
        await asyncio.sleep(chance.random() * 0.02)
        await world.crash(pair, torn=chance.random() < 0.5)
        await _compare(world, executor, outcome)
        return
    if once:
        await asyncio.sleep(chance.random() * 0.02)
        world.exchange.faults.on(case.name, venue=venue, **case.options)
    if not (await asyncio.wait({pair}, timeout=_PATIENCE_S))[0]:
        # What a venue never takes is tried until it does: the fault ends first.
        world.exchange.faults.off()
    result = await pair
    world.paired = frozenset(order.client_id for leg in (result.a, result.b) for order in leg.orders)
    # Where the fault is in a venue's clock its stamps cannot be compared with the other's.
    by_stamps = FAULTS[case.name].scope != "clock"
    outcome.worst_known_s = max(outcome.worst_known_s, result.worst_naked_s)
    naked_s = world.naked_s(legs, since) if by_stamps else result.worst_naked_s
    outcome.worst_naked_s = max(outcome.worst_naked_s, naked_s)
    await world.rest_and_cancel(venue)
    world.exchange.faults.off()
    outcome.actions[result.action] += 1
    await _compare(world, executor, outcome)


async def _compare(world: World, executor: PairExecutor, outcome: Outcome) -> None:
    """Settle everything, sell off, and note how the books differ."""
    outcome.runs += 1
    if not await world.settled():
        outcome.wrong.append(f"{len(world.keeper.open)} orders not settled")
    await executor.close()
    await world.sell_off()
    await world.settled()
    outcome.wrong += [text for text in world.differences() if text not in outcome.wrong]


def options(name: str, about: str, venues: Iterable[str]) -> argparse.ArgumentParser:
    """Return the options that a table of faults is made with."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=about.partition("\n")[0]
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of each fault on each venue")
    parser.add_argument("--only", nargs="*", default=(), help="names of faults")
    parser.add_argument("--venue", nargs="*", default=(), choices=tuple(venues))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", action="store_true", help="put the table into docs/faults.md")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return 1 where a run did not end equal."""
    parser = options("faults", __doc__, SYMBOLS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    outcomes = []
    for case, venue in cases(given.only, given.venue):
        with tempfile.TemporaryDirectory() as folder:
            outcome = asyncio.run(run_case(case, venue, given.runs, Path(folder), given.seed))
        outcomes.append(outcome)
        sys.stderr.write(f"{outcome.row()} {outcome.seconds:.1f} s\n")
        for text in outcome.wrong[:5]:
            sys.stderr.write(f"    {text}\n")
    text = table([outcome.row() for outcome in outcomes])
    command = f"`python -m benchmarks.faults --runs {given.runs} --seed {given.seed} --page`"
    equal = sum(outcome.equal for outcome in outcomes)
    runs = sum(outcome.runs for outcome in outcomes)
    text = (
        f"\n{command}: {runs} runs, {equal} of {len(outcomes)} rows equal; "
        f"deadline {DEADLINE_S} s.\n\n{text}\n\n"
    )
    sys.stdout.write(text)
    if given.json:
        given.json.write_text(
            json.dumps([{**outcome.row(), "wrong": outcome.wrong} for outcome in outcomes], indent=1)
        )
    if given.page:
        replace_section(PAGE, "faults", text)
    return 0 if all(outcome.equal for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
