"""Binance's spot market: orders and account over REST, the user stream over its WebSocket API.

Source: Binance's spot documentation. What is odd here: the fee of a buy is taken from the coins bought, so
that the position is smaller than what was filled; too little balance and a used client id have the same code,
and only the text tells them apart.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec

from arbkit.venues import binance_messages as messages
from arbkit.venues.binance_rest import BinanceRest
from arbkit.venues.grid import decimal_text
from arbkit.venues.limits import Window
from arbkit.venues.protocol import (
    AccountSink,
    Balance,
    OrderRejectedError,
    OrderRequest,
    OrderSide,
    TimeInForce,
)
from arbkit.venues.rest import Call
from arbkit.venues.secret import Secret
from arbkit.venues.signing import binance_signature, upbit_query
from arbkit.venues.streams import Channel, PrivateStream, StreamOverError

__all__ = ["BinanceSpotClient"]

_GROUPS: Final = {"weight": (Window(6000, 60.0),), "order": (Window(100, 10.0),)}
_DEFAULT_FEE: Final = Decimal("0.001")
_REJECTED: Final = -2010
_DUPLICATE_TEXT: Final = "Duplicate order sent."


class BinanceSpotClient(BinanceRest):
    """Orders and account at Binance spot, a `TradingClient`; arguments as for `BinanceUsdmClient`."""

    venue = "binance_spot"
    _groups = _GROUPS
    _api = "/api/v3"
    _trades = "/api/v3/myTrades"
    _trades_weight = 5
    _query_weight = 4
    _all_open_weight = 80
    _order_windows: ClassVar[Mapping[str, float]] = {"10S": 10.0}

    def __init__(
        self,
        key: str | Secret | None = None,
        secret: str | Secret | None = None,
        *,
        rest_url: str = "https://api.binance.com",
        ws_url: str = "wss://ws-api.binance.com:443",
        symbols: Sequence[str] = (),
        clock: Callable[[], int] = time.time_ns,
        timeout_s: float = 5.0,
        recv_window_ms: int = 5000,
        limits: Mapping[str, Sequence[Window]] | None = None,
        latest_arrival_s: float | None = None,
    ) -> None:
        super().__init__(
            key, secret, rest_url=rest_url, ws_url=ws_url, symbols=symbols, clock=clock, timeout_s=timeout_s,
            recv_window_ms=recv_window_ms, limits=limits, latest_arrival_s=latest_arrival_s,
        )  # fmt: skip
        self._taker_fee = _DEFAULT_FEE

    async def start(self) -> None:
        """Read the clock, the instruments and the account's fee."""
        await self.sync_clock()
        await self._refresh()

    async def _refresh(self) -> None:
        data = await self._ask(Call("GET", f"{self._api}/exchangeInfo", (), {"weight": 20}))
        if self._key:
            account = await self._account()
            rates = account.get("commissionRates") or {}
            self._taker_fee = Decimal(str(rates.get("taker", self._taker_fee)))
        self._instruments = messages.spot_instruments(data, self._taker_fee)

    async def _account(self) -> Mapping[str, Any]:
        data = await self._ask(Call("GET", f"{self._api}/account", (), {"weight": 20}, True))
        return dict(data or {})

    def _order_params(self, request: OrderRequest) -> tuple[tuple[str, str], ...]:
        pairs = {"symbol": request.symbol, "side": request.side.value.upper()}
        if request.time_in_force is TimeInForce.MARKET:
            pairs["type"] = "MARKET"
        else:
            pairs |= {"type": "LIMIT", "timeInForce": request.time_in_force.value.upper()}
        if request.size is not None:
            pairs["quantity"] = decimal_text(request.size)
        elif request.side is OrderSide.BUY and request.time_in_force is TimeInForce.MARKET:
            pairs["quoteOrderQty"] = decimal_text(request.quote_amount or Decimal(0))
        else:
            raise OrderRejectedError("only a market buy takes an amount of money", "bad_request")
        if request.time_in_force is not TimeInForce.MARKET:
            if request.price is None:
                raise OrderRejectedError("a limit order needs `price`", "price_needed")
            pairs["price"] = decimal_text(request.price)
        return (*pairs.items(), ("newClientOrderId", request.client_id), ("newOrderRespType", "FULL"))

    def _is_duplicate(self, code: int | None, text: str) -> bool:
        return code == _REJECTED and text == _DUPLICATE_TEXT

    async def balances(self) -> Mapping[str, Balance]:
        """Return what the account holds, by asset."""
        return messages.spot_balances((await self._account()).get("balances"))

    async def positions(self) -> Mapping[str, Decimal]:
        """Return the coins held, by their market in USDT (or by those of `symbols`)."""
        held = await self.balances()
        return {
            symbol: held[instrument.base].total
            for symbol, instrument in self._instruments.items()
            if instrument.base in held and (symbol in self._symbols or instrument.quote == "USDT")
        }

    async def run_account(self, sink: AccountSink) -> None:
        """Bring the user stream to the sink until cancelled."""
        await PrivateStream(self, self._open_channel, self._on_message, self._counts).run(sink)

    async def _open_channel(self) -> Channel:
        key, secret = self._credentials()
        params = {"apiKey": key.reveal(), "timestamp": str(self._now_ms())}
        signature = binance_signature(secret, upbit_query(sorted(params.items())))
        request = {
            "id": uuid.uuid4().hex,
            "method": "userDataStream.subscribe.signature",
            "params": {**params, "timestamp": int(params["timestamp"]), "signature": signature},
        }
        return Channel(
            self._http.session(), f"{self._ws_url}/ws-api/v3", {}, msgspec.json.encode(request).decode()
        )

    def _on_message(self, text: str | bytes, sink: AccountSink) -> None:
        kind = messages.deliver_spot(text, sink)
        if kind == "eventStreamTerminated":
            raise StreamOverError("the user stream has ended", "terminated")
        if kind == "refused":
            raise StreamOverError("the user stream was refused", "refused")
