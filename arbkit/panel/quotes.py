"""One instrument's rows of a dataset as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from arbkit.errors import DataError
from arbkit.panel.align import LegQuotes

if TYPE_CHECKING:
    import polars as pl

    from arbkit.data import InstrumentInfo

__all__ = ["book_quotes", "candle_quotes"]


def candle_quotes(rows: pl.LazyFrame, half_spread_bps: float) -> LegQuotes:
    """Return a bid and an ask around each close, at the end of its bar."""
    import polars as pl

    frame = rows.select(pl.col("ts_event").to_physical(), pl.col("close").fill_null(float("nan"))).collect()
    close, half = frame["close"].to_numpy(), half_spread_bps / 1e4
    return LegQuotes(frame["ts_event"].to_numpy(), close * (1 - half), close * (1 + half))


def book_quotes(rows: pl.LazyFrame, info: InstrumentInfo, clock: str, levels: int) -> LegQuotes:
    """Return the quotes in the order of a clock, with `levels` levels of prices and base sizes, or none at 0.

    Raises:
        DataError: when a row has no such stamp.
    """
    import polars as pl

    names = [
        f"{side}_{level:02d}" for side in ("bid_px", "bid_sz", "ask_px", "ask_sz") for level in range(levels)
    ]
    wanted = list(dict.fromkeys(["bid_px_00", "ask_px_00", *names]))
    frame = rows.select(
        pl.col(clock).to_physical().alias("ts"), *(pl.col(name).fill_null(float("nan")) for name in wanted)
    ).collect()
    if frame["ts"].null_count():
        raise DataError(
            f"{info.leg}: `{clock}` must be given on every row, {frame['ts'].null_count()} had none"
        )
    if clock != info.clock:
        frame = frame.sort("ts", maintain_order=True)
    sides: Any = None
    if levels:
        sides = tuple(
            np.column_stack([frame[f"{side}_{level:02d}"].to_numpy() for level in range(levels)])
            for side in ("bid_px", "bid_sz", "ask_px", "ask_sz")
        )
        sides = _in_base_units(sides, info)
    return LegQuotes(
        frame["ts"].to_numpy(), frame["bid_px_00"].to_numpy(), frame["ask_px_00"].to_numpy(), sides
    )


def _in_base_units(sides: Any, info: InstrumentInfo) -> Any:
    """Turn sizes in contracts into base units; an inverse contract is worth a fixed quote amount."""
    if info.contract_size is None:
        return sides
    bid_px, bid_sz, ask_px, ask_sz = sides
    if info.inverse:
        return bid_px, bid_sz * info.contract_size / bid_px, ask_px, ask_sz * info.contract_size / ask_px
    return bid_px, bid_sz * info.contract_size, ask_px, ask_sz * info.contract_size
