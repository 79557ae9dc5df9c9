"""Column names, dtypes and units of every table a dataset holds; each stands here and nowhere else.

Books (`spot`, `perpetual`, `fx`): `ts_event`, `ts_recv`, then per level, best first, `bid_px_00, bid_sz_00,
ask_px_00, ask_sz_00, bid_px_01, ...`. Candles: `ts_event` (the END of the bar), `open, high, low, close,
volume`.

`ts_event` is the venue's clock, `ts_recv` the recorder's; both are nanoseconds UTC. `ts_recv` is given on all
rows of an instrument or on none. Prices are in the quote currency per unit of base, sizes in units of base
(contracts where the instrument has a `contract_size`). A price or size that is missing is null, never NaN and
never 0; a level the venue did not show is null in all four columns.

Event tables (`EVENT_SCHEMAS`), one row per change or payment, sorted by `ts` (ns UTC): what a venue said of
an instrument (`states`), its filters (`instruments`), funding payments (`funding`), and from when on a book
was not known (`gaps`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from arbkit.errors import DataError, nearest_names

__all__ = [
    "BAR_COLUMNS",
    "EVENT_SCHEMAS",
    "MAX_LEVELS",
    "QUARANTINE_SCHEMA",
    "TIMESTAMP",
    "book_columns",
    "book_schema",
    "candle_columns",
    "candle_schema",
    "check_parquet",
    "conform",
    "levels_of",
]

TIMESTAMP: Final = pl.Datetime("ns", "UTC")
MAX_LEVELS: Final = 100
BAR_COLUMNS: Final = ("open", "high", "low", "close", "volume")

#: One row per input row that could not be parsed: where it stood, why it was refused, what it said.
QUARANTINE_SCHEMA: Final = pl.Schema(
    {"source": pl.String(), "line": pl.Int64(), "reason": pl.String(), "text": pl.String()}
)
#: Values of a frame that is looked at for NaN before anything is done about it.
_SMALL: Final = 65_536
_WHO: Final = {"ts": TIMESTAMP, "venue": pl.String(), "symbol": pl.String()}

#: The event tables of a dataset. `entry_ok` is false where something known speaks against an entry; `rate` is
#: the fraction of its value that a long position pays; prices and sizes are per coin.
EVENT_SCHEMAS: Final[dict[str, pl.Schema]] = {
    "states": pl.Schema(
        {
            **_WHO,
            "entry_ok": pl.Boolean(),
            "trading": pl.Boolean(),
            "can_deposit": pl.Boolean(),
            "can_withdraw": pl.Boolean(),
            "warnings": pl.List(pl.String()),
        }
    ),
    "instruments": pl.Schema(
        {
            **_WHO,
            "base": pl.String(),
            "quote": pl.String(),
            "kind": pl.String(),
            "tick": pl.Float64(),
            "lot": pl.Float64(),
            "min_size": pl.Float64(),
            "max_size": pl.Float64(),
            "min_notional": pl.Float64(),
            "contract_size": pl.Float64(),
            "taker_fee": pl.Float64(),
            "trading": pl.Boolean(),
        }
    ),
    "funding": pl.Schema({**_WHO, "rate": pl.Float64(), "mark_price": pl.Float64()}),
    "gaps": pl.Schema({**_WHO, "reason": pl.String(), "detail": pl.String()}),
}
_LEVEL_COLUMN = re.compile(r"(?:bid|ask)_(?:px|sz)_(\d\d)")


def book_columns(levels: int) -> list[str]:
    """Return the columns of a book of `levels` levels, in file order."""
    return book_schema(levels).names()


def book_schema(levels: int) -> pl.Schema:
    """Return the schema of a book of `levels` levels.

    Raises:
        DataError: when `levels` is not within 1 and `MAX_LEVELS`.
    """
    if not 1 <= levels <= MAX_LEVELS:
        raise DataError(f"`levels` of a book must be within 1 and {MAX_LEVELS}, was {levels}")
    columns: dict[str, pl.DataType] = {"ts_event": TIMESTAMP, "ts_recv": TIMESTAMP}
    for level in range(levels):
        for side in ("bid", "ask"):
            columns[f"{side}_px_{level:02d}"] = pl.Float64()
            columns[f"{side}_sz_{level:02d}"] = pl.Float64()
    return pl.Schema(columns)


def candle_columns() -> list[str]:
    """Return the columns of a candle file, in file order."""
    return candle_schema().names()


def candle_schema() -> pl.Schema:
    """Return the schema of candles; `ts_event` is the end of the bar."""
    return pl.Schema({"ts_event": TIMESTAMP} | {name: pl.Float64() for name in BAR_COLUMNS})


def levels_of(columns: Iterable[str]) -> int:
    """Return how many book levels the columns name; 0 where there is none."""
    found = [int(match[1]) for name in columns if (match := _LEVEL_COLUMN.fullmatch(name))]
    return max(found, default=-1) + 1


def conform(frame: pl.DataFrame, schema: pl.Schema, *, source: str) -> pl.DataFrame:
    """Return the frame in the schema's column order and dtypes, NaN turned into null.

    Integer columns become floats and other time units nanoseconds; a naive time, text in a price column,
    a missing or an extra column is an error.

    Raises:
        DataError: naming `source` and the column.
    """
    _check_names(frame.columns, schema, source)
    found = frame.schema
    others = [name for name, dtype in schema.items() if found[name] != dtype]
    if not others and not _may_have_nan(frame):
        return frame.select(schema.names())
    # One call for all columns: a call for each costs polars 60 us, more than small frames are worth.
    columns = [
        pl.col(name).fill_nan(None) if dtype.is_float() else pl.col(name) for name, dtype in schema.items()
    ]
    return frame.with_columns(_conform_column(frame[name], schema[name], source) for name in others).select(
        columns
    )


def _may_have_nan(frame: pl.DataFrame) -> bool:
    """Whether a float column may hold NaN; a small frame without nulls is looked at, which takes a tenth."""
    if frame.height * frame.width > _SMALL:
        return True
    floats = [name for name, dtype in frame.schema.items() if dtype in (pl.Float64, pl.Float32)]
    return bool(np.isnan(frame.select(floats).to_numpy()).any()) if floats else False


def _conform_column(column: pl.Series, dtype: pl.DataType, source: str) -> pl.Series:
    if column.dtype == pl.Null:
        return column.cast(dtype)
    is_time = isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None
    if dtype == TIMESTAMP and is_time:
        return column.dt.convert_time_zone("UTC").cast(TIMESTAMP)
    if dtype.is_float() and column.dtype.is_numeric():
        return column.cast(dtype)
    raise DataError(f"{source}: column `{column.name}` must be {dtype}, was {column.dtype}")


def _check_names(names: Iterable[str], schema: Mapping[str, object], source: str) -> None:
    found = list(names)
    for name in schema:
        if name not in found:
            raise DataError(f"{source}: column `{name}` is missing; {nearest_names(name, found or ['none'])}")
    for name in found:
        if name not in schema:
            raise DataError(f"{source}: column `{name}` does not belong to the schema: {', '.join(schema)}")


def check_parquet(path: Path, schema: pl.Schema) -> None:
    """Check that a Parquet file can be opened and holds exactly the schema; only its footer is read.

    Raises:
        DataError: naming the file, and the column or the remedy.
    """
    try:
        found = pl.read_parquet_schema(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: the file is gone; ingest the dataset again") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{path}: not a complete Parquet file (half written or damaged): {str(error).splitlines()[0]}; "
            "delete it and ingest the data again"
        ) from error
    _check_names(found, schema, str(path))
    for name, dtype in schema.items():
        if found[name] != dtype:
            raise DataError(f"{path}: column `{name}` must be {dtype}, was {found[name]}")
