"""Numbers as the findings write them."""

from __future__ import annotations

import numpy as np

__all__ = ["bps", "count", "duration", "money", "percent"]


def _plain(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text


def money(value: float, currency: str, *, plus: bool = False) -> str:
    """Write an amount: cents below ten thousand, none above."""
    text = _plain(value, 0 if abs(value) >= 10_000 else 2)
    return f"{'+' if plus and value > 0 and text.strip('0.,') else ''}{text} {currency}"


def bps(value: float) -> str:
    """Write basis points with two digits."""
    return f"{_plain(value, 2)} bps"


def percent(share: float) -> str:
    """Write a share of one as per cent; nothing that is there is written as 0, nothing missing as all."""
    if not np.isfinite(share):
        return "-"
    value = 100 * share
    if 0 < value < 0.05:
        return "under 0.1 %"
    text = _plain(value, 0 if abs(value) >= 10 else 1)
    return "99.9 %" if text == "100" and share < 1 else f"{text} %"


def duration(ms: float) -> str:
    """Write milliseconds with a unit that fits."""
    for unit, size in (("d", 86_400_000.0), ("h", 3_600_000.0), ("min", 60_000.0), ("s", 1_000.0)):
        if ms >= size:
            return f"{ms / size:.3g} {unit}"
    return f"{ms:.3g} ms"


def count(number: int, one: str, many: str) -> str:
    """Write a number of things."""
    return f"{number:,} {one if number == 1 else many}"
