"""The best prices of a synthetic market, joined into the rows of a panel while they are made.

The rows are those of `load_panel` over the stored market with `clock="ts_event"` and the market's own FX
book; sizes, deeper levels, receive stamps and Parquet are left out, which makes them several times as fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from arbkit.data.schema import TIMESTAMP
from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.synthetic_market import STREAMS, BookState, make_tops
from arbkit.kernels.synthetic_panel import JoinState, join_tops
from arbkit.synthetic._ahead import made_ahead
from arbkit.synthetic.market import CHUNK_ROWS, Market
from arbkit.units import duration_ns

__all__ = ["FX_PRICES", "joined_tops", "tops_meta"]

FX_PRICES: Final = ("mid", "executable")
_COLUMNS: Final = ("bid_a", "ask_a", "bid_b", "ask_b", "fx_a")


def joined_tops(
    market: Market, *, fx_price: str = "mid", chunk_rows: int = CHUNK_ROWS
) -> Iterator[pl.DataFrame]:
    """Yield the market's panel in pieces, in the currency of B.

    Args:
        market: what to make; its levels do not matter.
        fx_price: how A is converted: "mid", or "executable" (bids at the FX ask, asks at the FX bid).
        chunk_rows: updates made at a time; it does not change the rows.

    Yields:
        Frames for `Panel.from_frame`: `ts`, `bid_a`, `ask_a`, `bid_b`, `ask_b`, `fx_a`, NaN where there is no
        quote or it is too old. Rows go on to the last update of either venue.

    Raises:
        ConfigError: for an unknown `fx_price`, with the valid ones, or a market of several coins.
    """
    if market.spec.coins:
        raise ConfigError(f"a panel holds one pair, `{market.spec.name}` has {len(market.spec.coins)} coins")
    if fx_price not in FX_PRICES:
        raise ConfigError(f"`fx_price` {fx_price!r} does not exist; {nearest_names(fx_price, FX_PRICES)}")
    return _pieces(market, fx_price == "executable", chunk_rows)


def tops_meta(market: Market, *, fx_price: str = "mid") -> dict[str, Any]:
    """Return the fields of `PanelMeta` that say what `joined_tops` made."""
    a, b, fx = market.spec.streams
    until = f"rows={market.rows}" if market.rows is not None else f"days={market.days or market.spec.days:g}"
    return {
        "name": market.spec.name,
        "leg_a": a.leg,
        "leg_b": b.leg,
        "currency": b.quote,
        "clock": "ts_event",
        "source": f"synthetic {market.spec.name}, seed={market.used_seed}, {until}, top of book",
        "fx": f"{fx.leg} ({fx_price})",
        "spot_a": a.kind != "perpetual",
        "spot_b": b.kind != "perpetual",
        "flags": ("synthetic",),
    }


def _pieces(market: Market, executable: bool, chunk_rows: int) -> Iterator[pl.DataFrame]:
    ages = [-1 if item.max_age_s is None else duration_ns(item.max_age_s) for item in market.spec.streams]
    states = [BookState(np.zeros(3, np.int64), np.zeros(2)) for _ in range(STREAMS)]
    outlets = market.outlets()
    joined = JoinState(
        np.zeros(2, np.int64), np.full(STREAMS, -1), np.full((STREAMS, 2), np.nan), np.array(ages, np.int64)
    )
    for stream, ts, mid, factor in made_ahead(market.updates(chunk_rows)):
        columns = np.empty((4, ts.size))
        for number in range(STREAMS):
            make_tops(outlets[number], states[number], number, stream, ts, mid, factor, columns)
        out_ts, out = np.empty(ts.size + 1, np.int64), np.empty((5, ts.size + 1))
        ends = ts.size < chunk_rows
        rows = join_tops(joined, executable, ends, stream, ts, columns, out_ts, out)
        yield pl.DataFrame(
            {
                "ts": pl.Series(out_ts[:rows]).cast(TIMESTAMP),
                **{name: out[k, :rows] for k, name in enumerate(_COLUMNS)},
            }
        )
