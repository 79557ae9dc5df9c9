"""A dataset that grows: every commit is live, small files are merged, a killed writer leaves no trace."""

from __future__ import annotations

import contextlib
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from arbkit.data import DatasetWriter, open_dataset, remove_dataset
from arbkit.data.growing import GrowingDataset
from arbkit.data.schema import EVENT_SCHEMAS
from arbkit.errors import ConfigError, DataError
from tests.data.conftest import DAY_NS, START_NS

LEG = "upbit/KRW-BTC"
HOUR_NS = 3600 * 10**9


def grown(folder, info, frames, **options):
    """Write each frame with a commit of its own."""
    with GrowingDataset(folder, **options) as dataset:
        for frame in frames:
            dataset.commit([(info, frame)])
    return open_dataset(folder)


def funding(ts: int, rate: float) -> pl.DataFrame:
    row = {"ts": ts, "venue": "binance_usdm", "symbol": "BTCUSDT", "rate": rate, "mark_price": None}
    return pl.DataFrame([row], schema=EVENT_SCHEMAS["funding"])


def test_each_commit_is_read_by_others_at_once(tmp_path, book, info):
    frame = book(100)
    with GrowingDataset(tmp_path / "d", source="here") as dataset:
        assert dataset.commit([]) == 0
        assert not (tmp_path / "d" / "manifest.json").exists()
        for at in (0, 40, 70):
            end = at + 30
            assert dataset.commit([(info(), frame[at:end])]) == frame[at:end].height
            seen = open_dataset(tmp_path / "d")
            expected = pl.concat([frame[low : low + 30] for low in (0, 40, 70) if low <= at])
            assert seen.scan(LEG).collect().equals(expected)
    assert (seen.manifest.source, seen.instrument(LEG).rows, seen.instrument(LEG).clock) == (
        "here",
        90,
        "ts_recv",
    )


