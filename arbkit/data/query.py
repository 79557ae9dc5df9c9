"""Summaries over a whole dataset, computed by duckdb straight from the Parquet files."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from arbkit._typing import PathLike
from arbkit.data.dataset import Dataset, open_dataset
from arbkit.data.manifest import InstrumentInfo
from arbkit.data.schema import TIMESTAMP

__all__ = ["SUMMARY_SCHEMA", "daily_rows", "summarize"]

#: One row per instrument; a share is 0 to 1, a figure that does not exist (a candle's spread) is null.
SUMMARY_SCHEMA: Final = pl.Schema(
    {
        "leg": pl.String(),
        "kind": pl.String(),
        "quote": pl.String(),
        "levels": pl.Int64(),
        "rows": pl.Int64(),
        "start": TIMESTAMP,
        "end": TIMESTAMP,
        "clock": pl.String(),
        "median_mid": pl.Float64(),
        "median_spread_bps": pl.Float64(),
        "p95_spread_bps": pl.Float64(),
        "median_bid_size": pl.Float64(),
        "median_ask_size": pl.Float64(),
        "void_share": pl.Float64(),
    }
)

_BOOK: Final = """
    WITH quotes AS (
        SELECT bid_px_00 AS bid, ask_px_00 AS ask, bid_sz_00 AS bid_size, ask_sz_00 AS ask_size,
               coalesce(bid_px_00 > 0 AND ask_px_00 >= bid_px_00, false) AS usable
        FROM read_parquet($files, hive_partitioning = false)
    )
    SELECT approx_quantile((bid + ask) / 2, 0.5) FILTER (usable),
           approx_quantile((ask - bid) / ((bid + ask) / 2) * 1e4, 0.5) FILTER (usable),
           approx_quantile((ask - bid) / ((bid + ask) / 2) * 1e4, 0.95) FILTER (usable),
           approx_quantile(bid_size, 0.5) FILTER (usable),
           approx_quantile(ask_size, 0.5) FILTER (usable),
           avg((NOT usable)::DOUBLE)
    FROM quotes
"""
_CANDLE: Final = """
    SELECT approx_quantile(close, 0.5), NULL, NULL, NULL, NULL,
           avg((NOT coalesce(close > 0, false))::DOUBLE)
    FROM read_parquet($files, hive_partitioning = false)
"""
_DAILY: Final = """
    SELECT strftime(make_timestamp_ns(epoch_ns({clock}::TIMESTAMP_NS)), '%Y-%m-%d') AS day, count(*) AS rows
    FROM read_parquet($files, hive_partitioning = false) GROUP BY day ORDER BY day
"""


def summarize(dataset: PathLike | Dataset) -> pl.DataFrame:
    """Return one row per instrument: what it is, how much there is of it, its spread and sizes.

    Medians are duckdb's approximate ones, good to a fraction of a percent. `void_share` is the share of rows
    whose quote is crossed, zero or one-sided.

    Raises:
        DataError: when the dataset or one of its files cannot be read.
    """
    source = open_dataset(dataset)
    return pl.DataFrame([_summary(source, info) for info in source.instruments], schema=SUMMARY_SCHEMA)


def daily_rows(dataset: PathLike | Dataset, leg: str) -> pl.DataFrame:
    """Return how many rows an instrument has on each UTC day: columns day (text), rows."""
    source = open_dataset(dataset)
    info = source.instrument(leg)
    rows = _fetch(source, info, _DAILY.format(clock=info.clock))
    return pl.DataFrame(rows, schema={"day": pl.String, "rows": pl.Int64}, orient="row")


def _summary(source: Dataset, info: InstrumentInfo) -> dict[str, Any]:
    (figures,) = _fetch(source, info, _CANDLE if info.is_candle else _BOOK)
    described = {
        "leg": info.leg,
        "kind": info.kind,
        "quote": info.quote,
        "levels": None if info.is_candle else info.levels,
        "rows": info.rows,
        "start": info.start_ns,
        "end": info.end_ns,
        "clock": info.clock,
    }
    return described | dict(zip(list(SUMMARY_SCHEMA)[len(described) :], figures, strict=True))


def _fetch(source: Dataset, info: InstrumentInfo, query: str) -> list[tuple[Any, ...]]:
    import duckdb

    files = [str(path) for path in source.files(info.leg)]
    with duckdb.connect() as connection:
        return connection.execute(query, {"files": files}).fetchall()
