"""Writing datasets: sorting, appending, refusing, and what a kill leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from arbkit.data import DatasetWriter, Manifest, candle_schema, open_dataset
from arbkit.data.writer import stamp_text
from arbkit.errors import DataError

START_NS = 1_704_067_200 * 10**9
DAY_NS = 86_400 * 10**9
LEG = "upbit/KRW-BTC"


def write(path, info, *frames, mode="create"):
    with DatasetWriter(path, mode=mode) as writer:
        writer.write(info, list(frames))
        return writer.commit()


def test_the_manifest_counts_rows_period_and_clock(tmp_path, book, info):
    manifest = write(tmp_path / "d", info(levels=3), book(10, levels=3))
    (stored,) = manifest.instruments
    assert (stored.rows, stored.levels, stored.clock) == (10, 3, "ts_recv")
    assert stored.start_ns == START_NS + 5_000_000
    assert stored.end_ns == START_NS + 9 * 10**9 + 5_000_000
    assert manifest == open_dataset(tmp_path / "d").manifest


def test_without_receive_stamps_the_event_clock_is_used(tmp_path, book, info):
    manifest = write(tmp_path / "d", info(), book(10, recv_delay_ns=None))
    assert manifest.instruments[0].clock == "ts_event"


def test_files_are_zstd_with_row_group_statistics(tmp_path, book, info):
    write(tmp_path / "d", info(), book(10))
    (path,) = tmp_path.rglob("*.parquet")
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.statistics.has_min_max


def test_many_frames_give_the_same_dataset_as_one(tmp_path, book, info):
    frame = book(1000, step_ns=DAY_NS // 300)
    one = write(tmp_path / "one", info(), frame)
    pieces = write(tmp_path / "pieces", info(), *(frame[lo : lo + 37] for lo in range(0, 1000, 37)))
    assert one.fingerprint == pieces.fingerprint


def test_appending_days_gives_the_fingerprint_of_one_write(tmp_path, book, info):
    frame = book(300, step_ns=DAY_NS // 100, recv_delay_ns=None)
    whole = write(tmp_path / "whole", info(), frame)
    write(tmp_path / "parts", info(), frame[200:])
    write(tmp_path / "parts", info(), frame[:100], mode="append")
    appended = write(tmp_path / "parts", info(), frame[100:200], mode="append")
    assert appended.fingerprint == whole.fingerprint
    assert open_dataset(tmp_path / "parts").scan(LEG).collect().equals(frame)


def test_one_changed_value_changes_the_fingerprint(tmp_path, book, info):
    one = write(tmp_path / "one", info(), book(100))
    row = pl.int_range(pl.len()) == 50
    changed = book(100).with_columns(pl.when(row).then(1.0).otherwise("bid_sz_00").alias("bid_sz_00"))
    assert write(tmp_path / "two", info(), changed).fingerprint != one.fingerprint


def test_late_rows_are_sorted_in_counted_and_never_dropped(tmp_path, book, info):
    frame = book(1000, step_ns=DAY_NS // 300)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    manifest = write(tmp_path / "d", info(), *(shuffled[lo : lo + 100] for lo in range(0, 1000, 100)))
    assert open_dataset(tmp_path / "d").scan(LEG).collect().equals(frame)
    assert manifest.instruments[0].unsorted_rows > 900


def test_one_late_frame_in_a_closed_day_is_merged_into_it(tmp_path, book, info):
    frame = book(2000, step_ns=DAY_NS // 100)
    manifest = write(tmp_path / "d", info(), frame[:50], frame[60:], frame[50:60])
    assert manifest.instruments[0].unsorted_rows == 10
    assert len(manifest.files) == 20
    assert open_dataset(tmp_path / "d").scan(LEG).collect().equals(frame)


def test_rows_of_one_stamp_keep_their_order_of_arrival(tmp_path, book, info):
    frame = book(6, step_ns=0).with_columns(pl.Series("bid_sz_00", [3.0, 1.0, 2.0, 6.0, 5.0, 4.0]))
    late = book(1, start_ns=START_NS - 1)
    write(tmp_path / "d", info(), frame[:3], frame[3:], late)
    sizes = open_dataset(tmp_path / "d").scan(LEG).collect()["bid_sz_00"].to_list()
    assert sizes[1:] == [3.0, 1.0, 2.0, 6.0, 5.0, 4.0]


def test_candles_are_stored_by_year(tmp_path, info):
    stamps = pl.datetime_range(
        pl.datetime(2022, 1, 1), pl.datetime(2024, 12, 31), "1d", time_unit="ns", time_zone="UTC"
    )
    frame = pl.select(ts_event=stamps).with_columns(
        pl.lit(1.0).alias(name) for name in ("open", "high", "low", "close", "volume")
    )
    manifest = write(tmp_path / "d", info(kind="candle", bar_s=86400), frame)
    assert [item.path.split("/")[2] for item in manifest.files] == [
        "date=2022-01-01",
        "date=2023-01-01",
        "date=2024-01-01",
    ]
    back = open_dataset(tmp_path / "d").scan(LEG).collect()
    assert back.equals(frame)
    assert back.schema == candle_schema()


def test_several_instruments_may_be_written_in_turns(tmp_path, book, info):
    frame = book(100)
    with DatasetWriter(tmp_path / "d") as writer:
        for lo in range(0, 100, 10):
            writer.write(info(), frame[lo : lo + 10])
            writer.write(info("binance", "BTCUSDT"), frame[lo : lo + 10])
        manifest = writer.commit()
    assert [(item.leg, item.rows) for item in manifest.instruments] == [("binance/BTCUSDT", 100), (LEG, 100)]


def test_appending_another_instrument_keeps_the_first(tmp_path, book, info):
    write(tmp_path / "d", info(), book(5))
    manifest = write(tmp_path / "d", info("binance", "BTCUSDT"), book(5), mode="append")
    assert [item.rows for item in manifest.instruments] == [5, 5]
    assert open_dataset(tmp_path / "d").scan(LEG).collect().height == 5


def test_appending_rows_that_overlap_is_refused_and_changes_nothing(tmp_path, book, info):
    before = write(tmp_path / "d", info(), book(100))
    with pytest.raises(DataError, match=r"must not overlap stored ones.*mode `replace`"):
        write(tmp_path / "d", info(), book(100, start_ns=START_NS + 50 * 10**9), mode="append")
    assert open_dataset(tmp_path / "d").manifest == before
    assert not (tmp_path / "d" / ".staging").exists()


@pytest.mark.parametrize("changes", [{"quote": "KRW"}, {"kind": "fx"}, {"contract_size": 100.0}])
def test_appending_to_an_instrument_described_otherwise_is_refused(tmp_path, book, info, changes):
    write(tmp_path / "d", info(), book(5))
    later = book(5, start_ns=START_NS + DAY_NS)
    with pytest.raises(DataError, match=f"`{next(iter(changes))}` of {LEG} must stay"):
        write(tmp_path / "d", info(**changes), later, mode="append")


def test_receive_stamps_on_some_rows_only_are_refused(tmp_path, book, info):
    with pytest.raises(DataError, match="`ts_recv` must be given on all rows"):
        write(tmp_path / "d", info(), book(5), book(5, recv_delay_ns=None))
    assert not (tmp_path / "d").exists()


def test_creating_over_an_existing_dataset_is_refused(tmp_path, book, info):
    write(tmp_path / "d", info(), book(5))
    with pytest.raises(DataError, match="exists already"):
        DatasetWriter(tmp_path / "d")


def test_appending_to_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such dataset to append to"):
        DatasetWriter(tmp_path / "d", mode="append")


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(DataError, match="holds other files"):
        DatasetWriter(tmp_path)


def test_a_write_without_rows_is_refused(tmp_path, book, info):
    with pytest.raises(DataError, match="at least one row"):
        write(tmp_path / "d", info(), book(0))


def test_a_second_writer_has_to_wait(tmp_path, book, info):
    with DatasetWriter(tmp_path / "d") as writer:
        with pytest.raises(DataError, match="another process is writing"):
            DatasetWriter(tmp_path / "d")
        writer.write(info(), book(3))
        assert writer.commit().rows == 3


def test_replacing_leaves_only_the_new_files(tmp_path, book, info):
    write(tmp_path / "d", info(), book(500, step_ns=DAY_NS // 100))
    manifest = write(tmp_path / "d", info(), book(5), mode="replace")
    on_disk = {path.relative_to(tmp_path / "d").as_posix() for path in (tmp_path / "d").rglob("*.parquet")}
    assert on_disk == {item.path for item in manifest.files}
    assert open_dataset(tmp_path / "d").scan(LEG).collect().height == 5


def test_quarantined_rows_are_kept_beside_and_counted(tmp_path, book, info):
    refused = pl.DataFrame({"source": ["a.csv"], "line": [7], "reason": ["no number"], "text": ["1,x"]})
    with DatasetWriter(tmp_path / "d") as writer:
        writer.write(info(), book(5))
        writer.quarantine(refused)
        assert writer.commit().quarantined == 1
    assert (tmp_path / "d" / "quarantine.parquet").is_file()
    with DatasetWriter(tmp_path / "d", mode="append") as writer:
        writer.write(info(), book(5, start_ns=START_NS + DAY_NS))
        writer.quarantine(refused)
        assert writer.commit().quarantined == 2
    assert open_dataset(tmp_path / "d").quarantine().equals(pl.concat([refused, refused]))


_WRITE_FOR_A_WHILE = """
import sys
sys.path.insert(0, {folder!r})
from conftest import make_book, make_info
from arbkit.data import DatasetWriter
frame = make_book(20000, start_ns={start}, step_ns=10**6)
print("ready", flush=True)
with DatasetWriter({path!r}, mode={mode!r}) as writer:
    for day in range(30):
        later = (frame["ts_event"].cast(int) + day * {day_ns}).cast(frame["ts_event"].dtype)
        writer.write(make_info(), frame.with_columns(ts_event=later, ts_recv=later))
    writer.commit()
