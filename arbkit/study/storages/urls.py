"""The forms of a storage URL, and what may be shown of one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["DUCKDB", "JOURNAL", "MEMORY", "SQLITE", "WORKS", "file_of", "redacted", "sqlite_file", "url_of"]

MEMORY: Final = "memory://"
SQLITE: Final = "sqlite:///"
DUCKDB: Final = "duckdb:///"
JOURNAL: Final = "journal:///"
WORKS: Final = (
    "sqlite:///studies/NAME.db, duckdb:///studies/NAME.duckdb, journal:///studies/NAME.journal, "
    "postgresql://USER:PASSWORD@HOST/DATABASE, redis://HOST:PORT/DB or memory://"
)
_ENDINGS: Final = {
    ".db": SQLITE,
    ".sqlite": SQLITE,
    ".sqlite3": SQLITE,
    ".duckdb": DUCKDB,
    ".journal": JOURNAL,
}
#: A password as an option of the URL, or as libpq says it in a message.
_PASSWORD: Final = re.compile(r"(password=)[^&\s]+")


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for any other."""
    return file_of(url) if url.startswith(SQLITE) else None


def file_of(url: str) -> Path | None:
    """Return the file that a URL names; None for a server and for memory."""
    for scheme in (SQLITE, DUCKDB, JOURNAL):
        if url.startswith(scheme):
            return Path(url.removeprefix(scheme).partition("?")[0])
    return None


def url_of(file: Path) -> str | None:
    """Return the URL of a storage file by its ending; None where the ending says nothing."""
    scheme = _ENDINGS.get(file.suffix.lower())
    return None if scheme is None else f"{scheme}{file.as_posix()}"


def redacted(text: str) -> str:
    """Return a URL (or a text that holds one) without its password."""
    text = _PASSWORD.sub(r"\1***", text)
    head, at, tail = text.rpartition("@")
    scheme, separator, rest = head.partition("://")
    if not at or not separator or ":" not in rest:
        return text
    return f"{scheme}://{rest.partition(':')[0]}:***@{tail}"
