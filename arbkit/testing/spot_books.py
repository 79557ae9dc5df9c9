"""Binance spot, the public half."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from arbkit.testing._http import Call, text_of
from arbkit.testing.binance_tape import BinanceTape
from arbkit.testing.listings import Listing

__all__ = ["SpotBooks"]


class SpotBooks(BinanceTape):
    """Market data of `https://api.binance.com` and `wss://stream.binance.com:9443`."""

    name = "binance_spot"
    api = "/api/v3/"
    messages_per_second = 5
    ping_s = 20
    pong_s = 60
    weight_limit = 6000
    futures = False
    rates = (
        ("REQUEST_WEIGHT", "MINUTE", 1, 6000),
        ("ORDERS", "SECOND", 10, 100),
        ("ORDERS", "DAY", 1, 200_000),
    )

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return `/ws`, `/ws/...` and `/stream`."""
        return {"/ws": self._bare, "/ws/{streams:.*}": self._bare, "/stream": self._wrapped}

    def filters(self, listing: Listing) -> list[dict[str, Any]]:
        """Return the filters of a symbol."""
        return [
            *super().filters(listing),
            {
                "filterType": "NOTIONAL",
                "minNotional": text_of(listing.min_notional),
                "applyMinToMarket": True,
                "maxNotional": "9000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "5",
                "askMultiplierDown": "0.2",
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ]

    def symbol_info(self, listing: Listing) -> dict[str, Any]:
        """Return one symbol of exchangeInfo."""
        return {
            "symbol": listing.symbol,
            "status": self.status_of(listing),
            "baseAsset": listing.base,
            "baseAssetPrecision": 8,
            "quoteAsset": listing.quote,
            "quoteAssetPrecision": 8,
            "quotePrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": False,
            "ocoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self.filters(listing),
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "NONE",
            "allowedSelfTradePreventionModes": ["NONE"],
        }

    def depth_weight(self, call: Call) -> int:
        """Return the weight of a depth request."""
        limit = int(call.params.get("limit", "100")) if call.params.get("limit", "100").isdigit() else 0
        return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250

    async def _bare(self, request: web.Request) -> web.StreamResponse:
        return await self.serve_socket(request, "public", wrapped=False)

    async def _wrapped(self, request: web.Request) -> web.StreamResponse:
        return await self.serve_socket(request, "public", wrapped=True)
