"""Upbit's price steps: a table by price band that changed several times.

Source: Upbit's notices of 2024-01-29 and 2025-07-31 on order price units of KRW markets. The step is chosen
by the order's own price, so that crossing the edge of a band changes it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arbkit.errors import ConfigError

__all__ = ["KRW_TICKS", "KRW_TICKS_2024", "upbit_tick"]

_Table = tuple[tuple[Decimal, Decimal], ...]


def _table(text: str) -> _Table:
    pairs = [entry.split(":") for entry in text.split()]
    return tuple((Decimal(edge), Decimal(tick)) for edge, tick in pairs)


#: KRW markets since 2025-07-31: (lowest price, step), highest band first.
KRW_TICKS: Final = _table(
    "1000000:1000 500000:500 100000:100 50000:50 10000:10 5000:5 100:1 10:0.1 1:0.01 0.1:0.001 0.01:0.0001 "
    "0.001:0.00001 0.0001:0.000001 0.00001:0.0000001 0:0.00000001"
)
#: KRW markets from 2024-01-29 to 2025-07-31 (but for 16 coins between 100 and 1,000 KRW, whose step was 1).
KRW_TICKS_2024: Final = _table(
    "2000000:1000 1000000:500 500000:100 100000:50 10000:10 1000:1 100:0.1 10:0.01 1:0.001 0.1:0.0001 "
    "0.01:0.00001 0.001:0.000001 0.0001:0.0000001 0:0.00000001"
)
_FIXED: Final = {"BTC": Decimal("0.00000001"), "USDT": Decimal("0.00000001")}


def upbit_tick(price: Decimal, quote: str = "KRW", table: _Table = KRW_TICKS) -> Decimal:
    """Return the step that an order's price must be a multiple of.

    Args:
        price: the order's own price, quote currency.
        quote: quote currency of the market; BTC and USDT markets have one fixed step.
        table: which of Upbit's tables holds.

    Raises:
        ConfigError: when the price is not above 0.
    """
    if not price > 0:
        raise ConfigError(f"`price` must be above 0, was {price}")
    if quote in _FIXED:
        return _FIXED[quote]
    return next(tick for edge, tick in table if price >= edge)
