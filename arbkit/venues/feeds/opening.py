"""Feeds by the name of their venue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from arbkit.errors import ConfigError, nearest_names
from arbkit.venues.feeds.base import SocketFeed
from arbkit.venues.feeds.binance import BinanceSpotFeed, BinanceUsdmFeed
from arbkit.venues.feeds.upbit import BithumbFeed, UpbitFeed

__all__ = ["FEEDS", "known_venues", "open_feed"]

#: The class of each venue's feed.
FEEDS: Final[dict[str, type[SocketFeed]]] = {
    feed.venue: feed for feed in (UpbitFeed, BinanceUsdmFeed, BinanceSpotFeed, BithumbFeed)
}


def known_venues() -> list[str]:
    """Return the venues whose books can be read."""
    return sorted(FEEDS)


def open_feed(venue: str, symbols: Sequence[str], **options: Any) -> SocketFeed:
    """Make the feed of a venue; nothing is connected before `run`.

    Args:
        venue: `upbit`, `binance_usdm`, `binance_spot` or `bithumb`.
        symbols: the venue's own names.
        options: `depth`, `rest_url`, `ws_url`, `clock`, `options`, for Binance also `mode`.

    Raises:
        ConfigError: when the venue is not known, or a symbol or an option breaks its rule.
    """
    if venue not in FEEDS:
        raise ConfigError(f"no feed of venue {venue!r}; {nearest_names(venue, FEEDS)}")
    return FEEDS[venue](symbols, **options)
