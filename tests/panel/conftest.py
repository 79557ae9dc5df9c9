"""Small datasets written row by row, for the tests of panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.data import Dataset, DatasetWriter, InstrumentInfo, book_schema, open_dataset
from arbkit.data.schema import candle_schema

SECOND = 1_000_000_000
START = 1_704_067_200 * SECOND  # 2024-01-01T00:00:00Z
STAMP = pl.Datetime("ns", "UTC")

Rows = Sequence[tuple[float, float | None, float | None]]
Maker = Callable[..., Dataset]


def stamps(seconds: Sequence[float]) -> np.ndarray:
    """Return nanoseconds of seconds after the start."""
    return np.array([START + round(second * SECOND) for second in seconds], np.int64)


def book_frame(rows: Rows, *, recv: float | None = None, levels: int = 1) -> pl.DataFrame:
    """Return rows (second, bid, ask) as a stored book; `recv` is the recorder's delay in seconds."""
    ts = stamps([row[0] for row in rows])
    columns: dict[str, Any] = {"ts_event": ts, "ts_recv": None if recv is None else ts + round(recv * SECOND)}
    for level in range(levels):
        for side, at, sign in (("bid", 1, -1), ("ask", 2, 1)):
            prices = [None if row[at] is None else row[at] + sign * level for row in rows]
            columns[f"{side}_px_{level:02d}"] = prices
            columns[f"{side}_sz_{level:02d}"] = [2.0 + level] * len(rows)
    frame = pl.DataFrame(columns, schema_overrides={"ts_recv": pl.Int64})
    return frame.with_columns(pl.col("ts_event", "ts_recv").cast(STAMP)).cast(book_schema(levels))


def candle_frame(rows: Sequence[tuple[float, float | None]]) -> pl.DataFrame:
    """Return rows (second of the bar's end, close) as stored candles."""
    frame = pl.DataFrame({"ts_event": stamps([row[0] for row in rows]), "close": [row[1] for row in rows]})
    frame = frame.with_columns(pl.col("ts_event").cast(STAMP))
    others = [pl.lit(None, pl.Float64).alias(n) for n in candle_schema().names() if n not in frame.columns]
    return frame.with_columns(others).select(candle_schema().names())


@pytest.fixture
def make_dataset(tmp_path: Path) -> Maker:
    """Write a dataset of books: `make_dataset({"x/BTC": rows, ...}, quotes={"x/BTC": "KRW"}, ...)`."""

    def make(
        books: dict[str, Rows],
        *,
        name: str = "demo",
        quotes: dict[str, str] | None = None,
        recv: dict[str, float] | None = None,
        candles: dict[str, Any] | None = None,
        **fields: dict[str, Any],
    ) -> Dataset:
        mode: Any = "replace" if (tmp_path / name / "manifest.json").is_file() else "create"
        with DatasetWriter(tmp_path / name, source="test", mode=mode) as writer:
            for leg in [*books, *(candles or {})]:
                venue, _, symbol = leg.partition("/")
                more = {key: values[leg] for key, values in fields.items() if leg in values}
                base = {
                    "venue": venue,
                    "symbol": symbol,
                    "base": "BTC",
                    "quote": (quotes or {}).get(leg, "USD"),
                }
                if leg in books:
                    info = InstrumentInfo.model_validate(base | more)
                    frame = book_frame(books[leg], recv=(recv or {}).get(leg), levels=info.levels)
                else:
                    info = InstrumentInfo.model_validate(base | {"kind": "candle"} | more)
                    frame = candle_frame((candles or {})[leg])
                writer.write(info, frame)
            writer.commit()
        return open_dataset(tmp_path / name)

    return make
