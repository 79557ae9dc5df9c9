"""Storages that are a log of operations, in Optuna's own format: a file, or a Redis server.

Optuna's backends of the same format open them too. Ours mend what a kill leaves (half a line at the end of a
file; a lock file that nobody holds) and talk to Redis once for many operations.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from arbkit.errors import MissingDependencyError, StorageError
from arbkit.study.block import WHOLE, Parts, TrialBlock
from arbkit.study.storages._journal_lines import lines_of_block
from arbkit.study.storages.blocks import BlockStorage, block_of, taken
from arbkit.study.storages.urls import redacted

__all__ = ["ArbkitJournal", "FileLog", "RedisLog", "open_journal", "open_redis"]

#: Operations fetched from Redis, or sent to it, at once.
_AT_ONCE: Final = 2_000
#: How long an answer of Redis may take.
_ANSWER_S: Final = 60
#: Optuna's keys with its default prefix, which is empty.
_COUNT, _ENTRY = ":log_number", ":log:"
_APPEND: Final = """
    redis.call('setnx', KEYS[1], -1)
    local expected = table.remove(ARGV, 1)
    if expected ~= '' and redis.call('get', KEYS[1]) ~= expected then
        return 0
    end
    for _, entry in ipairs(ARGV) do
        redis.call('set', ':log:' .. string.format('%d', redis.call('incr', KEYS[1])), entry)
    end
    return 1
"""


class FileLog(BaseJournalBackend):
    """A file with one operation per line; several processes may append to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        #: Offset in the file of the operation that is to be read next, and its number.
        self._next = (0, 0)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the operations from a number on, whole ones only."""
        number, offset = self._next if self._next[0] <= log_number_from else (0, 0)
        with self._path.open("rb") as stream:
            if stream.seek(0, os.SEEK_END) < offset:
                raise _shrunk(str(self._path))
            stream.seek(offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                number, offset = number + 1, offset + len(line)
                if number > log_number_from:
                    yield self._parsed(line, number)
                self._next = (number, offset)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append operations; they are on disk when this returns."""
        self.append_lines([json.dumps(item, separators=(",", ":")) for item in logs])

    def append_lines(self, lines: Sequence[str], after: int | None = None) -> bool:
        """Append operations that are JSON already.

        Args:
            lines: one operation each; where they do not fit on the disk none is kept.
            after: how many operations there must be; the ones that were read last.

        Returns:
            Whether they were appended: not where another process has appended something.
        """
        try:
            with self._path.open("r+b", buffering=0) as stream, _alone(stream):
                end = _cut_half_a_line(stream)
                if after is not None and (after, end) != self._next:
                    return False
                try:
                    _write_all(stream, "".join(f"{line}\n" for line in lines).encode())
                    os.fsync(stream.fileno())
                except OSError:
                    stream.truncate(end)
                    raise
                return True
        except OSError as error:
            raise StorageError(
                f"the study storage must be writable, {str(self._path)!r} is not: {error}; nothing stored "
                "was changed, mend it and run `arbkit study resume`"
            ) from error

    def lines(self) -> Iterator[bytes]:
        """Yield the operations as they are stored."""
        with self._path.open("rb") as stream:
            yield from (line for line in stream if line.endswith(b"\n"))

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            found = json.loads(line)
            if not isinstance(found, dict) or "op_code" not in found:
                raise ValueError("it is no operation of Optuna's")
        except ValueError as error:
            raise StorageError(
                f"a journal must hold one operation per line, line {number} of {str(self._path)!r} does not: "
                f"{error}; it was left untouched"
            ) from error
        return found


