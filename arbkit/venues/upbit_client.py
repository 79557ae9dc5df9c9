"""Upbit's KRW spot market: orders and account over REST, the private stream in `upbit_account`.

Source: Upbit's REST documentation (Korea). What is odd here:

- a market buy takes an amount of KRW; an exact size is bought with an immediate limit through the book;
- the answer to an order shows it before matching, and a partly filled order ends as `cancel`: fills are read
  from the trades, never from the state;
- an identifier is used up for ever, by a refused order too;
- a request has no time to live: one that was sent is executed whenever it arrives.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from arbkit.venues import upbit_messages as messages
from arbkit.venues.grid import decimal_text, on_grid, round_down
from arbkit.venues.http import Answer
from arbkit.venues.limits import Window
from arbkit.venues.protocol import (
    AccountSink,
    Balance,
    Fill,
    Instrument,
    InstrumentState,
    OrderRejectedError,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderUnknownError,
    TimeInForce,
    VenueError,
)
from arbkit.venues.rest import Call, Judged, RestClient, Verdict
from arbkit.venues.secret import Secret
from arbkit.venues.signing import encoded, upbit_query, upbit_token
from arbkit.venues.streams import Channel, PrivateStream
from arbkit.wire.ticks import upbit_tick

__all__ = ["UpbitClient"]

#: Requests a second by group, as documented; orders have been granted 12 since 2026-08-21, 8 hold everywhere.
_GROUPS: Final = {
    "market": (Window(10, 1.0),),
    "orderbook": (Window(10, 1.0),),
    "default": (Window(30, 1.0),),
    "order": (Window(8, 1.0),),
}
#: Longest stay on the way that is reckoned with: nothing at the venue ends a late request.
_LATEST_ARRIVAL_S: Final = 10.0
_BAN_S: Final = 60.0
_TIMES_IN_FORCE: Final = {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
#: An earlier try may have worked.
_DOUBTFUL: Final = frozenset({"duplicated_identifier", "server_error", "internal_server_error"})
_NOT_FOUND: Final = frozenset({"order_not_found"})


class UpbitClient(RestClient):
    """Orders and account at Upbit, a `TradingClient`.

    Args:
        key, secret: as the venue gave them; None for public calls only.
        rest_url, ws_url: scheme and host.
        symbols: markets that are traded; their fees and order states are read at the start.
        clock: nanoseconds since the epoch.
        timeout_s: for one request.
        limits: windows by group instead of the documented ones.
        latest_arrival_s: how long an order may stay on its way, after which "no such order" is believed.
    """

    venue = "upbit"
    _groups = _GROUPS

    def __init__(
        self,
        key: str | Secret | None = None,
        secret: str | Secret | None = None,
        *,
        rest_url: str = "https://api.upbit.com",
        ws_url: str = "wss://api.upbit.com",
        symbols: Sequence[str] = (),
        clock: Callable[[], int] = time.time_ns,
        timeout_s: float = 5.0,
        limits: Mapping[str, Sequence[Window]] | None = None,
        latest_arrival_s: float = _LATEST_ARRIVAL_S,
    ) -> None:
        super().__init__(key, secret, rest_url=rest_url, clock=clock, timeout_s=timeout_s, limits=limits)
        self.latest_arrival_s = latest_arrival_s
        self._ws_url = ws_url.rstrip("/")
        self._symbols = tuple(symbols)
        self._instruments: dict[str, Instrument] = {}

    async def start(self) -> None:
        """Read the markets, their price steps and, for the symbols traded, fees and order states."""
        await self._refresh()

    async def _refresh(self) -> None:
        markets = await self._ask(Call("GET", "/v1/market/all", (("is_details", "true"),), {"market": 1}))
        found = messages.instruments(markets)
        wanted = [symbol for symbol in self._symbols or found if symbol in found]
        for at in range(0, len(wanted), 100):
            codes = ",".join(wanted[at : at + 100])
            call = Call("GET", "/v1/orderbook/instruments", (("markets", codes),), {"orderbook": 1})
            for row in await self._ask(call) or ():
                if row["market"] in found:
                    found[row["market"]] = messages.with_tick(found[row["market"]], row)
        if self._key:
            for symbol in self._symbols:
                if symbol in found:
                    found[symbol] = messages.with_chance(found[symbol], await self._chance(symbol))
        self._instruments = found

    async def _chance(self, symbol: str) -> Mapping[str, Any]:
        answer = await self._ask(
            Call("GET", "/v1/orders/chance", (("market", symbol),), {"default": 1}, True)
        )
        return dict(answer or {})

    async def instruments(self) -> Mapping[str, Instrument]:
        """Return the markets by symbol."""
        if not self._instruments:
            await self._refresh()
        return dict(self._instruments)

    async def states(self, symbols: Sequence[str]) -> Mapping[str, InstrumentState]:
        """Return wallets, warnings and order states now."""
        await self._refresh()
        wallets: Mapping[str, str] = {}
        if self._key:
            rows = await self._ask(Call("GET", "/v1/status/wallet", (), {"default": 1}, True))
            wallets = {row["currency"]: row["wallet_state"] for row in rows or ()}
        now = self._clock()
        return {
            symbol: messages.state(self._instruments[symbol], wallets, now)
            for symbol in symbols
            if symbol in self._instruments
        }

    def _instrument(self, symbol: str) -> Instrument:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise OrderRejectedError(f"{self.venue} has no market {symbol!r}", "unknown_symbol")
        return instrument

    def tick_of(self, symbol: str, price: Decimal) -> Decimal:
        """Return the price step at a price.

        The larger one of the table's and the market's own: where they differ, steps of the larger one stand
        on the grid of the smaller.
        """
        instrument = self._instrument(symbol)
        return max(upbit_tick(price, instrument.quote), instrument.tick)

    def rounded(self, request: OrderRequest) -> OrderRequest:
        """Return the request on the venue's grid; see `TradingClient.rounded`."""
        instrument = self._instrument(request.symbol)
        amount = request.quote_amount
        if amount is None:
            return on_grid(request, instrument, lambda price: self.tick_of(request.symbol, price))
        if request.side is not OrderSide.BUY or request.time_in_force is not TimeInForce.MARKET:
            raise OrderRejectedError("only a market buy takes an amount of KRW", "bad_request")
        amount = round_down(amount, Decimal(1) if instrument.quote == "KRW" else Decimal("1e-8"))
        if amount < instrument.min_notional:
            raise OrderRejectedError(
                f"an order in {request.symbol} must be worth at least {instrument.min_notional} "
                f"{instrument.quote}, was {amount}",
                "below_minimum",
            )
        return on_grid(
            msgspec.structs.replace(request, quote_amount=amount), instrument, lambda _: Decimal(1)
        )

    async def submit(self, request: OrderRequest) -> OrderReport:
        """Send one order; the report shows it as it was before matching."""
        call = Call("POST", "/v1/orders", self._body(self.rounded(request)), {"order": 1}, True)
        try:
            data = await self._act(call)
        except OrderRejectedError as error:
            if error.code.startswith("invalid_price"):
                await self._reread()
            raise
        report = messages.order(data, self._instruments, request.client_id)
        if report is None:
            raise OrderUnknownError("upbit accepted an order in words that make no sense", "no_order")
        return report

    async def _reread(self) -> None:
        """Read the price steps again: the venue's table has changed."""
        try:
            await self._refresh()
        except VenueError:
            self._counts["refresh_failed"] += 1

    def _body(self, request: OrderRequest) -> tuple[tuple[str, str], ...]:
        pairs = {"market": request.symbol, "side": "bid" if request.side is OrderSide.BUY else "ask"}
        if request.quote_amount is not None:
            pairs |= {"ord_type": "price", "price": decimal_text(request.quote_amount)}
        elif request.size is None:
            raise OrderRejectedError("an order needs a size", "bad_request")
        elif request.time_in_force is TimeInForce.MARKET and request.side is OrderSide.SELL:
            pairs |= {"ord_type": "market", "volume": decimal_text(request.size)}
        else:
            pairs |= self._limit(request, request.size)
        return (*pairs.items(), ("identifier", request.client_id))

    def _limit(self, request: OrderRequest, size: Decimal) -> dict[str, str]:
        if request.price is None:
            raise OrderRejectedError(
                "a buy of an exact size needs `price`, the worst accepted", "price_needed"
            )
        pairs = {"ord_type": "limit", "volume": decimal_text(size), "price": decimal_text(request.price)}
        kind = TimeInForce.IOC if request.time_in_force is TimeInForce.MARKET else request.time_in_force
        if kind in _TIMES_IN_FORCE:
            pairs["time_in_force"] = _TIMES_IN_FORCE[kind]
        return pairs

    async def query(self, symbol: str, client_id: str) -> OrderReport | None:
        """Return the order with its trades, or None where the venue does not know it (yet)."""
        call = Call("GET", "/v1/order", (("identifier", client_id),), {"default": 1}, True)
        data = await self._ask(call)
        if data is None:
            return None
        report = messages.order(data, self._instruments, client_id)
        if report is None:
            raise VenueError("upbit described an order in words that make no sense", "no_order")
        return report

    async def cancel(self, symbol: str, client_id: str) -> OrderReport | None:
        """Ask to cancel; the answer is the order as it was."""
        call = Call("DELETE", "/v1/order", (("identifier", client_id),), {"default": 1}, True)
        data = await self._act(call)
        return None if data is None else messages.order(data, self._instruments, client_id)

    async def open_orders(self, symbol: str | None = None) -> Sequence[OrderReport]:
        """Return the working orders."""
        reports: list[OrderReport] = []
        for page in range(1, 101):
            params = [("market", symbol)] if symbol else []
            params += [("page", str(page)), ("limit", "100")]
            rows = await self._ask(Call("GET", "/v1/orders/open", tuple(params), {"default": 1}, True)) or ()
            found = (messages.order(row, self._instruments, str(row.get("identifier") or "")) for row in rows)
            reports += [report for report in found if report is not None]
            if len(rows) < 100:
                break
        return reports

    async def executions(self, symbol: str, since_ns: int, known: Collection[str] = ()) -> Sequence[Fill]:
        """Return the trades of the last 100 orders that have ended, since a time, whoever has sent them.

        Args:
            symbol: the market.
            since_ns: when the first of them was made, ns.
            known: client ids of orders that need not be read.
        """
        params = (("market", symbol), ("states[]", "done"), ("states[]", "cancel"), ("limit", "100"))
        rows = await self._ask(Call("GET", "/v1/orders/closed", params, {"default": 1}, True)) or ()
        found: list[Fill] = []
        for row in rows:
            if not Decimal(str(row.get("executed_volume") or 0)) or row.get("identifier") in known:
                continue
            call = Call("GET", "/v1/order", (("uuid", str(row["uuid"])),), {"default": 1}, True)
            report = messages.order(await self._ask(call), self._instruments, "")
            found += [fill for fill in report.fills if fill.ts >= since_ns] if report is not None else []
        return sorted(found, key=lambda fill: fill.ts)

    async def balances(self) -> Mapping[str, Balance]:
        """Return what the account holds, by coin."""
        rows = await self._ask(Call("GET", "/v1/accounts", (), {"default": 1}, True))
        return messages.balances(rows)

    async def positions(self) -> Mapping[str, Decimal]:
        """Return the coins held, by their KRW market."""
        held = await self.balances()
        return {
            symbol: held[instrument.base].total
            for symbol, instrument in self._instruments.items()
            if instrument.quote == "KRW" and instrument.base in held
        }

    async def run_account(self, sink: AccountSink) -> None:
        """Bring the private stream to the sink until cancelled; each connection begins with the state."""
        await PrivateStream(self, self._open_channel, self._on_message, self._counts).run(sink)

    async def _open_channel(self) -> Channel:
        key, secret = self._credentials()
        subscription = [{"ticket": uuid.uuid4().hex}, {"type": "myOrder"}, {"type": "myAsset"}]
        return Channel(
            self._http.session(),
            f"{self._ws_url}/websocket/v1/private",
            {"Authorization": upbit_token(key, secret, str(uuid.uuid4()))},
            msgspec.json.encode(subscription).decode(),
        )

    def _on_message(self, text: str | bytes, sink: AccountSink) -> None:
        messages.deliver(text, self._instruments, sink)

    # How calls are signed and answers are read.

    def _prepare(self, call: Call) -> tuple[str, dict[str, str], bytes | None]:
        headers: dict[str, str] = {}
        if call.signed:
            key, secret = self._credentials()
            headers["Authorization"] = upbit_token(key, secret, str(uuid.uuid4()), upbit_query(call.params))
        if call.method != "POST":
            return encoded(call.params), headers, None
        headers["Content-Type"] = "application/json; charset=utf-8"
        return "", headers, msgspec.json.encode(dict(call.params))

    def _observe(self, answer: Answer) -> None:
        said = dict(re.findall(r"(\w+)=([\w-]+)", answer.headers.get("Remaining-Req", "")))
        windows = self._limiter.windows(said.get("group", ""))
        if windows and said.get("sec", "").isdigit():
            self._limiter.observe(said["group"], 1.0, windows[0].limit - int(said["sec"]))

    def _judge(self, answer: Answer, call: Call) -> Judged:
        data = answer.json()
        if answer.status in (200, 201) and isinstance(data, (dict, list)):
            return Judged(Verdict.FINE, data)
        error = data.get("error") if isinstance(data, dict) else None
        name, text = (str(error.get("name", "")), str(error.get("message", ""))) if error else ("", "")
        code = name or f"http_{answer.status}"
        if answer.status in (418, 429):
            wait = (
                messages.ban_s(answer.headers.get("Retry-After"), text, _BAN_S)
                if answer.status == 418
                else 1.0
            )
            return Judged(Verdict.LIMITED, None, code, text, wait)
        if name in _NOT_FOUND:
            return Judged(Verdict.ABSENT, None, code, text)
        if name == "nonce_used":
            return Judged(Verdict.AGAIN, None, code, text)
        if 400 <= answer.status < 500 and name and name not in _DOUBTFUL and answer.status != 408:
            return Judged(Verdict.REFUSED, None, code, text)
        return Judged(Verdict.UNKNOWN, None, code, text)

    def _block(self, judged: Judged, call: Call) -> None:
        groups = tuple(_GROUPS) if (judged.retry_after_s or 0) > 1 else tuple(call.costs)
        self._limiter.block(groups, judged.retry_after_s or 1.0)
