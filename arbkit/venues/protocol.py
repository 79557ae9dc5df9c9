"""What every venue looks like from inside arbkit: books that arrive and orders that leave.

Two halves, each usable without the other. A `MarketFeed` turns a venue's public messages into `BookEvent`,
`GapEvent` and `FeedState`; a `TradingClient` sends orders and reports what became of them. Money and sizes
of orders are `Decimal`, because venues compare them digit by digit; books are floats, because engines do.
Times are nanoseconds since the epoch in UTC, symbols are the venue's own (`KRW-BTC`, `BTCUSDT`), sizes are in
base units: a contract that stands for several coins is converted where its message is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Final, Protocol

import msgspec

from arbkit.errors import ArbkitError
from arbkit.wire.book import Level

__all__ = [
    "FINAL_STATUSES",
    "AccountSink",
    "Balance",
    "BookEvent",
    "FeedState",
    "FeedStatus",
    "Fill",
    "GapEvent",
    "Instrument",
    "InstrumentState",
    "MarketFeed",
    "MarketSink",
    "OrderRejectedError",
    "OrderReport",
    "OrderRequest",
    "OrderSide",
    "OrderStatus",
    "OrderUnknownError",
    "TimeInForce",
    "TradingClient",
    "VenueError",
]


class VenueError(ArbkitError):
    """A venue could not be reached, or refused a request that is no order.

    `code` is the venue's own code or name, or one of ours (`rate_limited`, `no_answer`, ...); `retry_after_s`
    is how long nothing more may be asked, where a limit was met.
    """

    def __init__(self, message: str, code: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class OrderRejectedError(VenueError):
    """The venue has said that the order was not placed; `code` is the venue's own code or name."""


class OrderUnknownError(VenueError):
    """Whether the order was placed is not known: ask by client id until the venue answers."""


class OrderSide(StrEnum):
    """Which way an order goes."""

    BUY = "buy"
    SELL = "sell"


class TimeInForce(StrEnum):
    """How long an order works: until it is done, at once or not at all, or at the market."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    MARKET = "market"


class OrderStatus(StrEnum):
    """Where an order stands. An ended order may have been filled in part: judge by `OrderReport.filled`."""

    OPEN = "open"
    FILLED = "filled"
    ENDED = "ended"  # cancelled or expired with a remainder
    REJECTED = "rejected"


#: An order in one of these does not change any more.
FINAL_STATUSES: Final = frozenset({OrderStatus.FILLED, OrderStatus.ENDED, OrderStatus.REJECTED})


class FeedState(Enum):
    """What a feed says of itself or of one symbol."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    STALE = "stale"  # connected, and nothing has come for too long
    TRUSTED = "trusted"  # the symbol's book is whole again


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable instrument and the venue's rules for orders in it.

    Attributes:
        tick: price step at the present price; where the venue has bands, ask the client for that of a price.
        lot: step of the size, base units.
        min_size, max_size: bounds of the size of one order, base units; `max_size` 0 is none.
        min_notional: smallest value of an order, quote currency.
        contract_size: base units per unit of size on the wire (1000 for `1000SHIBUSDT` read as SHIB).
        taker_fee: fraction of the value.
        fee_in_received: whether a buy pays its fee in the coin bought (Binance spot).
        trading: whether the venue takes orders in it now.
        warnings: the venue's own warnings, by name.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    kind: str = "spot"
    tick: Decimal = Decimal(0)
    lot: Decimal = Decimal(0)
    min_size: Decimal = Decimal(0)
    max_size: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    contract_size: Decimal = Decimal(1)
    taker_fee: Decimal = Decimal(0)
    fee_in_received: bool = False
    trading: bool = True
    warnings: tuple[str, ...] = ()


class InstrumentState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether entries in a symbol make sense: order state, deposits and withdrawals, warnings."""

    venue: str
    symbol: str
    ts: int
    trading: bool = True
    can_deposit: bool | None = None
    can_withdraw: bool | None = None
    warnings: tuple[str, ...] = ()

    @property
    def entry_ok(self) -> bool:
        """Whether nothing known speaks against an entry."""
        return self.trading and self.can_deposit is not False and self.can_withdraw is not False


class BookEvent(msgspec.Struct, frozen=True, gc=False):
    """One venue's book after one message, best level first, cut to the depth asked for.

    A side may be empty; prices are in the quote currency, sizes in base units. `ts_recv` is when the message
    was read off the socket, `ts_event` the venue's own time or None where it sends none. `sequence` is the
    venue's update id, or -1.
    """

    venue: str
    symbol: str
    ts_recv: int
    ts_event: int | None
    bids: Sequence[Level]
    asks: Sequence[Level]
    sequence: int = -1


class GapEvent(msgspec.Struct, frozen=True, gc=False):
    """From `ts` on the symbol's book is not known, until the next `BookEvent`; `reason` is a short code."""

    venue: str
    symbol: str
    ts: int
    reason: str
    detail: str = ""


