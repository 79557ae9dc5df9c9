"""Finding the files that a spec names and reading their bytes, whatever they are packed in."""

from __future__ import annotations

import glob
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from arbkit.errors import DataError, nearest_names

__all__ = ["Source", "find_sources", "text_blocks"]

_BLOCK: Final = 16 * 2**20
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Source:
    """One readable file; `member` is its name inside a zip."""

    path: Path
    member: str = ""

    @property
    def label(self) -> str:
        """How messages and the quarantine call it: its name, without the folder."""
        return f"{self.path.name}:{self.member}" if self.member else self.path.name

    @property
    def is_parquet(self) -> bool:
        """Whether the file says it is Parquet."""
        return (self.member or self.path.name).lower().endswith((".parquet", ".pq"))

    def open(self, advance: Callable[[int], None] | None = None) -> BinaryIO:
        """Open for reading, unpacked; `advance` is told of bytes read from disk."""
        raw = cast("BinaryIO", io.BufferedReader(_Counted(self.path, advance), 2**20))
        if self.member:
            archive = zipfile.ZipFile(raw)
            return cast("BinaryIO", archive.open(self.member))
        kind = _packed_by(self.path)
        if kind == "gzip":
            return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
        return _unpacked_zstd(raw) if kind == "zstd" else raw


def find_sources(patterns: Sequence[str]) -> list[Source]:
    """Turn paths and patterns into sources, in the order given; members of a zip in the order of the zip.

    Raises:
        DataError: when a file is missing, empty, or no zip although it says so.
    """
    found: list[Source] = []
    for pattern in patterns:
        path = Path(pattern).expanduser()
        paths = [path] if path.exists() else [Path(item) for item in sorted(glob.glob(str(path)))]  # noqa: PTH207
        if not paths:
            raise DataError(_missing(path))
        for path in paths:
            found.extend(_sources_of(path))
    return found


def text_blocks(stream: BinaryIO, source: Source) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, whole lines as one text without the last line end), bounded in size.

    Lines end with a line feed; carriage returns before it and a byte order mark are taken away.

    Raises:
        DataError: when the packing is damaged or cut off.
    """
    number, rest, first = 1, b"", True
    while True:
        try:
            block = stream.read(_BLOCK)
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            raise DataError(f"{source.path}: damaged or cut off: {error}; fetch the file again") from error
        if first:
            block, first = block.removeprefix(_BOM), False
        if not block:
            break
        whole, found, tail = block.rpartition(b"\n")
        if not found:
            rest += block
            continue
        text, rest = rest + whole, tail
        yield number, text.replace(b"\r\n", b"\n").removesuffix(b"\r")
        number += text.count(b"\n") + 1
    if rest:
        yield number, rest.removesuffix(b"\r")


def _sources_of(path: Path) -> list[Source]:
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name files, or a pattern such as {path}/*.csv")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    if path.suffix.lower() != ".zip":
        return [Source(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item.filename for item in archive.infolist() if not item.is_dir()]
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: is no complete zip file: {error}; fetch the file again") from error
    return [Source(path, member) for member in members]


def _missing(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: no such file; the folder {folder} does not exist either"
    names = [item.name for item in folder.iterdir()] or ["(the folder is empty)"]
    return f"{path}: no such file; {nearest_names(path.name, names)}"


def _packed_by(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(4)
    return "gzip" if start[:2] == b"\x1f\x8b" else "zstd" if start == b"\x28\xb5\x2f\xfd" else ""


def _unpacked_zstd(raw: BinaryIO) -> BinaryIO:
    import pyarrow as pa

    return cast("BinaryIO", pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"))


class _Counted(io.RawIOBase):
    """A file that tells how many bytes were read from it."""

    def __init__(self, path: Path, advance: Callable[[int], None] | None) -> None:
        self._file = path.open("rb", buffering=0)
        self._advance = advance

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: object) -> int:
        count = self._file.readinto(buffer)  # type: ignore[arg-type]
        if self._advance is not None and count:
            self._advance(count)
        return count or 0

    def close(self) -> None:
        self._file.close()
        super().close()
