"""Datasets: snapshots as Parquet, with a manifest, written atomically and read lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.data.dataset import (
        Dataset,
        DatasetWriter,
        is_dataset,
        list_datasets,
        open_dataset,
        remove_dataset,
    )
    from arbkit.data.manifest import FileInfo, InstrumentInfo, Manifest
    from arbkit.data.schema import book_columns, book_schema, candle_columns, candle_schema

__all__ = [
    "Dataset",
    "DatasetWriter",
    "FileInfo",
    "InstrumentInfo",
    "Manifest",
    "book_columns",
    "book_schema",
    "candle_columns",
    "candle_schema",
    "is_dataset",
    "list_datasets",
    "open_dataset",
    "remove_dataset",
]

_HOMES: Final = {
    "Dataset": "arbkit.data.dataset",
    "DatasetWriter": "arbkit.data.dataset",
    "FileInfo": "arbkit.data.manifest",
    "InstrumentInfo": "arbkit.data.manifest",
    "Manifest": "arbkit.data.manifest",
    "book_columns": "arbkit.data.schema",
    "book_schema": "arbkit.data.schema",
    "candle_columns": "arbkit.data.schema",
    "candle_schema": "arbkit.data.schema",
    "is_dataset": "arbkit.data.dataset",
    "list_datasets": "arbkit.data.dataset",
    "open_dataset": "arbkit.data.dataset",
    "remove_dataset": "arbkit.data.dataset",
}

__getattr__ = lazy_names(__name__, _HOMES)
