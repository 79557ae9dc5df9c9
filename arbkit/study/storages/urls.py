"""The forms of a storage URL, and what may be shown of one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["MEMORY", "SQLITE", "WORKS", "redacted", "sqlite_file"]

MEMORY: Final = "memory://"
SQLITE: Final = "sqlite:///"
WORKS: Final = "sqlite:///studies/NAME.db, postgresql://USER:PASSWORD@HOST/DATABASE or memory://"


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for any other."""
    return Path(url.removeprefix(SQLITE).partition("?")[0]) if url.startswith(SQLITE) else None


def redacted(text: str) -> str:
    """Return a URL (or a text that holds one) without its password."""
    head, at, tail = text.rpartition("@")
    scheme, separator, rest = head.partition("://")
    if not at or not separator or ":" not in rest:
        return text
    return f"{scheme}://{rest.partition(':')[0]}:***@{tail}"
