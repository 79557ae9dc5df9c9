"""Binance USD-M futures, the public half: three bases, mark prices, funding."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from arbkit.testing._http import Answer, Call, json_bytes, text_of
from arbkit.testing.binance import BinanceBooks
from arbkit.testing.listings import Listing
from arbkit.testing.venue import Route

__all__ = ["UsdmBooks"]

_HOUR_MS: Final = 3_600_000
_MARK_DIGITS: Final = Decimal("0.00000001")


class UsdmBooks(BinanceBooks):
    """Market data of `https://fapi.binance.com` and `wss://fstream.binance.com`."""

    name = "binance_usdm"
    api = "/fapi/v1/"
    depth_limits = (5, 10, 20, 50, 100, 500, 1000)
    rates = (
        ("REQUEST_WEIGHT", "MINUTE", 1, 2400),
        ("ORDERS", "SECOND", 10, 300),
        ("ORDERS", "MINUTE", 1, 1200),
    )

    def routes(self) -> list[Route]:
        """Return the public routes."""
        return [
            *super().routes(),
            Route("GET", "/fapi/v1/premiumIndex", "premium_index", self._premium_index, _premium_weight),
            Route("GET", "/fapi/v1/fundingRate", "funding_rate", self._funding_rate, 0),
            Route("GET", "/fapi/v1/fundingInfo", "funding_info", self._funding_info, 0),
        ]

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the paths of the public and the market base."""
        found: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        for channel in ("public", "market"):
            found[f"/{channel}/ws"] = self._serving(channel, False)
            found[f"/{channel}/ws/{{streams:.*}}"] = self._serving(channel, False)
            found[f"/{channel}/stream"] = self._serving(channel, True)
        return found

    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the timers, that of the mark prices among them."""
        return [*super().background(), self._send_marks]

    def mark_price(self, symbol: str) -> Decimal:
        """Return the mark price: the middle of the book."""
        return (self.books[symbol].mid() or Decimal(0)).quantize(_MARK_DIGITS)

    def next_funding_ms(self, listing: Listing) -> int:
        """Return when funding is paid next: whole intervals from midnight UTC."""
        interval = listing.funding_hours * _HOUR_MS
        return (self.now_ms() // interval + 1) * interval

    def filters(self, listing: Listing) -> list[dict[str, Any]]:
        """Return the filters of a symbol."""
        return [
            *super().filters(listing),
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": text_of(listing.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.1500",
                "multiplierDown": "0.8500",
                "multiplierDecimal": "4",
            },
        ]

    def symbol_info(self, listing: Listing) -> dict[str, Any]:
        """Return one symbol of exchangeInfo."""
        return {
            "symbol": listing.symbol,
            "pair": listing.symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000,
            "onboardDate": 1569398400000,
            "status": self.status_of(listing),
            "baseAsset": listing.base,
            "quoteAsset": listing.quote,
            "marginAsset": listing.quote,
            "pricePrecision": 8,
            "quantityPrecision": max(0, -int(listing.lot.normalize().as_tuple().exponent)),
            "filters": self.filters(listing),
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }

    def depth_weight(self, call: Call) -> int:
        """Return the weight of a depth request."""
        limit = int(call.params.get("limit", "500")) if call.params.get("limit", "500").isdigit() else 0
        return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20

    def _serving(self, channel: str, wrapped: bool) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self.serve_socket(request, channel, wrapped=wrapped)

        return serve

    def _premium(self, symbol: str) -> dict[str, Any]:
        listing, mark = self.listings[symbol], f"{self.mark_price(symbol):.8f}"
        return {
            "symbol": symbol,
            "markPrice": mark,
            "indexPrice": mark,
            "estimatedSettlePrice": mark,
            "lastFundingRate": f"{listing.funding_rate:.8f}",
            "nextFundingTime": self.next_funding_ms(listing),
            "interestRate": "0.00010000",
            "time": self.now_ms(),
        }

    async def _premium_index(self, call: Call) -> Answer:
        if "symbol" in call.params:
            return Answer(self._premium(self.listed(call)))
        return Answer([self._premium(name) for name in self.books])

    async def _funding_rate(self, call: Call) -> Answer:
        names = [self.listed(call)] if "symbol" in call.params else list(self.books)
        limit = int(call.params.get("limit", "100"))
        end = min(int(call.params.get("endTime", self.now_ms())), self.now_ms())
        rows: list[dict[str, Any]] = []
        for name in names:
            listing = self.listings[name]
            interval = listing.funding_hours * _HOUR_MS
            start = int(call.params.get("startTime", end - limit * interval))
            moment = -(-start // interval) * interval
            while moment <= end and len(rows) < limit:
                rows.append(
                    {
                        "symbol": name,
                        "fundingTime": moment,
                        "fundingRate": f"{listing.funding_rate:.8f}",
                        "markPrice": f"{self.mark_price(name):.8f}",
                    }
                )
                moment += interval
        return Answer(rows)

    async def _funding_info(self, call: Call) -> Answer:
        rows = [
            {
                "symbol": item.symbol,
                "adjustedFundingRateCap": "0.02500000",
                "adjustedFundingRateFloor": "-0.02500000",
                "fundingIntervalHours": item.funding_hours,
                "disclaimer": False,
            }
            for item in self.listings.values()
            if item.funding_hours != 8
        ]
        return Answer(rows)

    async def _send_marks(self) -> None:
        """Send mark prices: every second to `@markPrice@1s`, every third to `@markPrice`."""
        turn = 0
        while True:
            await self.core.clock.sleep(1)
            turn += 1
            for symbol, book in self.books.items():
                if book.updates:
                    self._send_mark(symbol, turn % 3 == 0)

    def _send_mark(self, symbol: str, slow_too: bool) -> None:
        wanted = [
            (socket, stream)
            for socket, stream in self._wanted(symbol)
            if stream.kind == "markPrice" and (stream.speed == "1s" or slow_too)
        ]

        def make() -> bytes:
            mark, listing = f"{self.mark_price(symbol):.8f}", self.listings[symbol]
            event = {"e": "markPriceUpdate", "E": self.now_ms(), "s": symbol, "p": mark, "i": mark}
            rate = {"P": mark, "r": f"{listing.funding_rate:.8f}", "T": self.next_funding_ms(listing)}
            return json_bytes(event | rate)

        self._emit(wanted, "markPrice", None, make, "data")


def _premium_weight(call: Call) -> int:
    return 1 if "symbol" in call.params else 10