def test_eight_small_files_become_one_and_a_rotation_one(tmp_path, book, info):
    frame = book(40, step_ns=HOUR_NS // 20)
    with GrowingDataset(tmp_path / "d", grace_s=0.0) as dataset:
        counts = []
        for at in range(40):
            dataset.commit([(info(), frame[at : at + 1])])
            assert dataset.tidy()
            counts.append(len(dataset.manifest.files))
        assert counts[:9] == [1, 2, 3, 4, 5, 6, 7, 1, 2]
        dataset.rotate()
        assert dataset.tidy()
        assert [item.rows for item in dataset.manifest.files] == [20, 20]
        dataset.commit([])
        names = {path.name for path in (tmp_path / "d").rglob("*.parquet")}
        assert names == {item.path.rpartition("/")[2] for item in dataset.manifest.files}
    assert open_dataset(tmp_path / "d").scan(LEG).collect().equals(frame)


def test_a_file_that_was_merged_away_stays_for_those_who_read_it(tmp_path, book, info):
    frame = book(10)
    with GrowingDataset(tmp_path / "d") as dataset:
        for at in range(8):
            dataset.commit([(info(), frame[at : at + 1])])
        before = open_dataset(tmp_path / "d")
        dataset.tidy()
        assert len(dataset.manifest.files) == 1
        assert before.scan(LEG).collect().height == 8


def test_no_file_holds_rows_of_two_days_or_of_two_rotations(tmp_path, book, info):
    frame = book(48, step_ns=HOUR_NS, recv_delay_ns=0)
    dataset = grown(tmp_path / "d", info(), [frame], rotate_ns=8 * HOUR_NS)
    assert [item.rows for item in dataset.manifest.files] == [8] * 6
    assert {item.path.split("/")[2] for item in dataset.manifest.files} == {
        "date=2024-01-01",
        "date=2024-01-02",
    }


def test_tidying_keeps_to_its_time(tmp_path, book, info):
    frame = book(16)
    with GrowingDataset(tmp_path / "d") as dataset:
        for at in range(16):
            dataset.commit([(info(), frame[at : at + 1])])
        assert not dataset.tidy(0.0)
        assert len(dataset.manifest.files) == 16


def test_a_dataset_is_continued_and_what_a_killed_writer_left_is_removed(tmp_path, book, info):
    frame = book(100)
    grown(tmp_path / "d", info(), [frame[:30], frame[30:60]])
    left = tmp_path / "d" / "venue=upbit" / "symbol=KRW-BTC" / "date=2024-01-01" / "part-left.parquet"
    left.write_bytes(b"half")
    (tmp_path / "d" / ".staging").mkdir()
    with GrowingDataset(tmp_path / "d") as dataset:
        assert not left.exists()
        assert dataset.end_ns() == dataset.end_ns(LEG) == frame["ts_recv"].to_physical()[59]
        assert dataset.end_ns("no/such") == 0
        dataset.commit([(info(), frame[60:])])
        dataset.rotate()
        dataset.tidy()
        assert len(dataset.manifest.files) == 1
    assert open_dataset(tmp_path / "d").scan(LEG).collect().equals(frame)


def test_a_writer_of_datasets_goes_on_where_a_growing_one_ended(tmp_path, book, info):
    dataset = grown(tmp_path / "d", info(), [book(10)])
    with GrowingDataset(tmp_path / "d") as growing:
        growing.commit([], {"funding": funding(START_NS, 1e-4)})
    with DatasetWriter(tmp_path / "d", mode="append") as writer:
        writer.write(info(), book(10, start_ns=START_NS + DAY_NS))
        writer.commit()
    after = open_dataset(tmp_path / "d")
    assert (after.instrument(LEG).rows, after.tables) == (20, ("funding",))
    assert after.fingerprint != dataset.fingerprint


def test_rows_of_event_tables_are_added_and_sorted(tmp_path):
    with GrowingDataset(tmp_path / "d") as dataset:
        dataset.commit([], {"funding": funding(200, 0.2)})
        first = dataset.manifest.fingerprint
        dataset.commit([], {"funding": funding(100, 0.1)})
        assert dataset.manifest.fingerprint != first
    seen = open_dataset(tmp_path / "d")
    assert seen.table("funding")["rate"].to_list() == [0.1, 0.2]
    assert seen.table("gaps").is_empty()
    with pytest.raises(DataError, match="did you mean `funding`"):
        seen.table("fundings")
    remove_dataset(tmp_path / "d")
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.with_columns(ts_recv=None), "must carry `ts_recv`"),
        (lambda frame: frame.reverse(), "in the order of `ts_recv`"),
        (lambda frame: frame.drop("ask_sz_00"), "`ask_sz_00` is missing"),
    ],
)
def test_rows_that_break_the_rules_are_refused(tmp_path, book, info, change, message):
    with GrowingDataset(tmp_path / "d") as dataset, pytest.raises(DataError, match=message):
        dataset.commit([(info(), change(book(5)))])
    assert not (tmp_path / "d").exists()


def test_rows_that_are_not_later_than_the_stored_ones_are_refused(tmp_path, book, info):
    with GrowingDataset(tmp_path / "d") as dataset:
        dataset.commit([(info(), book(5))])
        with pytest.raises(DataError, match=r"later than the stored ones.*is the clock right"):
            dataset.commit([(info(), book(5))])
        with pytest.raises(DataError, match="`quote` of upbit/KRW-BTC must stay"):
            dataset.check([info(quote="KRW")])


def test_one_writer_at_a_time_and_a_rotation_of_at_most_a_day(tmp_path):
    with GrowingDataset(tmp_path / "d"), pytest.raises(DataError, match="another process is writing"):
        GrowingDataset(tmp_path / "d")
    with pytest.raises(ConfigError, match="at most a day"):
        GrowingDataset(tmp_path / "e", rotate_ns=2 * DAY_NS)
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds other files"):
        GrowingDataset(tmp_path / "f")


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse every write beyond so many bytes of a file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def on_disk(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}


