"""Prices into the account currency, by an FX series that is itself a book with an age."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.errors import ConfigError, CoverageError
from arbkit.kernels.align import asof_rows, taken
from arbkit.panel.align import LegQuotes

__all__ = ["FxRates", "FxSeries", "converted", "fx_rates", "longest_gap_ns"]

#: A panel is refused when FX is missing or stale on more than this share of its rows.
MAX_STALE_SHARE: Final = 0.05


class FxSeries(NamedTuple):
    """Quotes of a currency pair: `quote` units per one `base`; prices float64 (m,), ts int64 (m,) of `clock`.

    `max_age_ns` is the age limit where none is asked for; `assumed` tells that it is the series' own longest
    gap, because nobody named one.
    """

    name: str
    base: str
    quote: str
    ts: IntArray
    bid: FloatArray
    ask: FloatArray
    max_age_ns: int = -1
    clock: str = "ts_event"
    assumed: bool = False


class FxRates(NamedTuple):
    """Account currency per unit of the leg's currency, per row: what a bid and an ask are multiplied by."""

    for_bid: FloatArray
    for_ask: FloatArray
    mid: FloatArray
    stale: BoolArray


def longest_gap_ns(ts: IntArray) -> int:
    """Return the longest time between two updates of a series; the age limit where none is given."""
    return int(np.diff(ts).max()) if ts.size > 1 else 0


def fx_rates(
    ts: IntArray, series: FxSeries, *, leg: str, currency: str, price: str, max_age_ns: int
) -> FxRates:
    """Return the rates of one leg at each row.

    With price "executable" an ask is converted at the rate at which its currency can be bought and a bid at
    the rate at which it can be sold: for a leg in KRW and KRW per USDT quotes, asks are divided by the FX bid
    and bids by the FX ask. With "mid" both use the FX mid.

    Args:
        ts: row times, int64 (n,).
        series: the FX quotes.
        leg: currency of the leg.
        currency: account currency.
        price: "mid" or "executable".
        max_age_ns: an older FX quote is stale.

    Raises:
        ConfigError: when the series does not convert between the two currencies, or `price` is unknown.
        CoverageError: when FX is missing or stale at the last row, or on more than 5 % of the rows.
    """
    if price not in ("mid", "executable"):
        raise ConfigError(f"`fx.price` must be mid or executable, was {price!r}")
    rows = asof_rows(ts, series.ts, max_age_ns)
    bid, ask = taken(series.bid, rows), taken(series.ask, rows)
    good = (bid > 0) & (ask >= bid) & np.isfinite(ask)
    bid, ask = np.where(good, bid, np.nan), np.where(good, ask, np.nan)
    mid = (bid + ask) / 2
    low, high = (mid, mid) if price == "mid" else (bid, ask)
    if (series.base, series.quote) == (leg, currency):
        rates = FxRates(low, high, mid, ~good)
    elif (series.base, series.quote) == (currency, leg):
        rates = FxRates(1 / high, 1 / low, 1 / mid, ~good)
    else:
        raise ConfigError(
            f"FX must convert {leg} into {currency}, "
            f"{series.name} is quoted in {series.quote} per {series.base}"
        )
    _check_coverage(ts, series, rates.stale, max_age_ns)
    return rates


def _check_coverage(ts: IntArray, series: FxSeries, stale: BoolArray, max_age_ns: int) -> None:
    if not ts.size or not stale.any():
        return
    share = float(stale.mean())
    last = (
        np.datetime_as_string(np.datetime64(int(series.ts[-1]), "ns"), unit="s")
        if series.ts.size
        else "never"
    )
    end = np.datetime_as_string(np.datetime64(int(ts[-1]), "ns"), unit="s")
    limit = "none" if max_age_ns < 0 else f"{max_age_ns / 1e9:g} s"
    if stale[-1]:
        raise CoverageError(
            f"FX must cover the books to their end, {series.name} was last quoted {last} "
            f"(age limit {limit}), the books end {end}; "
            "pass an earlier `end`, more FX data, or a longer fx max_age"
        )
    if share > MAX_STALE_SHARE:
        raise CoverageError(
            f"FX may be missing or stale on at most {MAX_STALE_SHARE:.0%} of the rows, {series.name} was on "
            f"{share:.1%} (age limit {limit}); pass a `start`, more FX data, or a longer fx max_age"
        )


def converted(quotes: LegQuotes, rates: FxRates | None) -> LegQuotes:
    """Return a leg's quotes in the account currency; None leaves them as they are."""
    if rates is None:
        return quotes
    levels = quotes.levels
    if levels is not None:
        bid_px, bid_sz, ask_px, ask_sz = levels
        levels = (bid_px * rates.for_bid[:, None], bid_sz, ask_px * rates.for_ask[:, None], ask_sz)
    return LegQuotes(quotes.ts, quotes.bid * rates.for_bid, quotes.ask * rates.for_ask, levels)
