"""One symbol's tape: candles of the middle of its book, and the trades that met it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from arbkit.testing.orders import Trade

__all__ = ["Bar", "Print", "Tape", "bar_start", "next_start"]

_SECOND_MS: Final = 1_000
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_UNITS: Final = {"s": _SECOND_MS, "m": _MINUTE_MS, "h": 3_600_000, "d": _DAY_MS, "w": 7 * _DAY_MS}
#: 1970-01-01 was a Thursday; weeks begin on Mondays.
_MONDAY_MS: Final = 4 * _DAY_MS
#: What is kept: two hours of seconds, two weeks of minutes.
_KEPT: Final = {_SECOND_MS: 7_200, _MINUTE_MS: 20_160}
_PRINTS: Final = 1_000


class Print(NamedTuple):
    """One trade: `taker_buys` says who took."""

    number: int
    ts_ms: int
    price: float
    size: float
    taker_buys: bool


class Bar:
    """One candle, of whatever length; `last_ms` is its latest change."""

    __slots__ = ("close", "count", "high", "last_ms", "low", "open", "start_ms", "taken", "volume")

    def __init__(self, start_ms: int, price: float, last_ms: int = 0) -> None:
        self.start_ms = start_ms
        self.open = self.high = self.low = self.close = price
        self.last_ms = last_ms or start_ms
        self.count = 0
        self.volume = (0.0, 0.0)  # base and quote
        self.taken = (0.0, 0.0)  # of it by buyers

    def price(self, price: float, ts_ms: int) -> None:
        """Take a price."""
        self.close, self.last_ms = price, ts_ms
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price

    def trade(self, item: Print) -> None:
        """Take a trade."""
        value = item.price * item.size
        self.price(item.price, item.ts_ms)
        self.count += 1
        self.volume = (self.volume[0] + item.size, self.volume[1] + value)
        if item.taker_buys:
            self.taken = (self.taken[0] + item.size, self.taken[1] + value)

    def add(self, later: Bar) -> None:
        """Take in the bar that follows."""
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close, self.last_ms = later.close, later.last_ms
        self.count += later.count
        self.volume = (self.volume[0] + later.volume[0], self.volume[1] + later.volume[1])
        self.taken = (self.taken[0] + later.taken[0], self.taken[1] + later.taken[1])

    def copy(self, start_ms: int) -> Bar:
        """Return the same under another beginning."""
        made = Bar(start_ms, self.open)
        made.high, made.low, made.close, made.last_ms = self.high, self.low, self.close, self.last_ms
        made.count, made.volume, made.taken = self.count, self.volume, self.taken
        return made


def bar_start(ts_ms: int, interval: str) -> int:
    """Return when the candle of a moment begins; `interval` is a number and s, m, h, d, w or M."""
    count, unit = int(interval[:-1]), interval[-1]
    if unit == "M":
        return round(datetime.fromtimestamp(ts_ms / 1e3, tz=UTC).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        ).timestamp()) * _SECOND_MS  # fmt: skip
    length, shift = count * _UNITS[unit], _MONDAY_MS if unit == "w" else 0
    return (ts_ms - shift) // length * length + shift


def next_start(start_ms: int, interval: str) -> int:
    """Return when the next candle begins."""
    if interval[-1] == "M":
        return bar_start(start_ms + 32 * _DAY_MS, interval)
    return start_ms + int(interval[:-1]) * _UNITS[interval[-1]]


class Tape:
    """Candles and trades of one symbol, as long as the exchange has served it."""

    def __init__(self) -> None:
        self.prints: deque[Print] = deque(maxlen=_PRINTS)
        self._bars: dict[int, deque[Bar]] = {step: deque(maxlen=most) for step, most in _KEPT.items()}

    def seen(self, ts_ms: int, price: float) -> None:
        """Take the middle of a new book."""
        for step, bars in self._bars.items():
            start = ts_ms // step * step
            if bars and bars[-1].start_ms >= start:
                bars[-1].price(price, ts_ms)
            else:
                bars.append(Bar(start, price, ts_ms))

    def traded(self, trade: Trade) -> Print:
        """Take an execution and return it as a print."""
        buys = (trade.side == "buy") != trade.maker
        item = Print(trade.number, trade.ts_ms, float(trade.price), float(trade.size), buys)
        self.prints.append(item)
        for bars in self._bars.values():
            if bars:
                bars[-1].trade(item)
        return item

    def bars(self, interval: str, *, until_ms: int | None = None) -> list[Bar]:
        """Return the candles in which something happened, oldest first.

        Args:
            interval: a number and s, m, h, d, w or M.
            until_ms: filled up to this moment with flat candles, as Binance has them; None leaves gaps.
        """
        base = self._bars[_SECOND_MS if interval[-1] == "s" else _MINUTE_MS]
        found = list(_joined(base, interval))
        return found if until_ms is None else list(_filled(found, interval, until_ms))

    def since(self, start_ms: int) -> Bar | None:
        """Return everything from a moment on as one candle, to the minute; None where nothing was seen."""
        whole: Bar | None = None
        for bar in self._bars[_MINUTE_MS]:
            if bar.start_ms + _MINUTE_MS > start_ms:
                if whole is None:
                    whole = bar.copy(bar.start_ms)
                else:
                    whole.add(bar)
        return whole


def _joined(base: Iterable[Bar], interval: str) -> Iterator[Bar]:
    current: Bar | None = None
    for bar in base:
        start = bar_start(bar.start_ms, interval)
        if current is not None and current.start_ms == start:
            current.add(bar)
            continue
        if current is not None:
            yield current
        current = bar.copy(start)
    if current is not None:
        yield current


def _filled(found: Iterable[Bar], interval: str, until_ms: int) -> Iterator[Bar]:
    before: Bar | None = None
    for bar in found:
        if before is not None:
            yield from _flat(before, interval, bar.start_ms)
        yield bar
        before = bar
    if before is not None:
        yield from _flat(before, interval, until_ms + 1)


def _flat(bar: Bar, interval: str, end_ms: int) -> Iterator[Bar]:
    start = next_start(bar.start_ms, interval)
    while start < end_ms:
        yield Bar(start, bar.close)
        start = next_start(start, interval)
