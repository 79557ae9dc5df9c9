"""Two legs that belong together, on two venues that know nothing of each other.

Both at once, or the one whose filled quantity is uncertain first, then as much of the other as was filled.
What remains open is hedged: at first within the slippage allowed, after a deadline at whatever the books
give, on the leg that lacks (`hedge`) or by undoing the one that has too much (`flatten`). It is tried until
it works, ever more rarely, and told when it takes long. What is too small to be traded is carried into the
next pair of orders.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from arbkit.errors import ConfigError
from arbkit.venues.grid import common_lot, round_down
from arbkit.venues.orders import Order, OrderKeeper, OrderState
from arbkit.venues.protocol import (
    BookEvent,
    Instrument,
    OrderRequest,
    OrderSide,
    TimeInForce,
)

__all__ = ["EXECUTIONS", "LegPlan", "LegResult", "PairExecutor", "PairIntent", "PairResult", "worst_naked_ns"]

Books = Callable[[str, str], BookEvent | None]
Told = Callable[[str, str, Decimal], None]
Execution = Literal["together", "lead_a", "lead_b"]
EXECUTIONS: Final = ("together", "lead_a", "lead_b")
_ZERO: Final = Decimal(0)
_BPS: Final = Decimal(10_000)
_RETRY_S: Final = 0.1
#: So many orders in a row may come to nothing before the pause doubles with each.
_QUICK_TRIES: Final = 4
#: Longest pause between two tries, before the alarm and after it.
_MOST_PAUSE_S: Final = (1.0, 15.0)
#: Longest wait for an order before the books are looked at again.
_LOOK_S: Final = 0.5
#: How long an order after the deadline is waited for before the other leg is tried.
_LATE_WAIT_S: Final = 0.5
_MOST_REFUSALS: Final = 2
_REMEMBERED: Final = 64


class LegPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one leg does; `limit` is the worst price that the rules accept, None for the slippage alone."""

    venue: str
    symbol: str
    side: OrderSide
    reduce_only: bool = False
    limit: Decimal | None = None


class PairIntent(msgspec.Struct, frozen=True, kw_only=True):
    """An entry or an exit: two legs of opposite sides, a size in base units; size 0 only hedges the rest."""

    name: str
    a: LegPlan
    b: LegPlan
    size: Decimal


class LegResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one leg.

    Attributes:
        orders: in the order in which they were sent.
        filled: base units filled in the leg's own direction, less what was undone.
        net: signed change of the holding, fees in the coin taken off.
        average_price: of what was filled in the leg's own direction.
        cash: signed change of the quote currency by all fills, fees not counted.
        fees: by asset.
    """

    orders: tuple[Order, ...]
    filled: Decimal
    net: Decimal
    average_price: Decimal | None
    cash: Decimal
    fees: Mapping[str, Decimal]


class PairResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of both.

    Attributes:
        residual: signed base units that stay open, below what can be traded.
        exposures: (ns, signed base units) after each fill, in the order in which fills became known; first
            what was open before, if anything was.
        worst_naked_s: longest time for which a tradable size was open on one side alone.
        action: `none` (nothing was sent), `done`, `hedged` or `flattened` (after the deadline).
        reasons: codes of what went wrong, in order.
    """

    name: str
    a: LegResult
    b: LegResult
    residual: Decimal
    exposures: tuple[tuple[int, Decimal], ...]
    worst_naked_s: float
    action: str
    reasons: tuple[str, ...]


class _Account:
    """What is open of one pair: the orders of late and what came before them."""

    def __init__(self) -> None:
        self.folded = _ZERO
        #: The leg whose venue was the last to refuse an order, until it fills one: it goes first.
        self.wary: int | None = None
        self.orders: deque[tuple[Order, str]] = deque()

    def exposure(self) -> Decimal:
        return self.folded + sum((order.net_base(base) for order, base in self.orders), _ZERO)

    def add(self, order: Order, base: str) -> None:
        self.orders.append((order, base))
        while len(self.orders) > _REMEMBERED and self.orders[0][0].is_settled:
            old, coin = self.orders.popleft()
            self.folded += old.net_base(coin)


