"""What each venue lists: price step, lot, minimum, fees, funding; plain defaults, all of them replaceable."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from arbkit.errors import ConfigError
from arbkit.wire.ticks import upbit_tick

__all__ = ["QUOTES", "Listing", "default_listing"]

#: Quote currencies that end a Binance symbol.
QUOTES: Final = ("USDT", "USDC", "FDUSD", "BTC", "TRY", "EUR")
#: Rough prices in dollars: they choose sensible steps where nothing else is said.
_ROUGH: Final = {"BTC": 100_000, "ETH": 3_000, "BNB": 700, "SOL": 150, "LTC": 90, "LINK": 20}
_USDM_TICK: Final = ((10_000, "0.1"), (100, "0.01"), (10, "0.001"), (1, "0.0001"), (0, "0.0000001"))
_USDM_LOT: Final = ((1_000, "0.001"), (100, "0.01"), (10, "0.1"), (0, "1"))
_SPOT_TICK: Final = ((100, "0.01"), (10, "0.001"), (1, "0.0001"), (0, "0.00000001"))
_SPOT_LOT: Final = (
    (10_000, "0.00001"),
    (1_000, "0.0001"),
    (100, "0.001"),
    (10, "0.01"),
    (1, "0.1"),
    (0, "1"),
)


class Listing(msgspec.Struct, kw_only=True):
    """One symbol at one venue, and the rules for orders in it.

    Attributes:
        symbol: the venue's own name.
        base, quote: what is traded, for what.
        tick: price step; 0 where a table by price band says it (Upbit).
        lot: step of the size.
        min_size, max_size: bounds of one order's size.
        min_notional: smallest value of an order.
        taker_fee, maker_fee: fractions of the value.
        funding_rate, funding_hours: of a perpetual.
        status: the venue's word for its state.
        warning: Upbit's market warning.
        can_deposit, can_withdraw: the base coin's wallet.
    """

    symbol: str
    base: str
    quote: str
    tick: Decimal = Decimal(0)
    lot: Decimal = Decimal("0.00000001")
    min_size: Decimal = Decimal(0)
    max_size: Decimal = Decimal(9_000_000)
    min_notional: Decimal = Decimal(5)
    taker_fee: Decimal = Decimal("0.001")
    maker_fee: Decimal = Decimal("0.001")
    funding_rate: Decimal = Decimal("0.0001")
    funding_hours: int = 8
    status: str = "TRADING"
    warning: bool = False
    can_deposit: bool = True
    can_withdraw: bool = True

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the price step at a price."""
        return self.tick or upbit_tick(price, self.quote)


def default_listing(venue: str, symbol: str) -> Listing:
    """Return a listing with the venue's usual rules.

    Raises:
        ConfigError: when the symbol does not look like one of the venue's.
    """
    if venue in ("upbit", "bithumb"):
        quote, dash, base = symbol.partition("-")
        if not dash or not base or symbol != symbol.upper():
            raise ConfigError(f"a symbol of {venue} is QUOTE-BASE in capitals, was {symbol!r}")
        fee = Decimal("0.0005") if quote == "KRW" else Decimal("0.0025")
        least = {"KRW": "5000", "BTC": "0.00005"}.get(quote, "0.5")
        return Listing(
            symbol=symbol,
            base=base,
            quote=quote,
            min_notional=Decimal(least),
            taker_fee=fee,
            maker_fee=fee,
            status="ACTIVE",
        )
    quote = next((name for name in QUOTES if symbol.endswith(name) and symbol != name), "")
    if not quote or symbol != symbol.upper():
        raise ConfigError(f"a symbol of {venue} is BASEQUOTE in capitals, was {symbol!r}")
    base = symbol.removesuffix(quote)
    rough = _ROUGH.get(base, 1)
    if venue == "binance_spot":
        lot = _step(_SPOT_LOT, rough)
        return Listing(
            symbol=symbol, base=base, quote=quote, tick=_step(_SPOT_TICK, rough), lot=lot, min_size=lot
        )
    lot = _step(_USDM_LOT, rough)
    return Listing(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=_step(_USDM_TICK, rough),
        lot=lot,
        min_size=lot,
        min_notional=Decimal(100 if base == "BTC" else 20 if base == "ETH" else 5),
        taker_fee=Decimal("0.0005"),
        maker_fee=Decimal("0.0002"),
    )


def _step(table: tuple[tuple[int, str], ...], price: float) -> Decimal:
    return Decimal(next(step for edge, step in table if price >= edge))
