"""What is to be recorded, where to, and how often it is made safe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from arbkit.data import InstrumentInfo
from arbkit.data.schema import MAX_LEVELS
from arbkit.errors import ConfigError
from arbkit.units import DAY_NS, HOUR_NS, SECOND_NS
from arbkit.venues.feeds import is_known_venue, known_venues
from arbkit.venues.feeds.ccxt_client import base_and_quote, is_ccxt_venue, plain_name, venue_hint
from arbkit.venues.secret import Credentials
from arbkit.wire.symbols import PERPETUAL, contract_multiple, split_binance, split_upbit

__all__ = ["QUOTE_AGE_S", "RecordSpec", "VenueSpec", "instrument_of"]

#: A quote that was neither renewed nor confirmed for so long counts no more: a quiet symbol is asked for
#: every 20 s, so that a healthy one is never that old.
QUOTE_AGE_S: Final = 60.0
_UPBIT_LIKE: Final = ("upbit", "bithumb")
_FX: Final = {"upbit": "KRW-USDT", "bithumb": "KRW-USDT"}


@dataclass(frozen=True, kw_only=True)
class VenueSpec:
    """One venue and the symbols wanted of it; addresses other than its own where they are given.

    Attributes:
        mode: of Binance's books, "diffs" or "partial".
        keys: with these the states of wallets are recorded too; only Upbit tells them.

    Raises:
        ConfigError: when the venue is not known, or a symbol is not named as its venue names it.
    """

    venue: str
    symbols: tuple[str, ...]
    rest_url: str | None = None
    ws_url: str | None = None
    mode: str = "diffs"
    keys: Credentials | None = None

    def __post_init__(self) -> None:
        if not is_known_venue(self.venue):
            near = venue_hint(self.venue, known_venues())
            raise ConfigError(f"no venue {self.venue!r} to record; {near}")
        object.__setattr__(self, "venue", plain_name(self.venue))
        if not self.symbols:
            raise ConfigError(f"a recording of {self.venue} needs at least one symbol, was none")
        for symbol in self.symbols:
            instrument_of(self.venue, symbol, 1)
        if self.keys is not None and self.venue != "upbit":
            raise ConfigError(f"states of wallets are told by upbit only, keys were given for {self.venue}")

    def feed_options(self) -> dict[str, Any]:
        """Return what `open_feed` takes of this."""
        options: dict[str, Any] = {"rest_url": self.rest_url, "ws_url": self.ws_url}
        return options | ({"mode": self.mode} if self.venue.startswith("binance_") else {})


@dataclass(frozen=True, kw_only=True)
class RecordSpec:
    """A recording.

    Attributes:
        venues: what to record.
        to: folder of the dataset; one that exists is continued.
        depth: levels a side.
        flush_ns: how often what was received is made safe and readable.
        rotate_ns: how much time a settled file holds.
        raw: keep the frames as they came, too.
        fx: record the exchange rate of KRW venues (`KRW-USDT`) although it is not asked for.
        events_ns: how often instruments and warnings are read; funding is read ten times as often.

    Raises:
        ConfigError: when a value breaks its rule.
    """

    venues: tuple[VenueSpec, ...]
    to: Path
    depth: int = 15
    flush_ns: int = 5 * SECOND_NS
    rotate_ns: int = HOUR_NS
    raw: bool = False
    fx: bool = True
    events_ns: int = 600 * SECOND_NS

    def __post_init__(self) -> None:
        if not self.venues:
            raise ConfigError("a recording needs at least one venue, was none")
        names = [item.venue for item in self.venues]
        if len(set(names)) < len(names):
            raise ConfigError(f"a venue is named once in a recording, with all its symbols, was {names}")
        if not 1 <= self.depth <= MAX_LEVELS:
            raise ConfigError(f"`depth` must be within 1 and {MAX_LEVELS}, was {self.depth}")
        if self.flush_ns <= 0:
            raise ConfigError(f"`flush` must be longer than 0, was {self.flush_ns} ns")
        if not 0 < self.rotate_ns <= DAY_NS:
            raise ConfigError(f"`rotate` must be longer than 0 and at most a day, was {self.rotate_ns} ns")

    def symbols_of(self, item: VenueSpec) -> tuple[str, ...]:
        """Return the symbols to record of a venue, the exchange rate included."""
        rate = _FX.get(item.venue) if self.fx else None
        wanted = rate and rate not in item.symbols and any(name.startswith("KRW-") for name in item.symbols)
        return (*item.symbols, rate) if wanted and rate else item.symbols

    def instruments(self) -> list[InstrumentInfo]:
        """Return the descriptions of everything recorded."""
        return [
            instrument_of(item.venue, symbol, self.depth)
            for item in self.venues
            for symbol in self.symbols_of(item)
        ]


def instrument_of(venue: str, symbol: str, depth: int) -> InstrumentInfo:
    """Describe an instrument by its name: what it is, in coins.

    Raises:
        ConfigError: when the symbol is not named as its venue names it.
    """
    flags: tuple[str, ...] = ()
    if venue in _UPBIT_LIKE:
        base, quote = split_upbit(symbol)
        kind = "fx" if symbol == _FX[venue] else "spot"
    else:
        listed, quote = (base_and_quote if is_ccxt_venue(venue) else split_binance)(symbol)
        base, many = contract_multiple(listed)
        kind = "perpetual" if venue == "binance_usdm" or symbol.endswith(PERPETUAL) else "spot"
        if many != 1:
            flags = (f"prices and sizes are per {base}, its contracts are of {many}",)
    return InstrumentInfo(
        venue=venue,
        symbol=symbol,
        base=base,
        quote=quote,
        kind=kind,  # type: ignore[arg-type]
        levels=depth,
        max_age_s=QUOTE_AGE_S,
        flags=flags,
    )
