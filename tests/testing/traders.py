"""One small client per venue, alike: place a limit order through the book, ask for it, cancel it."""

from __future__ import annotations

from typing import Any

from arbkit.testing import PracticeExchange
from tests.testing.world_clients import binance_query, fetch, upbit_token

#: venue -> symbol, bids, asks; an order for `SIZE` is filled by the first ask.
BOOKS: dict[str, tuple[str, Any, Any]] = {
    "upbit": ("KRW-BTC", [(137_000_000, 1)], [(137_001_000, 1), (137_002_000, 1)]),
    "binance_usdm": ("BTCUSDT", [(97_000, 1)], [(97_001, 1), (97_002, 1)]),
    "binance_spot": ("BTCUSDT", [(97_000, 1)], [(97_001, 1), (97_002, 1)]),
}
SIZE = "0.01"
MARKETS = {venue: [symbol] for venue, (symbol, _, _) in BOOKS.items()}


class Trader:
    """Plain requests to one venue of a practice exchange."""

    def __init__(self, exchange: PracticeExchange, venue: str) -> None:
        self.exchange, self.venue = exchange, venue
        self.symbol, self.bids, self.asks = BOOKS[venue]
        keys = exchange.addresses()[venue]
        self._url, self._key, self._secret = keys["rest_url"], keys["key"], keys["secret"]

    def push(self) -> None:
        """Send the book."""
        self.exchange.push_book(self.venue, self.symbol, self.bids, self.asks)

    async def submit(self, client_id: str, *, price: Any = None, tif: str = "IOC") -> tuple[int, Any]:
        """Buy `SIZE` at the best ask, or at a price."""
        limit = str(self.asks[0][0] if price is None else price)
        if self.venue == "upbit":
            body = {"market": self.symbol, "side": "bid", "ord_type": "limit", "price": limit, "volume": SIZE}
            if tif != "GTC":
                body["time_in_force"] = tif.lower()
            return await self._upbit("POST", "/orders", body | {"identifier": client_id})
        members = {"symbol": self.symbol, "side": "BUY", "type": "LIMIT", "timeInForce": tif, "price": limit}
        members |= {"quantity": SIZE, "newClientOrderId": client_id, "newOrderRespType": "RESULT"}
        return await self._binance("POST", members)

    async def state(self, client_id: str) -> str:
        """Return what the venue says of an order: its state, or "missing"."""
        if self.venue == "upbit":
            status, body = await self._upbit("GET", "/order", {"identifier": client_id})
            return str(body["state"]) if status == 200 else "missing"
        status, body = await self._binance("GET", {"symbol": self.symbol, "origClientOrderId": client_id})
        return str(body["status"]) if status == 200 else "missing"

    async def cancel(self, client_id: str) -> tuple[int, Any]:
        """Cancel an order."""
        if self.venue == "upbit":
            return await self._upbit("DELETE", "/order", {"identifier": client_id})
        return await self._binance("DELETE", {"symbol": self.symbol, "origClientOrderId": client_id})

    async def _upbit(self, method: str, path: str, members: dict[str, str]) -> tuple[int, Any]:
        text = "&".join(f"{key}={value}" for key, value in members.items())
        headers = {"Authorization": upbit_token(self._key, self._secret, text)}
        url = f"{self._url}/v1{path}"
        if method == "POST":
            status, body, _ = await fetch(url, method, json=members, headers=headers)
        else:
            status, body, _ = await fetch(f"{url}?{text}", method, headers=headers)
        return status, body

    async def _binance(self, method: str, members: dict[str, str]) -> tuple[int, Any]:
        path = "/fapi/v1/order" if self.venue == "binance_usdm" else "/api/v3/order"
        return await self.signed(method, path, members)

    async def signed(self, method: str, path: str, members: dict[str, str]) -> tuple[int, Any]:
        """Send a signed request to Binance."""
        text = binance_query(
            self._secret,
            "&".join(f"{key}={value}" for key, value in members.items()),
            stamp=self.exchange.clock.now_ms(),
        )
        headers = {"X-MBX-APIKEY": self._key}
        status, body, _ = await fetch(f"{self._url}{path}?{text}", method, headers=headers)
        return status, body
