"""Which assets of a dataset are listed on two venues, and how their currencies meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from arbkit.errors import ConfigError, DataError, nearest_names

if TYPE_CHECKING:
    from arbkit.data import Dataset, InstrumentInfo

__all__ = ["Listed", "listed_assets"]


class Listed(NamedTuple):
    """One asset on two venues.

    Attributes:
        asset: the base currency.
        leg_a, leg_b: "venue/symbol".
        currency: what both legs are compared in: the quote of B.
        fx: the instrument that converts A's quote into it, "venue/symbol"; None where none is needed.
    """

    asset: str
    leg_a: str
    leg_b: str
    currency: str
    fx: str | None


def listed_assets(
    dataset: Dataset,
    *,
    venue_a: str | None = None,
    venue_b: str | None = None,
    fx_symbol: str | None = None,
    same: Iterable[str] = (),
) -> list[Listed]:
    """Return the assets that both venues list, by name.

    Where a venue lists an asset several times, spot comes before perpetuals, and the first in the manifest
    before the others.

    Args:
        dataset: with books or candles of both.
        venue_a, venue_b: by default the two venues that share the most assets.
        fx_symbol: instrument that converts; by default the one between the two quotes.
        same: currencies that count as one.

    Raises:
        ConfigError: for a venue that the dataset does not have.
        DataError: when no two venues share an asset, or a conversion is needed and no instrument is there.
    """
    traded = _traded(dataset.instruments)
    one, other = _venues(traded, venue_a, venue_b, dataset.name)
    found = []
    for asset in sorted(traded[one].keys() & traded[other].keys()):
        a, b = traded[one][asset], traded[other][asset]
        equal = a.quote == b.quote or {a.quote, b.quote} <= set(same)
        fx = None if equal else fx_symbol or _rate(dataset.instruments, a.quote, b.quote)
        found.append(Listed(asset, a.leg, b.leg, b.quote, fx))
    return found


def _traded(instruments: Sequence[InstrumentInfo]) -> dict[str, dict[str, InstrumentInfo]]:
    """Return per venue what it lists, by asset; a currency that quotes another instrument is none."""
    currencies = {item.quote for item in instruments}
    venues: dict[str, dict[str, InstrumentInfo]] = {}
    for item in sorted(instruments, key=lambda item: item.kind != "spot"):
        if item.kind != "fx" and item.base and item.base not in currencies:
            venues.setdefault(item.venue, {}).setdefault(item.base, item)
    return venues


def _venues(
    traded: dict[str, dict[str, InstrumentInfo]], venue_a: str | None, venue_b: str | None, dataset: str
) -> tuple[str, str]:
    for name in (venue_a, venue_b):
        if name is not None and name not in traded:
            raise ConfigError(f"`{name}` is no venue of {dataset}; {nearest_names(name, traded)}")
    if venue_a is not None and venue_a == venue_b:
        raise ConfigError(f"a screen needs two different venues, was {venue_a!r} twice")
    shared = Counter(
        {
            (a, b): len(traded[a].keys() & traded[b].keys())
            for a, b in combinations(sorted(traded, key=lambda name: _order(traded, name)), 2)
            if {venue_a, venue_b} - {None} <= {a, b}
        }
    )
    if not shared or not shared.most_common(1)[0][1]:
        names = ", ".join(sorted(traded)) or "none"
        raise DataError(f"a screen needs an asset that two venues list, {dataset} has none (venues: {names})")
    a, b = shared.most_common(1)[0][0]
    return (b, a) if a == venue_b or b == venue_a else (a, b)


def _order(traded: dict[str, dict[str, InstrumentInfo]], venue: str) -> tuple[bool, str]:
    """A venue that quotes in dollars is B, so that the other's premium is what is measured."""
    dollars = any(item.quote.startswith("USD") for item in traded[venue].values())
    return dollars, venue


def _rate(instruments: Sequence[InstrumentInfo], quote_a: str, quote_b: str) -> str:
    for item in instruments:
        if {item.base, item.quote} == {quote_a, quote_b}:
            return item.leg
    raise DataError(
        f"{quote_a} and {quote_b} need a rate, the dataset has no instrument between them; name one with "
        f"`fx_symbol`, or say that they count as one with `same`"
    )
