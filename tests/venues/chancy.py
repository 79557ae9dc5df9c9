"""A venue that does to its orders, one after the other, what a test has written down for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from arbkit.venues.orders import OrderKeeper
from arbkit.venues.protocol import (
    Fill,
    Instrument,
    OrderRejectedError,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    OrderUnknownError,
)

ONE = Decimal(1)


class Fate(NamedTuple):
    """What becomes of one order.

    `answer`: `filled` (with its fills), `working` (they come later), `refused`, `lost` (no answer, it was
    taken), `gone` (no answer, it never arrived). `share` of it is filled, `after_s`. `told`: how often the
    private stream brings each fill.
    """

    answer: str = "filled"
    share: Decimal = ONE
    after_s: float = 0.0
    told: int = 1


class _Placed:
    def __init__(self, request: OrderRequest) -> None:
        self.request = request
        self.fills: list[Fill] = []
        self.ended = False


class Chancy:
    """Fills at one price; `positions`, `cash` and `fees` are what it has booked itself."""

    simulated = True
    latest_arrival_s = 1.0

    def __init__(
        self, instrument: Instrument, price: Decimal, fates: Sequence[Fate], last: Fate, clock: Any
    ) -> None:
        self.venue = instrument.venue
        self.instrument, self.price = instrument, price
        self.fates, self.last = list(fates), last
        self.placed: dict[str, _Placed] = {}
        self.sent: list[tuple[float, OrderRequest]] = []
        self.beside: list[str] = []
        self.line: list[tuple[int, Decimal]] = []
        self.position = self.cash = self.fees = Decimal(0)
        self.keeper: OrderKeeper | None = None
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)

    async def instruments(self) -> Mapping[str, Instrument]:
        return {self.instrument.symbol: self.instrument}

    def rounded(self, request: OrderRequest) -> OrderRequest:
        return request

    async def submit(self, request: OrderRequest) -> OrderReport:
        assert self.keeper is not None
        self.beside += [
            order.client_id
            for order in self.keeper.open
            if order.venue == self.venue and order.client_id != request.client_id
        ]
        self.sent.append((asyncio.get_running_loop().time(), request))
        fate = self.fates.pop(0) if self.fates else self.last
        await asyncio.sleep(0.005)
        if fate.answer == "refused":
            raise OrderRejectedError("no", "busy")
        if fate.answer == "gone":
            raise OrderUnknownError("reset", "no_answer")
        placed = self.placed[request.client_id] = _Placed(request)
        if fate.answer == "filled":
            self._fill(placed, fate)
            self._tell(placed, fate.told - 1)
            return self._report(placed)
        self._start(self._later(placed, fate))
        if fate.answer == "lost":
            raise OrderUnknownError("reset", "no_answer")
        return self._report(placed)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, placed: _Placed, fate: Fate) -> None:
        await asyncio.sleep(fate.after_s)
        self._fill(placed, fate)
        self._tell(placed, fate.told)

    def _fill(self, placed: _Placed, fate: Fate) -> None:
        request = placed.request
        assert request.size is not None
        size = (request.size * fate.share).quantize(self.instrument.lot)
        placed.ended = True
        if not size:
            return
        number = f"{self.venue}-{sum(len(other.fills) for other in self.placed.values()) + 1}"
        fee = size * self.price * self.instrument.taker_fee
        fill = Fill(
            venue=self.venue, symbol=request.symbol, trade_id=number, client_id=request.client_id,
            order_id=request.client_id, side=request.side, price=self.price, size=size, fee=fee,
            fee_asset=self.instrument.quote, ts=self._clock(),
        )  # fmt: skip
        placed.fills.append(fill)
        signed = size if request.side is OrderSide.BUY else -size
        self.position += signed
        self.cash -= signed * self.price
        self.fees += fee
        self.line.append((self._clock(), signed))

    def _tell(self, placed: _Placed, times: int) -> None:
        assert self.keeper is not None
        for fill in placed.fills * max(times, 0):
            self.keeper.on_fill(fill)

    def _report(self, placed: _Placed) -> OrderReport:
        request = placed.request
        assert request.size is not None
        filled = sum((fill.size for fill in placed.fills), Decimal(0))
        status = OrderStatus.OPEN
        if placed.ended:
            status = OrderStatus.FILLED if filled == request.size else OrderStatus.ENDED
        return OrderReport(
            venue=self.venue, symbol=request.symbol, client_id=request.client_id, order_id=request.client_id,
            side=request.side, status=status, size=request.size, filled=filled, fills=tuple(placed.fills),
        )  # fmt: skip

    async def query(self, symbol: str, client_id: str) -> OrderReport | None:
        await asyncio.sleep(0.005)
        placed = self.placed.get(client_id)
        return None if placed is None else self._report(placed)
