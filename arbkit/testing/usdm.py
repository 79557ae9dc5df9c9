"""Binance USD-M futures with an account: orders, positions, funding, the private stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from arbkit.testing._http import Answer, Call, json_bytes, text_of
from arbkit.testing._usdm_json import (
    account_event,
    lite_event,
    order_event,
    order_row,
    position_row,
    trade_row,
)
from arbkit.testing.accounts import FuturesAccount
from arbkit.testing.binance import binance_error
from arbkit.testing.binance_orders import BinanceTrading, amount_of, decimals, off_grid
from arbkit.testing.binance_stream import BinanceSocket
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.listings import Listing
from arbkit.testing.orders import Order, Trade
from arbkit.testing.signing import Keys
from arbkit.testing.usdm_books import UsdmBooks
from arbkit.testing.venue import Route
from arbkit.units import SECOND_NS

__all__ = ["Usdm"]

ZERO: Final = Decimal(0)
_HOUR_NS: Final = 3600 * SECOND_NS
_KEY_LIFE_NS: Final = _HOUR_NS
_TIF: Final = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "GTX": "post_only"}
_SATOSHI: Final = Decimal("0.00000001")
_UP, _DOWN = Decimal("1.15"), Decimal("0.85")


class Usdm(UsdmBooks, BinanceTrading):
    """USD-M futures with one account in one-way mode.

    Attributes:
        account: wallet and positions; the exchange's own truth.
    """

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
        BinanceTrading.__init__(self, core, listings, keys, conflate=conflate)
        self.account = FuturesAccount(dict(balances))
        self._listen_key = ""
        self._key_until_ns = 0
        self._countdowns: dict[str, asyncio.Task[None]] = {}
        self._paid_until_ns = core.clock.now_ns()

    def routes(self) -> list[Route]:
        """Return public, key and signed routes."""
        one = "/fapi/v1/"
        signed: list[tuple[str, str, str, Callable[[Call], Awaitable[Answer]], Any]] = [
            ("POST", one + "order", "submit", self._submit, 0),
            ("GET", one + "order", "query", self._query, 1),
            ("DELETE", one + "order", "cancel", self._cancel, 1),
            ("GET", one + "openOrders", "open_orders", self._open, _all_weight(1, 40)),
            ("GET", one + "allOrders", "all_orders", self._all, 5),
            ("DELETE", one + "allOpenOrders", "cancel_all", self._cancel_all, 1),
            ("POST", one + "countdownCancelAll", "countdown", self._countdown, 10),
            ("GET", one + "userTrades", "trades", self._trades, 5),
            ("GET", "/fapi/v3/balance", "balances", self._balance, 5),
            ("GET", "/fapi/v3/account", "account", self._account, 5),
            ("GET", "/fapi/v3/positionRisk", "positions", self._positions, 5),
            ("GET", one + "commissionRate", "commission", self._commission, 20),
            ("POST", one + "leverage", "leverage", self._leverage, 1),
            ("POST", one + "marginType", "margin_type", self._done, 1),
            ("GET", one + "positionSide/dual", "dual", self._dual, 30),
            ("POST", one + "positionSide/dual", "dual", self._done, 1),
            ("GET", one + "income", "income", self._income, 30),
        ]
        keyed = [
            Route(method, one + "listenKey", "listen_key", self.keyed(act), 1)
            for method, act in (
                ("POST", self._make_key),
                ("PUT", self._keep_key),
                ("DELETE", self._drop_key),
            )
        ]
        made = [
            Route(method, path, name, self.signed(act), weight) for method, path, name, act, weight in signed
        ]
        return [*super().routes(), *made, *keyed]

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the three bases."""
        return {**super().socket_paths(), "/private/ws": self._private_socket}

    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the timers: marks, funding, the life of the listen key."""
        return [*super().background(), self._pay_funding, self._expire_key]

    async def stop(self) -> None:
        """Stop serving."""
        for task in self._countdowns.values():
            task.cancel()
        await super().stop()

    # What the matcher asks of its venue

    def booked(self, order: Order, price: Decimal, size: Decimal, *, maker: bool) -> Trade:
        """Book an execution."""
        booking = self.account.fill(order, self.listings[order.symbol], price, size, maker=maker)
        self.account.position(order.symbol).updated_ms = self.now_ms()
        self._earned(order.symbol, "COMMISSION", -booking.fee)
        if booking.realized:
            self._earned(order.symbol, "REALIZED_PNL", booking.realized)
        return self.desk.trade_of(
            order,
            price,
            size,
            fee=booking.fee,
            fee_asset=booking.fee_asset,
            maker=maker,
            realized=booking.realized,
        )

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
                self._tell(event, "")
                self._tell(lite_event(order, stamp, trade), order.symbol)
            self._tell(order_event(order, stamp, what, trade), order.symbol)

    def fault_happened(self, switch: Switch) -> None:
        """Carry out what the exchange does to an account."""
        name, options = switch.fault.name, switch.options
        if name == "expire_listen_key":
            self._end_key()
        elif name == "revoke_key":
            for socket in self.private_sockets():
                socket.close(1000, "key revoked")
        elif name == "change_leverage":
            for symbol in [switch.symbol] if switch.symbol else list(self.listings):
                self.account.position(symbol).leverage = int(options["leverage"])
        elif name == "change_funding_interval":
            for listing in self.listings.values():
                if switch.symbol in (None, listing.symbol):
                    listing.funding_hours = int(options["hours"])
        elif name in ("auto_deleverage", "liquidate"):
            share = Decimal(str(options.get("share", 1)))
            for symbol in [switch.symbol] if switch.symbol else list(self.account.positions):
                self._close_for(symbol, share, name)
        else:
            return
        self.count_fault(switch)

    def _close_for(self, symbol: str, share: Decimal, why: str) -> None:
        listing, held = self.listings[symbol], self.account.position(symbol)
        size = abs(held.amount) * share // listing.lot * listing.lot
        mark = self.mark_price(symbol)
        price = mark // listing.tick * listing.tick
        if not size or not price:
            return
        prefix = "adl_autoclose-" if why == "auto_deleverage" else "autoclose-"
        side = "sell" if held.amount > 0 else "buy"
        order = self.desk.make(
            client_id=f"{prefix}{self.now_ms()}",
            symbol=symbol,
            side=side,
            kind="limit",
            tif="ioc",
            price=price,
            size=size,
        )
        self.desk.force(order, price, size)

    # Orders

    async def _submit(self, call: Call) -> Answer:
        self.count_order(call)
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
        if kind not in ("LIMIT", "MARKET"):
            raise binance_error(400, -1116, "Invalid orderType.")
        if call.params.get("positionSide", "BOTH") != "BOTH":
            raise binance_error(400, -4061, "Order's position side does not match user's setting.")
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
            if decimals(price) > 8:
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

    async def _query(self, call: Call) -> Answer:
        return Answer(order_row(self.asked_order(call, -2013), time=True))

    async def _cancel(self, call: Call) -> Answer:
        order = self.working_order(call)
        if not self.desk.cancel(order):
            raise binance_error(400, -2011, "Unknown order sent.")
        return Answer(order_row(order))

    async def _open(self, call: Call) -> Answer:
        found = self.desk.working(call.params.get("symbol"))
        return Answer([order_row(order, time=True) for order in found if self.desk.visible(order)])

    async def _all(self, call: Call) -> Answer:
        symbol = self.listed(call)
        orders = [order for order in self.desk.orders.values() if order.symbol == symbol]
        return Answer([order_row(order, time=True) for order in orders if self.desk.visible(order)][-500:])

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

    # The account

    def available(self, asset: str) -> Decimal:
        """Return what may still be used as margin."""
        total, used = self.account.wallet.get(asset, ZERO), ZERO
        for symbol, held in self.account.positions.items():
            if self.listings[symbol].quote == asset:
                mark = self.mark_price(symbol)
                total += self.account.unrealized(symbol, mark)
                used += abs(held.amount) * mark / held.leverage
        for order in self.desk.working():
            if self.listings[order.symbol].quote == asset and not order.reduce_only:
                leverage = self.account.position(order.symbol).leverage
                used += order.remaining * (order.price or ZERO) / leverage
        return max(ZERO, (total - used).quantize(_SATOSHI))

    async def _trades(self, call: Call) -> Answer:
        symbol, number = self.listed(call), call.params.get("orderId", "")
        start, first = int(call.params.get("startTime", 0)), int(call.params.get("fromId", 0))
        end = int(call.params.get("endTime", 2**62))
        rows = [
            trade_row(trade, trade.fee_asset)
            for trade in self.desk.trades
            if trade.symbol == symbol
            and (not number or trade.order == int(number))
            and start <= trade.ts_ms <= end
            and trade.number >= first
        ]
        limit = int(call.params.get("limit", 500))
        return Answer(rows[:limit] if first or start else rows[-limit:])

    async def _balance(self, call: Call) -> Answer:
        rows = []
        for asset, amount in self.account.wallet.items():
            available = text_of(self.available(asset))
            rows.append(
                {
                    "accountAlias": "practice",
                    "asset": asset,
                    "balance": text_of(amount),
                    "crossWalletBalance": text_of(amount),
                    "crossUnPnl": text_of(self._unrealized(asset)),
                    "availableBalance": available,
                    "maxWithdrawAmount": available,
                    "marginAvailable": True,
                    "updateTime": self.now_ms(),
                }
            )
        return Answer(rows)

    def _unrealized(self, asset: str) -> Decimal:
        symbols = [symbol for symbol in self.account.positions if self.listings[symbol].quote == asset]
        return sum((self.account.unrealized(name, self.mark_price(name)) for name in symbols), ZERO)

    async def _account(self, call: Call) -> Answer:
        assets = []
        for asset, amount in self.account.wallet.items():
            unrealized, available = self._unrealized(asset), self.available(asset)
            used = text_of(max(ZERO, amount + unrealized - available))
            assets.append(
                {
                    "asset": asset,
                    "walletBalance": text_of(amount),
                    "unrealizedProfit": text_of(unrealized),
                    "marginBalance": text_of(amount + unrealized),
                    "maintMargin": "0",
                    "initialMargin": used,
                    "positionInitialMargin": used,
                    "openOrderInitialMargin": "0",
                    "crossWalletBalance": text_of(amount),
                    "crossUnPnl": text_of(unrealized),
                    "availableBalance": text_of(available),
                    "maxWithdrawAmount": text_of(available),
                    "updateTime": self.now_ms(),
                }
            )
        first = assets[0] if assets else {}
        totals = {
            "totalInitialMargin": first.get("initialMargin", "0"),
            "totalMaintMargin": "0",
            "totalWalletBalance": first.get("walletBalance", "0"),
            "totalUnrealizedProfit": first.get("unrealizedProfit", "0"),
            "totalMarginBalance": first.get("marginBalance", "0"),
            "totalPositionInitialMargin": first.get("positionInitialMargin", "0"),
            "totalOpenOrderInitialMargin": "0",
            "totalCrossWalletBalance": first.get("crossWalletBalance", "0"),
            "totalCrossUnPnl": first.get("crossUnPnl", "0"),
            "availableBalance": first.get("availableBalance", "0"),
            "maxWithdrawAmount": first.get("maxWithdrawAmount", "0"),
        }
        positions = [
            {
                **{key: row[key] for key in ("symbol", "positionSide", "positionAmt", "isolatedMargin")},
                "unrealizedProfit": row["unRealizedProfit"],
                **{key: row[key] for key in ("notional", "isolatedWallet", "initialMargin")},
                **{key: row[key] for key in ("maintMargin", "updateTime")},
            }
            for row in self._position_rows("")
        ]
        return Answer({**totals, "assets": assets, "positions": positions})

    def _position_rows(self, symbol: str) -> list[dict[str, Any]]:
        rows = []
        for name, held in self.account.positions.items():
            if (held.amount or self.desk.working(name)) and symbol in ("", name):
                mark = self.mark_price(name)
                rows.append(
                    position_row(self.listings[name], held, mark, self.account.unrealized(name, mark))
                )
        return rows

    async def _positions(self, call: Call) -> Answer:
        return Answer(self._position_rows(self.listed(call) if "symbol" in call.params else ""))

    async def _commission(self, call: Call) -> Answer:
        listing = self.listings[self.listed(call)]
        rates = {"makerCommissionRate": listing.maker_fee, "takerCommissionRate": listing.taker_fee}
        return Answer({"symbol": listing.symbol, **{key: text_of(rate) for key, rate in rates.items()}})

    async def _leverage(self, call: Call) -> Answer:
        symbol, leverage = self.listed(call), amount_of(call, "leverage") or ZERO
        if not 1 <= leverage <= 125:
            raise binance_error(400, -4028, f"Leverage {leverage} is not valid.")
        self.account.position(symbol).leverage = int(leverage)
        return Answer({"leverage": int(leverage), "maxNotionalValue": "100000000", "symbol": symbol})

    async def _done(self, call: Call) -> Answer:
        return Answer({"code": 200, "msg": "success"})

    async def _dual(self, call: Call) -> Answer:
        return Answer({"dualSidePosition": False})

    async def _income(self, call: Call) -> Answer:
        symbol, kind = call.params.get("symbol", ""), call.params.get("incomeType", "")
        start = int(call.params.get("startTime", 0))
        rows = [
            row
            for row in self.account.income
            if symbol in ("", row["symbol"]) and kind in ("", row["incomeType"]) and row["time"] >= start
        ]
        return Answer(rows[-int(call.params.get("limit", 100)) :])

    # Funding

    async def _pay_funding(self) -> None:
        clock = self.core.clock
        while True:
            await clock.sleep_until(min(self._next_funding_ns(), clock.now_ns() + 60 * SECOND_NS))
            while (moment := self._next_funding_ns()) <= clock.now_ns():
                self._paid_until_ns = moment
                for listing in self.listings.values():
                    if moment % (listing.funding_hours * _HOUR_NS) == 0:
                        self._fund(listing)

    def _next_funding_ns(self) -> int:
        steps = [listing.funding_hours * _HOUR_NS for listing in self.listings.values()]
        return min(((self._paid_until_ns // step + 1) * step for step in steps), default=2**62)

    def _fund(self, listing: Listing) -> None:
        held = self.account.positions.get(listing.symbol)
        if held is None or not held.amount:
            return
        mark = self.mark_price(listing.symbol)
        payment = -(held.amount * mark * listing.funding_rate).quantize(_SATOSHI)
        self.account.deposit(listing.quote, payment)
        self._earned(listing.symbol, "FUNDING_FEE", payment)
        event = account_event(self.account, self.now_ms(), "FUNDING_FEE", listing.quote, payment, None)
        self._tell(event, "")

    def _earned(self, symbol: str, kind: str, amount: Decimal) -> None:
        row = {"symbol": symbol, "incomeType": kind, "income": text_of(amount), "info": kind}
        row["asset"] = self.listings[symbol].quote
        number = len(self.account.income) + 1
        self.account.income.append({**row, "time": self.now_ms(), "tranId": number, "tradeId": ""})

    # The private stream

    async def _make_key(self, call: Call) -> Answer:
        now = self.core.clock.now_ns()
        if not self._listen_key or now >= self._key_until_ns:
            self._listen_key = f"practice{now:x}" + "k" * 40
        self._key_until_ns = now + _KEY_LIFE_NS
        return Answer({"listenKey": self._listen_key})

    async def _keep_key(self, call: Call) -> Answer:
        now = self.core.clock.now_ns()
        if not self._listen_key or now >= self._key_until_ns:
            raise binance_error(400, -1125, "This listenKey does not exist.")
        self._key_until_ns = now + _KEY_LIFE_NS
        return Answer({"listenKey": self._listen_key})

    async def _drop_key(self, call: Call) -> Answer:
        self._listen_key, self._key_until_ns = "", 0
        return Answer({})

    async def _expire_key(self) -> None:
        clock = self.core.clock
        while True:
            until = self._key_until_ns if self._listen_key else clock.now_ns() + 60 * SECOND_NS
            await clock.sleep_until(until)
            if self._listen_key and clock.now_ns() >= self._key_until_ns:
                self._end_key()

    def _end_key(self) -> None:
        event = {"e": "listenKeyExpired", "E": self.now_ms(), "listenKey": self._listen_key}
        self._tell(event, "")
        self._listen_key, self._key_until_ns = "", 0
        for socket in self.private_sockets():
            socket.channel = "expired"

    async def _private_socket(self, request: web.Request) -> web.StreamResponse:
        self.admit_socket()
        given = request.query.get("listenKey", "")
        if not given or given != self._listen_key or self.core.clock.now_ns() >= self._key_until_ns:
            raise binance_error(400, -1125, "This listenKey does not exist.")
        return await BinanceSocket(self, request, "private").serve()

    def _tell(self, event: dict[str, Any], symbol: str) -> None:
        for socket in self.private_sockets():
            socket.send(json_bytes(event), "user", symbol)


def _all_weight(one: int, every: int) -> Callable[[Call], int]:
    return lambda call: one if "symbol" in call.params else every
