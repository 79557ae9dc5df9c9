"""Upbit with an account: orders by its documentation, answers before matching, a private socket."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from aiohttp import web

from arbkit.testing._http import Answer, Call, RefusedError
from arbkit.testing._upbit_json import kst_text, trade_message
from arbkit.testing._upbit_orders_json import (
    account_row,
    asset_event,
    chance,
    order_event,
    order_row,
    state_of,
)
from arbkit.testing.accounts import SpotAccount
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.listings import Listing
from arbkit.testing.orders import Matcher, Order, Trade
from arbkit.testing.signing import Keys
from arbkit.testing.upbit import UpbitBooks, upbit_error
from arbkit.testing.upbit_stream import UpbitSocket, encode
from arbkit.testing.venue import Route

__all__ = ["Upbit"]

_KINDS: Final = ("limit", "price", "market", "best")
_MAX_PRIVATE: Final = 5
_ASYNC_S: Final = 0.005
_WORDS: Final = {"buy": "bid", "sell": "ask"}


class Upbit(UpbitBooks):
    """Upbit with one account.

    Attributes:
        account: balances; the exchange's own truth.
        desk: orders and fills; the exchange's own truth.
        keys: the account's key and secret.
    """

    def __init__(
        self, core: Core, listings: Iterable[Listing], keys: Keys, balances: Mapping[str, Decimal]
    ) -> None:
        super().__init__(core, listings)
        self.keys = keys
        self.account = SpotAccount(balances, on_top=True)
        self.desk = Matcher(self)
        self._burnt: set[str] = set()
        self._anonymous = 0

    def routes(self) -> list[Route]:
        """Return quotation and exchange routes."""
        rows: list[tuple[str, str, str, Callable[[Call], Awaitable[Answer]], str]] = [
            ("GET", "/accounts", "balances", self._accounts, "default"),
            ("GET", "/orders/chance", "chance", self._chance, "default"),
            ("POST", "/orders", "submit", self._submit, "order"),
            ("POST", "/orders/test", "submit_test", self._test, "order-test"),
            ("GET", "/order", "query", self._query, "default"),
            ("DELETE", "/order", "cancel", self._cancel, "default"),
            ("GET", "/orders", "open_orders", self._orders, "default"),
            ("GET", "/orders/open", "open_orders", self._open, "default"),
            ("GET", "/orders/closed", "closed_orders", self._closed, "default"),
            ("GET", "/orders/uuids", "query_many", self._by_ids, "default"),
            ("DELETE", "/orders/open", "cancel_all", self._cancel_open, "order-cancel-all"),
            ("DELETE", "/orders/uuids", "cancel_many", self._cancel_ids, "default"),
            ("POST", "/orders/cancel_and_new", "replace", self._replace, "order"),
            ("GET", "/status/wallet", "wallets", self._wallets, "default"),
            ("GET", "/api_keys", "keys", self._api_keys, "default"),
        ]
        made = [
            Route(method, self.prefix + path, name, self._signed(act), group)
            for method, path, name, act, group in rows
        ]
        return [*super().routes(), *made]

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the public and the private path."""
        return {**super().socket_paths(), f"{self.ws_path}/private": self._private_socket}

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
        """Send `myOrder` and `myAsset`."""
        faults = self.core.faults
        if trade is None:
            state = "wait" if what == "new" else state_of(order)
            self._tell(order_event(order, self.now_ms(), state, None), order.symbol)
        else:
            self._public_trade(order, trade)
            missing = faults.hit("missing_fill", self.name, symbol=order.symbol)
            twice = faults.hit("duplicate_fill", self.name, symbol=order.symbol)
            for _ in range(0 if missing else 2 if twice else 1):
                self._tell(order_event(order, self.now_ms(), "trade", trade), order.symbol)
            if missing:
                return
            if order.status == "filled":
                self._tell(order_event(order, self.now_ms(), "done", None), order.symbol)
        listing = self.listings[order.symbol]
        assets = (listing.quote, listing.base)
        self._tell(asset_event(self.account, assets, self.now_ms(), str(uuid.uuid4())), "")

    def after_book(self, symbol: str) -> None:
        """Let resting orders meet a new book."""
        self.desk.meet(symbol)

    def fault_happened(self, switch: Switch) -> None:
        """Close private sockets when the key or the stream is to end."""
        if switch.fault.name in ("expire_listen_key", "revoke_key"):
            self.core.faults.hits[self.name, switch.fault.name] += 1
            for socket in tuple(self.sockets):
                if socket.channel == "private":
                    socket.close(1000, "expired")

    def _public_trade(self, order: Order, trade: Trade) -> None:
        """Send a fill to the public tape, with the taker's side."""
        taker = "BID" if order.buys != trade.maker else "ASK"
        self.tapes[trade.symbol].traded(trade)
        book, price, size = self.books[trade.symbol], float(trade.price), float(trade.size)
        number = trade.ts_ms * 10_000 + trade.number % 10_000
        message = trade_message(book, trade.ts_ms, price, size, taker, number, "REALTIME")
        for socket in tuple(self.sockets):
            if isinstance(socket, UpbitSocket) and socket.wants("trade", trade.symbol):
                socket.give(message, "data", trade.symbol)

    # Requests

    def _signed(self, act: Callable[[Call], Awaitable[Answer]]) -> Callable[[Call], Awaitable[Answer]]:
        async def checked(call: Call) -> Answer:
            self.check_key(call)
            return await act(call)

        return checked

    def check_key(self, call: Call) -> None:
        """Check token, query hash, nonce and permission."""
        if self.core.faults.hit("revoke_key", self.name):
            raise upbit_error(401, "invalid_access_key")
        self.keys.check_upbit(call)
        if call.method != "GET" and "order" not in self.keys.may:
            raise upbit_error(403, "out_of_scope")

    async def _accounts(self, call: Call) -> Answer:
        rows = [
            account_row(self.account, asset)
            for asset, holding in self.account.holdings.items()
            if asset == "KRW" or holding.total
        ]
        return Answer(rows)

    async def _chance(self, call: Call) -> Answer:
        listing = self._listing(call.params.get("market", ""))
        halted = self.core.faults.find("halt_symbol", self.name, symbol=listing.symbol)
        return Answer(chance(listing, self.account, "paused" if halted else "active"))

    async def _submit(self, call: Call) -> Answer:
        order = self._checked(call, burn=True)
        if not self._reserved(order):
            raise upbit_error(400, f"insufficient_funds_{_WORDS[order.side]}")
        self.desk.place(order)
        return Answer(order_row(order), 201, after=lambda: self.desk.take(order))

    async def _test(self, call: Call) -> Answer:
        return Answer(order_row(self._checked(call, burn=False)), 201)

    async def _query(self, call: Call) -> Answer:
        return Answer(order_row(self._asked_order(call), trades=True))

    async def _cancel(self, call: Call) -> Answer:
        order = self._asked_order(call)
        if not order.works:
            raise upbit_error(404, "order_not_found")
        return Answer(order_row(order), after=lambda: self._cancel_soon(order))

    def _cancel_soon(self, order: Order) -> None:
        asyncio.get_running_loop().call_later(_ASYNC_S, self.desk.cancel, order)

    async def _cancel_open(self, call: Call) -> Answer:
        count = min(int(call.params.get("count", "20")), 300)
        sides = {"bid": ("buy",), "ask": ("sell",)}.get(call.params.get("cancel_side", ""), ("buy", "sell"))

        def listed(name: str) -> list[str]:
            return [entry for entry in call.params.get(name, "").split(",") if entry]

        pairs, spared, quotes = listed("pairs"), listed("excluded_pairs"), listed("quote_currencies")
        chosen = [
            order
            for order in self.desk.working()
            if order.side in sides
            and (not pairs or order.symbol in pairs)
            and order.symbol not in spared
            and (not quotes or self.listings[order.symbol].quote in quotes)
        ]
        if call.params.get("order_by", "desc") == "desc":
            chosen.reverse()
        return self._cancelling(chosen[:count], [])

    async def _cancel_ids(self, call: Call) -> Answer:
        asked = [(name, self.desk.find(uuid_of=name)) for name in call.all_of("uuids")]
        asked += [(name, self.desk.find(client_id=name)) for name in call.all_of("identifiers")]
        if not 1 <= len(asked) <= 20:
            raise upbit_error(400, "validation_error", "1 to 20 ids")
        works = [order for _, order in asked if order is not None and order.works]
        return self._cancelling(works, [name for name, order in asked if order not in works])

    def _cancelling(self, chosen: list[Order], failed: list[str]) -> Answer:
        def after() -> None:
            for order in chosen:
                self._cancel_soon(order)

        rows = [{"uuid": order.uuid, "market": order.symbol} for order in chosen]
        wrong = {"count": len(failed), "orders": [{"uuid": name} for name in failed]}
        return Answer({"success": {"count": len(rows), "orders": rows}, "failed": wrong}, after=after)

    async def _replace(self, call: Call) -> Answer:
        """Cancel an order and place another in its stead; both happen after the answer."""
        body = call.json if isinstance(call.json, dict) else {}
        name = str(body.get("prev_order_uuid") or "")
        before = self.desk.find(uuid_of=name) if name else None
        before = before or self.desk.find(client_id=str(body.get("prev_order_identifier") or "~"))
        if before is None or not before.works:
            raise upbit_error(404, "order_not_found")
        made = {
            "market": before.symbol,
            "side": _WORDS[before.side],
            "ord_type": body.get("new_ord_type"),
            "price": body.get("new_price"),
            "volume": body.get("new_volume"),
            "time_in_force": body.get("new_time_in_force"),
            "identifier": body.get("new_identifier"),
        }
        if made["volume"] == "remain_only":
            made["volume"] = str(before.remaining)
        call.json = {key: value for key, value in made.items() if value is not None}
        order = self._checked(call, burn=True)
        self.desk.place(order)

        def after() -> None:
            if self.desk.cancel(before) and self._reserved(order):
                self.desk.take(order)
            elif order.works:
                self.desk.reject(order)

        return Answer({**order_row(before), "new_order_uuid": order.uuid}, 201, after=after)

    def _reserved(self, order: Order) -> bool:
        """Hold back what an order needs; False when it is not there."""
        listing = self.listings[order.symbol]
        asset, amount = self.account.need(order, listing)
        if not self.account.reserve(order, asset, amount):
            return False
        if order.buys:
            order.reserved_fee = amount - amount / (1 + listing.taker_fee)
            if order.amount is not None:
                order.reserved_fee = order.amount * listing.taker_fee
        return True

    async def _orders(self, call: Call) -> Answer:
        """Answer the older list of orders, in whatever states are asked for."""
        states = call.all_of("states") or [call.params.get("state", "wait")]
        return Answer(self._listed_orders(call, set(states)))

    async def _open(self, call: Call) -> Answer:
        states = call.all_of("states") or [call.params.get("state", "wait")]
        return Answer(self._listed_orders(call, {"wait", "watch"} & set(states)))

    async def _closed(self, call: Call) -> Answer:
        states = call.all_of("states") or ["done", "cancel"]
        return Answer(self._listed_orders(call, {"done", "cancel"} & set(states)))

    def _listed_orders(self, call: Call, states: set[str]) -> list[dict[str, Any]]:
        market = call.params.get("market", "")
        limit, page = int(call.params.get("limit", "100")), int(call.params.get("page", "1"))
        found = [
            order
            for order in self.desk.orders.values()
            if state_of(order) in states and market in ("", order.symbol) and self.desk.visible(order)
        ]
        if call.params.get("order_by", "desc") == "desc":
            found.reverse()
        return [order_row(order) for order in found[(page - 1) * limit : page * limit]]

    async def _by_ids(self, call: Call) -> Answer:
        if not 1 <= len(call.all_of("uuids") + call.all_of("identifiers")) <= 100:
            raise upbit_error(400, "validation_error", "1 to 100 ids")
        found = [self.desk.find(uuid_of=name) for name in call.all_of("uuids")]
        found += [self.desk.find(client_id=name) for name in call.all_of("identifiers")]
        return Answer([order_row(order) for order in found if order is not None])

    async def _wallets(self, call: Call) -> Answer:
        rows = []
        for listing in self.listings.values():
            states = {
                (True, True): "working",
                (False, True): "withdraw_only",
                (True, False): "deposit_only",
                (False, False): "paused",
            }
            rows.append(
                {
                    "currency": listing.base,
                    "wallet_state": states[listing.can_deposit, listing.can_withdraw],
                    "block_state": "normal",
                    "block_height": 1,
                    "block_updated_at": kst_text(self.now_ns()),
                    "block_elapsed_minutes": 0,
                    "net_type": listing.base,
                    "network_name": listing.base,
                }
            )
        return Answer(rows)

    async def _api_keys(self, call: Call) -> Answer:
        return Answer([{"access_key": self.keys.key, "expire_at": "2099-01-01T00:00:00+09:00"}])

    def _listing(self, symbol: str) -> Listing:
        if symbol not in self.listings:
            raise upbit_error(404, "market_not_found")
        return self.listings[symbol]

    def _asked_order(self, call: Call) -> Order:
        name, identifier = call.params.get("uuid", ""), call.params.get("identifier", "")
        order = self.desk.find(uuid_of=name) if name else self.desk.find(client_id=identifier or "~")
        if order is None:
            raise upbit_error(404, "order_not_found")
        return order

    # An order, checked

    def _checked(self, call: Call, *, burn: bool) -> Order:
        body = call.json
        if not isinstance(body, dict):
            raise upbit_error(400, "validation_error", "Content-Type must be application/json")
        identifier = str(body.get("identifier") or "")
        if identifier and identifier in self._burnt:
            raise upbit_error(400, "duplicated_identifier")
        if identifier and burn:
            self._burnt.add(identifier)
        listing = self._listing(str(body.get("market", "")))
        if body.get("side") not in ("bid", "ask"):
            raise upbit_error(400, "validation_error", "side must be bid or ask")
        side = str(body["side"])
        if self.core.faults.find("halt_symbol", self.name, symbol=listing.symbol):
            raise upbit_error(400, f"create_{side}_error", "market is not active")
        self._anonymous += 1
        order = self.desk.make(
            client_id=identifier or f"~{self._anonymous}",
            symbol=listing.symbol,
            side="buy" if side == "bid" else "sell",
            **_members(body, side),
        )
        self._check_amounts(order, listing, side)
        return order

    def _check_amounts(self, order: Order, listing: Listing, side: str) -> None:
        if order.kind == "limit":
            price = order.price or Decimal(0)
            if price % self.tick_size(listing.symbol, price):
                raise upbit_error(400, f"invalid_price_{side}")
            total = price * (order.size or Decimal(0))
        elif order.amount is not None:
            total = order.amount
        else:
            best = self.books[listing.symbol].available("bids")
            total = (best[0][0] if best else Decimal(0)) * (order.size or Decimal(0))
        if total < listing.min_notional:
            raise upbit_error(400, f"under_min_total_{side}")

    # The private socket

    async def _private_socket(self, request: web.Request) -> web.StreamResponse:
        self.admit_socket()
        if self.core.faults.hit("revoke_key", self.name):
            raise upbit_error(401, "invalid_access_key")
        try:
            self.keys.upbit_claims(request.headers.get("Authorization"))
        except RefusedError as error:
            raise error from None
        if sum(socket.channel == "private" for socket in self.sockets) >= _MAX_PRIVATE:
            raise upbit_error(429, "too_many_connections")
        return await UpbitSocket(self, request, "private", self.keys.key).serve()

    def _tell(self, message: dict[str, Any], symbol: str) -> None:
        for socket in tuple(self.sockets):
            if not isinstance(socket, UpbitSocket) or socket.channel != "private":
                continue
            if socket.wants(message["type"], symbol):
                socket.send(encode(message, socket.format), "user", symbol)


