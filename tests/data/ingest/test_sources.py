"""Finding files and reading their bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from arbkit.data.ingest import Source, find_sources
from arbkit.data.ingest.sources import text_blocks
from arbkit.errors import DataError


def test_patterns_give_files_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text("x")
    assert [item.label for item in find_sources([str(tmp_path / "*.csv")])] == ["a.csv", "b.csv"]


def test_missing_file_names_the_nearest_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "orderbook.csv").write_text("x")
    with pytest.raises(DataError, match=r"did you mean `orderbook\.csv`"):
        find_sources([str(tmp_path / "orderbok.csv")])
    with pytest.raises(DataError, match="does not exist either"):
        find_sources([str(tmp_path / "nowhere/orderbook.csv")])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("empty.csv", b"", "is empty"), ("broken.zip", b"PK no zip", "no complete zip")],
)
def test_unusable_file_is_an_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        find_sources([str(tmp_path / name)])


def test_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        find_sources([str(tmp_path)])


def test_cut_off_gzip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"line\n" * 10_000)[:-20])
    source = Source(path)
    with pytest.raises(DataError, match="cut off"), source.open() as stream:
        list(text_blocks(stream, source))


def test_lines_are_numbered_through_blocks_and_bytes_are_counted(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("arbkit.data.ingest.sources._BLOCK", 7)
    path = tmp_path / "x.txt"
    path.write_bytes(b"one\r\ntwo\nthree\n\nlast")
    counted: list[int] = []
    source = Source(path)
    with source.open(counted.append) as stream:
        lines = [
            (number, line)
            for first, block in text_blocks(stream, source)
            for number, line in enumerate(block.split(b"\n"), first)
        ]
    assert lines == [(1, b"one"), (2, b"two"), (3, b"three"), (4, b""), (5, b"last")]
    assert sum(counted) == path.stat().st_size
