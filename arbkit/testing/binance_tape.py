"""Binance's candles, tickers and public trades, USD-M futures and spot, by REST and stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from arbkit.testing._binance_tape_json import (
    aggregate_row,
    kline_event,
    kline_row,
    mini_event,
    ticker_event,
    ticker_row,
    trade_row,
)
from arbkit.testing._http import Answer, Call, json_bytes
from arbkit.testing.binance import BinanceBooks, binance_error
from arbkit.testing.binance_stream import INTERVALS, BinanceSocket, Stream
from arbkit.testing.orders import Trade
from arbkit.testing.tape import Bar
from arbkit.testing.venue import Route
from arbkit.units import MS_NS

__all__ = ["BinanceTape"]

_DAY_MS: Final = 86_400_000
_WORDS: Final = {"ticker": ticker_event, "miniTicker": mini_event}


class BinanceTape(BinanceBooks):
    """What USD-M and spot tell of the past: candles of the middle of the book, trades that met it."""

    def routes(self) -> list[Route]:
        """Return the public routes."""
        spot = not self.futures
        rows: list[tuple[str, str, Callable[[Call], Awaitable[Answer]], Any]] = [
            ("klines", "klines", self._klines, 2 if spot else _kline_weight),
            ("aggTrades", "agg_trades", self._agg_trades, 4 if spot else 20),
            ("trades", "public_trades", self._public_trades, 25 if spot else 5),
            ("historicalTrades", "public_trades", self._public_trades, 25 if spot else 20),
            ("ticker/24hr", "day", self._day, _weight(2, 80) if spot else _weight(1, 40)),
            ("ticker/price", "price", self._price, _weight(2, 4) if spot else _weight(1, 2)),
        ]
        if spot:
            rows += [("avgPrice", "price", self._average, 2), ("uiKlines", "klines", self._klines, 2)]
        made = [Route("GET", self.api + path, name, act, weight) for path, name, act, weight in rows]
        return [*super().routes(), *made]

    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the timers, that of candles and tickers among them."""
        return [*super().background(), self._send_tape]

    def public_trade(self, trade: Trade) -> None:
        """Put a fill on the public tape and send it: `aggTrade` and `trade`."""
        item = self.tapes[trade.symbol].traded(trade)
        wanted = self._wanted(trade.symbol)
        row = aggregate_row(item, spot=not self.futures)
        event = {"E": self.now_ms(), "s": trade.symbol, "p": row["p"], "q": row["q"], "T": item.ts_ms}
        event["m"] = row["m"]
        ids = {"a": item.number, "f": item.number, "l": item.number}
        for kind, more in (("aggTrade", ids), ("trade", {"t": item.number})):
            data = json_bytes({"e": kind, **event, **more})
            self._emit(wanted, kind, None, partial(bytes, data), "data")

    # REST

    def _bars(self, symbol: str, interval: str) -> list[Bar]:
        if interval not in INTERVALS or (self.futures and interval == "1s"):
            raise binance_error(400, -1120, "Invalid interval.")
        until = self.core.clock.now_ns() // MS_NS
        return self.tapes[symbol].bars(interval, until_ms=until)

    async def _klines(self, call: Call) -> Answer:
        symbol = call.params.get("pair", "") or self.listed(call)
        if symbol not in self.books:
            raise binance_error(400, -1121, "Invalid symbol.")
        interval = call.params.get("interval", "")
        bars = self._bars(symbol, interval)
        start, end = int(call.params.get("startTime", 0)), int(call.params.get("endTime", 2**62))
        limit = _limit(call, 500, 1500 if self.futures else 1000)
        bars = [bar for bar in bars if start <= bar.start_ms <= end]
        chosen = bars[:limit] if start else bars[-limit:]
        return Answer([kline_row(bar, interval) for bar in chosen])

    async def _agg_trades(self, call: Call) -> Answer:
        prints = self.tapes[self.listed(call)].prints
        start, end = int(call.params.get("startTime", 0)), int(call.params.get("endTime", 2**62))
        first = int(call.params.get("fromId", 0))
        found = [item for item in prints if start <= item.ts_ms <= end and item.number >= first]
        limit = _limit(call, 500, 1000)
        found = found[:limit] if start or first else found[-limit:]
        return Answer([aggregate_row(item, spot=not self.futures) for item in found])

    async def _public_trades(self, call: Call) -> Answer:
        prints = list(self.tapes[self.listed(call)].prints)[-_limit(call, 500, 1000) :]
        return Answer([trade_row(item, spot=not self.futures) for item in prints])

    def day_row(self, symbol: str) -> dict[str, Any]:
        """Return the 24 hours of a symbol."""
        now = self.core.clock.now_ns() // MS_NS
        tape = self.tapes[symbol]
        last = tape.prints[-1] if tape.prints else None
        row = ticker_row(symbol, tape.since(now - _DAY_MS), now, last)
        if not self.futures:
            best = self.best(symbol)
            row |= {"prevClosePrice": row["openPrice"], "bidPrice": best[0], "bidQty": best[1]}
            row |= {"askPrice": best[2], "askQty": best[3]}
        return row

    async def _day(self, call: Call) -> Answer:
        names, single = self.asked_symbols(call)
        rows = [self.day_row(name) for name in names]
        return Answer(rows[0] if single else rows)

    async def _price(self, call: Call) -> Answer:
        names, single = self.asked_symbols(call)
        rows: list[dict[str, Any]] = []
        for name in names:
            row: dict[str, Any] = {"symbol": name, "price": self.day_row(name)["lastPrice"]}
            rows.append(row | ({"time": self.now_ms()} if self.futures else {}))
        return Answer(rows[0] if single else rows)

    async def _average(self, call: Call) -> Answer:
        row = self.day_row(self.listed(call))
        return Answer({"mins": 5, "price": row["lastPrice"], "closeTime": row["closeTime"]})

    # Streams, once a second

    async def _send_tape(self) -> None:
        closing: dict[tuple[str, str], int] = {}
        while True:
            await self.core.clock.sleep(1)
            asked = {
                (stream.symbol, stream.kind, stream.interval)
                for socket in tuple(self.sockets)
                if isinstance(socket, BinanceSocket)
                for stream in socket.streams.values()
            }
            for symbol, kind, interval in asked:
                if kind == "kline":
                    self._send_kline(symbol, interval, closing)
                elif kind in _WORDS and self.books[symbol].updates:
                    event = _WORDS[kind](self.day_row(symbol), self.now_ms())
                    self._emit(self._wanted(symbol), kind, None, partial(json_bytes, event), "data")
                elif kind in ("!ticker", "!miniTicker"):
                    self.everyone(
                        kind, [_WORDS[kind[1:]](self.day_row(name), self.now_ms()) for name in self.books]
                    )

    def _send_kline(self, symbol: str, interval: str, closing: dict[tuple[str, str], int]) -> None:
        """Send the present candle, and before it, for the last time, those that have ended since."""
        bars, stamp = self._bars(symbol, interval), self.now_ms()
        if not bars:
            return
        wanted = [pair for pair in self._wanted(symbol) if pair[1].interval == interval]
        last = bars[-1].start_ms
        for bar in bars[-1000:]:
            if closing.get((symbol, interval), last) <= bar.start_ms:
                event = kline_event(symbol, bar, interval, stamp, closed=bar.start_ms < last)
                self._emit(wanted, "kline", None, partial(json_bytes, event), "data")
        closing[symbol, interval] = last

    def everyone(self, kind: str, event: Any) -> None:
        """Send an event of all symbols to who asked for it."""
        wanted: list[tuple[BinanceSocket, Stream]] = self._wanted("")
        self._emit(wanted, kind, None, lambda: json_bytes(event), "data")


def _limit(call: Call, usual: int, most: int) -> int:
    given = int(call.params.get("limit", usual))
    if given < 1:
        raise binance_error(400, -1130, "Data sent for parameter 'limit' is not valid.")
    return min(given, most)


def _kline_weight(call: Call) -> int:
    limit = int(call.params.get("limit", "500")) if call.params.get("limit", "500").isdigit() else 500
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _weight(one: int, every: int) -> Callable[[Call], int]:
    return lambda call: one if "symbol" in call.params else every
