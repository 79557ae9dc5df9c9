"""Binance USD-M futures with an account: its orders."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from arbkit.testing._http import Answer, Call, RefusedError, text_of
from arbkit.testing._usdm_account_json import account_event
from arbkit.testing._usdm_json import lite_event, order_event, order_row, trade_row
from arbkit.testing.binance import binance_error
from arbkit.testing.binance_orders import SignedRow, amount_of, decimals, off_grid
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.listings import Listing
from arbkit.testing.margin import largest_value
from arbkit.testing.orders import Order, Trade
from arbkit.testing.signing import Keys
from arbkit.testing.usdm_account import UsdmAccount
from arbkit.testing.venue import Route

__all__ = ["Usdm"]

ZERO: Final = Decimal(0)
_DAY_MS: Final = 86_400_000
#: Orders that ended are forgotten: without a fill after 3 days, all after 90.
_FORGOTTEN_MS: Final = (3 * _DAY_MS, 90 * _DAY_MS)
_TIF: Final = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "GTX": "post_only"}
_CONDITIONAL: Final = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_UP, _DOWN = Decimal("1.15"), Decimal("0.85")


class Usdm(UsdmAccount):
    """USD-M futures with one account in one-way mode, and its orders."""

    order_limits = (("10S", 300, 10.0), ("1M", 1200, 60.0))

    def __init__(
        self,
        core: Core,
        listings: Iterable[Listing],
        keys: Keys,
        balances: Mapping[str, Decimal],
        *,
        conflate: bool = False,
    ) -> None:
        super().__init__(core, listings, keys, balances, conflate=conflate)
        self._countdowns: dict[str, asyncio.Task[None]] = {}

    def routes(self) -> list[Route]:
        """Return the routes, those of orders among them."""
        rows: list[SignedRow] = [
            ("POST", "order", "submit", self._submit, 0),
            ("POST", "order/test", "submit_test", self._test, 0),
            ("PUT", "order", "amend", self._amend, 1),
            ("GET", "order", "query", self._query, 1),
            ("GET", "openOrder", "query", self._query_open, 1),
            ("DELETE", "order", "cancel", self._cancel, 1),
            ("POST", "batchOrders", "submit_many", self._submit_many, 5),
            ("DELETE", "batchOrders", "cancel_many", self._cancel_many, 1),
            ("GET", "openOrders", "open_orders", self._open, _all_weight(1, 40)),
            ("GET", "allOrders", "all_orders", self._all, 5),
            ("DELETE", "allOpenOrders", "cancel_all", self._cancel_all, 1),
            ("POST", "countdownCancelAll", "countdown", self._countdown, 10),
            ("GET", "userTrades", "trades", self._trades, 5),
            ("GET", "rateLimit/order", "order_limits", self._order_limits, 1),
        ]
        return [*super().routes(), *self.signed_routes("/fapi/v1/", rows)]

    async def stop(self) -> None:
        """Stop serving."""
        for task in self._countdowns.values():
            task.cancel()
        await super().stop()

    # What the matcher asks of its venue

    def booked(self, order: Order, price: Decimal, size: Decimal, *, maker: bool) -> Trade:
        """Book an execution."""
        listing = self.listings[order.symbol]
        booking = self.account.fill(order, listing, price, size, maker=maker)
        self.account.position(order.symbol).updated_ms = self.now_ms()
        trade = self.desk.trade_of(
            order,
            price,
            size,
            fee=booking.fee,
            fee_asset=booking.fee_asset,
            maker=maker,
            realized=booking.realized,
        )
        number = str(trade.number)
        self.earned(order.symbol, listing.quote, "COMMISSION", -booking.fee, number)
        if booking.realized:
            self.earned(order.symbol, listing.quote, "REALIZED_PNL", booking.realized, number)
        return trade

    def released(self, order: Order) -> None:
        """Nothing is set aside: margin is counted anew each time."""

    def most(self, order: Order) -> Decimal | None:
        """Return what is left of the position for a reduce-only order."""
        if not order.reduce_only:
            return None
        amount = self.account.position(order.symbol).amount
        return abs(amount) if (amount < 0) == order.buys else ZERO

    def told(self, order: Order, what: str, trade: Trade | None = None) -> None:
        """Send ACCOUNT_UPDATE, TRADE_LITE and ORDER_TRADE_UPDATE."""
        stamp = self.now_ms()
        if trade is not None:
            self.public_trade(trade)
        copies = 1 if trade is None else self.fill_copies(order.symbol)
        for _ in range(copies):
            if trade is not None:
                mark = self.mark_price(order.symbol)
                unrealized = self.account.unrealized(order.symbol, mark)
                asset = self.listings[order.symbol].quote
                event = account_event(self.account, stamp, "ORDER", asset, ZERO, (order.symbol, unrealized))
                self.tell(event)
                self.tell(lite_event(order, stamp, trade), order.symbol)
            self.tell(order_event(order, stamp, what, trade), order.symbol)

    def fault_happened(self, switch: Switch) -> None:
        """Carry out what the exchange does to an account."""
        name, options = switch.fault.name, switch.options
        if name == "expire_listen_key":
            self.end_key()
        elif name == "revoke_key":
            for socket in self.private_sockets():
                socket.close(1000, "key revoked")
        elif name == "change_leverage":
            for symbol in [switch.symbol] if switch.symbol else list(self.listings):
                self.set_leverage(symbol, int(options["leverage"]))
        elif name == "change_funding_interval":
            for listing in self.listings.values():
                if switch.symbol in (None, listing.symbol):
                    listing.funding_hours = int(options["hours"])
        elif name in ("auto_deleverage", "liquidate"):
            share = Decimal(str(options.get("share", 1)))
            for symbol in [switch.symbol] if switch.symbol else list(self.account.positions):
                self.close_for(symbol, share, self.mark_price(symbol), adl=name == "auto_deleverage")
        else:
            return
        self.count_fault(switch)

    # Orders

    async def _submit(self, call: Call) -> Answer:
        self.count_order(call)
        return self._placed(call)

    async def _test(self, call: Call) -> Answer:
        return Answer(order_row(self._checked(call)))

    def _placed(self, call: Call) -> Answer:
        order = self._checked(call)
        self.desk.place(order)
        waits = order.kind == "limit" and order.tif in ("gtc", "post_only")
        if call.params.get("newOrderRespType", "ACK") == "RESULT" and not waits:
            self.desk.take(order)
            return Answer(order_row(order))
        return Answer(order_row(order), after=lambda: self.desk.take(order))

    def _checked(self, call: Call) -> Order:
        listing = self.listings[self.listed(call)]
        side, kind = call.params.get("side", ""), call.params.get("type", "")
        if side not in ("BUY", "SELL"):
            raise binance_error(400, -1117, "Invalid side.")
        if kind in _CONDITIONAL:
            text = (
                "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
            )
            raise binance_error(400, -4120, text)
        if kind not in ("LIMIT", "MARKET"):
            raise binance_error(400, -1116, "Invalid orderType.")
        if self.dual or call.params.get("positionSide", "BOTH") != "BOTH":
            raise binance_error(400, -4061, "Order's position side does not match user's setting.")
        for name in ("priceMatch", "stopPrice", "activationPrice", "goodTillDate"):
            if call.params.get(name, "NONE") not in ("NONE", ""):
                raise binance_error(400, -1106, f"Parameter '{name}' sent when not required.")
        if self.status_of(listing) != "TRADING":
            raise binance_error(400, -4140, "Invalid symbol status for opening position.")
        client_id = self.client_id(call)
        if self.is_duplicate(client_id):
            raise binance_error(400, -4116, "ClientOrderId is duplicated.")
        tif = call.params.get("timeInForce", "")
        if kind == "LIMIT" and tif not in _TIF:
            missing = "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."
            raise binance_error(400, -1115 if tif else -1102, "Invalid timeInForce." if tif else missing)
        order = self.desk.make(
            client_id=client_id,
            symbol=listing.symbol,
            side=side.lower(),
            kind=kind.lower(),
            tif=_TIF[tif] if kind == "LIMIT" else "ioc",
            price=amount_of(call, "price") if kind == "LIMIT" else None,
            size=amount_of(call, "quantity"),
            reduce_only=call.params.get("reduceOnly", "false").lower() == "true",
            answer=call.params.get("newOrderRespType", "ACK"),
            stp=call.params.get("selfTradePreventionMode", "NONE"),
        )
        self._check_filters(order, listing)
        self._check_account(order, listing)
        self._check_at_once(order)
        return order

    def _check_filters(self, order: Order, listing: Listing) -> None:
        size, price, mark = order.size or ZERO, order.price, self.mark_price(order.symbol)
        if size <= 0 or size < listing.min_size:
            raise binance_error(400, -4003, "Quantity less than or equal to zero.")
        if size > listing.max_size:
            raise binance_error(400, -4005, "Quantity greater than max quantity.")
        if decimals(size) > decimals(listing.lot) or off_grid(size, listing.min_size, listing.lot):
            raise binance_error(400, -1111, "Precision is over the maximum defined for this asset.")
        if price is not None:
            tick = self.tick_of(listing)
            if price <= 0:
                raise binance_error(400, -4001, "Price less than 0.")
            if decimals(price) > self.price_precision(listing):
                raise binance_error(400, -1111, "Precision is over the maximum defined for this asset.")
            if off_grid(price, ZERO, tick):
                raise binance_error(400, -4014, "Price not increased by tick size.")
            if mark and price > mark * _UP:
                raise binance_error(400, -4016, f"Limit price can't be higher than {text_of(mark * _UP)}.")
            if mark and price < mark * _DOWN:
                raise binance_error(400, -4024, f"Limit price can't be lower than {text_of(mark * _DOWN)}.")
        if not order.reduce_only and (price or mark) * size < listing.min_notional:
            least = text_of(listing.min_notional)
            raise binance_error(400, -4164, f"Order's notional must be no smaller than {least}.")

    def _check_account(self, order: Order, listing: Listing) -> None:
        held = self.account.position(order.symbol)
        if order.reduce_only:
            if not self.most(order):
                raise binance_error(400, -2022, "ReduceOnly Order is rejected.")
            return
        if len(self.desk.working(order.symbol)) >= 200:
            raise binance_error(400, -2025, "Reach max open order limit.")
        signed = (order.size or ZERO) * (1 if order.buys else -1)
        added = max(ZERO, abs(held.amount + signed) - abs(held.amount))
        price = order.price or self.mark_price(order.symbol)
        if added * price / held.leverage > self.available(listing.quote):
            raise binance_error(400, -2019, "Margin is insufficient.")
        if added and abs(held.amount + signed) * price > largest_value(held.leverage):
            raise binance_error(400, -2027, "Exceeded the maximum allowable position at current leverage.")

    def _check_at_once(self, order: Order) -> None:
        if order.kind != "limit" or order.tif not in ("fok", "post_only"):
            return
        levels = self.books[order.symbol].available("asks" if order.buys else "bids")
        price = order.price or ZERO
        reach = sum((size for at, size in levels if (at <= price if order.buys else at >= price)), ZERO)
        if order.tif == "fok" and reach < (order.size or ZERO):
            text = "Due to the order could not be filled immediately, the FOK order has been rejected."
            raise binance_error(400, -5021, text)
        if order.tif == "post_only" and reach:
            text = "Due to the order could not be executed as maker, the Post Only order will be rejected."
            raise binance_error(400, -5022, text)

    def _known_order(self, call: Call) -> Order:
        """Return the order that a query is about, unless it ended so long ago that it is forgotten."""
        order = self.asked_order(call, -2013)
        age = self.core.clock.now_ms() - order.updated_ms
        if not order.works and age > _FORGOTTEN_MS[1 if order.filled else 0]:
            raise binance_error(400, -2013, "Order does not exist.")
        return order

    async def _query(self, call: Call) -> Answer:
        return Answer(order_row(self._known_order(call), time=True))

    async def _query_open(self, call: Call) -> Answer:
        order = self._known_order(call)
        if not order.works:
            raise binance_error(400, -2013, "Order does not exist.")
        return Answer(order_row(order, time=True))

    async def _amend(self, call: Call) -> Answer:
        """Change price and size of a resting order."""
        self.count_order(call)
        order = self.working_order(call)
        price, size = amount_of(call, "price") or ZERO, amount_of(call, "quantity") or ZERO
        if call.params.get("side", "") != order.side.upper() or order.kind != "limit":
            raise binance_error(400, -4028, "Invalid side or type for a modification.")
        if (price, size) == (order.price, order.size):
            raise binance_error(400, -5027, "No need to modify the order.")
        listing = self.listings[order.symbol]
        wanted = self.desk.make(
            client_id=order.client_id, symbol=order.symbol, side=order.side, kind="limit", tif=order.tif,
            price=price, size=size, reduce_only=order.reduce_only,
        )  # fmt: skip
        self._check_filters(wanted, listing)
        self._check_at_once(wanted)
        if size <= order.filled:
            self.desk.cancel(order)
            return Answer(order_row(order))
        order.price, order.size = price, size
        return Answer(order_row(order), after=lambda: self.desk.amend(order, price, size))

    async def _submit_many(self, call: Call) -> Answer:
        """Place up to five orders; each is answered by itself."""
        answers: list[Answer] = []
        for entry in _entries(call, "batchOrders", 5):
            part = copy.copy(call)
            part.params = {key: str(value) for key, value in dict(entry).items()}
            try:
                self.count_order(part)
                answers.append(self._placed(part))
            except RefusedError as refusal:
                answers.append(refusal.answer)
        return _together(answers)

    async def _cancel_many(self, call: Call) -> Answer:
        """Cancel up to ten orders; each is answered by itself."""
        names = {name.lower(): name for name in call.params}  # ccxt writes it in small letters
        member = names.get("orderidlist", "origClientOrderIdList")
        one = "origClientOrderId" if member == "origClientOrderIdList" else "orderId"
        answers: list[Answer] = []
        for entry in _entries(call, member, 10):
            part = copy.copy(call)
            part.params = {"symbol": call.params.get("symbol", ""), one: str(entry)}
            try:
                answers.append(await self._cancel(part))
            except RefusedError as refusal:
                answers.append(refusal.answer)
        return _together(answers)

    async def _order_limits(self, call: Call) -> Answer:
        return Answer([row for row in self.rate_limits() if row["rateLimitType"] == "ORDERS"])

    async def _cancel(self, call: Call) -> Answer:
        order = self.working_order(call)
        if not self.desk.cancel(order):
            raise binance_error(400, -2011, "Unknown order sent.")
        return Answer(order_row(order))

    async def _open(self, call: Call) -> Answer:
        found = self.desk.working(call.params.get("symbol"))
        return Answer([order_row(order, time=True) for order in found if self.desk.visible(order)])

    async def _all(self, call: Call) -> Answer:
        return Answer([order_row(order, time=True) for order in self.asked_orders(call)])

    async def _cancel_all(self, call: Call) -> Answer:
        for order in self.desk.working(self.listed(call)):
            self.desk.cancel(order)
        return Answer({"code": 200, "msg": "The operation of cancel all open order is done."})

    async def _countdown(self, call: Call) -> Answer:
        symbol, wait = self.listed(call), amount_of(call, "countdownTime") or ZERO
        before = self._countdowns.pop(symbol, None)
        if before is not None:
            before.cancel()
        if wait > 0:
            self._countdowns[symbol] = asyncio.create_task(self._cancel_after(symbol, float(wait) / 1000))
        return Answer({"symbol": symbol, "countdownTime": str(wait)})

    async def _cancel_after(self, symbol: str, seconds: float) -> None:
        await self.core.clock.sleep(seconds)
        for order in self.desk.working(symbol):
            self.desk.cancel(order)

    async def _trades(self, call: Call) -> Answer:
        return Answer([trade_row(trade, trade.fee_asset) for trade in self.asked_trades(call)])


def _entries(call: Call, name: str, most: int) -> list[Any]:
    """Return the entries of a list in a request."""
    text = call.params.get(name, "")
    try:
        found = msgspec.json.decode(text) if text else []
    except msgspec.DecodeError:
        found = []
    if not isinstance(found, list) or not 1 <= len(found) <= most:
        missing = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise binance_error(400, -1102, missing)
    return found


def _together(answers: list[Answer]) -> Answer:
    """Return several answers as one."""
    after = [answer.after for answer in answers if answer.after is not None]

    def run() -> None:
        for act in after:
            act()

    return Answer([answer.data for answer in answers], after=run)


def _all_weight(one: int, every: int) -> Callable[[Call], int]:
    return lambda call: one if "symbol" in call.params else every
