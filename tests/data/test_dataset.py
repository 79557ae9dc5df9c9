"""Opening, scanning, listing and removing datasets."""

from __future__ import annotations

import polars as pl
import pytest

from arbkit.data import (
    DatasetWriter,
    book_schema,
    list_datasets,
    open_dataset,
    remove_dataset,
)
from arbkit.errors import CoverageError, DataError

START_NS = 1_704_067_200 * 10**9
DAY_NS = 86_400 * 10**9


@pytest.fixture
def dataset(tmp_path, book, info):
    with DatasetWriter(tmp_path / "demo", source="test") as writer:
        writer.write(info(), book(300, step_ns=DAY_NS // 100))
        writer.write(info("binance", "BTC/USDT"), book(50))
        writer.commit()
    return open_dataset(tmp_path / "demo")


def test_rows_come_back_as_they_were_written(dataset, book):
    assert dataset.scan("upbit/KRW-BTC").collect().equals(book(300, step_ns=DAY_NS // 100))


def test_partitions_are_hive_folders_by_day(dataset):
    folders = sorted(path.relative_to(dataset.path).as_posix() for path in dataset.path.glob("*/*/*"))
    assert folders == [
        "venue=binance/symbol=BTC%2FUSDT/date=2024-01-01",
        "venue=upbit/symbol=KRW-BTC/date=2024-01-01",
        "venue=upbit/symbol=KRW-BTC/date=2024-01-02",
        "venue=upbit/symbol=KRW-BTC/date=2024-01-03",
    ]


def test_polars_reads_the_hive_folders_on_its_own(dataset):
    frame = pl.scan_parquet(dataset.path / "venue=upbit", hive_partitioning=True).collect()
    assert frame.height == 300


def test_a_scan_is_lazy_and_reads_only_the_files_of_its_time(dataset):
    later = dataset.scan("upbit/KRW-BTC", start_ns=START_NS + DAY_NS, end_ns=START_NS + 2 * DAY_NS)
    assert isinstance(later, pl.LazyFrame)
    assert later.collect().height == 100
    assert later.explain().count("date=") <= 1


def test_a_scan_outside_the_stored_time_says_what_there_is(dataset):
    with pytest.raises(CoverageError, match=r"holds 2024-01-01T00:00:00\.005Z to .*nothing from 2024-01-31"):
        dataset.scan("upbit/KRW-BTC", start_ns=START_NS + 30 * DAY_NS)


def test_an_unknown_instrument_gets_the_nearest_names(dataset):
    with pytest.raises(DataError, match="did you mean `upbit/KRW-BTC`"):
        dataset.instrument("upbit/KRW-BTX")


def test_a_symbol_alone_is_enough_where_one_venue_has_it(dataset):
    assert dataset.instrument("KRW-BTC").leg == "upbit/KRW-BTC"


def test_a_symbol_at_two_venues_must_be_named_in_full(tmp_path, book, info):
    with DatasetWriter(tmp_path / "d") as writer:
        writer.write(info("a", "X"), book(3))
        writer.write(info("b", "X"), book(3))
        writer.commit()
    with pytest.raises(DataError, match=r"at several venues.*a/X, b/X"):
        open_dataset(tmp_path / "d").instrument("X")


def test_a_half_written_file_is_an_error_that_names_it(dataset):
    path = next(dataset.path.glob("venue=upbit/*/date=2024-01-02/*"))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=f"{path.name}: not a complete Parquet file"):
        dataset.scan("upbit/KRW-BTC")


def test_a_file_that_is_gone_is_an_error_that_names_it(dataset):
    path = next(dataset.path.glob("venue=upbit/*/date=2024-01-02/*"))
    path.unlink()
    with pytest.raises(DataError, match=f"{path.name}: the file is gone"):
        dataset.scan("upbit/KRW-BTC")


def test_a_file_changed_behind_the_manifest_is_an_error(dataset, book):
    path = next(dataset.path.glob("venue=upbit/*/date=2024-01-02/*"))
    book(7).write_parquet(path)
    with pytest.raises(DataError, match="the file was changed after it was written"):
        dataset.scan("upbit/KRW-BTC")


def test_a_file_with_an_extra_column_is_an_error_that_names_it(dataset, book):
    path = next(dataset.path.glob("venue=upbit/*/date=2024-01-02/*"))
    book(7).with_columns(pl.lit(1).alias("extra")).write_parquet(path)
    with pytest.raises(DataError, match="column `extra` does not belong"):
        dataset.scan("upbit/KRW-BTC")


def test_datasets_are_found_below_a_root(dataset, tmp_path):
    (tmp_path / "not-one").mkdir()
    assert list_datasets(tmp_path) == [dataset.path]
    assert list_datasets(dataset.path) == [dataset.path]
    assert list_datasets(tmp_path / "absent") == []


def test_a_removed_dataset_is_gone_whole(dataset):
    manifest = remove_dataset(dataset.path)
    assert manifest.rows == 350
    assert not dataset.path.exists()


def test_a_folder_that_is_no_dataset_is_not_removed(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="not a dataset"):
        remove_dataset(tmp_path)
    assert (tmp_path / "notes.txt").exists()


def test_a_dataset_with_foreign_files_in_it_is_not_removed(dataset):
    (dataset.path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"also holds notes\.txt"):
        remove_dataset(dataset.path)
    assert dataset.scan("upbit/KRW-BTC").collect().schema == book_schema(1)
