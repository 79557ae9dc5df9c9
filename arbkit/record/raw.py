"""Frames as they came, with their receive time: zstd blocks, one per flush, in a file per venue and hour.

A line is `NANOSECONDS PAYLOAD`, for an answer over REST `URL -> SECONDS: PAYLOAD`: the lines that
`arbkit data ingest` reads in the raw logs of others, so that a dataset can be made anew from them. Each block
is a whole zstd frame: a file is its blocks one after another, and any zstd reader reads all of it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from arbkit.data.writer import RAW_FOLDER
from arbkit.units import HOUR_NS, SECOND_NS

__all__ = ["RawLog"]

_LIMIT: Final = 64 * 2**20


class RawLog:
    """The frames of one venue on their way to disk.

    Args:
        folder: the dataset's.
        venue: whose frames they are.
        rotate_ns: how much time a file holds.
    """

    def __init__(self, folder: Path, venue: str, rotate_ns: int = HOUR_NS) -> None:
        self._folder = folder / RAW_FOLDER / f"venue={venue}"
        self._rotate_ns = rotate_ns
        self._waiting = bytearray()
        self._first_ns = 0
        self.bytes_written = 0
        self.dropped = 0

    def take(self, ts: int, payload: bytes, origin: str = "") -> None:
        """Keep one frame until the next flush; beyond 64 MiB waiting it is dropped and counted."""
        waiting = self._waiting
        if len(waiting) > _LIMIT:
            self.dropped += 1
            return
        if not waiting:
            self._first_ns = ts
        if origin:
            waiting += f"{origin} -> {ts // SECOND_NS}.{ts % SECOND_NS:09d}: ".encode()
        else:
            waiting += b"%d " % ts
        waiting += payload.replace(b"\n", b" ") if b"\n" in payload else payload
        waiting += b"\n"

    def swap(self) -> tuple[int, bytearray]:
        """Hand over what waits: (stamp of its first frame, lines)."""
        block, self._waiting = (self._first_ns, self._waiting), bytearray()
        return block

    def write(self, first_ns: int, lines: bytearray) -> None:
        """Append a block and make it durable; may run beside `take` in another thread."""
        if not lines:
            return
        import pyarrow as pa

        packed = pa.compress(bytes(lines), codec="zstd", asbytes=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        start = first_ns // self._rotate_ns * self._rotate_ns
        name = datetime.fromtimestamp(start // SECOND_NS, tz=UTC).strftime("%Y-%m-%dT%H%M%S")
        path = self._folder / f"{name}.log.zst"
        size = path.stat().st_size if path.exists() else 0
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            done = os.write(handle, packed)
            while done < len(packed):
                done += os.write(handle, packed[done:])
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
        finally:
            os.close(handle)
        self.bytes_written += len(packed)
