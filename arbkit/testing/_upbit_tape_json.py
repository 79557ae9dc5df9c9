"""Upbit's tickers, candles and public trades."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from arbkit.testing._upbit_json import KST, number
from arbkit.testing.tape import Bar, Print

__all__ = ["candle_message", "candle_row", "rest_ticker", "ticker_message", "trade_row"]

_ISO: Final = "%Y-%m-%dT%H:%M:%S"
_ONLY_STREAM: Final = (
    *("type", "code", "ask_bid", "acc_ask_volume", "acc_bid_volume", "market_state"),
    *("is_trading_suspended", "delisting_date", "market_warning", "trade_date", "trade_time"),
)


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1e3, tz=UTC)


def ticker_message(
    symbol: str, price: float, today: Bar | None, day: Bar | None, last: Print | None, stamp: int
) -> dict[str, Any]:
    """Return a ticker but for its stream type: the price is the middle of the book.

    Args:
        symbol: which.
        price: the middle of its book.
        today, day: since midnight UTC, and the last 24 hours.
        last: the last trade that met the book here, if any.
        stamp: ms.
    """
    today = today or Bar(stamp, price)
    day = day or today
    change = price - today.open
    rate = change / today.open if today.open else 0.0
    when = _utc(last.ts_ms if last else stamp)
    date = when.strftime("%Y-%m-%d")
    high, low = max(today.high, price), min(today.low, price)
    return {
        "type": "ticker",
        "code": symbol,
        "opening_price": number(today.open),
        "high_price": number(high),
        "low_price": number(low),
        "trade_price": number(price),
        "prev_closing_price": number(today.open),
        "acc_trade_price": today.volume[1],
        "change": "RISE" if change > 0 else "FALL" if change < 0 else "EVEN",
        "change_price": number(abs(change)),
        "signed_change_price": number(change),
        "change_rate": abs(rate),
        "signed_change_rate": rate,
        "ask_bid": "BID" if last is None or last.taker_buys else "ASK",
        "trade_volume": last.size if last else 0.0,
        "acc_trade_volume": today.volume[0],
        "trade_date": when.strftime("%Y%m%d"),
        "trade_time": when.strftime("%H%M%S"),
        "trade_timestamp": last.ts_ms if last else stamp,
        "acc_ask_volume": today.volume[0] - today.taken[0],
        "acc_bid_volume": today.taken[0],
        "highest_52_week_price": number(max(high, day.high)),
        "highest_52_week_date": date,
        "lowest_52_week_price": number(min(low, day.low)),
        "lowest_52_week_date": date,
        "market_state": "ACTIVE",
        "is_trading_suspended": False,
        "delisting_date": None,
        "market_warning": "NONE",
        "timestamp": stamp,
        "acc_trade_price_24h": day.volume[1],
        "acc_trade_volume_24h": day.volume[0],
    }


def rest_ticker(message: dict[str, Any]) -> dict[str, Any]:
    """Return a ticker as REST answers it."""
    when = _utc(message["trade_timestamp"])
    local = when.astimezone(KST)
    row = {
        "market": message["code"],
        "trade_date": message["trade_date"],
        "trade_time": message["trade_time"],
    }
    row |= {"trade_date_kst": local.strftime("%Y%m%d"), "trade_time_kst": local.strftime("%H%M%S")}
    return row | {key: message[key] for key in message if key not in _ONLY_STREAM}


def candle_row(symbol: str, bar: Bar, interval: str, before: Bar | None) -> dict[str, Any]:
    """Return a candle as REST answers it; `before` is the one before it, for those of days."""
    start = _utc(bar.start_ms)
    row: dict[str, Any] = {
        "market": symbol,
        "candle_date_time_utc": start.strftime(_ISO),
        "candle_date_time_kst": start.astimezone(KST).strftime(_ISO),
        "opening_price": number(bar.open),
        "high_price": number(bar.high),
        "low_price": number(bar.low),
        "trade_price": number(bar.close),
        "timestamp": bar.last_ms,
        "candle_acc_trade_price": bar.volume[1],
        "candle_acc_trade_volume": bar.volume[0],
    }
    if interval[-1] == "m":
        row["unit"] = int(interval[:-1])
    elif interval[-1] == "d":
        close = before.close if before else bar.open
        row |= {"prev_closing_price": number(close), "change_price": number(bar.close - close)}
        row["change_rate"] = (bar.close - close) / close if close else 0.0
    elif interval[-1] in "wM":
        row["first_day_of_period"] = start.strftime("%Y-%m-%d")
    return row


def candle_message(symbol: str, bar: Bar, kind: str, stream: str, stamp: int) -> dict[str, Any]:
    """Return a candle as the stream sends it; `kind` is `candle.1s` and the like."""
    row = candle_row(symbol, bar, "1s", None)
    del row["market"], row["timestamp"]
    volume, value = row.pop("candle_acc_trade_volume"), row.pop("candle_acc_trade_price")
    row |= {"candle_acc_trade_volume": volume, "candle_acc_trade_price": value}
    return {"type": kind, "code": symbol, **row, "timestamp": stamp, "stream_type": stream}


def trade_row(symbol: str, item: Print, close: float) -> dict[str, Any]:
    """Return a public trade as REST answers it; `close` is the price to compare with."""
    when = _utc(item.ts_ms)
    return {
        "market": symbol,
        "trade_date_utc": when.strftime("%Y-%m-%d"),
        "trade_time_utc": when.strftime("%H:%M:%S"),
        "timestamp": item.ts_ms,
        "trade_price": number(item.price),
        "trade_volume": item.size,
        "prev_closing_price": number(close),
        "change_price": number(item.price - close),
        "ask_bid": "BID" if item.taker_buys else "ASK",
        "sequential_id": item.ts_ms * 10_000 + item.number % 10_000,
    }
