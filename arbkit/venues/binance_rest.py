"""What Binance's USD-M futures and spot venues share: signatures, clock, limits and error codes.

Source: Binance's REST documentation, general information and error codes. A request is valid for `recvWindow`
after its time stamp, so that one that arrives later is refused and cannot act any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec

from arbkit.venues import binance_messages as messages
from arbkit.venues.grid import on_grid
from arbkit.venues.http import Answer
from arbkit.venues.limits import Window
from arbkit.venues.protocol import (
    Fill,
    Instrument,
    InstrumentState,
    OrderRejectedError,
    OrderReport,
    OrderRequest,
    OrderUnknownError,
    VenueError,
)
from arbkit.venues.rest import Call, Judged, RestClient, Verdict
from arbkit.venues.secret import Secret
from arbkit.venues.signing import binance_signature, encoded

__all__ = ["BinanceRest"]

#: Answers that leave open what happened.
_UNKNOWN: Final = frozenset({-1000, -1001, -1006, -1007})
#: An earlier try may have worked.
_DUPLICATE: Final = -4116
_ABSENT: Final = frozenset({-2011, -2013})
_CLOCK: Final = frozenset({-1021, -5028})
_LIMITS: Final = frozenset({-1003, -1015})
#: 503 with this text, or with code -1008, has failed for certain.
_FAILED_TEXT: Final = "Service Unavailable."
_OVERLOADED: Final = -1008
_CLOCK_READINGS: Final = 3


class BinanceRest(RestClient):
    """Base of both clients; `_api` is the path that all endpoints begin with."""

    _api: ClassVar[str] = ""
    _order_windows: ClassVar[Mapping[str, float]] = {}

    def __init__(
        self,
        key: str | Secret | None = None,
        secret: str | Secret | None = None,
        *,
        rest_url: str,
        ws_url: str,
        symbols: Sequence[str] = (),
        clock: Callable[[], int] = time.time_ns,
        timeout_s: float = 5.0,
        recv_window_ms: int = 5000,
        limits: Mapping[str, Sequence[Window]] | None = None,
        latest_arrival_s: float | None = None,
    ) -> None:
        super().__init__(key, secret, rest_url=rest_url, clock=clock, timeout_s=timeout_s, limits=limits)
        self._ws_url = ws_url.rstrip("/")
        self._symbols = tuple(symbols)
        self._recv_window_ms = recv_window_ms
        self._offset_ns = 0
        self._instruments: dict[str, Instrument] = {}
        #: The venue takes stamps of up to a second ahead of its clock.
        valid_s = recv_window_ms / 1000 + 1.0
        self.latest_arrival_s = valid_s if latest_arrival_s is None else latest_arrival_s

    @property
    def clock_offset_ns(self) -> int:
        """How far the venue's clock is ahead of ours, as last measured."""
        return self._offset_ns

    async def sync_clock(self) -> None:
        """Measure the venue's clock: of a few readings the one that took the shortest."""
        best: int | None = None
        for _ in range(_CLOCK_READINGS):
            sent = self._clock()
            data = await self._ask(Call("GET", f"{self._api}/time", (), {"weight": 1}))
            back = self._clock()
            if best is None or back - sent < best:
                best = back - sent
                self._offset_ns = int(data["serverTime"]) * 10**6 - (sent + back) // 2

    async def instruments(self) -> Mapping[str, Instrument]:
        """Return the instruments by symbol."""
        if not self._instruments:
            await self._refresh()
        return dict(self._instruments)

    async def _refresh(self) -> None:
        raise NotImplementedError

    async def states(self, symbols: Sequence[str]) -> Mapping[str, InstrumentState]:
        """Return whether orders are taken; wallets are not part of these interfaces."""
        await self._refresh()
        now = self._clock()
        return {
            symbol: InstrumentState(
                venue=self.venue, symbol=symbol, ts=now, trading=self._instruments[symbol].trading
            )
            for symbol in symbols
            if symbol in self._instruments
        }

    def _instrument(self, symbol: str) -> Instrument:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise OrderRejectedError(f"{self.venue} has no instrument {symbol!r}", "unknown_symbol")
        return instrument

    def tick_of(self, symbol: str, price: Decimal) -> Decimal:
        """Return the price step, which is the same at all prices."""
        return self._instrument(symbol).tick

    def rounded(self, request: OrderRequest) -> OrderRequest:
        """Return the request on the venue's grid; see `TradingClient.rounded`."""
        instrument = self._instrument(request.symbol)
        return on_grid(request, instrument, lambda price: self.tick_of(request.symbol, price))

    async def submit(self, request: OrderRequest) -> OrderReport:
        """Send one order; an immediate one is answered with how it ended."""
        wanted = self.rounded(request)
        call = Call("POST", f"{self._api}/order", self._order_params(wanted), {"order": 1, "weight": 1}, True)
        try:
            data = await self._act(call)
        except OrderRejectedError as error:
            if error.code in ("-4014", "-1111", "-1013", "-4003"):
                await self._reread()
            raise
        report = self._report(data, wanted.client_id)
        if report is None:
            raise OrderUnknownError(f"{self.venue} answered an order in words that make no sense", "no_order")
        return report

    async def _reread(self) -> None:
        """Read the instruments again: the venue's steps have changed."""
        try:
            await self._refresh()
        except VenueError:
            self._counts["refresh_failed"] += 1

    def _order_params(self, request: OrderRequest) -> tuple[tuple[str, str], ...]:
        raise NotImplementedError

    def _report(self, data: Any, client_id: str) -> OrderReport | None:
        return messages.order(data, self.venue, self._instruments, client_id)

    async def query(self, symbol: str, client_id: str) -> OrderReport | None:
        """Return the order with its fills, or None where the venue does not know it (yet)."""
        params = (("symbol", symbol), ("origClientOrderId", client_id))
        data = await self._ask(
            Call("GET", f"{self._api}/order", params, {"weight": self._query_weight}, True)
        )
        if data is None:
            return None
        report = self._report(data, client_id)
        if report is None:
            raise VenueError(f"{self.venue} described an order in words that make no sense", "no_order")
        if not report.filled:
            return report
        fills = await self._fills(report)
        return msgspec.structs.replace(
            report, fills=fills, filled=max(report.filled, sum((fill.size for fill in fills), Decimal(0)))
        )

    _query_weight: ClassVar[int] = 1
    _trades: ClassVar[str] = ""
    _trades_weight: ClassVar[int] = 5

    async def _fills(self, report: OrderReport) -> tuple[Fill, ...]:
        params = (("symbol", report.symbol), ("orderId", report.order_id))
        rows = await self._ask(Call("GET", self._trades, params, {"weight": self._trades_weight}, True))
        return messages.fills(rows, report, self._instruments)

    async def executions(self, symbol: str, since_ns: int, known: Collection[str] = ()) -> Sequence[Fill]:
        """Return the account's own trades since a time, whoever has sent their orders."""
        params = (("symbol", symbol), ("startTime", str(since_ns // 10**6)), ("limit", "1000"))
        rows = await self._ask(Call("GET", self._trades, params, {"weight": self._trades_weight}, True))
        return messages.executions(rows, self.venue, symbol, self._instruments)

    async def cancel(self, symbol: str, client_id: str) -> OrderReport | None:
        """Ask to cancel; what became of the order only `query` tells."""
        params = (("symbol", symbol), ("origClientOrderId", client_id))
        data = await self._act(Call("DELETE", f"{self._api}/order", params, {"weight": 1}, True))
        return None if data is None else self._report(data, client_id)

    _all_open_weight: ClassVar[int] = 40

    async def open_orders(self, symbol: str | None = None) -> Sequence[OrderReport]:
        """Return the working orders."""
        params = (("symbol", symbol),) if symbol else ()
        weight = self._query_weight if symbol else self._all_open_weight
        rows = await self._ask(Call("GET", f"{self._api}/openOrders", params, {"weight": weight}, True)) or ()
        found = (self._report(row, str(row.get("clientOrderId", ""))) for row in rows)
        return [report for report in found if report is not None]

    # How calls are signed and answers are read.

    def _now_ms(self) -> int:
        return (self._clock() + self._offset_ns) // 10**6

    def _prepare(self, call: Call) -> tuple[str, dict[str, str], bytes | None]:
        headers: dict[str, str] = {}
        if self._key:
            headers["X-MBX-APIKEY"] = self._key.reveal()
        query = encoded(call.params)
        if call.signed:
            _, secret = self._credentials()
            extra = (("recvWindow", str(self._recv_window_ms)), ("timestamp", str(self._now_ms())))
            query = "&".join(part for part in (query, encoded(extra)) if part)
            query = f"{query}&signature={binance_signature(secret, query)}"
        if call.method != "POST":
            return query, headers, None
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return "", headers, query.encode("ascii")

    def _observe(self, answer: Answer) -> None:
        used = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if used.isdigit():
            self._limiter.observe("weight", 60.0, int(used))
        for name, seconds in self._order_windows.items():
            sent = answer.headers.get(f"X-MBX-ORDER-COUNT-{name}", "")
            if sent.isdigit():
                self._limiter.observe("order", seconds, int(sent))

    def _judge(self, answer: Answer, call: Call) -> Judged:
        data = answer.json()
        code, text = self._code(data)
        if answer.status == 200 and code is None and isinstance(data, (dict, list)):
            return Judged(Verdict.FINE, data)
        name = f"http_{answer.status}" if code is None else str(code)
        if answer.status in (418, 429) or code in _LIMITS:
            return Judged(Verdict.LIMITED, None, name, text, self._wait_s(answer))
        if code in _UNKNOWN or self._is_duplicate(code, text) or answer.status == 408:
            return Judged(Verdict.UNKNOWN, None, name, text)
        if code in _ABSENT:
            return Judged(Verdict.ABSENT, None, name, text)
        if code in _CLOCK:
            return Judged(Verdict.CLOCK, None, name, text)
        if code == _OVERLOADED or (answer.status == 503 and text == _FAILED_TEXT):
            return Judged(Verdict.REFUSED, None, name, text)
        if answer.status == 403 or (400 <= answer.status < 500 and code is not None and code < 0):
            return Judged(Verdict.REFUSED, None, name, text)
        return Judged(Verdict.UNKNOWN, None, name, text)

    def _is_duplicate(self, code: int | None, text: str) -> bool:
        return code == _DUPLICATE

    @staticmethod
    def _code(data: Any) -> tuple[int | None, str]:
        """Return code and text of an error; an order's answer has neither."""
        if not isinstance(data, dict) or "code" not in data or "orderId" in data:
            return None, str(data.get("msg", "")) if isinstance(data, dict) else ""
        try:
            code = int(data["code"])
        except (TypeError, ValueError):
            return None, ""
        return (None if code == 200 else code), str(data.get("msg", ""))

    @staticmethod
    def _wait_s(answer: Answer) -> float:
        said = answer.headers.get("Retry-After", "").strip()
        if said.isdigit():
            return max(float(said), 1.0)
        return 120.0 if answer.status == 418 else 10.0

    def _block(self, judged: Judged, call: Call) -> None:
        """Too many orders stop orders; too many requests stop everything."""
        names = ("order",) if judged.code == "-1015" else ("weight", "order")
        self._limiter.block(names, judged.retry_after_s or 10.0)
