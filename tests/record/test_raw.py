"""Raw frames: whole zstd blocks that any reader takes, and that `arbkit data ingest` turns into books."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from arbkit.data import open_dataset
from arbkit.data.ingest import IngestSpec, ingest
from arbkit.record.raw import RawLog

BOOK = (
    b'{"type":"orderbook","code":"KRW-BTC","timestamp":%d,"orderbook_units":[{"ask_price":%d,'
    b'"bid_price":9,"ask_size":1,"bid_size":1}]}'
)


def lines_of(path: Path) -> list[bytes]:
    with pa.input_stream(str(path), compression="zstd") as stream:
        return bytes(stream.read()).splitlines()


def only_file(folder: Path) -> Path:
    (path,) = (folder / "raw" / "venue=upbit").iterdir()
    return path


def test_blocks_follow_one_another_in_a_file_per_hour(tmp_path: Path) -> None:
    log = RawLog(tmp_path, "upbit")
    half_an_hour = 30 * 60 * 10**9
    for block in range(3):
        log.take(block * half_an_hour, b"a%d" % block)
        log.take(block * half_an_hour + 5, b"<html>\n</html>")
        log.write(*log.swap())
    log.write(*log.swap())
    first, second = sorted((tmp_path / "raw" / "venue=upbit").iterdir())
    assert lines_of(first) == [
        b"0 a0",
        b"5 <html> </html>",
        b"1800000000000 a1",
        b"1800000000005 <html> </html>",
    ]
    assert lines_of(second)[0] == b"3600000000000 a2"
    assert log.bytes_written == first.stat().st_size + second.stat().st_size


def test_a_block_that_could_not_be_written_whole_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RawLog(tmp_path, "upbit")
    log.take(1, b"kept")
    log.write(*log.swap())
    before = only_file(tmp_path).read_bytes()
    write = os.write

    def full(handle: int, block: bytes) -> int:
        write(handle, block[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    log.take(2, b"lost")
    with pytest.raises(OSError, match="No space"):
        log.write(*log.swap())
    assert only_file(tmp_path).read_bytes() == before


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arbkit.record.raw._LIMIT", 10)
    log = RawLog(tmp_path, "upbit")
    for _ in range(3):
        log.take(1, b"0123456789")
    assert log.dropped == 2


def test_a_dataset_is_made_anew_from_the_frames(tmp_path: Path) -> None:
    log = RawLog(tmp_path, "upbit")
    for at in range(5):
        log.take((1_700_000_000 + at) * 10**9, BOOK % (1_700_000_000_000 + at, 10 + at))
        if at == 2:
            log.write(*log.swap())
    log.write(*log.swap())
    entry = {"files": [str(only_file(tmp_path))], "format": "upbit-raw", "venue": "upbit"}
    ingest(IngestSpec.from_dict({"name": "again", "instruments": [entry]}), tmp_path / "again")
    rows = open_dataset(tmp_path / "again").scan("upbit/KRW-BTC").collect()
    assert rows["ask_px_00"].to_list() == [10, 11, 12, 13, 14]
    assert rows["ts_recv"].to_physical()[0] == 1_700_000_000 * 10**9
