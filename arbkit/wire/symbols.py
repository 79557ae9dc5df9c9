"""What a venue's symbol says: base and quote, and how many coins a contract stands for."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from arbkit.errors import ConfigError

__all__ = ["PERPETUAL", "contract_multiple", "split_binance", "split_upbit"]

#: What the name of a perpetual ends in where a venue lists a coin itself by the same name.
PERPETUAL: Final = "_PERP"
_COIN_M: Final = re.compile(r"([A-Z0-9]+)USD_(PERP|\d{6})")
_QUOTES: Final = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD", "EUR", "GBP", "TRY", "BRL", "AUD", "JPY",
                  "KRW", "BTC", "ETH", "BNB", "DAI")  # fmt: skip
#: `1000SHIB` is a thousand SHIB, `1MBABYDOGE` a million BABYDOGE; `1INCH` is one coin with that name.
_MULTIPLE: Final = re.compile(r"(1000000|1000|1M)(?=[A-Z])(.+)")


def split_binance(symbol: str) -> tuple[str, str]:
    """Return (base, quote) of a symbol such as BTCUSDT, BTCUSD_PERP or BTCUSDT_PERP.

    Raises:
        ConfigError: when the name does not end in a known quote currency.
    """
    if (coin := _COIN_M.fullmatch(symbol)) is not None:
        return coin[1], "USD"
    plain = symbol.removesuffix(PERPETUAL)
    for quote in _QUOTES:
        if plain.endswith(quote) and len(plain) > len(quote):
            return plain.removesuffix(quote), quote
    raise ConfigError(f"base and quote of {symbol} cannot be told from its name: give `base` and `quote`")


def contract_multiple(base: str) -> tuple[str, Decimal]:
    """Return the coin that a base asset stands for and how many of it: `1000SHIB` is (SHIB, 1000)."""
    found = _MULTIPLE.fullmatch(base)
    if found is None:
        return base, Decimal(1)
    return found[2], Decimal(1_000_000 if found[1] == "1M" else int(found[1]))


def split_upbit(symbol: str) -> tuple[str, str]:
    """Return (base, quote) of a market such as KRW-BTC, whose quote comes first.

    Raises:
        ConfigError: when the name has not two parts.
    """
    quote, dash, base = symbol.partition("-")
    if not (quote and dash and base) or symbol != symbol.upper():
        raise ConfigError(f"a market must be named QUOTE-BASE in capitals, such as KRW-BTC, was {symbol!r}")
    return base, quote
