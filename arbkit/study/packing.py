"""The metrics of a trial as one packed attribute: a JSON object, made for a whole batch at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from arbkit._typing import RecordArray
from arbkit.metrics import metric_columns
from arbkit.records import METRICS_DTYPE

__all__ = ["pack_metrics", "unpack_metrics"]

#: From so many records on the fixed cost of a frame is worth it.
_MANY: Final = 48


def pack_metrics(records: RecordArray, names: Sequence[str], still: Collection[str] = ()) -> list[str]:
    """Return one JSON object per record, undefined ratios as null; every number comes back bit for bit.

    Args:
        records: `METRICS_DTYPE` (n,).
        names: the metrics to keep.
        still: those of them that are expected to be 0: they are left out where all records have 0 there.
    """
    columns = metric_columns(records)
    kept = {name: columns[name] for name in names if name not in still or columns[name].any()}
    return _few(kept) if len(records) < _MANY else _many(kept)


def _few(columns: Mapping[str, Any]) -> list[str]:
    """Fill in a text per record: 10 us each. json.dumps of a dict takes 90."""
    template = "{" + ",".join(f'"{name}":%s' for name in columns) + "}"
    return [template % row for row in zip(*map(_texts, columns.values()), strict=True)]


def _texts(column: NDArray[Any]) -> list[Any]:
    """Return what `%s` turns into JSON."""
    if column.dtype == np.bool_:
        return ["true" if item else "false" for item in column.tolist()]
    items: list[Any] = column.tolist()
    if column.dtype.kind == "f":
        for place in np.flatnonzero(~np.isfinite(column)).tolist():
            items[place] = "null"
    return items


def _many(columns: Mapping[str, Any]) -> list[str]:
    """Write all at once: 7 us each, and 2 ms to begin with."""
    import polars as pl

    frame = pl.DataFrame(columns)
    texts: list[str] = frame.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()
    return texts


def unpack_metrics(text: str) -> Any:
    """Return `METRICS_DTYPE` (1,) of one packed attribute; what it does not name is 0."""
    record = np.zeros(1, METRICS_DTYPE)
    for name, value in json.loads(text).items():
        record[name] = np.nan if value is None else value
    return record
