"""The forms of a storage URL, and what may be shown of one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from arbkit.errors import StorageError

__all__ = [
    "DUCKDB",
    "JOURNAL",
    "MEMORY",
    "POSTGRESQL",
    "REDIS",
    "SQLITE",
    "WORKS",
    "aside_folder",
    "file_of",
    "redacted",
    "same_server",
    "sqlite_file",
    "url_of",
]

MEMORY: Final = "memory://"
SQLITE: Final = "sqlite:///"
DUCKDB: Final = "duckdb:///"
JOURNAL: Final = "journal:///"
POSTGRESQL: Final = ("postgresql://", "postgresql+psycopg://", "postgres://")
REDIS: Final = ("redis://", "rediss://")
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
#: A lock beside the file has its name, and that of the study.
_LONGEST: Final = 120
#: A password as an option of the URL, or as libpq says it in a message.
_PASSWORD: Final = re.compile(r"(password=)[^&\s]+")


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for any other."""
    return file_of(url) if url.startswith(SQLITE) else None


def file_of(url: str) -> Path | None:
    """Return the file that a URL names; None for a server and for memory.

    Raises:
        StorageError: for a name that no file can have, with what stands beside it.
    """
    for scheme in (SQLITE, DUCKDB, JOURNAL):
        if url.startswith(scheme):
            path = Path(url.removeprefix(scheme).partition("?")[0])
            if len(os.fsencode(path.name)) > _LONGEST or "\0" in url:
                raise StorageError(
                    f"the file of a storage must have a name of at most {_LONGEST} bytes, none of them NUL, "
                    f"was {path.name!r}"
                )
            return path
    return None


def url_of(file: Path) -> str | None:
    """Return the URL of a storage file by its ending; None where the ending says nothing."""
    scheme = _ENDINGS.get(file.suffix.lower())
    return None if scheme is None else f"{scheme}{file.as_posix()}"


def aside_folder(name: str) -> Path:
    """Return where the trials of a study are kept while its server is away."""
    return Path("studies") / f"{name}.aside"


def same_server(url: str) -> str:
    """Return one text for every way to write the URL of a database on a server, without its user's name.

    `localhost` and 127.0.0.1 are one, a port or a database that is left out is the usual one.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    options = parse_qs(parts.query)
    host = parts.hostname or options.get("host", ["localhost"])[0]
    host = "localhost" if host in ("127.0.0.1", "::1") else host
    if url.startswith(POSTGRESQL):
        database = parts.path.strip("/") or options.get("dbname", [parts.username or ""])[0]
        return f"postgresql://{host}:{port or options.get('port', [5432])[0]}/{database}"
    database = parts.path.strip("/") or options.get("db", ["0"])[0]
    return f"redis://{host}:{port or 6379}/{database}"


def redacted(text: str) -> str:
    """Return a URL (or a text that holds one) without its password."""
    text = _PASSWORD.sub(r"\1***", text)
    head, at, tail = text.rpartition("@")
    scheme, separator, rest = head.partition("://")
    if not at or not separator or ":" not in rest:
        return text
    return f"{scheme}://{rest.partition(':')[0]}:***@{tail}"