class _Run:
    """One intent on its way."""

    def __init__(
        self, intent: PairIntent, instruments: tuple[Instrument, Instrument], account: _Account, now: int
    ) -> None:
        self.intent = intent
        self.began = now
        self.plans = (intent.a, intent.b)
        self.instruments = instruments
        self.account = account
        self.before = account.exposure()
        self.orders: tuple[list[Order], list[Order]] = ([], [])
        self.refusals = [0, 0]
        self.reasons: list[str] = []
        self.late = ""
        self.fruitless = 0
        self.alarm = ""
        self.noted: set[str] = set()
        self.taken: set[str] = set()
        self.lot = common_lot(instruments[0].lot, instruments[1].lot)

    def pending(self) -> list[Order]:
        return [order for order, _ in self.account.orders if not order.is_settled]

    def waits_on(self, leg: int) -> bool:
        """Whether a venue has not said yet what became of an order: another might trade the size twice."""
        own = (self.plans[leg].venue, self.plans[leg].symbol)
        return any((order.venue, order.request.symbol) == own for order in self.pending())

    def suspicion(self, leg: int) -> int:
        """Return how often a venue has refused in a row, where that is more than chance."""
        return self.refusals[leg] if self.refusals[leg] >= _MOST_REFUSALS else 0

    def timeline(self) -> list[tuple[int, Decimal]]:
        changes: list[tuple[int, Decimal]] = []
        for leg in (0, 1):
            base = self.instruments[leg].base
            for order in self.orders[leg]:
                for fill in order.fills:
                    signed = fill.size if fill.side is OrderSide.BUY else -fill.size
                    paid = fill.fee if fill.fee_asset == base else _ZERO
                    changes.append((order.arrivals[fill.trade_id], signed - paid))
        exposure, line = self.before, [(self.began, self.before)] if self.before else []
        for ts, change in sorted(changes, key=lambda entry: entry[0]):
            exposure += change
            line.append((ts, exposure))
        return line


