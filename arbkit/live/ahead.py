"""A file of fixed size in which the latest lines of a journal are on the disk sooner than in the journal.

Putting a file onto the disk that has grown means writing its length and its place too, which takes several
times as long as writing over what is there already. The file begins with zeros; lines are put one after the
other, and once it is full and the journal is on the disk, from its beginning again. Whose line comes next is
told by its number, so that what an earlier round has left behind is not taken for one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from arbkit._files import sync_folder

__all__ = ["WriteAhead"]

_SIZE: Final = 2 << 20


class WriteAhead:
    """Lines that must outlive the machine; made with its whole size, which takes some milliseconds.

    Args:
        path: the file.
        size: bytes that it holds.
    """

    def __init__(self, path: Path, size: int = _SIZE) -> None:
        self._path, self._size, self._at = path, size, 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        zeros = b"\0" * size
        while zeros:
            zeros = zeros[os.write(self._file, zeros) :]
        os.fsync(self._file)
        sync_folder(path.parent)

    def put(self, text: bytes) -> bool:
        """Put whole lines onto the disk; False where there is no room, and nothing was put."""
        if self._at + len(text) > self._size:
            return False
        at = self._at
        while text:
            written = os.pwrite(self._file, text, at)
            at, text = at + written, text[written:]
        os.fdatasync(self._file)
        self._at = at
        return True

    def start_over(self) -> None:
        """Begin again: everything put so far is on the disk elsewhere."""
        self._at = 0

    def close(self) -> None:
        """Remove the file: everything put is on the disk elsewhere."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)

    def leave(self) -> None:
        """Close the file and leave it to the next start."""
        os.close(self._file)

    @staticmethod
    def lines(path: Path) -> Iterator[bytes]:
        """Yield the lines in a file, with their ends, up to the first that is not whole."""
        if not path.is_file():
            return
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n") or b"\0" in line:
                    return
                yield line
