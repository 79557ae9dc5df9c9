"""Reading one block of a configuration: known keys, right types, one clear message."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from arbkit.errors import ConfigError, nearest_names
from arbkit.units import duration_ns

__all__ = ["Block", "check_venue"]

_MISSING: Final = object()


class Block:
    """A mapping of a configuration whose keys are taken out one by one.

    Args:
        name: how messages call it; empty for the whole file.
        values: what was read.
        keys: what it may hold.

    Raises:
        ConfigError: when it is no mapping or holds an unknown key.
    """

    def __init__(self, name: str, values: Any, keys: Sequence[str]) -> None:
        if not isinstance(values, Mapping):
            raise ConfigError(f"`{name}` must be a block of keys, was {values!r:.80}")
        self.name = name
        self._values = values
        for key in values:
            if key not in keys:
                where = f"`{name}`" if name else "a live configuration"
                raise ConfigError(f"{where} has no key `{key}`; {nearest_names(str(key), keys)}")

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def path(self, key: str) -> str:
        """Return how messages call a key: `execution.deadline`."""
        return f"{self.name}.{key}" if self.name else key

    def raw_values(self) -> dict[str, Any]:
        """Return all values as they were read."""
        return dict(self._values)

    def raw(self, key: str, default: Any = _MISSING) -> Any:
        """Return a value as it was read.

        Raises:
            ConfigError: when it must be given and is not.
        """
        value = self._values.get(key)
        if value is not None:
            return value
        if default is _MISSING:
            raise ConfigError(f"`{self.path(key)}` must be given")
        return default

    def text(self, key: str, default: Any = _MISSING) -> Any:
        """Return a text."""
        value = self.raw(key, default)
        if value is not default and (not isinstance(value, str) or not value.strip()):
            raise ConfigError(f"`{self.path(key)}` must be text, was {value!r}")
        return value

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.raw(key, default)
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"`{self.path(key)}` must be a list of texts, was {value!r:.80}")
        return tuple(value)

    def any_keys(self, key: str) -> Block:
        """Return a block below, of whatever keys; an empty one where it is not given."""
        value = self.raw(key, {})
        return Block(self.path(key), value, list(value) if isinstance(value, Mapping) else ())

    def choice(self, key: str, valid: Sequence[str], default: Any = _MISSING) -> str:
        """Return one of some words."""
        value = self.raw(key, default)
        if value not in valid:
            raise ConfigError(f"`{self.path(key)}` must be one of {', '.join(valid)}, was {value!r}")
        return str(value)

    def flag(self, key: str, default: bool = False) -> bool:
        """Return a yes or no."""
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise ConfigError(f"`{self.path(key)}` must be true or false, was {value!r}")
        return value

    def number(self, key: str, default: Any = _MISSING, *, low: float = 0.0, above: bool = False) -> Any:
        """Return a finite number of at least `low`, or above it."""
        value = self.raw(key, default)
        if value is default:
            return default
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or value < low or (above and value == low):
            rule = "above" if above else "at least"
            raise ConfigError(f"`{self.path(key)}` must be a number {rule} {low:g}, was {value!r}")
        return float(value)

    def whole(self, key: str, default: Any = _MISSING, *, low: int = 0) -> Any:
        """Return a whole number of at least `low`."""
        value = self.raw(key, default)
        if value is default:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise ConfigError(f"`{self.path(key)}` must be a whole number, at least {low}, was {value!r}")
        return value

    def duration(self, key: str, default: Any = _MISSING, *, above: bool = False) -> Any:
        """Return a duration such as "5s" in nanoseconds, `above` 0 where it must be."""
        if default is not _MISSING and key not in self:
            return default
        value = self.raw(key)
        found = duration_ns(value, name=self.path(key))
        if above and found <= 0:
            raise ConfigError(f"`{self.path(key)}` must be longer than 0, was {value!r}")
        return found


def check_venue(where: str, name: str, own: Collection[str]) -> None:
    """Check that books of a venue can be had; `ccxt:kraken` is called `kraken` everywhere."""
    from arbkit.venues.feeds.ccxt_client import is_ccxt_venue, plain_name, venue_hint

    if name not in own and not is_ccxt_venue(name):
        raise ConfigError(f"`{where}` names no venue `{name}`; {venue_hint(name, own)}")
    if name != plain_name(name):
        raise ConfigError(f"`{where}` must call a venue by its plain name, {plain_name(name)}, was {name}")
