"""Orders and the matching of orders with books: exact decimals, one account per venue."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, Protocol

from arbkit.testing.books import BookState, Side
from arbkit.testing.core import Core
from arbkit.testing.listings import Listing
from arbkit.units import MS_NS

__all__ = ["Matcher", "Order", "OrderHost", "Trade"]

Kind = Literal["limit", "market", "price", "best"]
Tif = Literal["gtc", "ioc", "fok", "post_only"]
Status = Literal["new", "partial", "filled", "canceled", "expired", "rejected"]
ZERO: Final = Decimal(0)
_WORKING: Final = ("new", "partial")


@dataclass(frozen=True)
class Trade:
    """One execution, as the exchange booked it."""

    number: int
    uuid: str
    order: int
    client_id: str
    symbol: str
    side: str
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    ts_ms: int
    realized: Decimal = ZERO


@dataclass
class Order:
    """One order. `size` is None for a buy by amount, `amount` for all others; `locked` is what it holds back.

    `kind` price is Upbit's market buy for an amount, best its best-price order.
    """

    number: int
    uuid: str
    client_id: str
    symbol: str
    side: str
    kind: Kind
    tif: Tif
    created_ms: int
    price: Decimal | None = None
    size: Decimal | None = None
    amount: Decimal | None = None
    reduce_only: bool = False
    answer: str = ""
    stp: str = "NONE"
    status: Status = "new"
    updated_ms: int = 0
    filled: Decimal = ZERO
    value: Decimal = ZERO
    fee: Decimal = ZERO
    locked: Decimal = ZERO
    reserved_fee: Decimal = ZERO
    trades: list[Trade] = field(default_factory=list)
    visible_ns: int = 0

    @property
    def buys(self) -> bool:
        """Whether it buys."""
        return self.side == "buy"

    @property
    def works(self) -> bool:
        """Whether it may still be filled."""
        return self.status in _WORKING

    @property
    def remaining(self) -> Decimal:
        """What is left of the size; 0 for a buy by amount."""
        return ZERO if self.size is None else self.size - self.filled

    @property
    def average(self) -> Decimal:
        """The mean price paid, 0 without a fill."""
        return self.value / self.filled if self.filled else ZERO


class OrderHost(Protocol):
    """What the matcher needs of its venue: the account books a fill, the streams tell of it."""

    @property
    def name(self) -> str:
        """The venue."""

    core: Core
    books: dict[str, BookState]
    listings: dict[str, Listing]

    def now_ms(self) -> int:
        """Return the venue's time."""

    def show(self, book: BookState) -> None:
        """Publish a book after something was taken of it."""

    def booked(self, order: Order, price: Decimal, size: Decimal, *, maker: bool) -> Trade:
        """Book an execution and return it; `order.locked` and the account change."""

    def released(self, order: Order) -> None:
        """Give back what an ended order still held."""

    def told(self, order: Order, what: str, trade: Trade | None = None) -> None:
        """Tell the account's streams: `new`, `amended`, `trade`, `calculated`, `canceled`, `expired`."""

    def most(self, order: Order) -> Decimal | None:
        """Return the largest size that may be filled now (reduce-only), or None for no bound."""


