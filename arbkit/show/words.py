"""Numbers as a person reads them: thousands separators, a real minus sign, units of time."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

__all__ = ["count", "day_time", "decimal", "hold", "percent", "period", "signed"]

MINUS: Final = "\N{MINUS SIGN}"
NONE: Final = "\N{EN DASH}"


def decimal(value: float | None, digits: int = 2) -> str:
    """Write a number with so many digits after the point; a dash where there is none."""
    if value is None or math.isnan(value):
        return NONE
    return f"{value:,.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 2) -> str:
    """Write a number with its sign, also where it is positive."""
    if value is None or math.isnan(value):
        return NONE
    text = decimal(value, digits)
    return f"+{text}" if round(value, digits) > 0 else text


def percent(value: float | None, digits: int = 1) -> str:
    """Write a percentage that is given in percent."""
    return NONE if value is None or math.isnan(value) else f"{decimal(value, digits)} %"


def count(value: int) -> str:
    """Write a whole number."""
    return f"{value:,}"


def hold(seconds: float | None) -> str:
    """Write a time in the largest unit that leaves a whole number before the point."""
    if seconds is None or math.isnan(seconds):
        return NONE
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s")):
        if abs(seconds) >= size:
            return f"{decimal(seconds / size, 1)} {unit}"
    return f"{decimal(seconds * 1e3, 0)} ms" if seconds else "0 s"


def day_time(ns: int) -> str:
    """Write a point in time, UTC, to the minute."""
    return str(np.datetime64(ns, "ns").astype("datetime64[m]")).replace("T", " ")


def period(start_ns: int, end_ns: int) -> str:
    """Write a stretch of time, UTC, and how long it is."""
    return f"{day_time(start_ns)} to {day_time(end_ns)} UTC ({hold((end_ns - start_ns) / 1e9)})"
