"""Binance's candles, tickers and trades, of USD-M futures and spot."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from arbkit.testing.tape import Bar, Print, next_start

__all__ = [
    "aggregate_row",
    "kline_event",
    "kline_row",
    "mini_event",
    "ticker_event",
    "ticker_row",
    "trade_row",
]


def _eight(value: float | Decimal) -> str:
    return f"{value:.8f}"


def kline_row(bar: Bar, interval: str) -> list[Any]:
    """Return one candle as REST answers it: twelve places."""
    return [
        bar.start_ms,
        *(_eight(price) for price in (bar.open, bar.high, bar.low, bar.close)),
        _eight(bar.volume[0]),
        next_start(bar.start_ms, interval) - 1,
        _eight(bar.volume[1]),
        bar.count,
        *(_eight(part) for part in bar.taken),
        "0",
    ]


def kline_event(symbol: str, bar: Bar, interval: str, stamp: int, *, closed: bool) -> dict[str, Any]:
    """Return one candle as the stream sends it; `closed` is the last of it."""
    row = kline_row(bar, interval)
    inner = {"t": row[0], "T": row[6], "s": symbol, "i": interval, "f": -1, "L": -1}
    inner |= dict(zip(("o", "h", "l", "c", "v"), row[1:6], strict=True))
    order = {key: inner[key] for key in ("t", "T", "s", "i", "f", "L", "o", "c", "h", "l", "v")}
    order |= {"n": row[8], "x": closed, "q": row[7], "V": row[9], "Q": row[10], "B": "0"}
    return {"e": "kline", "E": stamp, "s": symbol, "k": order}


def ticker_row(symbol: str, day: Bar | None, stamp: int, last: Print | None) -> dict[str, Any]:
    """Return the 24 hours as REST answers them."""
    day = day or Bar(stamp, 0.0)
    change = day.close - day.open
    mean = day.volume[1] / day.volume[0] if day.volume[0] else day.close
    return {
        "symbol": symbol,
        "priceChange": _eight(change),
        "priceChangePercent": f"{100 * change / day.open if day.open else 0.0:.3f}",
        "weightedAvgPrice": _eight(mean),
        "lastPrice": _eight(day.close),
        "lastQty": _eight(last.size if last else 0.0),
        "openPrice": _eight(day.open),
        "highPrice": _eight(day.high),
        "lowPrice": _eight(day.low),
        "volume": _eight(day.volume[0]),
        "quoteVolume": _eight(day.volume[1]),
        "openTime": stamp - 86_400_000,
        "closeTime": stamp,
        "firstId": last.number - day.count + 1 if last else -1,
        "lastId": last.number if last else -1,
        "count": day.count,
    }


def ticker_event(row: dict[str, Any], stamp: int) -> dict[str, Any]:
    """Return the 24 hours as the stream sends them."""
    names = {
        "p": "priceChange",
        "P": "priceChangePercent",
        "w": "weightedAvgPrice",
        "c": "lastPrice",
        "Q": "lastQty",
        "o": "openPrice",
        "h": "highPrice",
        "l": "lowPrice",
        "v": "volume",
        "q": "quoteVolume",
        "O": "openTime",
        "C": "closeTime",
        "F": "firstId",
        "L": "lastId",
        "n": "count",
    }
    return {"e": "24hrTicker", "E": stamp, "s": row["symbol"], **{key: row[of] for key, of in names.items()}}


def mini_event(row: dict[str, Any], stamp: int) -> dict[str, Any]:
    """Return the 24 hours in short."""
    event = ticker_event(row, stamp)
    return {
        "e": "24hrMiniTicker",
        "E": stamp,
        **{key: event[key] for key in ("s", "c", "o", "h", "l", "v", "q")},
    }


def aggregate_row(item: Print, *, spot: bool) -> dict[str, Any]:
    """Return one row of aggTrades."""
    row: dict[str, Any] = {"a": item.number, "p": _eight(item.price), "q": _eight(item.size)}
    row |= {"f": item.number, "l": item.number, "T": item.ts_ms, "m": not item.taker_buys}
    return row | ({"M": True} if spot else {})


def trade_row(item: Print, *, spot: bool) -> dict[str, Any]:
    """Return one row of trades."""
    row: dict[str, Any] = {"id": item.number, "price": _eight(item.price), "qty": _eight(item.size)}
    row |= {
        "quoteQty": _eight(item.price * item.size),
        "time": item.ts_ms,
        "isBuyerMaker": not item.taker_buys,
    }
    return row | ({"isBestMatch": True} if spot else {})