def test_a_commit_that_the_disk_refuses_half_way_changes_nothing_and_is_tried_again(tmp_path, book, info):
    small, large = book(100, levels=1), book(20_000, levels=1)
    other = info(symbol="KRW-ETH")
    with GrowingDataset(tmp_path / "d") as dataset:
        dataset.commit([(info(), small[:50])], {"funding": funding(START_NS, 1e-4)})
        before = dataset.manifest
        rates = {"funding": funding(START_NS, 2e-4)}
        with files_of_at_most(4 * before.files[0].bytes):
            for _ in range(2):
                with pytest.raises(OSError, match="too large"):
                    dataset.commit([(info(), small[50:]), (other, large)], rates)
                assert dataset.manifest == before
                assert open_dataset(tmp_path / "d").manifest == before
                assert on_disk(tmp_path / "d") == {item.path for item in (*before.files, *before.tables)}
        dataset.commit([(info(), small[50:]), (other, large)])
    after = open_dataset(tmp_path / "d")
    assert after.scan(LEG).collect().equals(small)
    assert after.scan("upbit/KRW-ETH").collect().equals(large)
    assert after.table("funding").height == 1


def test_a_merge_that_the_disk_refuses_leaves_the_small_files(tmp_path, book, info):
    frame = book(8 * 1_000, step_ns=10**6)
    with GrowingDataset(tmp_path / "d", grace_s=0.0) as dataset:
        for part in frame.iter_slices(1_000):
            dataset.commit([(info(), part)])
        limit = 2 * dataset.manifest.files[0].bytes
        with files_of_at_most(limit), pytest.raises(OSError, match="too large"):
            dataset.tidy()
        assert open_dataset(tmp_path / "d").scan(LEG).collect().equals(frame)
        assert dataset.tidy()
        assert len(dataset.manifest.files) == 1
    assert open_dataset(tmp_path / "d").scan(LEG).collect().equals(frame)


def test_a_folder_that_was_removed_is_not_made_anew(tmp_path, book, info):
    frame = book(20)
    with GrowingDataset(tmp_path / "d") as dataset:
        dataset.commit([(info(), frame[:10])])
        shutil.rmtree(tmp_path / "d" / ".staging")
        dataset.commit([(info(), frame[10:15])])
        shutil.rmtree(tmp_path / "d")
        with pytest.raises(DataError, match="the folder was removed while it was being written"):
            dataset.commit([(info(), frame[15:])])
    assert not (tmp_path / "d").exists()


_KILLED_WHILE_MERGING = """
import os, signal, sys
from arbkit.data.growing import GrowingDataset, Part

def killed(*given):
    os.kill(os.getpid(), signal.SIGKILL)

path, moment = sys.argv[1:]
with GrowingDataset(path) as dataset:
    if moment == "unfinished":
        Part.close = killed
    elif moment == "unlisted":
        dataset._publish = killed
    else:
        dataset._retire = killed
    dataset.tidy()
"""


def test_a_writer_killed_while_it_merges_leaves_all_rows(tmp_path, book, info):
    children = []
    for moment in ("unfinished", "unlisted", "listed"):
        grown(tmp_path / moment, info(), book(8).iter_slices(1))
        command = [sys.executable, "-c", _KILLED_WHILE_MERGING, str(tmp_path / moment), moment]
        children.append((moment, subprocess.Popen(command)))
    for moment, child in children:
        assert child.wait(60) == -signal.SIGKILL
        path = tmp_path / moment
        assert open_dataset(path).scan(LEG).collect().equals(book(8))
        assert len(open_dataset(path).manifest.files) == (1 if moment == "listed" else 8)
        with GrowingDataset(path) as dataset:
            assert on_disk(path) == {item.path for item in dataset.manifest.files}
            assert dataset.tidy()
        assert open_dataset(path).scan(LEG).collect().equals(book(8))