class Matcher:
    """The orders of one account at one venue, against the books that it shows.

    A taker walks the visible levels and takes them away until the next book. What rests is filled, at its own
    price, when a later book's other side reaches it, by no more than what stands there.
    """

    def __init__(self, host: OrderHost) -> None:
        self.host = host
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self._resting: dict[str, list[Order]] = {}
        self._by_client: dict[str, list[Order]] = {}
        self._by_uuid: dict[str, Order] = {}
        self._numbers = itertools.count(10_000_001)
        self._trade_numbers = itertools.count(500_001)

    def make(self, **fields: Any) -> Order:
        """Return a new order, not yet known to anyone."""
        now = self.host.now_ms()
        return Order(
            number=next(self._numbers), uuid=str(uuid.uuid4()), created_ms=now, updated_ms=now, **fields
        )

    def place(self, order: Order) -> None:
        """Make an order known; `take` then lets it meet the book."""
        faults, clock = self.host.core.faults, self.host.core.clock
        if (hidden := faults.hit("invisible_order", self.host.name, symbol=order.symbol)) is not None:
            order.visible_ns = clock.now_ns() + int(hidden.options["ms"]) * MS_NS
        self.orders[order.number] = order
        self._by_uuid[order.uuid] = order
        self._by_client.setdefault(order.client_id, []).append(order)

    def find(self, *, number: int | None = None, client_id: str = "", uuid_of: str = "") -> Order | None:
        """Return an order by number, uuid or client id (the last of that id), unless it is invisible yet."""
        if number is not None:
            order = self.orders.get(number)
        elif uuid_of:
            order = self._by_uuid.get(uuid_of)
        else:
            order = next(reversed(self._by_client.get(client_id, [])), None)
        return order if order is not None and self.visible(order) else None

    def visible(self, order: Order) -> bool:
        """Tell whether queries find it already."""
        return self.host.core.clock.now_ns() >= order.visible_ns

    def working(self, symbol: str | None = None) -> list[Order]:
        """Return the working orders, oldest first."""
        return [order for order in self.orders.values() if order.works and symbol in (None, order.symbol, "")]

    def take(self, order: Order, *, new: bool = True) -> None:
        """Let a new order (or one that was changed) meet the book, then rest or end."""
        if not order.works:
            return
        host = self.host
        if new:
            host.told(order, "new")
        part = host.core.faults.hit("partial_fill", host.name, symbol=order.symbol)
        book, side = host.books[order.symbol], _other(order)
        reach = [level for level in book.available(side) if _reaches(order, level[0])]
        if (order.tif == "post_only" and reach) or (order.tif == "fok" and not _enough(order, reach)):
            self._end(order, "expired")
            return
        share = None if part is None else Decimal(str(part.options["share"]))
        if self._walk(order, book, side, reach, share):
            host.show(book)
        if order.size is not None and order.remaining == 0:
            return
        if order.kind == "limit" and order.tif in ("gtc", "post_only") and part is None:
            self._resting.setdefault(order.symbol, []).append(order)
        elif order.works:
            self._end(order, "expired")

    def meet(self, symbol: str) -> None:
        """Let what rests in a symbol meet a new book."""
        waiting = self._resting.get(symbol)
        if not waiting:
            return
        book, eaten = self.host.books[symbol], False
        best_first = sorted(waiting, key=_priority)
        for order in best_first:
            for price, size in book.available(_other(order)):
                if not order.works or not _reaches(order, price):
                    break
                bound = self.host.most(order)
                taken = min(size, order.remaining if bound is None else min(order.remaining, bound))
                if taken <= 0:
                    self._end(order, "expired")
                    break
                book.eat(_other(order), price, taken)
                self._fill(order, order.price or price, taken, maker=True)
                eaten = True
        self._resting[symbol] = [order for order in waiting if order.works]
        if eaten:
            self.host.show(book)

    def cancel(self, order: Order) -> bool:
        """End a working order; False when it has ended already, or is filled first by a fault."""
        if not order.works:
            return False
        host = self.host
        if host.core.faults.hit("cancel_loses", host.name, symbol=order.symbol) and order.price is not None:
            self._fill(order, order.price, order.remaining, maker=True)
            self._forget(order)
            return False
        self._forget(order)
        self._end(order, "canceled")
        return True

    def reject(self, order: Order) -> None:
        """End an order that never met the book."""
        self._end(order, "canceled")

    def liquidate(self, order: Order) -> None:
        """Let a liquidation walk the visible book to its price; the rest is taken over there."""
        self.place(order)
        self.host.told(order, "new")
        book, side = self.host.books[order.symbol], _other(order)
        if self._walk(
            order, book, side, [row for row in book.available(side) if _reaches(order, row[0])], None
        ):
            self.host.show(book)
        if order.remaining:
            self._fill(order, order.price or ZERO, order.remaining, maker=False, what="calculated")

    def amend(self, order: Order, price: Decimal, size: Decimal) -> None:
        """Change price and size of a resting order; it meets the book anew, at the end of the queue."""
        self._forget(order)
        order.price, order.size, order.updated_ms = price, size, self.host.now_ms()
        self.host.told(order, "amended")
        self.take(order, new=False)

    def force(self, order: Order, price: Decimal, size: Decimal) -> None:
        """Fill an order of the exchange itself (liquidation, ADL) at a price, whatever the book says."""
        self.place(order)
        self._fill(order, price, size, maker=False)

    def _forget(self, order: Order) -> None:
        waiting = self._resting.get(order.symbol, [])
        self._resting[order.symbol] = [item for item in waiting if item is not order]

    def _walk(
        self,
        order: Order,
        book: BookState,
        side: Side,
        reach: Iterable[tuple[Decimal, Decimal]],
        share: Decimal | None,
    ) -> bool:
        bound = self.host.most(order)
        aim = order.size if bound is None or order.size is None else min(order.size, bound)
        money, lot = order.amount, self.host.listings[order.symbol].lot
        if share is not None:
            aim = None if aim is None else aim * share // lot * lot
            money = None if money is None else money * share
        filled = False
        for price, size in reach:
            if money is not None:
                taken = min(size, (money - order.value) / price // lot * lot)
            else:
                taken = min(size, (aim or ZERO) - order.filled)
            if taken <= 0:
                break
            book.eat(side, price, taken)
            self._fill(order, price, taken, maker=False)
            filled = True
        return filled

    def _fill(self, order: Order, price: Decimal, size: Decimal, *, maker: bool, what: str = "trade") -> None:
        trade = self.host.booked(order, price, size, maker=maker)
        order.trades.append(trade)
        self.trades.append(trade)
        order.filled += size
        order.value += price * size
        order.fee += trade.fee
        order.updated_ms = trade.ts_ms
        whole = order.remaining == 0 if order.size is not None else order.value == order.amount
        order.status = "filled" if whole else "partial"
        if whole:
            self.host.released(order)
        self.host.told(order, what, trade)

    def _end(self, order: Order, how: Literal["canceled", "expired"]) -> None:
        order.status = how
        order.updated_ms = self.host.now_ms()
        self.host.released(order)
        self.host.told(order, how)

    def trade_of(self, order: Order, price: Decimal, size: Decimal, **fields: Any) -> Trade:
        """Return an execution of an order with the next number."""
        return Trade(
            number=next(self._trade_numbers),
            uuid=str(uuid.uuid4()),
            order=order.number,
            client_id=order.client_id,
            symbol=order.symbol,
            side=order.side,
            price=price,
            size=size,
            ts_ms=self.host.now_ms(),
            **fields,
        )

    def by_client(self) -> Mapping[str, list[Order]]:
        """Return all orders by client id."""
        return self._by_client


def _priority(order: Order) -> tuple[Decimal, int]:
    price = order.price or ZERO
    return (-price if order.buys else price), order.number


def _other(order: Order) -> Side:
    return "asks" if order.buys else "bids"


def _reaches(order: Order, price: Decimal) -> bool:
    if order.kind != "limit" or order.price is None:
        return True
    return price <= order.price if order.buys else price >= order.price


def _enough(order: Order, reach: list[tuple[Decimal, Decimal]]) -> bool:
    if order.size is not None:
        return sum((size for _, size in reach), ZERO) >= order.size
    return sum((price * size for price, size in reach), ZERO) >= (order.amount or ZERO)
