"""Feeds by the name of their venue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from arbkit.errors import ConfigError
from arbkit.venues.feeds.base import SocketFeed
from arbkit.venues.feeds.binance import BinanceSpotFeed, BinanceUsdmFeed
from arbkit.venues.feeds.ccxt_client import is_ccxt_venue, venue_hint
from arbkit.venues.feeds.feed import Feed
from arbkit.venues.feeds.upbit import BithumbFeed, UpbitFeed

__all__ = ["FEEDS", "is_known_venue", "known_venues", "open_feed"]

#: The class of each venue's feed.
FEEDS: Final[dict[str, type[SocketFeed]]] = {
    feed.venue: feed for feed in (UpbitFeed, BinanceUsdmFeed, BinanceSpotFeed, BithumbFeed)
}


def known_venues() -> list[str]:
    """Return the venues that have a feed of their own; all others that ccxt knows come through it."""
    return sorted(FEEDS)


def is_known_venue(venue: str) -> bool:
    """Whether the books of a venue can be read, be it through ccxt."""
    return venue in FEEDS or is_ccxt_venue(venue)


def open_feed(venue: str, symbols: Sequence[str], **options: Any) -> Feed:
    """Make the feed of a venue; nothing is connected before `run`.

    Args:
        venue: `upbit`, `binance_usdm`, `binance_spot`, `bithumb`, or one that ccxt knows: `kraken`,
            `ccxt:binance`.
        symbols: the venue's own names; through ccxt, base and quote joined.
        options: `depth`, `rest_url`, `ws_url`, `clock`, `options`, for Binance also `mode`.

    Raises:
        ConfigError: when the venue is not known, or a symbol or an option breaks its rule.
        MissingDependencyError: when it comes through ccxt, which is not installed.
    """
    if venue in FEEDS:
        return FEEDS[venue](symbols, **options)
    if is_ccxt_venue(venue):
        from arbkit.venues.feeds.ccxt_feed import CcxtFeed

        return CcxtFeed(venue, symbols, **options)
    raise ConfigError(f"no feed of venue {venue!r}; {venue_hint(venue, FEEDS)}")