class FeedStatus(msgspec.Struct, frozen=True, gc=False):
    """A feed, or one symbol of it (`symbol` empty: all), has changed its state."""

    venue: str
    symbol: str
    ts: int
    state: FeedState
    detail: str = ""


class MarketSink(Protocol):
    """Takes what a feed brings, in order, on the loop's thread; must return at once."""

    def on_book(self, event: BookEvent) -> None:
        """Take a book."""

    def on_gap(self, event: GapEvent) -> None:
        """Take note that a book is not known."""

    def on_status(self, event: FeedStatus) -> None:
        """Take note of the feed's state."""


class MarketFeed(Protocol):
    """Public books of one venue. `run` returns only when cancelled: it reconnects by itself for ever."""

    venue: str

    async def run(self, sink: MarketSink) -> None:
        """Bring books to the sink until cancelled."""

    def stats(self) -> Mapping[str, Any]:
        """Return counters: messages, books, gaps, reconnects, malformed, bytes, last_ts per symbol."""


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the strategy wants it; the client turns it into what its venue takes.

    Exactly one of `size` (base units) and `quote_amount` (a market buy by value) is given. `price` is the
    limit; a market order on a venue that has none by size is sent as an immediate limit through the book, for
    which `price` is then the worst acceptable one.
    """

    client_id: str
    symbol: str
    side: OrderSide
    size: Decimal | None = None
    quote_amount: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.IOC
    reduce_only: bool = False


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. `(venue, symbol, trade_id)` is its identity: the same one twice counts once.

    `realized` is the profit that the venue booked with it, rounded as it rounds; None where it books none.
    """

    venue: str
    symbol: str
    trade_id: str
    client_id: str
    order_id: str
    side: OrderSide
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_asset: str
    ts: int
    is_maker: bool = False
    realized: Decimal | None = None


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says of one order at one moment; `fills` only where its answer holds them."""

    venue: str
    symbol: str
    client_id: str
    order_id: str
    side: OrderSide
    status: OrderStatus
    size: Decimal
    filled: Decimal
    average_price: Decimal | None = None
    fills: tuple[Fill, ...] = ()
    ts: int = 0

    @property
    def is_final(self) -> bool:
        """Whether the order has ended."""
        return self.status in FINAL_STATUSES


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of one asset; the total is `free + locked`."""

    asset: str
    free: Decimal
    locked: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """Free and locked together."""
        return self.free + self.locked


class AccountSink(Protocol):
    """Takes what the private stream of an account brings, on the loop's thread; must return at once."""

    def on_fill(self, fill: Fill) -> None:
        """Take an execution; the same one may come again."""

    def on_order(self, report: OrderReport) -> None:
        """Take an order's new state."""

    def on_account(self, venue: str, what: str, detail: Mapping[str, Any]) -> None:
        """Take anything else: `balances`, `positions`, `funding`, `liquidation`, `reconnected`, ..."""


class TradingClient(Protocol):
    """Orders and account of one venue.

    No method ever repeats an order. `submit` raises `OrderRejectedError` when the venue has said no and
    `OrderUnknownError` when nothing that it said can be trusted; `query` by client id finds out.
    `simulated` says that no order leaves this process, so that no intent has to be on the disk before it.
    """

    venue: str
    simulated: bool

    async def start(self) -> None:
        """Open connections, read the clock, the instruments and the fees."""

    async def close(self) -> None:
        """Close every connection; idempotent."""

    async def instruments(self) -> Mapping[str, Instrument]:
        """Return the instruments by symbol."""

    async def states(self, symbols: Sequence[str]) -> Mapping[str, InstrumentState]:
        """Return what speaks for and against entries now (wallets, warnings, order state)."""

    def rounded(self, request: OrderRequest) -> OrderRequest:
        """Return the request on the venue's grid of prices and sizes.

        Raises:
            OrderRejectedError: with code `below_minimum` and the like when no order is left.
        """

    async def submit(self, request: OrderRequest) -> OrderReport:
        """Send one order."""

    async def query(self, symbol: str, client_id: str) -> OrderReport | None:
        """Return the order with its fills, or None where the venue says that it does not exist (yet)."""

    async def cancel(self, symbol: str, client_id: str) -> OrderReport | None:
        """Ask to cancel; what became of it only `query` tells."""

    async def open_orders(self, symbol: str | None = None) -> Sequence[OrderReport]:
        """Return the working orders."""

    async def executions(self, symbol: str, since_ns: int, known: Collection[str] = ()) -> Sequence[Fill]:
        """Return the account's own trades in a symbol since a time, by whatever order, oldest first.

        Orders whose client ids are `known` may be left out.
        """

    async def balances(self) -> Mapping[str, Balance]:
        """Return what the account holds, by asset."""

    async def positions(self) -> Mapping[str, Decimal]:
        """Return signed base units by symbol; for a spot venue its coins, as the base balances say."""

    async def run_account(self, sink: AccountSink) -> None:
        """Bring the private stream to the sink until cancelled; reconnects by itself."""
