"""The journal of a run: one JSON object per line, only ever appended to, each line with its checksum.

What must outlive the machine before something is done goes into a small file beside the journal too, which
the disk takes sooner, and comes from there when the journal is opened again.

A process that is killed may leave a last line that was cut off; it is dropped when the journal is read or
opened again. Any other damage is an error: what a run did must not be guessed.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import numpy as np

from arbkit._typing import PathLike
from arbkit.errors import DataError, StorageError
from arbkit.live.ahead import WriteAhead

__all__ = ["Journal", "plain_record", "read_journal"]

_HEAD: Final = b'{"seq":'
_CRC: Final = b',"crc":"'
#: Bytes after which lines wait for the journal itself to be put onto the disk.
_MOST_WAITING: Final = 1 << 20
_TAIL: Final = len(_CRC) + 8 + 2  # the checksum, a quote, a brace


def _encoded(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"a journal holds no {type(value).__name__}")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_encoded)


class Journal:
    """Appends to a journal; one process at a time, which the run's lock sees to.

    Args:
        path: the file; it is made where it does not exist.
        clock: nanoseconds since the epoch.

    Raises:
        DataError: when a line other than the last is damaged.
    """

    def __init__(self, path: PathLike, *, clock: Callable[[], int] = time.time_ns) -> None:
        self.path = Path(path)
        self._clock = clock
        whole, self._seq = _whole_bytes(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self._file, whole)
        self._beside = self.path.with_name(self.path.name + ".ahead")
        self._ahead: WriteAhead | None = None
        self._waiting: bytearray | None = None
        self._behind = False
        #: What is wrong, once something of the run could not be written: then nothing more is.
        self.broken: StorageError | None = None
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._take_up()

    def _take_up(self) -> None:
        """Append what is on the disk beside the journal and, after a power cut, not in it."""
        for line in WriteAhead.lines(self._beside):
            record = _parsed(line[:-1])
            if record is None:
                break
            if record["seq"] == self._seq + 1:
                self._put(line)
                self._seq += 1
        os.fsync(self._file)
        self._beside.unlink(missing_ok=True)

    def fail(self, error: OSError, path: Path) -> NoReturn:
        """Write nothing more, since something of the run could not be written.

        A line may have been cut off; after another one it would be damage.

        Raises:
            StorageError: with what to do, now and whenever something is to be written.
        """
        if self.broken is None:
            self.broken = StorageError(
                f"the folder of a run must be writable, {path} is not: {error.strerror or error}; the run "
                "ends and sends nothing more. Make room and start it again: venues are asked about its orders"
            )
        raise self.broken from error

    @property
    def seq(self) -> int:
        """The number of the last line."""
        return self._seq

    def append(self, kind: str, *, sync: bool = False, **fields: Any) -> int:
        """Write one line and return its number.

        Args:
            kind: what it is.
            sync: return only once it is on the disk, as an order must before it is sent.
            fields: what it says; `ts` is the time unless given.
        """
        return self.extend([(kind, fields)], sync=sync)

    def extend(self, lines: list[tuple[str, dict[str, Any]]], *, sync: bool = False) -> int:
        """Write several lines at once, so that all or none outlive the process."""
        if self.broken is not None:
            raise self.broken
        text = b""
        for kind, fields in lines:
            self._seq += 1
            head = {"seq": self._seq, "ts": fields.pop("ts", None) or self._clock(), "kind": kind}
            text += _line(_ENCODER.encode(head | fields))
        self._put(text)
        if self._waiting is not None:
            with self._lock:
                self._waiting += text
                if len(self._waiting) > _MOST_WAITING:
                    self._waiting.clear()
                    self._behind = True
        if sync:
            self.sync()
        return self._seq

    def _put(self, text: bytes) -> None:
        try:
            while text:
                text = text[os.write(self._file, text) :]
        except OSError as error:
            self.fail(error, self.path)

    def sync(self) -> None:
        """Put everything written onto the disk; may be called from other threads.

        The first time it takes longer: a file is made that the disk takes lines into sooner than here.
        """
        with self._syncing:
            try:
                self._sync()
            except OSError as error:
                self.fail(error, self.path)

    def _sync(self) -> None:
        if self._file < 0:
            return
        if self._ahead is None:
            self._waiting = bytearray()
            self._ahead = WriteAhead(self._beside)
            os.fdatasync(self._file)
            return
        with self._lock:
            text, self._waiting = bytes(self._waiting or b""), bytearray()
            behind, self._behind = self._behind, False
        if behind or (text and not self._ahead.put(text)):
            os.fdatasync(self._file)
            self._ahead.start_over()

    def settle(self) -> None:
        """Put the journal itself onto the disk, whatever is beside it.

        Raises:
            OSError: when the disk does not take it.
        """
        if self._file >= 0:
            os.fdatasync(self._file)

    def has_fill(self, venue: str, symbol: str, trade_id: str) -> bool:
        """Tell whether a fill was written; the whole file is looked through, from its end."""
        mark = b'"trade_id":' + msgspec.json.encode(trade_id)
        wanted = ("fill", venue, symbol, trade_id)
        with (
            self.path.open("rb") as file,
            contextlib.suppress(ValueError),  # what is empty cannot be mapped
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text,
        ):
            at = text.rfind(mark)
            while at >= 0:
                begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
                record = _parsed(text[begin:end]) or {}
                if tuple(record.get(name) for name in ("kind", "venue", "symbol", "trade_id")) == wanted:
                    return True
                at = text.rfind(mark, 0, at)
        return False

    def close(self) -> None:
        """Put everything onto the disk and close the file; idempotent."""
        if self._file >= 0:
            with self._syncing:
                if self.broken is None:
                    os.fsync(self._file)
                if self._ahead is not None:
                    self._ahead.close() if self.broken is None else self._ahead.leave()
                os.close(self._file)
                self._file = -1


def read_journal(path: PathLike, *kinds: str, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the records of a journal in order; a last line that was cut off is not one.

    Args:
        path: the file.
        kinds: only these; all by default.
        after: only lines with a greater number.

    Raises:
        DataError: when the file cannot be read or a line other than the last is damaged.
    """
    wanted = tuple(b'"kind":"%s"' % kind.encode() for kind in kinds)
    for body in _bodies(Path(path)):
        # The head is `"seq":...,"ts":...,"kind":"..."`, so that lines of other kinds need not be decoded.
        if wanted and not body.startswith(wanted, body.find(b'"kind":')):
            continue
        if after and int(body[len(_HEAD) : body.index(b",")]) <= after:
            continue
        record: dict[str, Any] = msgspec.json.decode(body)
        yield record


