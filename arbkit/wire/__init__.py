"""Pure parsers of venue payloads, and the order book they feed."""

from arbkit.wire.binance import BinanceMessage, BookTicker, Ignored
from arbkit.wire.book import (
    BookBuilder,
    DepthSnapshot,
    DepthUpdate,
    Gap,
    Level,
    OrderBook,
    Outcome,
    Rule,
    WholeBook,
)

__all__ = [
    "BinanceMessage",
    "BookBuilder",
    "BookTicker",
    "DepthSnapshot",
    "DepthUpdate",
    "Gap",
    "Ignored",
    "Level",
    "OrderBook",
    "Outcome",
    "Rule",
    "WholeBook",
]