"""


@pytest.mark.parametrize(
    ("mode", "wait_s"), [("append", 0.03), ("replace", 0.2), ("append", 0.45), ("replace", 0.8)]
)
def test_a_killed_writer_leaves_the_old_dataset_or_the_new_one(tmp_path, book, info, mode, wait_s):
    path = tmp_path / "d"
    old = write(path, info(), book(200))
    script = _WRITE_FOR_A_WHILE.format(
        folder=str(Path(__file__).parent), start=START_NS + DAY_NS, path=str(path), mode=mode, day_ns=DAY_NS
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
    found = open_dataset(path)
    rows = found.scan(LEG).collect().height
    assert rows == found.manifest.rows
    assert found.manifest == old or rows == 600_000 + (200 if mode == "append" else 0)
    after = write(path, info(), book(5, start_ns=START_NS + 90 * DAY_NS), mode="append")
    on_disk = {file.relative_to(path).as_posix() for file in path.rglob("*.parquet")}
    assert on_disk == {item.path for item in after.files}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_failure_around_the_switch_leaves_the_old_or_the_new_one(tmp_path, book, info, monkeypatch, moment):
    path = tmp_path / "d"
    old = write(path, info(), book(200))
    save = Manifest.save

    def fail(manifest, folder):
        if moment == "after":
            save(manifest, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(Manifest, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        write(path, info(), book(300), mode="replace")
    found = open_dataset(path)
    assert (found.manifest == old) is (moment == "before")
    assert found.scan(LEG).collect().height == (200 if moment == "before" else 300)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (START_NS, "2024-01-01T00:00:00Z"),
        (START_NS + 7_000_000, "2024-01-01T00:00:00.007Z"),
        (0, "1970-01-01T00:00:00Z"),
    ],
)
def test_stamps_are_written_for_people(ns, text):
    assert stamp_text(ns) == text
