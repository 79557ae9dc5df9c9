"""Public market data: one feed per venue, by name, and thin readers of the venues' public REST answers."""

from arbkit.venues.feeds.base import SocketFeed
from arbkit.venues.feeds.binance import BinanceFeed
from arbkit.venues.feeds.feed import Feed
from arbkit.venues.feeds.market_data import FundingRate, MarketData, UpcomingFunding, open_market_data
from arbkit.venues.feeds.opening import FEEDS, is_known_venue, known_venues, open_feed
from arbkit.venues.feeds.options import FeedOptions
from arbkit.venues.feeds.upbit import UpbitFeed

__all__ = [
    "FEEDS",
    "BinanceFeed",
    "Feed",
    "FeedOptions",
    "FundingRate",
    "MarketData",
    "SocketFeed",
    "UpbitFeed",
    "UpcomingFunding",
    "is_known_venue",
    "known_venues",
    "open_feed",
    "open_market_data",
]
