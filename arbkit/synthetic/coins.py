"""Several coins on the same two venues: one market each, one FX book for all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from arbkit.synthetic.market import Market
from arbkit.synthetic.spec import CoinSpec, MarketSpec, StreamSpec

__all__ = ["coin_markets"]

#: The value of one lot at venue B, in its currency, before rounding to a power of ten.
_LOT_VALUE = 100.0


def coin_markets(market: Market) -> Iterator[tuple[Market, tuple[str, ...]]]:
    """Yield the market of each coin, with the legs of it that belong into the dataset.

    A spec without `coins` is one market with its three legs. With them the first coin brings the FX book.
    Each coin's history has a seed of its own; the FX rate stands still (the spec is checked for that), so
    that the premium of every coin is the one it was made with.
    """
    spec = market.spec
    if not spec.coins:
        yield market, tuple(stream.leg for stream in spec.streams)
        return
    for number, coin in enumerate(spec.coins):
        made = _with_coin(spec, coin)
        legs = (made.a.leg, made.b.leg) if number else tuple(stream.leg for stream in made.streams)
        yield replace(market, spec=made, seed=market.used_seed + number), legs


def _with_coin(spec: MarketSpec, coin: CoinSpec) -> MarketSpec:
    """Return the spec for one coin: prices, ticks, lots and sizes of the same value as those of the spec."""
    factor = spec.start_price / coin.price
    lot_b = 10.0 ** round(math.log10(_LOT_VALUE / coin.price))
    premium = spec.premium.model_copy(update={"level_mean_bps": coin.premium_bps})
    return spec.model_copy(
        update={
            "coins": (),
            "start_price": coin.price,
            "premium": premium,
            "a": _stream(spec.a, spec.a.base, coin.base, factor),
            "b": _stream(spec.b, spec.b.base, coin.base, factor, tick=coin.tick_b, lot=lot_b),
        }
    )


def _stream(spec: StreamSpec, old: str, new: str, factor: float, **changes: float) -> StreamSpec:
    sizes = tuple(size * factor for size in spec.sizes)
    return spec.model_copy(
        update={"base": new, "symbol": spec.symbol.replace(old, new), "sizes": sizes, **changes}
    )
