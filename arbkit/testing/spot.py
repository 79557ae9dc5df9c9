"""Binance spot with an account: orders, and the user stream over its WebSocket API."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from aiohttp import web

from arbkit.testing._http import Answer, Call, RefusedError, json_bytes, text_of
from arbkit.testing._spot_json import (
    balances_event,
    cancel_row,
    order_row,
    placed_row,
    report_event,
    trade_row,
)
from arbkit.testing.accounts import SpotAccount
from arbkit.testing.binance import binance_error
from arbkit.testing.binance_orders import BinanceTrading, SignedRow, amount_of, decimals, off_grid
from arbkit.testing.binance_stream import BinanceSocket
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.listings import Listing
from arbkit.testing.orders import Order, Trade
from arbkit.testing.signing import Keys, binance_signature, check_time
from arbkit.testing.spot_books import SpotBooks
from arbkit.testing.venue import Route

__all__ = ["Spot"]

ZERO: Final = Decimal(0)
#: `maxNotional` of the filter, for limit orders.
_MOST: Final = Decimal(9_000_000)
_TIF: Final = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}


class ApiSocket(BinanceSocket):
    """One connection to `/ws-api/v3`: requests with an id, and the account's events once subscribed."""

    venue: Spot

    def __init__(self, venue: Spot, request: web.Request) -> None:
        super().__init__(venue, request, "private")
        self.subscription: int | None = None

    async def on_text(self, text: str) -> None:
        """Take one request."""
        try:
            request = msgspec.json.decode(text)
            number, method = request.get("id"), request.get("method")
            params = request.get("params") or {}
        except (msgspec.DecodeError, AttributeError):
            error = {"code": -1135, "msg": "Invalid JSON Request"}
            self.send(json_bytes({"id": None, "status": 400, "error": error}))
            return
        try:
            result = self.venue.api_call(self, str(method), params)
        except RefusedError as refused:
            answer = {"id": number, "status": refused.answer.status, "error": refused.answer.data}
        else:
            answer = {"id": number, "status": 200, "result": result}
        self.send(json_bytes(answer))


