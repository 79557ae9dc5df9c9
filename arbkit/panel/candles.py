"""Panels from candle closes: no book was seen, so a half spread is assumed and the panel is flagged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from arbkit._typing import IntArray
from arbkit.errors import ConfigError, DataError
from arbkit.panel.align import LegQuotes, asof, joined_times
from arbkit.panel.frames import floats_of, require_columns, to_polars, ts_of
from arbkit.panel.fx import FxSeries, converted, fx_rates, longest_gap_ns
from arbkit.panel.panel import Panel, PanelMeta
from arbkit.units import duration_ns

__all__ = ["bar_ns", "check_half_spread", "close_quotes", "panel_from_candles"]


def check_half_spread(value: Any, name: str) -> float:
    """Return an assumed half spread in bps, above 0 and below 10,000.

    Raises:
        ConfigError: naming the parameter.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10_000:
        raise ConfigError(f"`{name}` must be above 0 and below 10000 for candles, was {value!r}")
    return float(value)


def close_quotes(frame: Any, half_spread_bps: float, name: str) -> LegQuotes:
    """Return bid and ask around the closes of a frame with `ts` (bar end) and `close`.

    Raises:
        DataError: when a column is missing or no number, or the candles are not sorted by time.
    """
    table = to_polars(frame)
    require_columns(table, ("ts", "close"))
    close = floats_of(table, "close")
    ts = ts_of(table)
    back = np.flatnonzero(np.diff(ts) < 0)
    if back.size:
        raise DataError(
            f"candles must be sorted by ts, row {back[0] + 1} of `{name}` was before row {back[0]} "
            f"({back.size} such rows)"
        )
    half = half_spread_bps / 1e4
    return LegQuotes(ts, close * (1 - half), close * (1 + half))


def bar_ns(ts: IntArray) -> int:
    """Return the usual distance of two bars, the median."""
    return int(np.median(np.diff(ts))) if ts.size > 1 else 0


def panel_from_candles(
    a: Any,
    b: Any,
    fx: Any,
    *,
    half_spreads_bps: tuple[float | None, float | None],
    max_age: str | float | None,
    fx_max_age: str | float | None,
    meta: PanelMeta,
) -> Panel:
    """Make a panel of closes; see `Panel.from_candles`."""
    quotes_a = close_quotes(a, check_half_spread(half_spreads_bps[0], "half_spread_a_bps"), "a")
    quotes_b = close_quotes(b, check_half_spread(half_spreads_bps[1], "half_spread_b_bps"), "b")
    ts = joined_times(quotes_a.ts, quotes_b.ts, None, (meta.leg_a, meta.leg_b))
    given = None if max_age is None else duration_ns(max_age, name="max_age")
    ages = [bar_ns(quotes.ts) if given is None else given for quotes in (quotes_a, quotes_b)]
    leg_a, leg_b = asof(ts, quotes_a, ages[0]), asof(ts, quotes_b, ages[1])
    fx_a = None
    if fx is not None:
        rates_of = close_quotes(fx, 0.0, "fx")
        series = FxSeries("fx", "account", "a", rates_of.ts, rates_of.bid, rates_of.ask)
        limit = (
            longest_gap_ns(series.ts) if fx_max_age is None else duration_ns(fx_max_age, name="fx_max_age")
        )
        rates = fx_rates(ts, series, leg="a", currency="account", price="mid", max_age_ns=limit)
        leg_a, fx_a = converted(leg_a, rates), rates.mid
    return Panel(
        ts, leg_a.bid, leg_a.ask, leg_b.bid, leg_b.ask, fx_a=fx_a, meta=replace(meta, max_age_ns=max(ages))
    )
