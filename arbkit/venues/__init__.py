"""Clients of venues: books that arrive, orders that leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.venues.grid import common_lot
    from arbkit.venues.intents import Intent, IntentFile, IntentLog, Recorded, read_intents
    from arbkit.venues.ledger import Ledger
    from arbkit.venues.orders import Order, OrderKeeper, OrderState
    from arbkit.venues.paper import PaperClient
    from arbkit.venues.protocol import (
        FINAL_STATUSES,
        AccountSink,
        Balance,
        BookEvent,
        FeedState,
        FeedStatus,
        Fill,
        GapEvent,
        Instrument,
        InstrumentState,
        MarketFeed,
        MarketSink,
        OrderRejectedError,
        OrderReport,
        OrderRequest,
        OrderSide,
        OrderStatus,
        OrderUnknownError,
        TimeInForce,
        TradingClient,
        VenueError,
    )
    from arbkit.venues.secret import Credentials, Secret, read_credentials
    from arbkit.venues.spot_client import BinanceSpotClient
    from arbkit.venues.upbit_client import UpbitClient
    from arbkit.venues.usdm_client import BinanceUsdmClient

__all__ = [
    "FINAL_STATUSES",
    "AccountSink",
    "Balance",
    "BinanceSpotClient",
    "BinanceUsdmClient",
    "BookEvent",
    "Credentials",
    "FeedState",
    "FeedStatus",
    "Fill",
    "GapEvent",
    "Instrument",
    "InstrumentState",
    "Intent",
    "IntentFile",
    "IntentLog",
    "Ledger",
    "MarketFeed",
    "MarketSink",
    "Order",
    "OrderKeeper",
    "OrderRejectedError",
    "OrderReport",
    "OrderRequest",
    "OrderSide",
    "OrderState",
    "OrderStatus",
    "OrderUnknownError",
    "PaperClient",
    "Recorded",
    "Secret",
    "TimeInForce",
    "TradingClient",
    "UpbitClient",
    "VenueError",
    "common_lot",
    "read_credentials",
    "read_intents",
]

_HOMES: Final = {
    **dict.fromkeys(("PaperClient",), "arbkit.venues.paper"),
    **dict.fromkeys(("Ledger",), "arbkit.venues.ledger"),
    **dict.fromkeys(
        ("Intent", "IntentFile", "IntentLog", "Recorded", "read_intents"), "arbkit.venues.intents"
    ),
    **dict.fromkeys(("Order", "OrderKeeper", "OrderState"), "arbkit.venues.orders"),
    "BinanceSpotClient": "arbkit.venues.spot_client",
    "BinanceUsdmClient": "arbkit.venues.usdm_client",
    "UpbitClient": "arbkit.venues.upbit_client",
    "common_lot": "arbkit.venues.grid",
    **dict.fromkeys(("Credentials", "Secret", "read_credentials"), "arbkit.venues.secret"),
    **dict.fromkeys(
        (
            "FINAL_STATUSES",
            "AccountSink",
            "Balance",
            "BookEvent",
            "FeedState",
            "FeedStatus",
            "Fill",
            "GapEvent",
            "Instrument",
            "InstrumentState",
            "MarketFeed",
            "MarketSink",
            "OrderRejectedError",
            "OrderReport",
            "OrderRequest",
            "OrderSide",
            "OrderStatus",
            "OrderUnknownError",
            "TimeInForce",
            "TradingClient",
            "VenueError",
        ),
        "arbkit.venues.protocol",
    ),
}

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
