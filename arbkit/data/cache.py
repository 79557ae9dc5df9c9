"""The cache of files and folders that can always be made again, such as joined panels.

It lives in `.arbkit-cache` under the working folder, or where the environment variable `ARBKIT_CACHE_DIR`
says. An entry's name is the hash of everything its content depends on, so nothing in it is ever out of date:
what changed has another name, and what is left over is only worth its space.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from arbkit.errors import DataError

__all__ = ["CacheEntry", "cache_dir", "cache_key", "cached_path", "clear_cache", "list_cache"]

_ENVIRONMENT: Final = "ARBKIT_CACHE_DIR"
_DEFAULT: Final = ".arbkit-cache"
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_OURS: Final = re.compile(r"\.?[0-9a-f]{32}(\..*)?")


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One cached file or folder: its kind, path, size in bytes and time of making."""

    kind: str
    path: Path
    bytes: int
    made: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as plain values."""
        return {"kind": self.kind, "path": str(self.path), "bytes": self.bytes, "made": self.made.isoformat()}


def cache_dir() -> Path:
    """Return the cache folder; it need not exist."""
    return Path(os.environ.get(_ENVIRONMENT) or _DEFAULT)


def cache_key(*parts: Any) -> str:
    """Return the hash of everything an entry depends on: plain values, lists and dicts of them."""
    text = json.dumps(parts, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def cached_path(kind: str, key: str) -> Path:
    """Return where the entry of this kind and key lives; the folder above is made, the entry need not exist.

    Raises:
        DataError: when the cache folder cannot be made.
    """
    folder = cache_dir() / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder}: the cache folder cannot be made: {error.strerror}; set {_ENVIRONMENT} to a folder "
            "you may write to"
        ) from error
    return folder / key


def list_cache(kind: str | None = None) -> list[CacheEntry]:
    """Return what is cached, the newest first."""
    entries = [_entry(path) for path in _files(kind) if _NAME.fullmatch(path.name)]
    return sorted(entries, key=lambda entry: entry.made, reverse=True)


def clear_cache(kind: str | None = None) -> list[CacheEntry]:
    """Remove what is cached (of one kind, or all) and return it; files of others are left alone."""
    removed = []
    for path in list(_files(kind)):
        removed.append(_entry(path))
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return removed


def _files(kind: str | None) -> Iterator[Path]:
    for path in sorted(cache_dir().glob(f"{kind or '*'}/*")):
        if _OURS.fullmatch(path.name):
            yield path


def _entry(path: Path) -> CacheEntry:
    status = path.stat()
    made = datetime.fromtimestamp(status.st_mtime, tz=UTC)
    files = [item for item in path.rglob("*") if item.is_file()] if path.is_dir() else [path]
    return CacheEntry(path.parent.name, path, sum(item.stat().st_size for item in files), made)
