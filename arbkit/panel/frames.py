"""Frames to panels and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import DataError
from arbkit.panel.panel import Ladders, Panel, PanelMeta

if TYPE_CHECKING:
    import polars as pl

__all__ = ["frame_of", "panel_from_frame", "to_polars", "ts_of"]

_PRICES: Final = ("bid_a", "ask_a", "bid_b", "ask_b")
_OPTIONAL: Final = ("fair", "fx_a", "fx_b", "scale")
_SIDES: Final = (
    "bid_px_a",
    "bid_sz_a",
    "ask_px_a",
    "ask_sz_a",
    "bid_px_b",
    "bid_sz_b",
    "ask_px_b",
    "ask_sz_b",
)
_TOP_SIZE: Final = re.compile(r"(?:bid|ask)_size_[ab]").fullmatch
_LEVEL: Final = re.compile(r"(?:bid|ask)_(?:px|sz)_[ab](?:_(\d\d))?")


def to_polars(frame: Any) -> pl.DataFrame:
    """Turn a polars (lazy or not), pandas or pyarrow frame into a polars frame.

    Raises:
        DataError: for anything else.
    """
    import polars as pl

    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    kind = type(frame).__module__.partition(".")[0]
    converted: Any = None
    if kind == "pandas" and hasattr(frame, "columns"):
        converted = pl.from_pandas(frame, include_index="ts" in frame.index.names)
    if kind == "pyarrow":
        converted = pl.from_arrow(frame)
    if isinstance(converted, pl.DataFrame):
        return converted
    raise DataError(f"a panel is made of a polars, pandas or pyarrow frame, was {type(frame).__name__}")


def ts_of(frame: pl.DataFrame, name: str = "ts") -> IntArray:
    """Read a column of stamps as int64 nanoseconds UTC; naive datetimes are UTC, integers nanoseconds.

    Raises:
        DataError: when the column is missing, has nulls or is neither datetime nor integer.
    """
    import polars as pl

    require_columns(frame, (name,))
    column = frame[name]
    if column.null_count():
        raise DataError(f"column `{name}` must hold a time in every row, had {column.null_count()} nulls")
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.cast_time_unit("ns").to_physical().to_numpy()
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("ns")).to_physical().to_numpy()
    if column.dtype.is_integer():
        return column.cast(pl.Int64).to_numpy()
    raise DataError(f"column `{name}` must be a datetime or int64 nanoseconds, was {column.dtype}")


def require_columns(frame: pl.DataFrame, names: tuple[str, ...]) -> None:
    """Raise a DataError that names the missing columns and those present."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise DataError(
            f"missing columns: {', '.join(missing)}; the frame has {', '.join(frame.columns) or 'none'}"
        )


def floats_of(frame: pl.DataFrame, name: str) -> FloatArray:
    """Read a numeric column as float64 with NaN for null.

    Raises:
        DataError: when it is not numeric.
    """
    import polars as pl

    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise DataError(f"column `{name}` must hold numbers, was {column.dtype}")
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def panel_from_frame(frame: Any, meta: PanelMeta) -> Panel:
    """Make a panel of a frame; see `Panel.from_frame`."""
    import polars as pl

    table = to_polars(frame)
    require_columns(table, ("ts", *_PRICES))
    used = {"ts", "entry_ok", *_PRICES, *_OPTIONAL}
    given = {name: floats_of(table, name) for name in _OPTIONAL if name in table.columns}
    entry_ok = None
    if "entry_ok" in table.columns:
        if table["entry_ok"].dtype != pl.Boolean:
            raise DataError(f"column `entry_ok` must be boolean, was {table['entry_ok'].dtype}")
        entry_ok = table["entry_ok"].fill_null(False).to_numpy()
    others = [
        name
        for name in table.columns
        if name not in used and not _LEVEL.fullmatch(name) and not _TOP_SIZE(name)
        if table[name].dtype.is_numeric()
    ]
    if "fair" in given and meta.reference == "none":
        meta = _with(meta, reference="column:fair")
    return Panel(
        ts_of(table),
        *(floats_of(table, name) for name in _PRICES),
        entry_ok=entry_ok,
        ladders=_ladders(table),
        columns={name: floats_of(table, name) for name in others},
        meta=meta,
        **given,  # type: ignore[arg-type]
    )


def _with(meta: PanelMeta, **changes: Any) -> PanelMeta:
    import dataclasses

    return dataclasses.replace(meta, **changes)


def _ladders(table: pl.DataFrame) -> Ladders | None:
    """Read sizes and deeper levels; level 0 takes its price from the top of the book, unless it is given."""
    table = table.rename({name: name.replace("_size_", "_sz_") for name in table.columns if _TOP_SIZE(name)})
    if not any(_LEVEL.fullmatch(name) for name in table.columns):
        return None
    require_columns(table, ("bid_sz_a", "ask_sz_a", "bid_sz_b", "ask_sz_b"))
    found = [_LEVEL.fullmatch(name) for name in table.columns]
    depth = 1 + max((int(match.group(1)) for match in found if match and match.group(1)), default=0)
    arrays = []
    for side in _SIDES:
        top = side if side in table.columns else side.replace("_px", "")
        names = [top, *(f"{side}_{level:02d}" for level in range(1, depth))]
        require_columns(table, tuple(names))
        arrays.append(np.column_stack([floats_of(table, name) for name in names]))
    return Ladders(*arrays)


def frame_of(panel: Panel) -> pl.DataFrame:
    """Return a panel as a frame that `panel_from_frame` reads back."""
    import polars as pl

    data: dict[str, Any] = {"ts": pl.Series(panel.ts).cast(pl.Datetime("ns", "UTC"))}
    data.update({name: getattr(panel, name) for name in _PRICES})
    for name in ("fair", "entry_ok", "fx_a", "fx_b", "scale"):
        if getattr(panel, name) is not None:
            data[name] = getattr(panel, name)
    if panel.ladders is not None:
        for side, array in zip(_SIDES, panel.ladders, strict=True):
            for level in range(panel.ladders.levels):
                if level or "_sz_" in side or not _is_top(panel, side, array[:, 0]):
                    data[f"{side}_{level:02d}" if level else side] = np.ascontiguousarray(array[:, level])
    data.update(panel.columns)
    return pl.DataFrame(data)


def _is_top(panel: Panel, side: str, prices: FloatArray) -> bool:
    """Tell whether level 0 of a ladder shows the panel's own price on every row."""
    return bool(np.array_equal(prices, getattr(panel, side.replace("_px", "")), equal_nan=True))