class PairExecutor:
    """Sends pairs of orders and leaves nothing open that could be traded.

    Args:
        keeper: sends and keeps the orders.
        book: returns the last usable book of (venue, symbol), None where there is none.
        max_slip_bps: how far through the top of the book an order may go.
        deadline_s: how long a tradable size may be open on one side before any price is taken.
        execution: `together`, or which leg leads: the one whose filled quantity is uncertain.
        on_naked: after the deadline, `hedge` on the leg that lacks or `flatten` the other.
        naked_slip_bps: how far through the book orders go after the deadline.
        alarm_s: how long a pair may take before it is told, and tried more rarely from then on.
        told: called with the pair, `unhedged` (something tradable is open) or `order_in_doubt` (a venue does
            not say what became of an order), and what is open, whenever that changes after `alarm_s`.
        clock: nanoseconds since the epoch.

    Raises:
        ConfigError: when an argument breaks its rule.
    """

    def __init__(
        self,
        keeper: OrderKeeper,
        book: Books,
        *,
        max_slip_bps: float,
        deadline_s: float = 2.0,
        execution: str = "together",
        on_naked: str = "hedge",
        naked_slip_bps: float = 100.0,
        alarm_s: float = 60.0,
        told: Told | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        if execution not in EXECUTIONS:
            raise ConfigError(f"`execution` must be one of {', '.join(EXECUTIONS)}, was {execution!r}")
        if on_naked not in ("hedge", "flatten"):
            raise ConfigError(f"`on_naked` must be hedge or flatten, was {on_naked!r}")
        if not (max_slip_bps >= 0 and naked_slip_bps >= max_slip_bps):
            raise ConfigError(
                "`max_slip_bps` must be at least 0 and at most `naked_slip_bps`, "
                f"was max_slip_bps={max_slip_bps}, naked_slip_bps={naked_slip_bps}"
            )
        if not 0 < deadline_s <= alarm_s:
            raise ConfigError(
                f"`deadline_s` must be above 0 and at most `alarm_s`, was deadline_s={deadline_s}, "
                f"alarm_s={alarm_s}"
            )
        self._keeper, self._book, self._clock = keeper, book, clock
        self._slip, self._naked_slip = Decimal(str(max_slip_bps)), Decimal(str(naked_slip_bps))
        self._deadline_s, self._alarm_s, self._told = deadline_s, alarm_s, told
        self._grace_ns = round(min(_LATE_WAIT_S, deadline_s / 2) * 1e9)
        self._execution, self._on_naked = execution, on_naked
        self._accounts: dict[str, _Account] = {}
        self._sending: set[asyncio.Task[Order]] = set()
        self.counts: Counter[str] = Counter()
        #: What is told of pairs that take long, by name.
        self.alarms: dict[str, str] = {}

    async def close(self) -> None:
        """Wait for the answers to requests that are on their way."""
        await asyncio.gather(*self._sending, return_exceptions=True)

    def exposure(self, name: str) -> Decimal:
        """Return what is open on one side of a pair, signed base units."""
        return self._account(name).exposure()

    def carry(self, name: str, residual: Decimal) -> None:
        """Begin with what an earlier life left open."""
        self._account(name).folded += residual

    def _account(self, name: str) -> _Account:
        return self._accounts.setdefault(name, _Account())

    async def run(self, intent: PairIntent) -> PairResult:
        """Send both legs and come back when nothing tradable is open on one side and no order is in doubt.

        Raises:
            ConfigError: when the legs do not have opposite sides, or an instrument is unknown.
        """
        if intent.a.side is intent.b.side:
            raise ConfigError(f"two legs must have opposite sides, both were {intent.a.side}")
        await self._keeper.start()
        instruments = (self._instrument(intent.a), self._instrument(intent.b))
        run = _Run(intent, instruments, self._account(intent.name), self._clock())
        self.counts["runs"] += 1
        size = self._size(run)
        if size:
            await self._open(run, size)
        elif intent.size:
            return self._result(run, "none")
        try:
            action = await self._level(run)
        finally:
            self.alarms.pop(intent.name, None)
        return self._result(run, action)

    def _instrument(self, plan: LegPlan) -> Instrument:
        instrument = self._keeper.instrument(plan.venue, plan.symbol)
        if instrument is None:
            raise ConfigError(f"{plan.venue} has no instrument {plan.symbol!r}")
        return instrument

    # The first orders.

    def _size(self, run: _Run) -> Decimal:
        """Return the size on the coarser grid, 0 where one leg would be below its venue's minimum."""
        size = round_down(run.intent.size, run.lot)
        if size <= 0:
            if run.intent.size:
                run.reasons.append("below_lot")
            return _ZERO
        for leg in (0, 1):
            price = self._price(run, leg, run.plans[leg].side, self._slip)
            if price is None:
                run.reasons.append(f"no_book:{'ab'[leg]}")
                return _ZERO
            if not self._takes(run, leg, size, price, run.plans[leg].reduce_only):
                run.reasons.append(f"below_minimum:{'ab'[leg]}")
                return _ZERO
        return size

    def _takes(self, run: _Run, leg: int, size: Decimal, price: Decimal, reduce_only: bool = False) -> bool:
        """Whether the venue of a leg takes an order of this size."""
        instrument = run.instruments[leg]
        if size <= 0 or size < instrument.min_size or size < instrument.lot:
            return False
        exempt = reduce_only and instrument.kind != "spot"
        return exempt or size * price >= instrument.min_notional

    async def _open(self, run: _Run, size: Decimal) -> None:
        """Send the first order or orders; what earlier pairs left over is taken off the second leg."""
        lead = run.account.wary
        if lead is None and self._execution != "together":
            lead = 0 if self._execution == "lead_a" else 1
        if lead is not None:
            await self._send(run, lead, size, self._slip)
            return
        left = run.before if run.plans[1].side is OrderSide.SELL else -run.before
        lot = run.instruments[1].lot
        other = round_down(size + left, lot)
        price = self._price(run, 1, run.plans[1].side, self._slip)
        if price is None or not self._takes(run, 1, other, price, run.plans[1].reduce_only):
            other = size
        await asyncio.gather(self._send(run, 0, size, self._slip), self._send(run, 1, other, self._slip))

    async def _send(
        self, run: _Run, leg: int, size: Decimal, slip: Decimal, side: OrderSide | None = None
    ) -> Order | None:
        """Send one immediate limit through the book of a leg."""
        plan = run.plans[leg]
        way = side or plan.side
        price = self._price(run, leg, way, slip)
        if price is None:
            run.reasons.append(f"no_book:{'ab'[leg]}")
            return None
        request = OrderRequest(
            client_id=self._keeper.new_id(),
            symbol=plan.symbol,
            side=way,
            size=size,
            price=price,
            time_in_force=TimeInForce.IOC,
            reduce_only=plan.reduce_only and way is plan.side,
        )
        order = await self._begin(plan.venue, request)
        run.orders[leg].append(order)
        run.account.add(order, run.instruments[leg].base)
        return order

    async def _begin(self, venue: str, request: OrderRequest) -> Order:
        """Return the order once it is on its way: a late answer must not hold up the other leg."""
        task = asyncio.create_task(self._keeper.submit(venue, request))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        while (order := self._keeper.find(request.client_id)) is None and not task.done():
            await asyncio.sleep(0)
        return task.result() if order is None else order

    def _note(self, run: _Run) -> None:
        """Write down what went wrong with orders, each once."""
        for leg in (0, 1):
            for order in run.orders[leg]:
                if order.client_id in run.noted:
                    continue
                name = "ab"[leg]
                if order.state is OrderState.REJECTED:
                    run.noted.add(order.client_id)
                    run.refusals[leg] += 1
                    run.account.wary = leg
                    run.reasons.append(f"{order.code}:{name}")
                    self.counts["rejected"] += 1
                    continue
                if order.fills and order.client_id not in run.taken:
                    run.taken.add(order.client_id)
                    run.refusals[leg] = 0
                    run.account.wary = None if run.account.wary == leg else run.account.wary
                if order.is_settled and order.doubts:
                    run.noted.add(order.client_id)
                    run.reasons.append(f"doubt:{order.code}:{name}")
                    self.counts["doubts"] += 1

    def _price(self, run: _Run, leg: int, side: OrderSide, slip: Decimal) -> Decimal | None:
        """Return the limit of an order that goes so far through the book, None where there is no book."""
        plan = run.plans[leg]
        book = self._book(plan.venue, plan.symbol)
        if book is None or not book.bids or not book.asks:
            return None
        buying = side is OrderSide.BUY
        top = Decimal(repr(float(book.asks[0][0] if buying else book.bids[0][0])))
        price = top * (1 + slip / _BPS if buying else 1 - slip / _BPS)
        if plan.limit is not None and side is plan.side and slip == self._slip:
            price = min(price, plan.limit) if buying else max(price, plan.limit)
        return price if price > 0 else None

    # Until nothing is open.

    async def _level(self, run: _Run) -> str:
        """Wait for orders and hedge what is open, until nothing is, however long that takes."""
        while True:
            self._note(run)
            pending = run.pending()
            now = self._clock()
            exposure = run.account.exposure()
            legs = self._tradable(run, exposure)
            if not pending and not legs:
                return run.late or ("done" if any(run.orders) else "none")
            self._watch(run, now, exposure, "unhedged" if legs else "order_in_doubt")
            left_s = self._deadline_s - self._naked_ns(run, now) / 1e9
            # What has just been sent may fill yet: a second order beside it would trade the size twice.
            fresh_ns = max((order.sent_ns + self._grace_ns - now for order in pending), default=0)
            free = [leg for leg in legs if not run.waits_on(leg)]
            if free and (not pending or (left_s <= 0 and fresh_ns <= 0)):
                await self._reduce(run, exposure, left_s, free)
                continue
            wait_s = left_s if left_s > 0 else fresh_ns / 1e9 if fresh_ns > 0 else _LOOK_S
            await self._keeper.settle_any(pending, max(min(wait_s, _LOOK_S), 0.01))

    def _watch(self, run: _Run, now: int, exposure: Decimal, what: str) -> None:
        """Tell what keeps a pair that takes long, whenever that changes."""
        if what == run.alarm or now - run.began < self._alarm_s * 1e9:
            return
        run.alarm = self.alarms[run.intent.name] = what
        run.reasons.append(what)
        self.counts[what] += 1
        if self._told is not None:
            self._told(run.intent.name, what, exposure)

    def _naked_ns(self, run: _Run, now: int) -> int:
        """Return for how long something tradable has been open by now."""
        since: int | None = None
        for ts, exposure in run.timeline():
            if not self._tradable(run, exposure):
                since = None
            elif since is None:
                since = ts
        return 0 if since is None else now - since

    def _tradable(self, run: _Run, exposure: Decimal) -> list[int]:
        """Return the legs on which this much could be traded away: the one that lacks first.

        Less than what is a whole lot on both is none: it is carried, since undoing it costs a crossing.
        """
        if abs(exposure) < run.lot or not exposure:
            return []
        side = OrderSide.SELL if exposure > 0 else OrderSide.BUY
        found = []
        for leg in self._preference(run, side):
            size = round_down(abs(exposure), run.instruments[leg].lot)
            price = self._price(run, leg, side, self._naked_slip)
            if price is None or self._takes(run, leg, size, price):
                found.append(leg)
        return found

    def _preference(self, run: _Run, side: OrderSide) -> Sequence[int]:
        """Return both legs: the one whose own direction this is, then the one that would be undone."""
        return (0, 1) if run.plans[0].side is side else (1, 0)

    async def _reduce(self, run: _Run, exposure: Decimal, left_s: float, legs: list[int]) -> None:
        """Trade what is open away with one order; `left_s` is what is left of the deadline.

        Args:
            legs: on which that could be, the one that lacks first.
        """
        late = left_s <= 0
        side = OrderSide.SELL if exposure > 0 else OrderSide.BUY
        if late and self._on_naked == "flatten":
            legs.reverse()
        # A leg that has refused twice is left to the other one, where that can be.
        legs.sort(key=run.suspicion)
        leg = legs[0]
        late = late or run.plans[leg].side is not side
        size = round_down(abs(exposure), run.instruments[leg].lot)
        order = await self._send(run, leg, size, self._naked_slip if late else self._slip, side)
        if order is None:
            run.refusals[leg] += 1
        else:
            if late:
                self._count_late(run, "hedged" if run.plans[leg].side is side else "flattened")
            await self._keeper.settle(order, _LATE_WAIT_S if late else max(left_s, 0.0))
            if order.filled or not order.is_settled:
                run.fruitless = 0 if order.filled else run.fruitless
                return
        run.fruitless += 1
        pause = self._pause_s(run)
        await asyncio.sleep(pause if late else min(pause, max(left_s, 0.0)))

    def _count_late(self, run: _Run, kind: str) -> None:
        if not run.late:
            self.counts[kind] += 1
        run.late = kind

    def _pause_s(self, run: _Run) -> float:
        """Return how long to wait after an order that came to nothing."""
        doublings = min(max(run.fruitless - _QUICK_TRIES, 0), 16)
        return min(_RETRY_S * 2.0**doublings, _MOST_PAUSE_S[bool(run.alarm)])

    def _result(self, run: _Run, action: str) -> PairResult:
        line = run.timeline()
        worst = worst_naked_ns(line, lambda exposure: bool(self._tradable(run, exposure)), self._clock())
        if action == "none":
            self.counts[action] += 1
        return PairResult(
            name=run.intent.name,
            a=_leg_result(run, 0),
            b=_leg_result(run, 1),
            residual=run.account.exposure(),
            exposures=tuple(line),
            worst_naked_s=worst / 1e9,
            action=action,
            reasons=tuple(run.reasons),
        )


def worst_naked_ns(line: Sequence[tuple[int, Decimal]], counts: Callable[[Decimal], bool], end: int) -> int:
    """Return the longest time for which the exposure counted.

    Args:
        line: (ns, exposure from then on), in order.
        counts: whether an exposure is worth counting.
        end: ns, until when the last one lasts.
    """
    worst, since = 0, -1
    for ts, exposure in line:
        if counts(exposure):
            since = ts if since < 0 else since
        elif since >= 0:
            worst, since = max(worst, ts - since), -1
    return max(worst, end - since) if since >= 0 else worst


def _leg_result(run: _Run, leg: int) -> LegResult:
    side, base = run.plans[leg].side, run.instruments[leg].base
    fills = [fill for order in run.orders[leg] for fill in order.fills]
    own = [fill for fill in fills if fill.side is side]
    size = sum((fill.size for fill in own), _ZERO)
    fees: dict[str, Decimal] = {}
    for fill in fills:
        fees[fill.fee_asset] = fees.get(fill.fee_asset, _ZERO) + fill.fee
    signs = {OrderSide.BUY: -1, OrderSide.SELL: 1}
    return LegResult(
        orders=tuple(run.orders[leg]),
        filled=size - sum((fill.size for fill in fills if fill.side is not side), _ZERO),
        net=sum((order.net_base(base) for order in run.orders[leg]), _ZERO),
        average_price=sum((fill.size * fill.price for fill in own), _ZERO) / size if size else None,
        cash=sum((signs[fill.side] * fill.size * fill.price for fill in fills), _ZERO),
        fees=fees,
    )
