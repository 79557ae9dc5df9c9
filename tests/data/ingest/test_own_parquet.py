"""The project's own Parquet files and datasets."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from arbkit.data import open_dataset
from arbkit.data.ingest import IngestSpec, ingest
from arbkit.errors import DataError

CSV = "t,b,a\n2024-01-01T00:00:00Z,1,2\n2024-01-01T00:00:01Z,3,4\n"
TABLE = {
    "venue": "v",
    "symbol": "S",
    "quote": "USD",
    "columns": {"bid_px": "b", "ask_px": "a"},
    "time": {"column": "t"},
}


def read(files: list[str], folder: Path, **entry: object):
    content = {"name": "copy", "instruments": [{"files": files, "format": "arbkit-parquet", **entry}]}
    ingest(IngestSpec.from_dict(content), folder)
    return open_dataset(folder)


def test_dataset_is_copied_with_its_description_and_fingerprint(run_ingest, tmp_path: Path) -> None:
    _, first = run_ingest(CSV, **TABLE, max_age="5s")
    copy = read([str(first.path)], tmp_path / "copy")
    assert copy.fingerprint == first.fingerprint
    assert copy.instrument("v/S").max_age_s == 5.0


def test_single_file_takes_its_names_from_the_folders(run_ingest, tmp_path: Path) -> None:
    _, first = run_ingest(CSV, **TABLE)
    (path,) = first.path.glob("venue=*/symbol=*/date=*/*.parquet")
    copy = read([str(path)], tmp_path / "copy", quote="USD")
    assert copy.scan("v/S").collect().equals(first.scan("v/S").collect())


def test_file_with_a_foreign_column_is_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"ts_event": [1], "price": [2.0]})
    frame.write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="is missing"):
        read([str(tmp_path / "x.parquet")], tmp_path / "copy", venue="v", symbol="S", quote="USD")