def _line(body: bytes) -> bytes:
    return body[:-1] + _CRC + b"%08x" % zlib.crc32(body) + b'"}\n'


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line without its end, or None where it is damaged."""
    body = _body(line)
    record: dict[str, Any] | None = None if body is None else msgspec.json.decode(body)
    return record


def _body(line: bytes) -> bytes | None:
    """Return the JSON of a line without its end, or None where it is damaged."""
    body, mark = line[:-_TAIL] + b"}", line[-_TAIL:]
    return body if mark[:-10] == _CRC and mark[-10:-2] == b"%08x" % zlib.crc32(body) else None


def _bodies(path: Path) -> Iterator[bytes]:
    """Yield the JSON of each line; nothing that is not asked for has to be read."""
    try:
        with path.open("rb") as file:
            bad = 0
            for number, line in enumerate(file, 1):
                if bad:
                    raise DataError(f"{path}: line {bad} is damaged; a journal is only ever appended to")
                body = _body(line[:-1]) if line.endswith(b"\n") else None
                if body is None:
                    bad = number
                else:
                    yield body
    except OSError as error:
        raise DataError(f"a journal must be readable, {path} is not: {error.strerror}") from error


def _whole_bytes(path: Path) -> tuple[int, int]:
    """Return how many bytes of a journal are whole lines, and the number of the last one."""
    if not path.exists():
        return 0, 0
    size, last = 0, b""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            body = _body(line[:-1]) if line.endswith(b"\n") else None
            if body is None:
                if file.readline():
                    raise DataError(f"{path}: line {number} is damaged; a journal is only ever appended to")
                break
            size, last = size + len(line), body
    return size, int(msgspec.json.decode(last)["seq"]) if last else 0


def plain_record(record: Any) -> dict[str, Any]:
    """Return a numpy record by field name; NaN as None, so that it is JSON."""
    names = record.dtype.names
    values = {name: record[name].item() for name in names}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
