"""Orders that are sent once and asked about until the venue has answered.

The keeper writes what it wants before a request leaves, sends the request a single time, and then believes
nothing but what the venue says when asked: an order is over when the venue calls it ended and every fill that
it names is here. Fills count by the venue's own trade id, whichever way they come: with the answer, on the
private stream, late, or twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from arbkit.errors import ConfigError, nearest_names
from arbkit.venues.ids import check_stem, unique_run
from arbkit.venues.intents import Intent, IntentLog, SharedSync, fill_fields, intent_fields
from arbkit.venues.ledger import Ledger, net_base
from arbkit.venues.protocol import (
    Fill,
    Instrument,
    OrderRejectedError,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderUnknownError,
    TradingClient,
    VenueError,
)
from arbkit.venues.seen import KEPT_NS, SeenFills

__all__ = ["Order", "OrderKeeper", "OrderState"]

_PAUSES_S: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
#: Longest pause between two questions while it is not known whether an order was placed.
_DOUBT_PAUSE_S: Final = 0.5
_DEFAULT_ARRIVAL_S: Final = 10.0
_LEAST_ABSENCES: Final = 3
#: Answers that name fewer fills than are here, before they are called wrong.
_MOST_CONTRADICTIONS: Final = 5
#: Binance forgets an order without fills after three days.
_FORGOTTEN_S: Final = 3 * 86_400.0
_STRANGERS: Final = 1000
_ZERO: Final = Decimal(0)


class OrderState(StrEnum):
    """What is known of an order."""

    WORKING = "working"  # the venue has it
    DOUBT = "doubt"  # it may or may not have it
    ENDED = "ended"  # it is over, and every fill is here
    REJECTED = "rejected"  # it was never placed


class Order:
    """One order, from intent to the last fill. Times are ns of the keeper's clock, 0 where not yet.

    Attributes:
        code, reason: the venue's own code and text where it refused, or why there was a doubt.
        doubts: how often what the venue said could not be trusted.
        late_fills: fills that came after the order was thought to be over.
        arrivals: when each fill became known, by trade id.
    """

    def __init__(self, venue: str, request: OrderRequest, sent_ns: int) -> None:
        self.venue = venue
        self.request = request
        self.state = OrderState.DOUBT
        self.code = ""
        self.reason = ""
        self.order_id = ""
        self.sent_ns = sent_ns
        self.answered_ns = 0
        self.first_fill_ns = 0
        self.settled_ns = 0
        self.doubts = 0
        self.late_fills = 0
        self.arrivals: dict[str, int] = {}
        self._fills: dict[str, Fill] = {}
        self._net = 0, "", _ZERO
        self._final: OrderReport | None = None
        self._known = False  # whether the venue has ever named it
        self._contradictions = 0
        self._changed = asyncio.Event()
        self._over = asyncio.Event()

    def __repr__(self) -> str:
        size = self.request.size if self.request.size is not None else self.request.quote_amount
        return (
            f"Order({self.client_id} {self.venue} {self.request.symbol} {self.request.side} {size}: "
            f"{self.state}, filled {self.filled})"
        )

    @property
    def client_id(self) -> str:
        """The id under which the venue is asked."""
        return self.request.client_id

    @property
    def fills(self) -> tuple[Fill, ...]:
        """What was executed, each once, in the order in which it became known."""
        return tuple(self._fills.values())

    @property
    def filled(self) -> Decimal:
        """Base units executed, fees not taken off."""
        return sum((fill.size for fill in self._fills.values()), _ZERO)

    @property
    def average_price(self) -> Decimal | None:
        """Mean price of the fills by size."""
        size = self.filled
        return sum((fill.size * fill.price for fill in self._fills.values()), _ZERO) / size if size else None

    @property
    def fees(self) -> dict[str, Decimal]:
        """What was paid, by asset."""
        paid: dict[str, Decimal] = {}
        for fill in self._fills.values():
            paid[fill.fee_asset] = paid.get(fill.fee_asset, _ZERO) + fill.fee
        return paid

    @property
    def is_settled(self) -> bool:
        """Whether it is over and every fill is here."""
        return self._over.is_set()

    def net_base(self, base: str) -> Decimal:
        """Return by how much it has changed the holding of a coin: signed, a fee in it taken off."""
        if self._net[:2] != (len(self._fills), base):
            net = sum((net_base(fill, base) for fill in self._fills.values()), _ZERO)
            self._net = len(self._fills), base, net
        return self._net[2]


class OrderKeeper:
    """Sends orders and keeps track of them; an `AccountSink` for the private streams.

    Args:
        clients: by venue.
        log: where intents, fills and ends are written.
        prefix: first part of the client ids, letters and digits.
        run: second part; must never have been used with these accounts. By default made from the time.
        clock: nanoseconds since the epoch.
        on_fill: called with each fill the first time it is seen.
        on_end: called with each order that is over.
        on_event: called with venue, kind and detail of what else the private streams bring.
        grace_s: for how long, after its latest arrival, an order must be unknown to the venue to count as
            never placed.

    Orders that have been over for five minutes leave memory, and so do the trade ids of fills that old: what
    a venue sends of those later is looked for in the log.

    Attributes:
        count: how many orders there were.
        ledger: what all fills have changed.
    """

    def __init__(
        self,
        clients: Mapping[str, TradingClient],
        log: IntentLog,
        *,
        prefix: str = "ab",
        run: str | None = None,
        clock: Callable[[], int] = time.time_ns,
        on_fill: Callable[[Order | None, Fill], None] | None = None,
        on_end: Callable[[Order], None] | None = None,
        on_event: Callable[[str, str, Mapping[str, Any]], None] | None = None,
        grace_s: float = 2.0,
    ) -> None:
        self._clients = dict(clients)
        self._log = log
        self._disk = SharedSync(log.sync)
        self._clock = clock
        self._on_fill, self._on_end, self._on_event = on_fill, on_end, on_event
        self._grace_s = grace_s
        self._stem = f"{prefix}-{run or unique_run(clock())}"
        check_stem(self._stem)
        self._prefix = f"{prefix}-"
        self._number = 0
        self._orders: dict[str, Order] = {}
        self._by_venue_id: dict[tuple[str, str], Order] = {}
        self._open: dict[str, Order] = {}
        self._over: deque[Order] = deque()
        self._seen = SeenFills(log.has_fill)
        self._strangers: deque[Fill] = deque(maxlen=_STRANGERS)
        self._instruments: dict[str, Mapping[str, Instrument]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._recovering: asyncio.Event | None = None
        self.count = 0
        self.ledger = Ledger()

    # What a runner uses.

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that are open or have not been over for long, oldest first."""
        return tuple(self._orders.values())

    @property
    def open(self) -> tuple[Order, ...]:
        """Orders that are not over."""
        return tuple(self._open.values())

    @property
    def strangers(self) -> tuple[Fill, ...]:
        """The latest fills of orders that are none of this keeper's: made by hand, or in a liquidation."""
        return tuple(self._strangers)

    def find(self, client_id: str) -> Order | None:
        """Return an order by its client id, None where there is none or it has long been over."""
        return self._orders.get(client_id)

    def owner(self, fill: Fill) -> Order | None:
        """Return the order of a fill, None where it is none of this keeper's."""
        return self._orders.get(fill.client_id) or self._by_venue_id.get((fill.venue, fill.order_id))

    def has_counted(self, fill: Fill) -> bool:
        """Tell whether a fill has come before, in the last minutes."""
        return fill in self._seen

    def instrument(self, venue: str, symbol: str) -> Instrument | None:
        """Return an instrument as read by `start`, None where the venue has none of that name."""
        return self._instruments.get(venue, {}).get(symbol)

    def client(self, venue: str) -> TradingClient:
        """Return the client of a venue.

        Raises:
            ConfigError: when there is none.
        """
        if venue not in self._clients:
            raise ConfigError(f"there is no client of {venue!r}; {nearest_names(venue, self._clients)}")
        return self._clients[venue]

    def new_id(self) -> str:
        """Return a client id that was never used: prefix, run and number."""
        self._number += 1
        return f"{self._stem}-{self._number}"

    async def start(self) -> None:
        """Read the instruments, whose coins and kinds the ledger needs."""
        for venue, client in self._clients.items():
            if venue not in self._instruments:
                self._instruments[venue] = await client.instruments()

    async def submit(self, venue: str, request: OrderRequest) -> Order:
        """Write the intent, send the order once, and return it as it then stands.

        What the venue said is in the order: `REJECTED` with its code, `DOUBT` where nothing can be trusted
        (it is being asked), `WORKING` or `ENDED`.

        Raises:
            ConfigError: when the venue is unknown or the client id was used.
        """
        client = self.client(venue)
        if self._recovering is not None:
            await self._recovering.wait()
        await self.start()
        if not request.client_id:
            request = msgspec.structs.replace(request, client_id=self.new_id())
        if request.client_id in self._orders:
            raise ConfigError(f"a client id is used once, was used before: {request.client_id}")
        order = Order(venue, request, self._clock())
        try:
            order.request = client.rounded(request)
        except OrderRejectedError as error:
            self._keep(order)
            self._reject(order, error.code, str(error))
            return order
        self._log.append("intent", **intent_fields(venue, order.request, order.sent_ns))
        self._keep(order)
        try:
            if not client.simulated:
                await self._disk.wait()
        except BaseException:
            self._reject(order, "never_sent", "it was called off before it was sent")
            raise
        await self._send(order, client)
        return order

    async def _send(self, order: Order, client: TradingClient) -> None:
        order.sent_ns = self._clock()
        try:
            report = await client.submit(order.request)
        except OrderRejectedError as error:
            order.answered_ns = self._clock()
            self._reject(order, error.code, str(error))
            return
        except OrderUnknownError as error:
            self._doubt(order, error.code, str(error))
        except BaseException as error:
            # Cancelled on the way, or something that no client should raise: it may have been placed.
            self._doubt(order, "interrupted", type(error).__name__)
            self._ask_about(order)
            raise
        else:
            order.answered_ns = self._clock()
            self._take(order, report)
        if not order.is_settled:
            self._ask_about(order)

    async def on_disk(self) -> None:
        """Return once all that was appended to the log before this call would survive a crash."""
        await self._disk.wait()

    async def settle(self, order: Order, timeout_s: float | None = None) -> bool:
        """Wait until the order is over and every fill is here; False where that took too long."""
        # Not `wait_for`: before Python 3.12 it may lose a cancellation.
        try:
            async with asyncio.timeout(timeout_s):
                await order._over.wait()
        except TimeoutError:
            return order.is_settled
        return True

    async def settle_any(self, orders: Sequence[Order], timeout_s: float) -> None:
        """Wait until one of these is over, or so long."""
        waits = [asyncio.create_task(order._over.wait()) for order in orders]
        if not waits:
            await asyncio.sleep(timeout_s)
            return
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def cancel(self, order: Order) -> None:
        """Ask the venue to cancel. It may have been filled meanwhile: `settle` tells."""
        if order.is_settled:
            return
        self._log.append("cancel", client_id=order.client_id, venue=order.venue)
        try:
            await self.client(order.venue).cancel(order.request.symbol, order.client_id)
        except VenueError as error:
            order.doubts += 1
            order.reason = str(error)
        order._changed.set()

    async def recover(self, intents: Iterable[Intent], fills: Iterable[Fill] = ()) -> tuple[Order, ...]:
        """Take over the orders of an earlier life and ask the venues about all that were open.

        Until this is done no order is sent. Fills that were written are counted, those that were missed are
        fetched.

        Returns:
            the orders that were open.
        """
        self._recovering = asyncio.Event()
        try:
            await self.start()
            restored = [self._restore(intent) for intent in intents]
            for fill in fills:
                self._count(fill, journal=False)
            opened = [order for order, ended in restored if not ended]
            for order, ended in restored:
                if ended:
                    state = OrderState.ENDED if order.filled else OrderState(ended)
                    self._close(order, state, journal=False)
                else:
                    self._ask_about(order)
            await asyncio.gather(*(order._over.wait() for order in opened))
            return tuple(opened)
        finally:
            self._recovering.set()
            self._recovering = None

    def _restore(self, intent: Intent) -> tuple[Order, str]:
        order = Order(intent.venue, intent.request, intent.ts)
        self._keep(order)
        if not intent.ended:
            self._doubt(order, "recovered", "its end was not written")
        return order, intent.ended

    async def close(self) -> None:
        """Stop asking. Orders in doubt stay open in the log, for `recover`."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What the private streams bring.

    def on_fill(self, fill: Fill) -> None:
        """Take an execution; the same one may come again."""
        self._count(fill)

    def on_order(self, report: OrderReport) -> None:
        """Take an order's new state."""
        order = self._orders.get(report.client_id) or self._by_venue_id.get((report.venue, report.order_id))
        if order is not None:
            self._take(order, report)

    def on_account(self, venue: str, what: str, detail: Mapping[str, Any]) -> None:
        """Take anything else; a new connection makes every open order be asked about at once."""
        if what == "reconnected":
            for order in self.open:
                if order.venue == venue:
                    order._changed.set()
        if self._on_event is not None:
            self._on_event(venue, what, detail)

    # How an order comes to its end.

    def _take(self, order: Order, report: OrderReport) -> None:
        """Take what the venue says of an order, from wherever."""
        order._known = True
        if report.order_id and not order.order_id:
            order.order_id = report.order_id
            self._by_venue_id[order.venue, report.order_id] = order
        if order.state is OrderState.DOUBT:
            order.state = OrderState.WORKING
        for fill in report.fills:
            self._count(fill, order)
        if report.status is OrderStatus.REJECTED and not order.filled:
            self._reject(order, "rejected", "the venue has rejected it after taking it")
        elif report.is_final:
            order._final = report
        self._end_if_complete(order)
        order._changed.set()

    def _end_if_complete(self, order: Order) -> None:
        if order.is_settled or order._final is None or order._final.filled != order.filled:
            return
        self._close(order, OrderState.ENDED)

    def _count(self, fill: Fill, order: Order | None = None, *, journal: bool = True) -> None:
        order = order or self.owner(fill)
        if order is not None and fill.trade_id in order._fills:
            return
        if not self._seen.add(fill, self._clock(), from_log=not journal):
            return
        self.ledger.apply(fill, self._instrument(fill))
        if journal:
            self._log.append("fill", **fill_fields(fill))
        if order is None:
            if journal or not fill.client_id.startswith(self._prefix):
                self._strangers.append(fill)  # of one's own an order that was over is not taken up again
        else:
            self._give(order, fill)
        if self._on_fill is not None and journal:
            self._on_fill(order, fill)

    def _keep(self, order: Order) -> None:
        self._orders[order.client_id] = self._open[order.client_id] = order
        self.count += 1

    def _forget(self) -> None:
        """Let go of orders that have long been over, and of the trade ids of fills that old."""
        before = self._clock() - KEPT_NS
        while self._over and self._over[0].settled_ns < before:
            order = self._over.popleft()
            self._orders.pop(order.client_id, None)
            self._by_venue_id.pop((order.venue, order.order_id), None)
        self._seen.forget(before)

    def _give(self, order: Order, fill: Fill) -> None:
        order._fills[fill.trade_id] = fill
        order._known = True
        order.arrivals[fill.trade_id] = self._clock()
        order.first_fill_ns = order.first_fill_ns or order.arrivals[fill.trade_id]
        if order.is_settled:
            order.late_fills += 1
            order.state = OrderState.ENDED
        else:
            self._end_if_complete(order)
        order._changed.set()

    def _instrument(self, fill: Fill) -> Instrument:
        known = self._instruments.get(fill.venue, {}).get(fill.symbol)
        if known is not None:
            return known
        quote, _, base = fill.symbol.partition("-")
        return Instrument(venue=fill.venue, symbol=fill.symbol, base=base or fill.symbol, quote=quote)

    def _reject(self, order: Order, code: str, reason: str) -> None:
        order.code, order.reason = code, reason
        self._close(order, OrderState.REJECTED)

    def _doubt(self, order: Order, code: str, reason: str) -> None:
        order.doubts += 1
        if order.is_settled:
            return  # the private stream was faster than the answer that did not come
        order.code, order.reason = code, reason
        self._log.append(
            "order", client_id=order.client_id, venue=order.venue, state="doubt", code=code, reason=reason
        )

    def _close(self, order: Order, state: OrderState, *, journal: bool = True) -> None:
        if order.is_settled:
            return
        order.state = state
        order.settled_ns = self._clock()
        self._open.pop(order.client_id, None)
        self._over.append(order)
        self._forget()
        if journal:
            self._log.append(
                "order_end", client_id=order.client_id, venue=order.venue, order_id=order.order_id,
                state=state.value, filled=str(order.filled), code=order.code, reason=order.reason,
            )  # fmt: skip
        order._over.set()
        order._changed.set()
        if self._on_end is not None and journal:
            self._on_end(order)

    def _ask_about(self, order: Order) -> None:
        task = asyncio.get_running_loop().create_task(self._ask_until_settled(order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_until_settled(self, order: Order) -> None:
        client = self.client(order.venue)
        absent_since: float | None = None
        absences = asked = 0
        while not order.is_settled:
            wait = _PAUSES_S[min(asked, len(_PAUSES_S) - 1)]
            await self._pause(order, min(wait, _DOUBT_PAUSE_S) if order.state is OrderState.DOUBT else wait)
            if order._over.is_set():
                return
            asked += 1
            try:
                report = await client.query(order.request.symbol, order.client_id)
            except VenueError as error:
                order.doubts += 1
                order.reason = order.reason or str(error)
                if error.retry_after_s:
                    await self._pause(order, error.retry_after_s)
                continue
            if report is not None:
                absent_since, absences = None, 0
                self._take(order, report)
                self._contradict(order, report)
            elif self._may_be_gone(order):
                absences += 1
                now = asyncio.get_running_loop().time()
                absent_since = now if absent_since is None else absent_since
                if absences >= _LEAST_ABSENCES and now - absent_since >= self._grace_s:
                    self._reject(order, "never_placed", f"the venue does not know it, after {order.code}")

    async def _pause(self, order: Order, seconds: float) -> None:
        """Wait so long, or until something is heard of the order."""
        order._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await order._changed.wait()
        except TimeoutError:
            return

    def _may_be_gone(self, order: Order) -> bool:
        """Whether "no such order" can mean that there never will be one.

        Not while the request may still arrive; and an order that the venue has named is there, even if it
        does not show for a while, until the venue forgets orders without fills.
        """
        age_s = (self._clock() - order.sent_ns) / 1e9
        if order._known:
            return age_s > _FORGOTTEN_S and not order.filled
        return age_s > float(getattr(self.client(order.venue), "latest_arrival_s", _DEFAULT_ARRIVAL_S))

    def _contradict(self, order: Order, report: OrderReport) -> None:
        """End an order for which the venue goes on to name fewer fills than it has sent."""
        if order.is_settled or not report.is_final or report.filled >= order.filled:
            order._contradictions = 0
            return
        order._contradictions += 1
        if order._contradictions >= _MOST_CONTRADICTIONS:
            order.code, order.reason = (
                "overfilled",
                f"fills of {order.filled}, the venue says {report.filled}",
            )
            self._close(order, OrderState.ENDED)
