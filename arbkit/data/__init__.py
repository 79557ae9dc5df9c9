"""Datasets: snapshots as Parquet, with a manifest, written atomically and read lazily."""

from __future__ import annotations

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