class Spot(SpotBooks, BinanceTrading):
    """Spot with one account.

    Attributes:
        account: balances; the exchange's own truth.
    """

    order_limits = (("10S", 100, 10.0), ("1D", 200_000, 86_400.0))

    def __init__(
        self,
        core: Core,
        listings: Iterable[Listing],
        keys: Keys,
        balances: Mapping[str, Decimal],
        *,
        conflate: bool = False,
    ) -> None:
        BinanceTrading.__init__(self, core, listings, keys, conflate=conflate)
        self.account = SpotAccount(balances, on_top=False)

    def routes(self) -> list[Route]:
        """Return public and signed routes."""
        signed: list[SignedRow] = [
            ("POST", "order", "submit", self._submit, 1),
            ("POST", "order/test", "submit_test", self._test, 1),
            ("GET", "order", "query", self._query, 4),
            ("DELETE", "order", "cancel", self._cancel, 1),
            ("GET", "openOrders", "open_orders", self._open, _open_weight),
            ("DELETE", "openOrders", "cancel_all", self._cancel_all, 1),
            ("GET", "allOrders", "all_orders", self._all, 20),
            ("POST", "order/cancelReplace", "replace", self._replace, 1),
            ("GET", "rateLimit/order", "order_limits", self._order_limits, 40),
            ("GET", "account", "account", self._account, 20),
            ("GET", "myTrades", "trades", self._trades, 20),
            ("GET", "account/commission", "commission", self._commission, 20),
        ]
        fee = Route("GET", "/sapi/v1/asset/tradeFee", "commission", self.signed(self._trade_fee), 1)
        return [*super().routes(), *self.signed_routes(self.api, signed), fee]

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the streams and the WebSocket API."""
        return {**super().socket_paths(), "/ws-api/v3": self._api_socket}

    # What the matcher asks of its venue

    def booked(self, order: Order, price: Decimal, size: Decimal, *, maker: bool) -> Trade:
        """Book an execution."""
        booking = self.account.fill(order, self.listings[order.symbol], price, size, maker=maker)
        return self.desk.trade_of(
            order, price, size, fee=booking.fee, fee_asset=booking.fee_asset, maker=maker
        )

    def released(self, order: Order) -> None:
        """Give back what an ended order still held."""
        self.account.release(order, self.listings[order.symbol])

    def most(self, order: Order) -> Decimal | None:
        """Nothing is reduce-only on a spot venue."""
        return None

    def told(self, order: Order, what: str, trade: Trade | None = None) -> None:
        """Send executionReport and outboundAccountPosition."""
        if trade is not None:
            self.public_trade(trade)
        copies = 1 if trade is None else self.fill_copies(order.symbol)
        listing = self.listings[order.symbol]
        for _ in range(copies):
            self._tell(report_event(order, self.now_ms(), what, trade))
            self._tell(balances_event(self.account, (listing.base, listing.quote), self.now_ms()))

    def fault_happened(self, switch: Switch) -> None:
        """End the user stream when it is to end."""
        name = switch.fault.name
        if name not in ("expire_listen_key", "revoke_key"):
            return
        for socket in self.private_sockets():
            if name == "revoke_key":
                socket.close(1000, "key revoked")
            elif isinstance(socket, ApiSocket) and socket.subscription is not None:
                event = {"e": "eventStreamTerminated", "E": self.now_ms()}
                self._give(socket, event)
                socket.subscription = None
        self.count_fault(switch)

    # Orders

    async def _submit(self, call: Call) -> Answer:
        self.count_order(call)
        order = self._checked(call)
        listing = self.listings[order.symbol]
        estimate = self._estimate(order)
        asset, amount = self.account.need(order, listing, estimate)
        if not self.account.reserve(order, asset, amount):
            raise binance_error(400, -2010, "Account has insufficient balance for requested action.")
        self.desk.place(order)
        if order.answer == "ACK":
            return Answer(placed_row(order, "ACK"), after=lambda: self.desk.take(order))
        self.desk.take(order)
        return Answer(placed_row(order, order.answer))

    async def _test(self, call: Call) -> Answer:
        self._checked(call)
        return Answer({})

    def _estimate(self, order: Order) -> Decimal | None:
        """Return what a market buy by size costs as the book stands."""
        if not order.buys or order.kind != "market" or order.size is None:
            return None
        left, value = order.size, ZERO
        for price, size in self.books[order.symbol].available("asks"):
            taken = min(left, size)
            value += taken * price
            left -= taken
            if not left:
                break
        return value

    def _checked(self, call: Call) -> Order:
        listing = self.listings[self.listed(call)]
        side, kind = call.params.get("side", ""), call.params.get("type", "")
        if side not in ("BUY", "SELL"):
            raise binance_error(400, -1117, "Invalid side.")
        if kind not in ("LIMIT", "MARKET", "LIMIT_MAKER"):
            raise binance_error(400, -1116, "Invalid orderType.")
        if self.status_of(listing) != "TRADING":
            raise binance_error(400, -1013, "Market is closed.")
        client_id = self.client_id(call)
        if self.is_duplicate(client_id):
            raise binance_error(400, -2010, "Duplicate order sent.")
        tif = call.params.get("timeInForce", "")
        if kind == "LIMIT" and tif not in _TIF:
            missing = "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."
            raise binance_error(400, -1115 if tif else -1102, "Invalid timeInForce." if tif else missing)
        amount = amount_of(call, "quoteOrderQty", needed=False) if kind == "MARKET" else None
        order = self.desk.make(
            client_id=client_id,
            symbol=listing.symbol,
            side=side.lower(),
            kind="market" if kind == "MARKET" else "limit",
            tif="ioc" if kind == "MARKET" else "post_only" if kind == "LIMIT_MAKER" else _TIF[tif],
            price=None if kind == "MARKET" else amount_of(call, "price"),
            size=amount_of(call, "quantity", needed=amount is None),
            amount=amount,
            answer=call.params.get("newOrderRespType", "FULL"),
        )
        self._check_filters(order, listing)
        if order.amount is not None and not order.buys:
            self._by_size(order, listing)
        if kind == "LIMIT_MAKER" and self._would_take(order):
            raise binance_error(400, -2010, "Order would immediately match and take.")
        return order

    def _check_filters(self, order: Order, listing: Listing) -> None:
        size, price, mid = order.size, order.price, self.books[order.symbol].mid() or ZERO
        if size is not None:
            if decimals(size) > 8:
                raise binance_error(400, -1111, "Parameter 'quantity' has too much precision.")
            if size < listing.min_size or size > listing.max_size or off_grid(size, ZERO, listing.lot):
                raise _filter("LOT_SIZE")
        if price is not None:
            if decimals(price) > 8:
                raise binance_error(400, -1111, "Parameter 'price' has too much precision.")
            if price <= 0 or off_grid(price, ZERO, self.tick_of(listing)):
                raise _filter("PRICE_FILTER")
            if mid and not mid / 5 <= price <= mid * 5:
                raise _filter("PERCENT_PRICE_BY_SIDE")
        value = order.amount if order.amount is not None else (price or mid) * (size or ZERO)
        if value < listing.min_notional or (price is not None and value > _MOST):
            raise _filter("NOTIONAL")
        if len(self.desk.working(order.symbol)) >= 200:
            raise _filter("MAX_NUM_ORDERS")

    def _by_size(self, order: Order, listing: Listing) -> None:
        """Turn a market sell for an amount into the size that brings it, as the book stands."""
        left, size = order.amount or ZERO, ZERO
        for price, there in self.books[order.symbol].available("bids"):
            taken = min(there, left / price)
            size += taken
            left -= taken * price
            if left <= 0:
                break
        order.size, order.amount = size // listing.lot * listing.lot, None

    def _would_take(self, order: Order) -> bool:
        levels, price = self.books[order.symbol].available("asks" if order.buys else "bids"), order.price
        return bool(levels and price and (price >= levels[0][0] if order.buys else price <= levels[0][0]))

    async def _query(self, call: Call) -> Answer:
        return Answer(order_row(self.asked_order(call, -2013)))

    async def _cancel(self, call: Call) -> Answer:
        order = self.working_order(call)
        if not self.desk.cancel(order):
            raise binance_error(400, -2011, "Unknown order sent.")
        return Answer(cancel_row(order))

    async def _cancel_all(self, call: Call) -> Answer:
        found = self.desk.working(self.listed(call))
        if not found:
            raise binance_error(400, -2011, "Unknown order sent.")
        return Answer([cancel_row(order) for order in found if self.desk.cancel(order)])

    async def _open(self, call: Call) -> Answer:
        found = self.desk.working(call.params.get("symbol"))
        return Answer([order_row(order) for order in found if self.desk.visible(order)])

    async def _all(self, call: Call) -> Answer:
        return Answer([order_row(order) for order in self.asked_orders(call)])

    async def _replace(self, call: Call) -> Answer:
        """Cancel an order and place another; by STOP_ON_FAILURE only when the first was cancelled."""
        mode = call.params.get("cancelReplaceMode", "")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise binance_error(400, -1145, "Invalid cancelReplaceMode.")
        part = copy.copy(call)
        part.params = {
            "symbol": call.params.get("symbol", ""),
            "orderId": call.params.get("cancelOrderId", ""),
            "origClientOrderId": call.params.get("cancelOrigClientOrderId", ""),
        }
        cancelled = await _tried(self._cancel(part))
        if cancelled.status != 200 and mode == "STOP_ON_FAILURE":
            told = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
            data = {**told, "cancelResponse": cancelled.data}
            raise RefusedError(400, {"code": -2022, "msg": "Order cancel-replace failed.", "data": data})
        placed = await _tried(self._submit(call))
        words = {True: "SUCCESS", False: "FAILURE"}
        data = {
            "cancelResult": words[cancelled.status == 200],
            "newOrderResult": words[placed.status == 200],
            "cancelResponse": cancelled.data,
            "newOrderResponse": placed.data,
        }
        if cancelled.status == placed.status == 200:
            return Answer(data, after=placed.after)
        if cancelled.status == 200 or placed.status == 200:
            text = "Order cancel-replace partially failed."
            return Answer({"code": -2021, "msg": text, "data": data}, 409, after=placed.after)
        raise RefusedError(400, {"code": -2022, "msg": "Order cancel-replace failed.", "data": data})

    async def _order_limits(self, call: Call) -> Answer:
        rows = zip(self.rate_limits()[1:], self._counters.values(), strict=True)
        return Answer([{**row, "count": window.used} for row, window in rows])

    # The account

    async def _account(self, call: Call) -> Answer:
        balances = [
            {"asset": asset, "free": f"{holding.free:.8f}", "locked": f"{holding.locked:.8f}"}
            for asset, holding in self.account.holdings.items()
            if holding.total or call.params.get("omitZeroBalances", "false").lower() != "true"
        ]
        fee = text_of(next(iter(self.listings.values())).taker_fee) if self.listings else "0"
        rates = {"maker": fee, "taker": fee, "buyer": "0.00000000", "seller": "0.00000000"}
        return Answer(
            {
                "makerCommission": 10,
                "takerCommission": 10,
                "commissionRates": rates,
                "canTrade": "order" in self.keys.may,
                "canWithdraw": False,
                "canDeposit": True,
                "brokered": False,
                "requireSelfTradePrevention": False,
                "preventSor": False,
                "uid": 1,
                "accountType": "SPOT",
                "updateTime": self.now_ms(),
                "balances": balances,
                "permissions": ["SPOT"],
            }
        )

    async def _trades(self, call: Call) -> Answer:
        return Answer([trade_row(trade) for trade in self.asked_trades(call)])

    async def _commission(self, call: Call) -> Answer:
        listing = self.listings[self.listed(call)]
        rates = {"maker": text_of(listing.maker_fee), "taker": text_of(listing.taker_fee)}
        rates |= {"buyer": "0.00000000", "seller": "0.00000000"}
        return Answer({"symbol": listing.symbol, "standardCommission": rates})

    async def _trade_fee(self, call: Call) -> Answer:
        """Answer the fees by symbol, as the wallet interface does."""
        names = [self.listed(call)] if "symbol" in call.params else list(self.listings)
        rows = []
        for listing in map(self.listings.__getitem__, names):
            rates = {
                "makerCommission": text_of(listing.maker_fee),
                "takerCommission": text_of(listing.taker_fee),
            }
            rows.append({"symbol": listing.symbol, **rates})
        return Answer(rows)

    # The user stream

    def api_call(self, socket: ApiSocket, method: str, params: Mapping[str, Any]) -> Any:
        """Carry out one request of the WebSocket API.

        Raises:
            RefusedError: with Binance's code.
        """
        if method == "ping":
            return {}
        if method == "time":
            return {"serverTime": self.now_ms()}
        if method == "userDataStream.subscribe.signature":
            self._check_api(params)
            socket.subscription = 0
            return {"subscriptionId": 0}
        if method == "userDataStream.unsubscribe":
            socket.subscription = None
            return {}
        raise binance_error(400, -1130, f"Data sent for parameter 'method' is not valid: {method}")

    def _check_api(self, params: Mapping[str, Any]) -> None:
        """Check a signed request: the text is that of the sorted members, the signature left out."""
        self.check_revoked()
        if params.get("apiKey") != self.keys.key:
            raise binance_error(401, -2015, "Invalid API-key, IP, or permissions for action.")
        text = "&".join(f"{key}={params[key]}" for key in sorted(params) if key != "signature")
        if params.get("signature") != binance_signature(self.keys.secret, text):
            raise binance_error(400, -1022, "Signature for this request is not valid.")
        check_time(params, self.now_ms())

    async def _api_socket(self, request: web.Request) -> web.StreamResponse:
        self.admit_socket()
        return await ApiSocket(self, request).serve()

    def _tell(self, event: dict[str, Any]) -> None:
        for socket in self.private_sockets():
            if isinstance(socket, ApiSocket) and socket.subscription is not None:
                self._give(socket, event)

    @staticmethod
    def _give(socket: ApiSocket, event: dict[str, Any]) -> None:
        wrapped = {"subscriptionId": socket.subscription, "event": event}
        socket.send(json_bytes(wrapped), "user", str(event.get("s", "")))


async def _tried(act: Awaitable[Answer]) -> Answer:
    """Return an answer, also where it is a refusal."""
    try:
        return await act
    except RefusedError as refusal:
        return refusal.answer


def _filter(name: str) -> RefusedError:
    return binance_error(400, -1013, f"Filter failure: {name}")


def _open_weight(call: Call) -> int:
    return 6 if "symbol" in call.params else 80
