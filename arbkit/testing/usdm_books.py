"""Binance USD-M futures, the public half: three bases, mark prices, funding."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

from aiohttp import web

from arbkit.testing._http import Answer, Call, json_bytes, text_of
from arbkit.testing.binance import binance_error
from arbkit.testing.binance_orders import decimals
from arbkit.testing.binance_stream import BinanceSocket, Stream
from arbkit.testing.binance_tape import BinanceTape
from arbkit.testing.limits import Window
from arbkit.testing.listings import Listing
from arbkit.testing.margin import CLEARANCE_FEE
from arbkit.testing.venue import Route

__all__ = ["UsdmBooks"]

_HOUR_MS: Final = 3_600_000
_MARK_DIGITS: Final = Decimal("0.00000001")


class UsdmBooks(BinanceTape):
    """Market data of `https://fapi.binance.com` and `wss://fstream.binance.com`."""

    name = "binance_usdm"
    api = "/fapi/v1/"
    depth_limits = (5, 10, 20, 50, 100, 500, 1000)
    rates = (
        ("REQUEST_WEIGHT", "MINUTE", 1, 2400),
        ("ORDERS", "SECOND", 10, 300),
        ("ORDERS", "MINUTE", 1, 1200),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        #: symbol -> moment in ms -> rate and mark price of a funding that has been.
        self.settled: dict[str, dict[int, tuple[Decimal, Decimal]]] = {}
        self._funding_asked = Window(self.core.clock, 500, 300)

    def routes(self) -> list[Route]:
        """Return the public routes."""
        return [
            *super().routes(),
            Route("GET", "/fapi/v1/premiumIndex", "premium_index", self._premium_index, _premium_weight),
            Route("GET", "/fapi/v1/fundingRate", "funding_rate", self._funding_rate, 0),
            Route("GET", "/fapi/v1/fundingInfo", "funding_info", self._funding_info, 0),
            Route("GET", "/fapi/v1/markPriceKlines", "klines", self._klines, 1),
            Route("GET", "/fapi/v1/indexPriceKlines", "klines", self._klines, 1),
            Route("GET", "/fapi/v2/ticker/price", "price", self._price, _price_weight),
            Route("GET", "/fapi/v1/openInterest", "open_interest", self._open_interest, 1),
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

    def admit(self, call: Call, route: Route) -> None:
        """Count the weight, and what is asked about funding: 500 in 5 minutes."""
        super().admit(call, route)
        asked = call.endpoint in ("funding_rate", "funding_info")
        if asked and not self._funding_asked.use() and self.core.limits:
            raise binance_error(429, -1003, "Too many requests; current limit is 500 in 5 minutes.")

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
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "pricePrecision": self.price_precision(listing),
            "quantityPrecision": decimals(listing.lot),
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": [],
            "triggerProtect": "0.0500",
            "liquidationFee": f"{CLEARANCE_FEE:.6f}",
            "marketTakeBound": "0.05",
            "maxMoveOrderLimit": 10000,
            "filters": self.filters(listing),
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }

    def price_precision(self, listing: Listing) -> int:
        """Return how many decimals a price may have: one more than the step has, so it is not the step."""
        return min(8, decimals(listing.tick) + 1)

    def exchange_info(self) -> dict[str, Any]:
        """Return exchangeInfo but for the symbols."""
        assets = sorted({item.quote for item in self.listings.values()})
        margin = {"marginAvailable": True, "autoAssetExchange": "-10000"}
        return {
            **super().exchange_info(),
            "futuresType": "U_MARGINED",
            "assets": [{"asset": asset, **margin} for asset in assets],
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
                present = (listing.funding_rate, self.mark_price(name))
                rate, mark = self.settled.get(name, {}).get(moment, present)
                row = {"symbol": name, "fundingTime": moment, "fundingRate": f"{rate:.8f}"}
                rows.append(row | {"markPrice": f"{mark:.8f}"})
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

    async def _open_interest(self, call: Call) -> Answer:
        """Answer what there is: nobody but the account holds anything here."""
        symbol = self.listed(call)
        held = text_of(self.own_interest(symbol))
        return Answer({"openInterest": held, "symbol": symbol, "time": self.now_ms()})

    def own_interest(self, symbol: str) -> Decimal:
        """Return the size of the account's position."""
        return Decimal(0)

    async def _send_marks(self) -> None:
        """Send mark prices: every second to `@markPrice@1s`, every third to `@markPrice`."""
        turn = 0
        while True:
            await self.core.clock.sleep(1)
            turn += 1
            every: list[dict[str, Any]] = []
            all_asked = self._wanted("")
            for symbol, book in self.books.items():
                wanted = _due(self._wanted(symbol), "markPrice", turn)
                if book.updates and (wanted or all_asked):
                    event = self._mark_event(symbol)
                    every.append(event)
                    self._emit(wanted, "markPrice", None, partial(json_bytes, event), "data")
            if every:
                due = _due(all_asked, "!markPrice", turn)
                self._emit(due, "!markPrice", None, partial(json_bytes, every), "data")

    def _mark_event(self, symbol: str) -> dict[str, Any]:
        mark, listing = f"{self.mark_price(symbol):.8f}", self.listings[symbol]
        event = {"e": "markPriceUpdate", "E": self.now_ms(), "s": symbol, "p": mark, "i": mark}
        return event | {
            "P": mark,
            "r": f"{listing.funding_rate:.8f}",
            "T": self.next_funding_ms(listing),
        }


def _due(
    wanted: list[tuple[BinanceSocket, Stream]], kind: str, turn: int
) -> list[tuple[BinanceSocket, Stream]]:
    """Return who gets mark prices now: every second, or every third."""
    return [pair for pair in wanted if pair[1].kind == kind and (pair[1].speed == "1s" or turn % 3 == 0)]


def _price_weight(call: Call) -> int:
    return 1 if "symbol" in call.params else 2


def _premium_weight(call: Call) -> int:
    return 1 if "symbol" in call.params else 10
