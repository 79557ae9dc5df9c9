"""Constants and conversions: basis points, nanoseconds, durations written as text."""

from __future__ import annotations

import re
from typing import Final

from arbkit.errors import ConfigError

__all__ = [
    "BPS",
    "DAY_NS",
    "HOUR_NS",
    "MINUTE_NS",
    "MS_NS",
    "SECOND_NS",
    "US_NS",
    "duration_ns",
    "format_duration",
    "ms_to_ns",
    "seconds_to_ns",
]

BPS: Final = 1e-4
US_NS: Final = 1_000
MS_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 3_600 * SECOND_NS
DAY_NS: Final = 86_400 * SECOND_NS

_UNIT_NS: Final = {
    "ns": 1,
    "us": US_NS,
    "ms": MS_NS,
    "s": SECOND_NS,
    "m": MINUTE_NS,
    "min": MINUTE_NS,
    "h": HOUR_NS,
    "d": DAY_NS,
    "w": 7 * DAY_NS,
}
_LONGEST_NS: Final = 200 * 365 * DAY_NS
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ns|us|ms|s|min|m|h|d|w)\s*")


def seconds_to_ns(seconds: float) -> int:
    """Turn seconds into whole nanoseconds, with round(x * 1e9)."""
    return round(seconds * 1e9)


def ms_to_ns(milliseconds: float) -> int:
    """Turn milliseconds into whole nanoseconds, with round(x * 1e6)."""
    return round(milliseconds * 1e6)


def duration_ns(value: str | int | float, *, name: str = "duration") -> int:
    """Read a duration: a number of seconds, or text such as "500ms", "5s", "1h", "1d12h".

    Args:
        value: the duration as written by a person.
        name: what to call it in an error message.

    Returns:
        Whole nanoseconds, at least 0.

    Raises:
        ConfigError: when the text is no duration, or is negative.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not value >= 0:
            raise ConfigError(f"`{name}` must be a duration of at least 0 seconds, was {value!r}")
        return _whole_ns(value * 1e9, value, name)
    text = str(value)
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text):
        return _whole_ns(float(text) * 1e9, value, name)
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text):
        raise ConfigError(
            f"`{name}` must be a duration such as 500ms, 5s, 1h or 1d12h "
            f"(a bare number is seconds), was {value!r}"
        )
    return sum(_whole_ns(float(amount) * _UNIT_NS[unit], value, name) for amount, unit in parts)


def _whole_ns(ns: float, value: object, name: str) -> int:
    if not ns < _LONGEST_NS:
        raise ConfigError(f"`{name}` must be a duration below 200 years, was {value!r}")
    return round(ns)


def format_duration(ns: int) -> str:
    """Write nanoseconds the way a person would: "500ms", "5s", "1h30m", "2d"."""
    if ns == 0:
        return "0s"
    sign, rest, text = ("-" if ns < 0 else ""), abs(int(ns)), ""
    for unit in ("d", "h", "m", "s", "ms", "us", "ns"):
        amount, rest = divmod(rest, _UNIT_NS[unit])
        text += f"{amount}{unit}" if amount else ""
    return sign + text
