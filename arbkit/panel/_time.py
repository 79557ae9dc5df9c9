"""Points in time as a person writes them, as int64 nanoseconds UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np

from arbkit.errors import ConfigError

__all__ = ["to_ns"]


def to_ns(value: Any) -> int:
    """Read a point in time: ISO text, date, datetime (naive ones are UTC), datetime64 or int nanoseconds.

    Raises:
        ConfigError: when the value is none of these.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[ns]").astype(np.int64))
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ConfigError(
                f"a time must be ISO text such as 2024-05-01 or 2024-05-01T09:00:00+09:00, was {value!r}"
            ) from error
    if isinstance(value, datetime):
        zone = value.utcoffset()
        naive = value.replace(tzinfo=None) - zone if zone is not None else value
        return int(np.datetime64(naive, "ns").astype(np.int64))
    if isinstance(value, date):
        return int(np.datetime64(value, "ns").astype(np.int64))
    raise ConfigError(f"a time must be ISO text, a datetime or int nanoseconds, was {value!r}")
