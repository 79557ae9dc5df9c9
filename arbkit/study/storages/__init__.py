"""Where studies are kept: a URL to an Optuna storage, opened without harm to what is already there.

    sqlite:///FILE                      the default; a file in Optuna's own schema
    postgresql://USER:PASSWORD@HOST/DB  a server, in the same schema; needs psycopg
    memory://                           nothing is kept

SQLite and PostgreSQL studies are plain Optuna studies: `optuna.load_study` and optuna-dashboard open them.
"""

from __future__ import annotations

from arbkit.study.storages.faults import storage_errors
from arbkit.study.storages.lock import run_lock
from arbkit.study.storages.opening import close_storage, open_storage
from arbkit.study.storages.urls import MEMORY, redacted, sqlite_file
from arbkit.study.storages.writing import append_trials

__all__ = [
    "MEMORY",
    "append_trials",
    "close_storage",
    "open_storage",
    "redacted",
    "run_lock",
    "sqlite_file",
    "storage_errors",
]
