"""Arrays that live in files: mapped for reading, appended to, and checked by size and checksum."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from arbkit.errors import DataError
from arbkit.kernels.checksum import checksum_words

__all__ = ["ColumnFile", "checksum_of", "mapped_array", "release_rows"]

#: Bytes whose checksum is taken at a time: they stay in the processor's cache.
_BLOCK: Final = 1 << 18
_WORD: Final = 8


def mapped_array(path: Path, dtype: Any, shape: tuple[int, ...], *, offset: int = 0) -> Any:
    """Return a file's content as a read-only array; processes that map the same file share its memory.

    Raises:
        OSError: when the file cannot be opened.
        ValueError: when its size is not what the shape asks for.
    """
    wanted = offset + int(np.prod(shape)) * np.dtype(dtype).itemsize
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size != wanted:
            raise ValueError(f"must hold {wanted} bytes, has {size}")
        if wanted == offset:
            empty = np.empty(shape, dtype)
            empty.flags.writeable = False
            return empty
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(content, dtype, offset=offset).reshape(shape)


def release_rows(array: Any, start: int, stop: int) -> None:
    """Let the memory go that shows rows of a mapped array; reading them again maps them again.

    A pass over a panel larger than memory calls this behind itself. Arrays that are not mapped stay as they
    are.
    """
    content = array
    while isinstance(content, (np.ndarray, memoryview)):
        content = content.base if isinstance(content, np.ndarray) else content.obj
    if not isinstance(content, mmap.mmap) or not hasattr(content, "madvise"):
        return
    before = array.ctypes.data - np.frombuffer(content, np.uint8).ctypes.data
    width = array[:1].nbytes
    first = -((before + start * width) // -mmap.PAGESIZE) * mmap.PAGESIZE
    end = (before + stop * width) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > first:
        content.madvise(mmap.MADV_DONTNEED, first, end - first)


def checksum_of(array: Any) -> str:
    """Return the checksum of an array's bytes, padded with zeros to whole words, as hexadecimal digits."""
    column = _Checksum()
    column.add(np.ascontiguousarray(array))
    return column.hexdigest()


class _Checksum:
    """A checksum of bytes that come in pieces of any size."""

    def __init__(self) -> None:
        self._sum = 0
        self._words = 0
        self._rest = b""

    def add(self, array: Any) -> None:
        flat = array.reshape(-1).view(np.uint8)
        if self._rest:
            missing = _WORD - len(self._rest)
            self._rest += flat[:missing].tobytes()
            flat = flat[missing:]
            if len(self._rest) < _WORD:
                return
            self._take(np.frombuffer(self._rest, np.int64))
            self._rest = b""
        whole = flat.size - flat.size % _WORD
        words = flat[:whole]
        if words.ctypes.data % _WORD:
            words = words.copy()
        self._take(words.view(np.int64))
        self._rest = flat[whole:].tobytes()

    def hexdigest(self) -> str:
        if self._rest:
            self._take(np.frombuffer(self._rest.ljust(_WORD, b"\0"), np.int64))
            self._rest = b""
        return f"{self._sum % 2**64:016x}"

    def _take(self, words: Any) -> None:
        if words.size:
            view = words.view()
            view.flags.writeable = False
            self._sum = int(checksum_words(view, self._words, self._sum))
            self._words += words.size


class ColumnFile:
    """One column being written: values are appended, then the file is made durable."""

    def __init__(self, path: Path, dtype: Any) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.shape: tuple[int, ...] | None = None
        self._stream = path.open("wb")
        self._checksum = _Checksum()

    def append(self, values: Any) -> None:
        """Append rows; all pieces must have one shape but for their length.

        Raises:
            DataError: when they have not.
        """
        array = np.ascontiguousarray(values, self.dtype)
        shape = (0, *array.shape[1:]) if self.shape is None else self.shape
        if shape[1:] != array.shape[1:]:
            raise DataError(
                f"all parts of a panel store must have as many levels, had {shape[1:]} then {array.shape[1:]}"
            )
        self.shape = (shape[0] + array.shape[0], *shape[1:])
        flat = array.reshape(-1).view(np.uint8)
        for lo in range(0, flat.size, _BLOCK):
            self._checksum.add(flat[lo : lo + _BLOCK])
        self._stream.write(flat.data)

    def close(self) -> dict[str, Any]:
        """Make the file durable and return what the header says of it."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        return {
            "file": self.path.name,
            "dtype": self.dtype.str,
            "shape": list(self.shape or (0,)),
            "checksum": self._checksum.hexdigest(),
        }

    def abandon(self) -> None:
        """Close the file of a store that will never be used."""
        self._stream.close()
