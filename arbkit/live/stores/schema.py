"""What a state store holds: its keys, how long each lives, and the JSON of a value.

Every value is one JSON object whose `timestamp` is ISO 8601 in UTC, to the microsecond:

    arbitrage:prices:{exchange}:{symbol}        60 s      bid, ask, mid
    arbitrage:signal:{symbol}                   300 s     buy_exchange, buy_price, sell_exchange, sell_price,
                                                          spread, spread_pct
    arbitrage:orders:{order_id}                 86,400 s  what the runner knows of the order
    arbitrage:positions:{symbol}                86,400 s  what the runner knows of the position
    arbitrage:execution:{symbol}:{timestamp}    86,400 s  what became of one decision
    arbitrage:metrics:live                      300 s     total_balance, available_balance, positions_count,
                                                          orders_count, daily_loss, total_loss, trades_today
    arbitrage:heartbeat:{component}             60 s

JSON rather than a hash: one `SET` with a lifetime writes a value whole, and numbers stay numbers. What was
`Decimal` is a string, digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from arbkit.errors import ConfigError, nearest_names
from arbkit.units import SECOND_NS, US_NS

__all__ = [
    "LIFETIMES_S",
    "PREFIX",
    "Entry",
    "StateEntry",
    "decoded",
    "encoded",
    "iso_time",
    "key_of",
    "kind_of",
    "lifetime_of",
]

PREFIX: Final = "arbitrage:"
#: How long a value of each kind lives, seconds.
LIFETIMES_S: Final[Mapping[str, int]] = {
    "prices": 60,
    "signal": 300,
    "orders": 86_400,
    "positions": 86_400,
    "execution": 86_400,
    "metrics": 300,
    "heartbeat": 60,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


class Entry(NamedTuple):
    """One value on its way to a store.

    Attributes:
        value: the JSON object.
        lifetime: nanoseconds from when it was put, or last refreshed.
        expires: when it ends, nanoseconds since the epoch.
        live: whether what it describes still lives, so that its lifetime is refreshed.
    """

    key: str
    value: bytes
    lifetime: int
    expires: int
    live: bool


class StateEntry(NamedTuple):
    """One value as it was read.

    Attributes:
        key: the whole key.
        value: its fields.
        expires_in_s: how long it would still live.
    """

    key: str
    value: dict[str, Any]
    expires_in_s: float


def key_of(kind: str, *names: str) -> str:
    """Return the key of a value.

    Args:
        kind: "prices", "signal", "orders", ...
        names: what stands after it, such as exchange and symbol.

    Raises:
        ConfigError: for an unknown kind or an empty name.
    """
    if kind not in LIFETIMES_S:
        raise ConfigError(f"a state store has no {kind!r}; {nearest_names(kind, LIFETIMES_S)}")
    if not names or not all(names):
        raise ConfigError(f"the key of {kind!r} needs names that are not empty, was {names}")
    return PREFIX + ":".join((kind, *names))


def kind_of(key: str) -> str:
    """Return the kind of a key, "" for one of somebody else."""
    kind = key.removeprefix(PREFIX).partition(":")[0]
    return kind if kind in LIFETIMES_S and key.startswith(PREFIX) else ""


def lifetime_of(kind: str) -> int:
    """Return how long a value of the kind lives, nanoseconds."""
    return LIFETIMES_S[kind] * SECOND_NS


def iso_time(ts: int) -> str:
    """Write nanoseconds since the epoch as ISO 8601 in UTC, cut to microseconds."""
    return (_EPOCH + timedelta(microseconds=ts // US_NS)).isoformat(timespec="microseconds")


def encoded(fields: Mapping[str, Any], ts: int) -> bytes:
    """Return the JSON of a value with its `timestamp`.

    Raises:
        ConfigError: for a field that JSON cannot hold.
    """
    try:
        return _ENCODER.encode({**fields, "timestamp": iso_time(ts)})
    except (TypeError, ValueError, OverflowError) as error:
        names = ", ".join(map(str, fields))
        raise ConfigError(f"a state store takes plain fields, was {names}: {error}") from error


def decoded(value: bytes | str) -> dict[str, Any]:
    """Return the fields of a value; one that is no JSON object is shown as `{"value": text}`."""
    try:
        return _DECODER.decode(value)
    except msgspec.DecodeError:
        text = value if isinstance(value, str) else value.decode("utf-8", "replace")
        return {"value": text}
