"""Small books and candles for the tests of the dataset store."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from arbkit.data import InstrumentInfo, book_schema

DAY_NS = 86_400 * 10**9
START_NS = 1_704_067_200 * 10**9  # 2024-01-01T00:00:00Z

BookMaker = Callable[..., pl.DataFrame]


def make_book(
    rows: int = 100,
    *,
    start_ns: int = START_NS,
    step_ns: int = 10**9,
    levels: int = 1,
    recv_delay_ns: int | None = 5_000_000,
    mid: float = 100.0,
    seed: int = 0,
) -> pl.DataFrame:
    """A random walk of `mid` with a spread of 2 ticks of 0.01, sizes around 1."""
    rng = np.random.default_rng(seed)
    ts = start_ns + step_ns * np.arange(rows, dtype=np.int64)
    centre = np.round(mid + np.cumsum(rng.normal(0, 0.02, rows)), 2)
    columns: dict[str, object] = {"ts_event": ts}
    columns["ts_recv"] = None if recv_delay_ns is None else ts + recv_delay_ns
    for level in range(levels):
        for side, sign in (("bid", -1), ("ask", 1)):
            columns[f"{side}_px_{level:02d}"] = np.round(centre + sign * 0.01 * (level + 1), 2)
            columns[f"{side}_sz_{level:02d}"] = np.round(rng.uniform(0.5, 1.5, rows), 3)
    frame = pl.DataFrame(columns)
    return frame.with_columns(pl.col("ts_event", "ts_recv").cast(pl.Datetime("ns", "UTC"))).cast(
        book_schema(levels)
    )


def make_info(venue: str = "upbit", symbol: str = "KRW-BTC", **changes: object) -> InstrumentInfo:
    """An instrument quoted in USDT unless said otherwise."""
    return InstrumentInfo.model_validate(
        {"venue": venue, "symbol": symbol, "base": "BTC", "quote": "USDT"} | changes
    )


@pytest.fixture
def book() -> BookMaker:
    """The maker of random books."""
    return make_book


@pytest.fixture
def info() -> Callable[..., InstrumentInfo]:
    """The maker of instrument descriptions."""
    return make_info
