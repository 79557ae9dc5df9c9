"""A tape keeps every row, whatever ends the process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from arbkit.errors import DataError
from arbkit.kernels.live import LIVE_ROW_DTYPE
from arbkit.live.tape import Tape, read_tape


def rows(n: int) -> np.ndarray:
    made = np.zeros(n, LIVE_ROW_DTYPE)
    made["ts"] = np.arange(n) + 1
    made["bid_a"] = np.where(np.arange(n) % 3 == 0, np.nan, np.arange(n) / 7)
    return made


@pytest.mark.parametrize("levels", [0, 2])
def test_rows_come_back_as_they_were(tmp_path: Path, levels: int) -> None:
    made, ladders = rows(25), np.random.default_rng(1).random((8, 25, levels))
    with ThreadPoolExecutor(1) as pool:
        tape = Tape(tmp_path, levels, rows_per_file=10, pool=pool)
        for n, row in enumerate(made):
            tape.write(row, ladders[:, n] if levels else None)
            if n == 12:
                assert read_tape(tmp_path, levels)[0].size == 13
        tape.close()
    back, books = read_tape(tmp_path, levels)
    assert back.tobytes() == made.tobytes()
    np.testing.assert_array_equal(books, ladders)
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".parquet"] * 3
    part, books = read_tape(tmp_path, levels, first=17)
    assert part.tobytes() == made[17:].tobytes()
    np.testing.assert_array_equal(books, ladders[:, 17:])


def test_a_row_that_was_cut_off_is_dropped_and_the_tape_goes_on(tmp_path: Path) -> None:
    made = rows(8)
    tape = Tape(tmp_path)
    for row in made[:5]:
        tape.write(row)
    (file,) = tmp_path.glob("*.bin")
    with file.open("ab") as end:
        end.write(b"half a row")
    again = Tape(tmp_path)
    assert again.rows == 5
    for row in made[5:]:
        again.write(row)
    again.close()
    assert read_tape(tmp_path)[0].tobytes() == made.tobytes()


def test_a_missing_or_damaged_file_is_an_error(tmp_path: Path) -> None:
    tape = Tape(tmp_path, rows_per_file=2)
    for row in rows(6):
        tape.write(row)
    tape.close()
    files = sorted(tmp_path.iterdir())
    files[2].write_bytes(b"no parquet")
    with pytest.raises(DataError, match="is damaged"):
        read_tape(tmp_path)
    files[1].unlink()
    with pytest.raises(DataError, match="rows 2 to 3 are missing"):
        read_tape(tmp_path)


def test_an_empty_tape_has_no_rows(tmp_path: Path) -> None:
    assert read_tape(tmp_path / "none")[0].size == 0
