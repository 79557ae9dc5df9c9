"""One process at a time leads a study; others on this machine find it and help.

The lease is a locked file, beside that of the storage or in a folder of the user's own. The operating system
lets go of it when its holder ends, however it ends, so a killed leader leaves nothing to clear away. The file
says where the leader can be reached.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from arbkit.errors import StorageError
from arbkit.study.storages import MEMORY, file_of, same_server

try:
    import fcntl
except ImportError:  # pragma: no cover - only where there is no POSIX file lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["Lease", "Meeting", "find_leader", "is_led", "lease_file", "private_folder", "take_lease"]


class Meeting(NamedTuple):
    """Where a leader can be reached: the path of its socket, and the key that proves who asks."""

    address: str
    key: bytes


class Lease:
    """The right to run a study, until it is closed or the process ends.

    Args:
        path: of the locked file; None where nobody else can run the study.
        handle: the open file, -1 without one.
    """

    def __init__(self, path: Path | None, handle: int = -1) -> None:
        self.path = None if path is None else path.absolute()
        self._handle = handle

    def publish(self, meeting: Meeting) -> None:
        """Let others find the leader."""
        text = json.dumps({"address": meeting.address, "key": meeting.key.hex()}).encode()
        try:
            os.pwrite(self._handle, text, 0)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Let go; the file goes too."""
        if self._handle >= 0 and self.path is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._handle)
        self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def take_lease(url: str, name: str) -> Lease | None:
    """Take the lease of a study; None when another process has it.

    Raises:
        StorageError: when the file cannot be made.
    """
    path = lease_file(url, name)
    if path is None:
        return Lease(None)
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return None
        if _is_still(path, handle):
            os.ftruncate(handle, 0)
            return Lease(path, handle)
        os.close(handle)  # The last holder removed it between our opening and locking it.


def is_led(url: str, name: str) -> bool:
    """Tell whether another process leads a study."""
    path = lease_file(url, name)
    if path is None or not path.exists():
        return False
    lease = take_lease(url, name)
    if lease is None:
        return True
    lease.close()
    return False


def find_leader(url: str, name: str) -> Meeting | None:
    """Return where the leader of a study can be reached, None when it does not say (yet)."""
    path = lease_file(url, name)
    if path is None:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError):
        found = json.loads(path.read_bytes())
        return Meeting(found["address"], bytes.fromhex(found["key"]))
    return None


def private_folder() -> Path:
    """Return a folder that only this user can enter.

    Raises:
        StorageError: when somebody else made it.
    """
    folder = Path(tempfile.gettempdir()) / f"arbkit-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StorageError(f"{str(folder)!r} must belong to this user alone; remove it, or set TMPDIR")
    return folder


def lease_file(url: str, name: str) -> Path | None:
    """Return the file that is locked while a study runs; None where nobody else can run it."""
    if url == MEMORY or fcntl is None:
        return None
    file = file_of(url)
    if file is not None:
        return file.parent / f".{file.name}.{name}.lock"
    digest = hashlib.blake2b(f"{same_server(url)}#{name}".encode(), digest_size=12).hexdigest()
    return private_folder() / f"{digest}.lock"


def _unwritable(path: Path | None, error: OSError) -> StorageError:
    return StorageError(f"the lock of a study must be writable, {str(path)!r} is not: {error.strerror}")


def _is_still(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
