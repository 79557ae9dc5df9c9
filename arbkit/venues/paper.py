"""The paper venue: orders filled from real books by the model of the simulation.

It is a venue like the others, so that nothing above it knows the difference. Its books come from a feed, and
its fills follow the trading rules: a price is that of the top, or of the first levels (`depth_levels`), made
worse by half of `slippage_bps`; an order is filled on the first usable book at or after its latency; what a
fill takes is gone until the next book. It knows neither queues nor one's own effect on the market.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from arbkit.errors import ConfigError
from arbkit.venues.grid import on_grid
from arbkit.venues.ledger import Ledger
from arbkit.venues.protocol import (
    AccountSink,
    Balance,
    BookEvent,
    FeedStatus,
    Fill,
    GapEvent,
    Instrument,
    InstrumentState,
    OrderRejectedError,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    TimeInForce,
)
from arbkit.wire.book import Level
from arbkit.wire.symbols import split_binance, split_upbit
from arbkit.wire.ticks import upbit_tick

__all__ = ["PaperClient", "walked"]

_ZERO: Final = Decimal(0)
#: Orders that have ended and can still be asked about.
_REMEMBERED: Final = 1000


def walked(
    levels: Sequence[Level], size: float, taken: float, most: int, within: Callable[[float], bool]
) -> tuple[float, float, float, bool]:
    """Walk one side of a book as the simulation does.

    Args:
        levels: best first.
        size: wanted.
        taken: what earlier fills have taken off this side.
        most: how many levels are looked at.
        within: whether a price is still acceptable.

    Returns:
        money, size filled, the last price touched (0 where none), and whether an unacceptable price ended it.
    """
    money, left, last = 0.0, size, 0.0
    for price, visible in levels[:most]:
        if not (math.isfinite(price) and price > 0 and math.isfinite(visible) and visible > 0):
            break
        if not within(price):
            return money, size - left, last, True
        gone = min(taken, visible)
        taken -= gone
        part = min(left, visible - gone)
        money += part * price
        left -= part
        last = price
        if left <= 0:
            break
    return money, size - left, last, False


class _Working:
    """One order at the paper venue."""

    __slots__ = ("due", "fills", "number", "request", "status", "ts")

    def __init__(self, request: OrderRequest, number: int, ts: int, due: int) -> None:
        self.request, self.number, self.ts, self.due = request, number, ts, due
        self.status = OrderStatus.OPEN
        self.fills: list[Fill] = []

    @property
    def filled(self) -> Decimal:
        return sum((fill.size for fill in self.fills), _ZERO)


class PaperClient:
    """A venue without money, a `TradingClient` and the `MarketSink` of its own books.

    Args:
        venue: the name under which it trades, usually that of the venue whose books it gets.
        balances: what the account holds at first, by asset; on a spot venue nothing else can be sold.
        instruments: by symbol; a symbol that is missing trades without steps and minimums.
        kind: "spot" or "perpetual", of the symbols that are missing.
        taker_fee_bps: fee of a fill; None takes that of the instrument.
        slippage_bps: of both legs together, as in `Params`: a fill is worsened by half of it.
        latency_ms: from the decision to the fill.
        depth_levels: how many levels are walked; 0 fills everything at the top.
        clock: nanoseconds since the epoch; the time of a decision.
        clocked: fills happen in `advance` only, and not with each book.
    """

    latest_arrival_s = 0.0
    simulated = True

    def __init__(
        self,
        venue: str,
        *,
        balances: Mapping[str, Decimal] | None = None,
        instruments: Mapping[str, Instrument] | None = None,
        kind: str = "spot",
        taker_fee_bps: float | None = None,
        slippage_bps: float = 0.0,
        latency_ms: float = 0.0,
        depth_levels: int = 0,
        clock: Callable[[], int] = time.time_ns,
        clocked: bool = False,
    ) -> None:
        if kind not in ("spot", "perpetual"):
            raise ConfigError(f"`kind` must be spot or perpetual, was {kind!r}")
        for name, value in (("slippage_bps", slippage_bps), ("latency_ms", latency_ms)):
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"`{name}` must be at least 0, was {value}")
        self.venue = venue
        self._kind = kind
        self._start = dict(balances or {})
        self._instruments = dict(instruments or {})
        self._fee_bps = taker_fee_bps
        self._half_slip = slippage_bps / 2 / 1e4
        self._latency_ns = round(latency_ms * 1e6)
        self._levels = depth_levels
        self._clock, self._clocked = clock, clocked
        self._books: dict[str, BookEvent] = {}
        self._taken: dict[tuple[str, OrderSide], float] = {}
        self._orders: dict[str, _Working] = {}
        self._pending: dict[str, _Working] = {}
        self._sinks: list[AccountSink] = []
        self._trades = self._number = 0
        self.ledger = Ledger()

    # Its books.

    def on_book(self, event: BookEvent) -> None:
        """Take a book; orders that are due are filled on it, unless `advance` does that."""
        self._books[event.symbol] = event
        self._taken.pop((event.symbol, OrderSide.BUY), None)
        self._taken.pop((event.symbol, OrderSide.SELL), None)
        if not self._clocked:
            self.advance(event.ts_recv, event.symbol)

    def on_gap(self, event: GapEvent) -> None:
        """Forget a book that is not known any more: orders wait for the next one."""
        self._books.pop(event.symbol, None)

    def on_status(self, event: FeedStatus) -> None:
        """Take note of nothing."""

    def advance(self, ts: int, symbol: str | None = None) -> None:
        """Fill what is due at a time from the books as they stand.

        Args:
            ts: nanoseconds, that of the row or book.
            symbol: only orders in this one.
        """
        for working in tuple(self._pending.values()):
            if working.due <= ts and symbol in (None, working.request.symbol):
                self._fill(working, ts)

    # What a trading client does.

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def close(self) -> None:
        """Do nothing."""

    async def instruments(self) -> Mapping[str, Instrument]:
        """Return the instruments by symbol, those of all books that have come."""
        for symbol in self._books:
            self._instrument(symbol)
        return dict(self._instruments)

    async def states(self, symbols: Sequence[str]) -> Mapping[str, InstrumentState]:
        """Return that nothing speaks against entries."""
        now = self._clock()
        return {symbol: InstrumentState(venue=self.venue, symbol=symbol, ts=now) for symbol in symbols}

    def rounded(self, request: OrderRequest) -> OrderRequest:
        """Return the request on the venue's grid; see `TradingClient.rounded`."""
        instrument = self._instrument(request.symbol)

        def tick_of(price: Decimal) -> Decimal:
            if self.venue == "upbit" and instrument.quote in ("KRW", "BTC", "USDT"):
                return max(upbit_tick(price, instrument.quote), instrument.tick)
            return instrument.tick

        return on_grid(request, instrument, tick_of)

    async def submit(self, request: OrderRequest) -> OrderReport:
        """Take one order; without latency the report shows its fill."""
        wanted = self.rounded(request)
        if wanted.client_id in self._orders:
            raise OrderRejectedError(f"the client id was used before: {wanted.client_id}", "duplicate")
        wanted = self._sized(wanted)
        self._check_funds(wanted)
        now = self._clock()
        self._number += 1
        working = _Working(wanted, self._number, now, now + self._latency_ns)
        self._orders[wanted.client_id] = self._pending[wanted.client_id] = working
        self._forget()
        if not self._latency_ns:
            self._fill(working, now)
        return self._report(working)

    async def query(self, symbol: str, client_id: str) -> OrderReport | None:
        """Return the order with its fills, or None where there is none."""
        working = self._orders.get(client_id)
        return None if working is None else self._report(working)

    async def cancel(self, symbol: str, client_id: str) -> OrderReport | None:
        """End the order if it is still working."""
        working = self._orders.get(client_id)
        if working is None:
            return None
        if client_id in self._pending:
            self._end(working)
        return self._report(working)

    async def open_orders(self, symbol: str | None = None) -> Sequence[OrderReport]:
        """Return the working orders."""
        return [
            self._report(working)
            for working in self._pending.values()
            if symbol in (None, working.request.symbol)
        ]

    async def executions(self, symbol: str, since_ns: int, known: Collection[str] = ()) -> Sequence[Fill]:
        """Return nothing: no other hand trades on paper."""
        return ()

    async def balances(self) -> Mapping[str, Balance]:
        """Return what the account holds: what it began with, changed by its fills."""
        return {asset: Balance(asset=asset, free=total) for asset, total in self._totals().items()}

    async def positions(self) -> Mapping[str, Decimal]:
        """Return signed base units by symbol; for spot its coins."""
        totals = self._totals()
        held = {
            symbol: (
                totals.get(instrument.base, _ZERO)
                if instrument.kind == "spot"
                else self.ledger.positions[self.venue, symbol]
            )
            for symbol, instrument in self._instruments.items()
        }
        return {symbol: size for symbol, size in held.items() if size}

    async def run_account(self, sink: AccountSink) -> None:
        """Bring fills and orders to the sink until cancelled."""
        self._sinks.append(sink)
        try:
            sink.on_account(self.venue, "reconnected", {})
            await asyncio.Event().wait()
        finally:
            self._sinks.remove(sink)

    # How orders are filled.

    def _instrument(self, symbol: str) -> Instrument:
        if symbol not in self._instruments:
            base, quote = _coins(symbol)
            self._instruments[symbol] = Instrument(
                venue=self.venue, symbol=symbol, base=base, quote=quote, kind=self._kind
            )
        return self._instruments[symbol]

    def _totals(self) -> dict[str, Decimal]:
        totals = dict(self._start)
        for (_, asset), change in self.ledger.flows.items():
            totals[asset] = totals.get(asset, _ZERO) + change
        return totals

    def _fee_rate(self, instrument: Instrument) -> Decimal:
        return instrument.taker_fee if self._fee_bps is None else Decimal(repr(float(self._fee_bps))) / 10_000

    def _sized(self, request: OrderRequest) -> OrderRequest:
        """Return the request with a size, at most what there is to reduce of a perpetual."""
        instrument = self._instrument(request.symbol)
        size = request.size
        if size is None:
            book = self._book(request.symbol)
            if book is None or request.quote_amount is None:
                raise OrderRejectedError(f"{self.venue} has no book of {request.symbol} yet", "no_book")
            top = Decimal(repr(book.asks[0][0] * (1 + self._half_slip)))
            size = (request.quote_amount / top).quantize(Decimal("1e-8"), "ROUND_FLOOR")
        if request.reduce_only and instrument.kind != "spot":
            held = self.ledger.positions[self.venue, request.symbol]
            there = max(-held if request.side is OrderSide.BUY else held, _ZERO)
            size = min(size, there)
        if size <= 0:
            raise OrderRejectedError(f"there is nothing to trade in {request.symbol}", "nothing_to_reduce")
        return msgspec.structs.replace(request, size=size, quote_amount=None)

    def _check_funds(self, request: OrderRequest) -> None:
        """Refuse what a spot account cannot pay for, orders on their way included."""
        if self._instrument(request.symbol).kind != "spot":
            return
        asset, need = self._need(request)
        there = self._totals().get(asset, _ZERO)
        for working in self._pending.values():
            if self._instrument(working.request.symbol).kind == "spot":
                other, amount = self._need(working.request)
                there -= amount if other == asset else _ZERO
        if need > there:
            raise OrderRejectedError(
                f"{self.venue} holds {there} {asset}, the order needs {need}", "insufficient_funds"
            )

    def _need(self, request: OrderRequest) -> tuple[str, Decimal]:
        instrument, size = self._instrument(request.symbol), request.size or _ZERO
        if request.side is OrderSide.SELL:
            return instrument.base, size
        book = self._books.get(request.symbol)
        price = request.price or _ZERO
        if book is not None and book.asks:
            top = Decimal(repr(book.asks[0][0] * (1 + self._half_slip)))
            price = min(price, top) if price else top
        fee = _ZERO if instrument.fee_in_received else self._fee_rate(instrument)
        return instrument.quote, size * price * (1 + fee)

    def _book(self, symbol: str) -> BookEvent | None:
        """Return the book if it can be traded on: two sides, not crossed, prices above 0."""
        book = self._books.get(symbol)
        if book is None or not book.bids or not book.asks:
            return None
        bid, ask = book.bids[0][0], book.asks[0][0]
        usable = math.isfinite(bid) and math.isfinite(ask) and 0 < bid < ask
        return book if usable else None

    def _fill(self, working: _Working, ts: int) -> None:
        request = working.request
        book = self._book(request.symbol)
        if book is None:
            return
        wanted = (request.size or _ZERO) - working.filled
        price, size = self._priced(request, book, wanted)
        if size > 0:
            self._execute(working, price, size, ts)
        if working.filled >= (request.size or _ZERO):
            working.status = OrderStatus.FILLED
            self._drop(working)
        elif request.time_in_force is not TimeInForce.GTC:
            self._end(working)
        elif size > 0:
            self._tell(working)

    def _priced(self, request: OrderRequest, book: BookEvent, wanted: Decimal) -> tuple[float, Decimal]:
        """Return the mean price, slippage included, and how much of the order the book fills."""
        buying = request.side is OrderSide.BUY
        worse = 1 + self._half_slip if buying else 1 - self._half_slip
        limit = None if request.price is None else float(request.price)

        def within(price: float) -> bool:
            return limit is None or (price * worse <= limit if buying else price * worse >= limit)

        levels = book.asks if buying else book.bids
        if not self._levels:
            top = levels[0][0]
            return (top * worse, wanted) if within(top) else (0.0, _ZERO)
        key, size = (request.symbol, request.side), float(wanted)
        taken = self._taken.get(key, 0.0)
        money, filled, last, stopped = walked(levels, size, taken, self._levels, within)
        if filled < size and request.reduce_only and last and not stopped:
            # An exit takes its whole size: what the ladder cannot fill is priced at its last level.
            money, filled = money + (size - filled) * last, size
        if not filled or (request.time_in_force is TimeInForce.FOK and filled < size):
            return 0.0, _ZERO
        self._taken[key] = taken + filled
        exact = wanted if filled == size else self._whole_lots(request.symbol, filled)
        return money / filled * worse, exact

    def _whole_lots(self, symbol: str, size: float) -> Decimal:
        lot = self._instrument(symbol).lot or Decimal("1e-8")
        return (Decimal(repr(size)) / lot).to_integral_value("ROUND_FLOOR") * lot

    def _execute(self, working: _Working, price: float, size: Decimal, ts: int) -> None:
        request, instrument = working.request, self._instrument(working.request.symbol)
        self._trades += 1
        exact, rate = Decimal(repr(price)), self._fee_rate(instrument)
        in_base = instrument.fee_in_received and request.side is OrderSide.BUY
        fill = Fill(
            venue=self.venue,
            symbol=request.symbol,
            trade_id=f"paper-{self._trades}",
            client_id=request.client_id,
            order_id=str(working.number),
            side=request.side,
            price=exact,
            size=size,
            fee=size * rate if in_base else exact * size * rate,
            fee_asset=instrument.base if in_base else instrument.quote,
            ts=ts,
        )
        working.ts = ts
        working.fills.append(fill)
        self.ledger.apply(fill, instrument)
        for sink in self._sinks:
            sink.on_fill(fill)

    def _forget(self) -> None:
        """Let go of the oldest orders that have ended."""
        while len(self._orders) > len(self._pending) + _REMEMBERED:
            oldest = next(iter(self._orders))
            if oldest in self._pending:
                self._orders[oldest] = self._orders.pop(oldest)
            else:
                del self._orders[oldest]

    def _end(self, working: _Working) -> None:
        working.status = OrderStatus.ENDED
        self._drop(working)

    def _drop(self, working: _Working) -> None:
        self._pending.pop(working.request.client_id, None)
        self._tell(working)

    def _tell(self, working: _Working) -> None:
        for sink in self._sinks:
            sink.on_order(self._report(working))

    def _report(self, working: _Working) -> OrderReport:
        filled = working.filled
        value = sum((fill.price * fill.size for fill in working.fills), _ZERO)
        return OrderReport(
            venue=self.venue,
            symbol=working.request.symbol,
            client_id=working.request.client_id,
            order_id=str(working.number),
            side=working.request.side,
            status=working.status,
            size=working.request.size or _ZERO,
            filled=filled,
            average_price=value / filled if filled else None,
            fills=tuple(working.fills),
            ts=working.ts,
        )

    def stats(self) -> Mapping[str, Any]:
        """Return counters: orders, trades, and what is waiting for a book."""
        return {"orders": self._number, "trades": self._trades, "pending": len(self._pending)}


def _coins(symbol: str) -> tuple[str, str]:
    """Return base and quote of a symbol as venues write them: `KRW-BTC`, `BTCUSDT`."""
    try:
        return split_upbit(symbol) if "-" in symbol else split_binance(symbol)
    except ConfigError:
        return symbol, ""