def _members(body: Mapping[str, Any], side: str) -> dict[str, Any]:
    """Return kind, time in force and amounts of an order's body, or refuse it."""
    wrong = f"create_{side}_error"
    kind, tif = str(body.get("ord_type", "")), body.get("time_in_force")
    if kind not in _KINDS:
        raise upbit_error(400, "validation_error", "unknown ord_type")
    allowed: dict[str, tuple[Any, ...]] = {
        "limit": (None, "ioc", "fok", "post_only"),
        "best": ("ioc", "fok"),
        "price": (None,),
        "market": (None,),
    }
    if tif not in allowed[kind] or (tif == "post_only" and body.get("smp_type")):
        raise upbit_error(400, wrong, "time_in_force does not fit ord_type")
    by_amount = kind == "price" or (kind == "best" and side == "bid")
    by_volume = kind == "market" or (kind == "best" and side == "ask")
    if (kind == "price" and side == "ask") or (kind == "market" and side == "bid"):
        raise upbit_error(400, wrong, "ord_type does not fit side")
    price, volume = _amount(body.get("price"), wrong), _amount(body.get("volume"), wrong)
    if (price is None) == (not by_volume) or (volume is None) == (not by_amount):
        raise upbit_error(400, wrong, "price or volume missing, or given where it must not be")
    return {
        "kind": kind,
        "tif": tif or ("gtc" if kind == "limit" else "ioc"),
        "price": price if kind == "limit" else None,
        "size": volume,
        "amount": price if by_amount else None,
    }


def _amount(value: Any, wrong: str) -> Decimal | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise upbit_error(400, wrong, "price and volume are texts")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise upbit_error(400, wrong, "not a number") from error
    if not number.is_finite() or number <= 0 or int(number.as_tuple().exponent) < -8:
        raise upbit_error(400, wrong, "must be above 0, with 8 decimals at most")
    return number
