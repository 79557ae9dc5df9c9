"""Scales of charts: from values to pixels, and round values to write beside them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.report.numbers import MINUS, hold, plain
from arbkit.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

__all__ = ["Scale", "Tick", "hold_ticks", "log_ticks", "number_ticks", "padded", "time_ticks"]

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIMES_NS: Final = (
    *(SECOND_NS * k for k in (1, 5, 15, 30)),
    *(MINUTE_NS * k for k in (1, 5, 15, 30)),
    *(HOUR_NS * k for k in (1, 3, 6, 12)),
    *(DAY_NS * k for k in (1, 2, 4, 7, 14)),
)
_HOLDS_S: Final = (
    1e-3, 1e-2, 0.1, 1, 10, 60, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400,
)  # fmt: skip


class Tick(NamedTuple):
    """A value on an axis, and how it is written."""

    value: float
    text: str


class Scale(NamedTuple):
    """Where values from `low` to `high` lie between two pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: Any) -> FloatArray:
        """Return pixels, float64 of the shape of `values`; NaN for what a logarithmic scale cannot show."""
        given = np.asarray(values, np.float64)
        if self.log:
            given = np.log(np.where(given > 0, given, np.nan))
            low, high = math.log(self.low), math.log(self.high)
        else:
            low, high = self.low, self.high
        span = (high - low) or 1.0
        pixels: FloatArray = self.start + (given - low) / span * (self.end - self.start)
        return pixels


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Return limits a little wider than the values; of one value, or none, limits around it."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    pad = share * (high - low) or max(abs(high), 1.0) * 0.05
    return low - pad, high + pad


def number_ticks(
    low: float, high: float, count: int = 5, unit: str = "", *, integer: bool = False
) -> list[Tick]:
    """Return round values in a range, about `count`, with separators and a real minus sign."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return []
    rough = span / max(count, 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * k for k in _STEPS if size * k >= rough * (1 - 1e-9))
    if integer:
        step = max(1.0, float(round(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [k * step for k in range(first, last + 1)]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    digits += int(abs(step * 10**digits - round(step * 10**digits)) > 1e-6)
    return [Tick(value, _written(value, min(digits, 8)) + unit) for value in values]


def _written(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    if not text.strip("-0.,"):
        return text.lstrip("-")
    return MINUS + text[1:] if text.startswith("-") else text


def log_ticks(low: float, high: float, count: int = 5) -> list[Tick]:
    """Return powers of ten in a range, with 2 and 5 between them where there is room."""
    if not 0 < low < high:
        return []
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        values = [10.0**k * f for k in range(first, last + 1) for f in factors]
        inside = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(inside) <= count:
            break
    step = max(1, -(-len(inside) // max(count, 1)))
    return [Tick(value, plain(value)) for value in inside[::step]] or [Tick(low, plain(low))]


def hold_ticks(low_s: float, high_s: float) -> list[Tick]:
    """Return durations that people use, in seconds, in a range."""
    inside = [mark for mark in _HOLDS_S if low_s <= mark <= high_s] or [low_s]
    return [Tick(mark, hold(float(mark))) for mark in inside]


def time_ticks(start_ns: int, end_ns: int, count: int = 8) -> list[Tick]:
    """Return round UTC times in a range, as nanoseconds, written with as few words as possible."""
    span = max(end_ns - start_ns, 1)
    step = next((item for item in _TIMES_NS if span / item <= count), 0)
    if not step:
        return _month_ticks(start_ns, end_ns, count)
    first = -(-start_ns // step) * step
    ticks, day = [], ""
    for value in range(first, end_ns + 1, step):
        at = datetime.fromtimestamp(value // SECOND_NS, UTC)
        date = at.strftime("%m-%d")
        clock = at.strftime("%H:%M:%S" if step < MINUTE_NS else "%H:%M")
        text = date if step >= DAY_NS or (at.hour == at.minute == at.second == 0) else clock
        if not day and step < DAY_NS and text == clock:
            text = clock if span > 2 * DAY_NS else f"{date} {clock}"
        day = date
        ticks.append(Tick(float(value), text))
    return ticks


def _month_ticks(start_ns: int, end_ns: int, count: int) -> list[Tick]:
    at = datetime.fromtimestamp(start_ns // SECOND_NS, UTC).replace(day=1, hour=0, minute=0, second=0)
    months: list[datetime] = []
    while at.timestamp() * SECOND_NS <= end_ns:
        if at.timestamp() * SECOND_NS >= start_ns:
            months.append(at)
        at = (at + timedelta(days=32)).replace(day=1)
    step = next(
        (k for k in (1, 2, 3, 6, 12) if len(months) <= count * k), 12 * (len(months) // (12 * count) + 1)
    )
    kept = [item for item in months if (item.month - 1) % min(step, 12) == 0]
    kept = kept[:: max(1, step // 12)]
    return [Tick(item.timestamp() * SECOND_NS, item.strftime("%Y-%m")) for item in kept]
