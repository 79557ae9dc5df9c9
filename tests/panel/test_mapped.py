"""Arrays in files: mapped read-only, written in pieces, and let go behind a pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arbkit.errors import DataError
from arbkit.panel.mapped import ColumnFile, checksum_of, mapped_array, release_rows

STATUS = Path("/proc/self/smaps")


def test_a_mapped_file_is_the_array_and_cannot_be_written(tmp_path):
    path = tmp_path / "a.bin"
    values = np.arange(6.0).reshape(3, 2)
    path.write_bytes(b"head" * 2 + values.tobytes())
    mapped = mapped_array(path, np.float64, (3, 2), offset=8)
    assert np.array_equal(mapped, values)
    with pytest.raises(ValueError, match="read-only"):
        mapped[0, 0] = 1.0


def test_a_file_of_another_size_is_refused(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"12345678" * 2)
    for rows in (1, 3):
        with pytest.raises(ValueError, match="must hold"):
            mapped_array(path, np.float64, (rows,))


def test_no_rows_are_an_empty_read_only_array(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"")
    mapped = mapped_array(path, np.float64, (0,))
    assert mapped.shape == (0,)
    assert not mapped.flags.writeable


def test_pieces_of_odd_sizes_give_the_checksum_of_the_whole(tmp_path):
    marks = np.random.default_rng(3).random(1_000_003) < 0.5
    column = ColumnFile(tmp_path / "marks.bin", np.bool_)
    for piece in np.split(marks, [1, 2, 9, 700_001, 700_004]):
        column.append(piece)
    entry = column.close()
    assert entry["shape"] == [1_000_003]
    assert entry["checksum"] == checksum_of(marks)
    assert np.array_equal(mapped_array(tmp_path / "marks.bin", np.bool_, (1_000_003,)), marks)


def test_ladders_of_other_depths_do_not_follow_each_other(tmp_path):
    column = ColumnFile(tmp_path / "a.bin", np.float64)
    column.append(np.zeros((2, 3)))
    with pytest.raises(DataError, match="as many levels"):
        column.append(np.zeros((2, 4)))
    column.abandon()


def resident(path: Path) -> int:
    """Return how many kB of a mapped file this process holds."""
    lines = STATUS.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith(path.name))
    return int(next(line for line in lines[at:] if line.startswith("Rss:")).split()[1])


@pytest.mark.skipif(not STATUS.is_file(), reason="only Linux tells what a process holds of a file")
def test_rows_behind_a_pass_are_let_go_and_can_be_read_again(tmp_path):
    path = tmp_path / "let_go.bin"
    values = np.arange(1 << 20, dtype=np.float64)
    path.write_bytes(values.tobytes())
    mapped = mapped_array(path, np.float64, values.shape)
    part = mapped[1000:]
    assert part.sum() == values[1000:].sum()
    held = resident(path)
    release_rows(part, 0, part.size // 2)
    assert resident(path) < 0.6 * held
    assert np.array_equal(mapped, values)


def test_releasing_rows_of_an_array_in_memory_leaves_it_alone():
    values = np.arange(100_000.0)
    release_rows(values[5:], 0, 90_000)
    assert values.sum() == np.arange(100_000.0).sum()