class RedisLog(BaseJournalBackend):
    """A Redis database with one operation per key, under Optuna's default keys."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connect()

    def _connect(self) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        # A write whose answer was lost must not be sent again: whoever stores looks first what is there.
        never = Retry(NoBackoff(), 0)
        self._redis = redis.Redis.from_url(
            self._url, socket_connect_timeout=5, socket_timeout=_ANSWER_S, retry=never
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"_url": self._url}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._connect()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the operations from a number on."""
        return map(json.loads, self._entries(log_number_from))

    def _entries(self, log_number_from: int) -> Iterator[bytes]:
        last = int(self._redis.get(_COUNT) or -1)
        if last + 1 < log_number_from:
            raise _shrunk(redacted(self._url))
        for start in range(log_number_from, last + 1, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, last + 1))
            entries: Any = self._redis.mget([f"{_ENTRY}{number}" for number in numbers])
            for number, entry in zip(numbers, entries, strict=True):
                if entry is None:
                    raise StorageError(
                        f"a journal must be whole, operation {number} of {last + 1} is missing in "
                        f"{redacted(self._url)!r}; copy the study from a backup"
                    )
                yield entry

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append operations."""
        self.append_lines([json.dumps(item) for item in logs])

    def append_lines(self, lines: Sequence[str], after: int | None = None) -> bool:
        """Append operations that are JSON already, `_AT_ONCE` of them or none.

        Args:
            lines: one operation each.
            after: how many operations there must be.

        Returns:
            Whether they were appended: not where another process has appended something.
        """
        for start in range(0, len(lines), _AT_ONCE):
            expected = "" if after is None else str(after - 1 + start)
            if not self._redis.eval(_APPEND, 1, _COUNT, expected, *lines[start : start + _AT_ONCE]):
                return False
        return True

    def lines(self) -> Iterator[bytes]:
        """Yield the operations as they are stored."""
        return self._entries(0)


class ArbkitJournal(JournalStorage, BlockStorage):
    """Optuna's journal storage, with many trials stored and read at once."""

    def __init__(self, log: FileLog | RedisLog) -> None:
        super().__init__(log)
        self._log = log

    def append_block(self, study_id: int, block: TrialBlock) -> None:
        """Store trials under the numbers they have."""
        with self._thread_lock:
            lines = lines_of_block(study_id, self._replay_result.worker_id, block)
            while True:
                self._sync_with_backend()
                self._replay_result.get_study(study_id)  # A deleted one keeps its trials here.
                stored = len(self._replay_result._study_id_to_trial_ids[study_id])
                if stored != block.first:
                    raise taken(block.first, f"{stored} are stored")
                if self._log.append_lines(lines, self._replay_result.log_number_read):
                    return

    def read_block(self, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
        """Return all trials of a study as columns, always with all of their parts."""
        objectives = len(self.get_study_directions(study_id))
        return block_of(self.get_all_trials(study_id, deepcopy=False), objectives)


def open_journal(url: str, path: Path, create: bool) -> ArbkitJournal:
    """Open a journal file; see `open_storage`."""
    if not path.name:
        raise StorageError(f"a storage URL must name a file, journal:///studies/NAME.journal, was {url!r}")
    if path.exists() and not path.is_file():
        raise StorageError(f"a study storage must be a file, {str(path)!r} is not")
    if not path.exists():
        if not create:
            raise StorageError(
                f"a study storage must exist, {str(path)!r} does not; `arbkit study ls` lists what is there"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise StorageError(
                f"the folder of a storage must be writable, {str(path.parent)!r} is not: {error}"
            ) from error
    return ArbkitJournal(FileLog(path))


def open_redis(url: str) -> ArbkitJournal:
    """Open a Redis database; see `open_storage`."""
    try:
        import redis  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "a redis:// storage needs a package that is not installed: pip install redis"
        ) from error
    try:
        return ArbkitJournal(RedisLog(url))
    except ValueError as error:
        raise StorageError(
            f"a storage URL must be redis://HOST:PORT/DB, was {redacted(url)!r}: {error}"
        ) from error


@contextmanager
def _alone(stream: Any) -> Iterator[None]:
    """Append alone; the lock ends with the process that holds it."""
    if os.name == "posix":
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX)
    yield


def _shrunk(place: str) -> StorageError:
    return StorageError(
        f"a journal must not shrink while it is used, {place!r} has fewer operations than were read; "
        "put it back from a backup, or run the spec again in another storage"
    )


def _cut_half_a_line(stream: Any) -> int:
    """Go to the end, without what a killed process wrote of a line; return where that is."""
    end = int(stream.seek(0, os.SEEK_END))
    if not end:
        return end
    stream.seek(end - 1)
    if stream.read(1) == b"\n":
        return end
    stream.seek(0)
    whole = int(stream.read().rfind(b"\n")) + 1
    stream.truncate(whole)
    stream.seek(whole)
    return whole


def _write_all(stream: Any, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]
