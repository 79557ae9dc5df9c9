"""Upbit's public messages: books, tickers and trades, in its long and short names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from math import ceil, floor
from typing import Any, Final

from arbkit.testing.books import BookState
from arbkit.units import MS_NS
from arbkit.wire.book import Level

__all__ = ["KST", "SHORT", "book_message", "grouped", "kst_text", "number", "short", "trade_message", "units"]

KST: Final = timezone(timedelta(hours=9))
_NAMES: Final = (
    "type:ty code:cd timestamp:tms total_ask_size:tas total_bid_size:tbs orderbook_units:obu "
    "ask_price:ap bid_price:bp ask_size:as bid_size:bs stream_type:st level:lv trade_date:td "
    "trade_time:ttm trade_timestamp:ttms trade_price:tp trade_volume:tv ask_bid:ab "
    "prev_closing_price:pcp change:c change_price:cp sequential_id:sid best_ask_price:bap "
    "best_ask_size:bas best_bid_price:bbp best_bid_size:bbs opening_price:op high_price:hp low_price:lp "
    "signed_change_price:scp change_rate:cr signed_change_rate:scr acc_trade_volume:atv "
    "acc_trade_volume_24h:atv24h acc_trade_price:atp acc_trade_price_24h:atp24h acc_ask_volume:aav "
    "acc_bid_volume:abv highest_52_week_price:h52wp highest_52_week_date:h52wdt "
    "lowest_52_week_price:l52wp lowest_52_week_date:l52wdt market_state:ms is_trading_suspended:its "
    "delisting_date:dd market_warning:mw candle_date_time_utc:cdttmu candle_date_time_kst:cdttmk "
    "candle_acc_trade_volume:catv candle_acc_trade_price:catp uuid:uid order_type:ot state:s "
    "trade_uuid:tuid price:p avg_price:ap volume:v remaining_volume:rv executed_volume:ev "
    "trades_count:tc reserved_fee:rsf remaining_fee:rmf paid_fee:pf locked:l executed_funds:ef "
    "time_in_force:tif trade_fee:tf is_maker:im identifier:id "
    "smp_type:smpt prevented_volume:pv "  # codespell:ignore smpt
    "prevented_locked:pl order_timestamp:otms asset_uuid:astuid assets:ast currency:cu balance:b "
    "asset_timestamp:asttms"
)
#: Long names of all messages and their short ones (`SIMPLE`).
SHORT: Final[dict[str, str]] = dict(entry.split(":") for entry in _NAMES.split())


def number(value: float) -> float | int:
    """Return a price as Upbit writes it: whole ones without a fraction."""
    return int(value) if value == int(value) else value


def kst_text(ns: int) -> str:
    """Return a time as `2026-11-02T10:13:14+09:00`."""
    return datetime.fromtimestamp(ns // 10**9, tz=KST).isoformat()


def grouped(side: Sequence[Level], step: float, *, up: bool) -> list[Level]:
    """Return levels put together on a coarser grid: bids downwards, asks upwards."""
    found: dict[float, float] = {}
    for price, size in side:
        edge = (ceil(price / step) if up else floor(price / step)) * step
        found[edge] = found.get(edge, 0.0) + size
    return list(found.items())


def units(book: BookState, depth: int, level: float) -> tuple[list[dict[str, Any]], float, float]:
    """Return the units of a book and the sum of the sizes of asks and bids.

    A side with fewer levels than the other is filled up with the price 0, as seen in recordings.
    """
    bids, asks = book.bids, book.asks
    if level:
        bids, asks = grouped(bids, level, up=False), grouped(asks, level, up=True)
    bids, asks = bids[:depth], asks[:depth]
    rows = []
    for i in range(max(len(bids), len(asks))):
        ask = asks[i] if i < len(asks) else (0.0, 0.0)
        bid = bids[i] if i < len(bids) else (0.0, 0.0)
        rows.append(
            {
                "ask_price": number(ask[0]),
                "bid_price": number(bid[0]),
                "ask_size": ask[1],
                "bid_size": bid[1],
            }
        )
    return rows, sum(size for _, size in asks), sum(size for _, size in bids)


def book_message(book: BookState, stamp: int, depth: int, level: float, kind: str) -> dict[str, Any]:
    """Return an `orderbook` message; `kind` is SNAPSHOT or REALTIME."""
    rows, total_ask, total_bid = units(book, depth, level)
    return {
        "type": "orderbook",
        "code": book.symbol,
        "timestamp": stamp,
        "total_ask_size": total_ask,
        "total_bid_size": total_bid,
        "orderbook_units": rows,
        "stream_type": kind,
        "level": number(level),
    }


def trade_message(
    book: BookState, stamp: int, price: float, size: float, taker: str, number_of: int, kind: str
) -> dict[str, Any]:
    """Return a `trade` message; `taker` is ASK or BID."""
    when = datetime.fromtimestamp(stamp * MS_NS / 1e9, tz=UTC)
    bid = book.bids[0] if book.bids else (0.0, 0.0)
    ask = book.asks[0] if book.asks else (0.0, 0.0)
    return {
        "type": "trade",
        "code": book.symbol,
        "timestamp": stamp,
        "trade_date": when.strftime("%Y-%m-%d"),
        "trade_time": when.strftime("%H:%M:%S"),
        "trade_timestamp": stamp,
        "trade_price": number(price),
        "trade_volume": size,
        "ask_bid": taker,
        "prev_closing_price": number(price),
        "change": "EVEN",
        "change_price": 0,
        "sequential_id": number_of,
        "best_ask_price": number(ask[0]),
        "best_ask_size": ask[1],
        "best_bid_price": number(bid[0]),
        "best_bid_size": bid[1],
        "stream_type": kind,
    }


def short(value: Any) -> Any:
    """Return a message in Upbit's short names."""
    if isinstance(value, dict):
        made = {SHORT.get(key, key): short(inner) for key, inner in value.items()}
        if value.get("type") == "ticker":  # the one name that differs by message
            made["tdt"] = made.pop("td", None)
        return made
    if isinstance(value, list):
        return [short(inner) for inner in value]
    return value
