"""Points in time as a person writes them, as int64 nanoseconds UTC."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Final

import numpy as np

from arbkit.errors import ConfigError

__all__ = ["to_ns"]

#: What a fraction of a second has beyond microseconds.
_NANOS: Final = re.compile(r"(:\d\d[.,]\d{6})(\d{1,3})(?!\d)")
#: Whole years that int64 nanoseconds since 1970 can hold.
_FIRST_YEAR, _LAST_YEAR = 1678, 2261


def to_ns(value: Any) -> int:
    """Read a point in time: ISO text, date, datetime (naive ones are UTC), datetime64 or int nanoseconds.

    Raises:
        ConfigError: when the value is none of these.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, np.datetime64) and not np.isnat(value):
        _check_year(int(value.astype("datetime64[Y]").astype(np.int64)) + 1970, value)
        return int(value.astype("datetime64[ns]").astype(np.int64))
    if isinstance(value, str):
        # A datetime holds microseconds only.
        text, beyond = _NANOS.sub(r"\1", value.strip()), _NANOS.search(value)
        if beyond is not None:
            return to_ns(text) + int(beyond[2].ljust(3, "0"))
        try:
            value = datetime.fromisoformat(text)
        except ValueError as error:
            raise ConfigError(
                f"a time must be ISO text such as 2024-05-01 or 2024-05-01T09:00:00+09:00, was {value!r}"
            ) from error
    if isinstance(value, datetime):
        zone = value.utcoffset()
        _check_year(value.year, value)
        naive = value.replace(tzinfo=None) - zone if zone is not None else value
        return int(np.datetime64(naive, "ns").astype(np.int64))
    if isinstance(value, date):
        _check_year(value.year, value)
        return int(np.datetime64(value, "ns").astype(np.int64))
    raise ConfigError(f"a time must be ISO text, a datetime or int nanoseconds, was {value!r}")


def _check_year(year: int, value: Any) -> None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise ConfigError(f"a time must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}, was {value}")
