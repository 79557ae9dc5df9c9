"""Numbers, times and durations written for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

from arbkit.report.text import Text
from arbkit.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

__all__ = [
    "MINUS",
    "NBSP",
    "NOTHING",
    "bps",
    "clock",
    "count",
    "date",
    "hold",
    "money",
    "number",
    "percent",
    "period",
    "plain",
    "share",
    "stamp",
]

MINUS: Final = "\N{MINUS SIGN}"
NOTHING: Final = "\N{EM DASH}"
NBSP: Final = "\N{NO-BREAK SPACE}"


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _signed(text: str, plus: bool, value: float) -> str:
    if text.startswith("-"):
        digits = text[1:]
        return digits if not digits.strip("0.,") else MINUS + digits
    return "+" + text if plus and value > 0 and text.strip("0.,") else text


def number(value: float | None, digits: int = 2, *, plus: bool = False) -> str:
    """Write a number with thousands separators and a real minus sign; a dash when there is none."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return _signed("\N{INFINITY}" if value > 0 else "-\N{INFINITY}", plus, value)
    return _signed(f"{value:,.{digits}f}", plus, value)


def money(value: float | None, currency: str = "", *, plus: bool = False) -> str:
    """Write an amount with digits that fit its size: cents below ten thousand, none above."""
    digits = 2
    if not _missing(value) and value is not None:
        size = abs(value)
        digits = 0 if size >= 10_000 else 2 if size >= 0.01 or size == 0 else 4
    text = number(value, digits, plus=plus)
    return f"{text}{NBSP}{currency}" if currency and text != NOTHING else text


def bps(value: float | None, *, plus: bool = False) -> str:
    """Write basis points with one digit and their unit."""
    text = number(value, 1, plus=plus)
    return text if text == NOTHING else f"{text}{NBSP}bps"


def percent(value: float | None, digits: int | None = None) -> str:
    """Write a value that is already in per cent."""
    if value is None or math.isnan(value):
        return NOTHING
    if digits is None:
        digits = 1 if abs(value) >= 1 or value == 0 else 2 if abs(value) >= 0.1 else 3
    return f"{number(value, digits)}{NBSP}%"


def share(value: float | None, digits: int = 1) -> str:
    """Write a fraction of one as per cent."""
    return percent(None if value is None else 100 * value, digits)


def count(value: float | None) -> str:
    """Write a whole number with thousands separators."""
    return number(value, 0)


def plain(value: Any) -> str:
    """Write a parameter as it would be typed: the digits that matter, true, false, none."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return number(value, 0)
    if isinstance(value, float):
        return _signed(_shortest(value), plus=False, value=value)
    return str(value)


def _shortest(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e9):
        return f"{value:.4g}"
    if size < 1:
        return f"{value:.4g}"
    digits = 0 if size >= 10_000 else 2 if size >= 100 else 3
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def hold(seconds: float | None) -> str:
    """Write a duration with its two largest units: "850 ms", "12 s", "3 min 5 s", "2 d 4 h"."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f}{NBSP}ms" if seconds else f"0{NBSP}s"
    if seconds < 10:
        return f"{seconds:.1f}{NBSP}s".replace(".0", "")
    rest = round(seconds)
    parts: list[tuple[int, str]] = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, rest = divmod(rest, size)
        if amount or parts:
            parts.append((amount, name))
    return " ".join(f"{amount:,}{NBSP}{name}" for amount, name in parts[:2] if amount)


def period(ns: int, text: Text) -> str:
    """Write the length of a stretch of data: days with one digit, or hours and minutes when short."""
    if ns >= 3 * DAY_NS:
        return text("unit.days", n=number(ns / DAY_NS, 0 if ns >= 100 * DAY_NS else 1))
    return hold(ns / SECOND_NS) if ns < MINUTE_NS else hold(round(ns / MINUTE_NS) * 60.0)


def _utc(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // SECOND_NS, UTC)


def date(ns: int) -> str:
    """Write the UTC day: "2024-03-05"."""
    return _utc(ns).strftime("%Y-%m-%d")


def clock(ns: int) -> str:
    """Write a UTC time to the second, without naming UTC: "2024-03-05 12:00:00"."""
    return _utc(ns).strftime("%Y-%m-%d %H:%M:%S")


def stamp(ns: int, *, span_ns: int | None = None) -> str:
    """Write a UTC time as fine as a span of that length calls for: "2024-03-05 12:00 UTC"."""
    fine = span_ns is not None and span_ns < HOUR_NS
    return _utc(ns).strftime("%Y-%m-%d %H:%M:%S" if fine else "%Y-%m-%d %H:%M") + f"{NBSP}UTC"
