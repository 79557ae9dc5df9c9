"""What orders of Binance's futures and spot have in common: counting, signing, parsing, private sockets."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arbkit.testing._http import Answer, Call, RefusedError
from arbkit.testing.binance import BinanceBooks, binance_error
from arbkit.testing.binance_stream import BinanceSocket
from arbkit.testing.core import Core
from arbkit.testing.faults import Switch
from arbkit.testing.limits import Window
from arbkit.testing.orders import Matcher, Order, Trade
from arbkit.testing.signing import Keys
from arbkit.testing.venue import Route

__all__ = ["STATUS", "BinanceTrading", "SignedRow", "amount_of", "decimals", "off_grid"]

STATUS: Final = {
    "new": "NEW",
    "partial": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
}
_CLIENT_ID: Final = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
Act = Callable[[Call], Awaitable[Answer]]
#: Method, end of the path, name for faults, what answers, and the weight.
SignedRow = tuple[str, str, str, Act, Any]


class BinanceTrading(BinanceBooks):
    """A Binance venue with one account; futures and spot say what an order is.

    Attributes:
        keys: the account's key and secret.
        desk: orders and fills; the exchange's own truth.
    """

    order_limits: tuple[tuple[str, int, float], ...] = ()

    def __init__(self, core: Core, listings: Any, keys: Keys, *, conflate: bool = False) -> None:
        super().__init__(core, listings, conflate=conflate)
        self.keys = keys
        self.desk: Matcher = Matcher(self)  # type: ignore[arg-type]
        self._counters = {
            name: Window(core.clock, limit, seconds) for name, limit, seconds in self.order_limits
        }
        self._anonymous = 0

    def after_book(self, symbol: str) -> None:
        """Let resting orders meet a new book."""
        self.desk.meet(symbol)

    def signed(self, act: Act) -> Act:
        """Return a handler that checks key, signature and time first."""

        async def checked(call: Call) -> Answer:
            self.check_revoked()
            self.keys.check_binance(call, self.now_ms())
            if call.method != "GET" and "order" not in self.keys.may:
                raise binance_error(401, -2015, "Invalid API-key, IP, or permissions for action.")
            return await act(call)

        return checked

    def signed_routes(self, prefix: str, rows: Iterable[SignedRow]) -> list[Route]:
        """Return routes that check key, signature and time, of paths that begin alike."""
        return [
            Route(method, prefix + path, name, self.signed(act), weight)
            for method, path, name, act, weight in rows
        ]

    def keyed(self, act: Act) -> Act:
        """Return a handler that checks the key alone."""

        async def checked(call: Call) -> Answer:
            self.check_revoked()
            self.keys.check_binance_key(call)
            return await act(call)

        return checked

    def check_revoked(self) -> None:
        """Refuse everything while the key is revoked."""
        if self.core.faults.hit("revoke_key", self.name):
            raise binance_error(401, -2015, "Invalid API-key, IP, or permissions for action.")

    def count_order(self, call: Call) -> None:
        """Count an order: headers, and -1015 beyond the limit."""
        allowed = True
        for name, window in self._counters.items():
            allowed &= window.use()
            call.headers[f"X-MBX-ORDER-COUNT-{name}"] = str(window.used)
        if not allowed and self.core.limits:
            self.bans.refused()
            refusal = binance_error(429, -1015, "Too many new orders.")
            refusal.answer.headers["Retry-After"] = str(
                max(
                    1, round(min(window.ends_in_s() for window in self._counters.values() if not window.left))
                )
            )
            raise refusal

    def client_id(self, call: Call) -> str:
        """Return the order's client id, made up where none is sent."""
        given = call.params.get("newClientOrderId", "")
        if given and not _CLIENT_ID.fullmatch(given):
            raise binance_error(400, -4015 if self.futures else -1100, "Client order id is not valid.")
        self._anonymous += 1
        return given or f"made-up-{self._anonymous}"

    def is_duplicate(self, client_id: str) -> bool:
        """Tell whether a working order has this client id."""
        return any(order.works for order in self.desk.by_client().get(client_id, []))

    def asked_order(self, call: Call, code: int) -> Order:
        """Return the order that a query or a cancel is about.

        Raises:
            RefusedError: with `code` when there is none, or none that is visible yet.
        """
        symbol = self.listed(call)
        number, client_id = call.params.get("orderId", ""), call.params.get("origClientOrderId", "")
        if not number and not client_id:
            text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise binance_error(400, -1102, text)
        order = (
            self.desk.find(number=int(number)) if number.isdigit() else self.desk.find(client_id=client_id)
        )
        if order is None or order.symbol != symbol:
            raise _missing(code)
        return order

    def working_order(self, call: Call) -> Order:
        """Return the working order that a cancel is about.

        Raises:
            RefusedError: -2011 when there is none.
        """
        order = self.asked_order(call, -2011)
        if not order.works:
            raise _missing(-2011)
        return order

    def asked_orders(self, call: Call) -> list[Order]:
        """Return the account's orders of every state that a request is about, oldest first."""
        symbol, first = self.listed(call), int(call.params.get("orderId", 0))
        start, end = int(call.params.get("startTime", 0)), int(call.params.get("endTime", 2**62))
        limit = min(1000, int(call.params.get("limit", 500)))
        orders = [
            order
            for order in self.desk.orders.values()
            if order.symbol == symbol
            and order.number >= first
            and start <= order.created_ms <= end
            and self.desk.visible(order)
        ]
        return orders[:limit] if first or start else orders[-limit:]

    def asked_trades(self, call: Call) -> list[Trade]:
        """Return the account's executions that a request is about, oldest first."""
        symbol, number = self.listed(call), call.params.get("orderId", "")
        start, end = int(call.params.get("startTime", 0)), int(call.params.get("endTime", 2**62))
        first, limit = int(call.params.get("fromId", 0)), min(1000, int(call.params.get("limit", 500)))
        found = [
            trade
            for trade in self.desk.trades
            if trade.symbol == symbol
            and (not number or trade.order == int(number))
            and start <= trade.ts_ms <= end
            and trade.number >= first
        ]
        return found[:limit] if first or start else found[-limit:]

    def private_sockets(self) -> list[BinanceSocket]:
        """Return the sockets of the account."""
        return [
            socket
            for socket in tuple(self.sockets)
            if isinstance(socket, BinanceSocket) and socket.channel == "private"
        ]

    def fill_copies(self, symbol: str) -> int:
        """Return how many times the event of a fill is to be sent: 1, but for faults."""
        faults = self.core.faults
        if faults.hit("missing_fill", self.name, symbol=symbol):
            return 0
        return 2 if faults.hit("duplicate_fill", self.name, symbol=symbol) else 1

    def count_fault(self, switch: Switch) -> None:
        """Note that an event has happened."""
        switch.hits += 1
        self.core.faults.hits[self.name, switch.fault.name] += 1


def _missing(code: int) -> RefusedError:
    return binance_error(400, code, "Unknown order sent." if code == -2011 else "Order does not exist.")


def amount_of(call: Call, name: str, *, needed: bool = True) -> Decimal | None:
    """Return a number of a request.

    Raises:
        RefusedError: -1102 when it is missing and needed, or no number.
    """
    text = call.params.get(name, "")
    try:
        value = Decimal(text) if text else None
    except InvalidOperation:
        value = None
        needed = True
    if (value is None and needed) or (value is not None and not value.is_finite()):
        raise binance_error(
            400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        )
    return value


def decimals(value: Decimal) -> int:
    """Return how many decimals a number has, trailing zeros aside."""
    return max(0, -int(value.normalize().as_tuple().exponent))


def off_grid(value: Decimal, start: Decimal, step: Decimal) -> bool:
    """Tell whether a number is not a whole number of steps from the start."""
    return bool(step) and bool((value - start) % step)
