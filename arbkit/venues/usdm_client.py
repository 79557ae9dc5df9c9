"""Binance's USD-M futures: orders and account over REST, the user stream by listen key.

Source: Binance's documentation of USD-M futures. Sizes here are base units and prices those of one coin: a
contract that stands for 1,000 coins is converted on the way out and back. A listen key dies after an hour
without being extended, and the socket then stays open in silence; it is extended every half hour and made
anew when the venue says that it is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Final

import msgspec

from arbkit.units import MS_NS
from arbkit.venues import binance_messages as messages
from arbkit.venues.binance_rest import BinanceRest
from arbkit.venues.grid import decimal_text
from arbkit.venues.limits import Window
from arbkit.venues.protocol import (
    AccountSink,
    Balance,
    Instrument,
    OrderRejectedError,
    OrderRequest,
    TimeInForce,
    VenueError,
)
from arbkit.venues.rest import Call
from arbkit.venues.secret import Secret
from arbkit.venues.streams import Channel, PrivateStream, StreamOverError

__all__ = ["BinanceUsdmClient"]

_GROUPS: Final = {"weight": (Window(2400, 60.0),), "order": (Window(300, 10.0), Window(1200, 60.0))}
_EXTEND_S: Final = 1800.0
_DEFAULT_FEE: Final = Decimal("0.0005")


class BinanceUsdmClient(BinanceRest):
    """Orders and account at Binance USD-M, a `TradingClient`, for accounts in one-way mode.

    Args:
        key, secret: as the venue gave them; None for public calls only.
        rest_url, ws_url: scheme and host.
        symbols: contracts that are traded; their fees are read at the start.
        clock: nanoseconds since the epoch.
        timeout_s: for one request.
        recv_window_ms: how long a request may be on its way.
        limits: windows by group instead of the documented ones.
        latest_arrival_s: how long an order may stay on its way; by default as long as it is valid.
        extend_s: how often the listen key is extended.
    """

    venue = "binance_usdm"
    _groups = _GROUPS
    _api = "/fapi/v1"
    _trades = "/fapi/v1/userTrades"
    _order_windows: ClassVar[Mapping[str, float]] = {"10S": 10.0, "1M": 60.0}

    def __init__(
        self,
        key: str | Secret | None = None,
        secret: str | Secret | None = None,
        *,
        rest_url: str = "https://fapi.binance.com",
        ws_url: str = "wss://fstream.binance.com",
        symbols: Sequence[str] = (),
        clock: Callable[[], int] = time.time_ns,
        timeout_s: float = 5.0,
        recv_window_ms: int = 5000,
        limits: Mapping[str, Sequence[Window]] | None = None,
        latest_arrival_s: float | None = None,
        extend_s: float = _EXTEND_S,
    ) -> None:
        super().__init__(
            key, secret, rest_url=rest_url, ws_url=ws_url, symbols=symbols, clock=clock, timeout_s=timeout_s,
            recv_window_ms=recv_window_ms, limits=limits, latest_arrival_s=latest_arrival_s,
        )  # fmt: skip
        self._extend_s = extend_s
        self._listen_key: Secret | None = None

    async def start(self) -> None:
        """Read the clock, the instruments and, for the symbols traded, the fees; refuse hedge mode."""
        await self.sync_clock()
        await self._refresh()
        if self._key:
            mode = await self._ask(Call("GET", f"{self._api}/positionSide/dual", (), {"weight": 30}, True))
            if str((mode or {}).get("dualSidePosition", False)).lower() == "true":
                raise VenueError("the account is in hedge mode; arbkit trades in one-way mode", "hedge_mode")

    async def _refresh(self) -> None:
        data = await self._ask(Call("GET", f"{self._api}/exchangeInfo", (), {"weight": 1}))
        found = messages.usdm_instruments(data, _DEFAULT_FEE)
        for symbol in self._symbols:
            if symbol in found:
                found[symbol] = await self._with_fee(found[symbol])
        self._instruments = found

    async def _with_fee(self, instrument: Instrument) -> Instrument:
        known = self._instruments.get(instrument.symbol)
        if known is not None or not self._key:
            fee = known.taker_fee if known is not None else instrument.taker_fee
            return msgspec.structs.replace(instrument, taker_fee=fee)
        call = Call(
            "GET", f"{self._api}/commissionRate", (("symbol", instrument.symbol),), {"weight": 20}, True
        )
        rate = await self._ask(call)
        if not rate or "takerCommissionRate" not in rate:
            return instrument
        return msgspec.structs.replace(instrument, taker_fee=Decimal(str(rate["takerCommissionRate"])))

    def _order_params(self, request: OrderRequest) -> tuple[tuple[str, str], ...]:
        if request.size is None:
            raise OrderRejectedError(f"{self.venue} takes no amount of money, only a size", "unsupported")
        unit = self._instrument(request.symbol).contract_size
        pairs = {"symbol": request.symbol, "side": request.side.value.upper()}
        if request.time_in_force is TimeInForce.MARKET:
            pairs["type"] = "MARKET"
        else:
            pairs |= {"type": "LIMIT", "timeInForce": request.time_in_force.value.upper()}
        pairs["quantity"] = decimal_text(request.size / unit)
        if request.time_in_force is not TimeInForce.MARKET:
            if request.price is None:
                raise OrderRejectedError("a limit order needs `price`", "price_needed")
            pairs["price"] = decimal_text(request.price * unit)
        if request.reduce_only:
            pairs["reduceOnly"] = "true"
        return (*pairs.items(), ("newClientOrderId", request.client_id), ("newOrderRespType", "RESULT"))

    async def balances(self) -> Mapping[str, Balance]:
        """Return the wallet by asset: what is available, and what margin holds."""
        rows = await self._ask(Call("GET", "/fapi/v3/balance", (), {"weight": 5}, True))
        return messages.usdm_balances(rows)

    async def positions(self) -> Mapping[str, Decimal]:
        """Return signed base units by symbol; a symbol that is flat is not named."""
        rows = await self._ask(Call("GET", "/fapi/v3/positionRisk", (), {"weight": 5}, True))
        return messages.usdm_positions(rows, self._instruments)

    async def funding_paid(self, symbol: str, since_ns: int) -> Mapping[int, float]:
        """Return what the account was paid for a symbol, below 0 what it paid, in its margin asset, by time.

        Args:
            symbol: as the venue names it.
            since_ns: payments from then on, the first thousand.
        """
        asked = {"symbol": symbol, "incomeType": "FUNDING_FEE", "limit": "1000"}
        asked["startTime"] = str(max(0, since_ns // MS_NS))
        rows = await self._ask(Call("GET", f"{self._api}/income", tuple(asked.items()), {"weight": 30}, True))
        return messages.usdm_income(rows, symbol)

    async def cancel_all_after(self, symbol: str, seconds: float) -> None:
        """Let the venue cancel all orders of a symbol unless this is said again in time; 0 takes it back.

        Raises:
            VenueError: when the venue refuses or is not reached.
        """
        params = (("symbol", symbol), ("countdownTime", str(round(seconds * 1000))))
        await self._ask(Call("POST", f"{self._api}/countdownCancelAll", params, {"weight": 10}, True))

    async def run_account(self, sink: AccountSink) -> None:
        """Bring the user stream to the sink until cancelled."""
        await PrivateStream(self, self._open_channel, self._on_message, self._counts).run(sink)

    async def _open_channel(self) -> Channel:
        data = await self._ask(Call("POST", f"{self._api}/listenKey", (), {"weight": 1}))
        if not data or not isinstance(data.get("listenKey"), str):
            raise VenueError(f"{self.venue} gave no listen key", "no_listen_key")
        self._listen_key = Secret(data["listenKey"])
        address = f"{self._ws_url}/private/ws?listenKey={data['listenKey']}"
        return Channel(self._http.session(), address, {}, "", self._extend_s, self._extend)

    async def _extend(self) -> None:
        """Extend the listen key; one that is gone ends the connection, and the next makes a new one."""
        try:
            await self._ask(Call("PUT", f"{self._api}/listenKey", (), {"weight": 1}))
        except VenueError as error:
            if error.code == "-1125":
                raise StreamOverError("the listen key is gone", "listen_key") from None
            self._counts["extend_failed"] += 1

    def _on_message(self, text: str | bytes, sink: AccountSink) -> None:
        if messages.deliver_usdm(text, self._instruments, sink) == "listenKeyExpired":
            raise StreamOverError("the listen key has expired", "listen_key")
