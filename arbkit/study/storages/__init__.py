"""Where studies are kept: a URL to an Optuna storage, opened without harm to what is already there.

    sqlite:///FILE                      the default; a file in Optuna's own schema
    postgresql://USER:PASSWORD@HOST/DB  a server, in the same schema; needs psycopg
    duckdb:///FILE                      a file with one row per trial, for SQL; one process at a time
    journal:///FILE                     a log of operations in Optuna's format; also on network drives
    redis://HOST:PORT/DB                the same log on a server; needs redis
    memory://                           nothing is kept

SQLite and PostgreSQL studies are plain Optuna studies: `optuna.load_study` and optuna-dashboard open them.
Whoever only looks takes a `Reader`, which does without Optuna; names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.study.storages.blocks import BlockStorage
    from arbkit.study.storages.faults import storage_errors
    from arbkit.study.storages.opening import close_storage, open_storage
    from arbkit.study.storages.reading import Reader, StorageReader, StoredStudy, open_reader
    from arbkit.study.storages.urls import (
        MEMORY,
        POSTGRESQL,
        REDIS,
        file_of,
        redacted,
        same_server,
        sqlite_file,
        url_of,
    )
    from arbkit.study.storages.writing import append_block, append_trials, count_trials, read_block

__all__ = [
    "MEMORY",
    "POSTGRESQL",
    "REDIS",
    "BlockStorage",
    "Reader",
    "StorageReader",
    "StoredStudy",
    "append_block",
    "append_trials",
    "close_storage",
    "count_trials",
    "file_of",
    "open_reader",
    "open_storage",
    "read_block",
    "redacted",
    "same_server",
    "sqlite_file",
    "storage_errors",
    "url_of",
]

_MODULES: Final = {
    "blocks": ("BlockStorage",),
    "faults": ("storage_errors",),
    "opening": ("close_storage", "open_storage"),
    "reading": ("Reader", "StorageReader", "StoredStudy", "open_reader"),
    "urls": (
        "MEMORY",
        "POSTGRESQL",
        "REDIS",
        "file_of",
        "redacted",
        "same_server",
        "sqlite_file",
        "url_of",
    ),
    "writing": ("append_block", "append_trials", "count_trials", "read_block"),
}

__getattr__ = lazy_names(
    __name__, {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}
)


def __dir__() -> list[str]:
    return __all__
