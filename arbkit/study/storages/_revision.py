"""Optuna's tables in a SQLite file, made and recognised without Alembic."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import optuna
import sqlalchemy
from optuna.storages import _rdb
from optuna.storages._rdb import models
from sqlalchemy.schema import CreateIndex, CreateTable

__all__ = ["REVISION", "create_tables", "is_newest_revision", "stored_revision"]

#: The newest tables that this code knows, as Alembic names them.
REVISION: Final = "v3.2.0.a"
_ALEMBIC: Final = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


@cache
def is_newest_revision() -> bool:
    """Whether this Optuna has no newer tables than those known here."""
    folder = Path(_rdb.__file__).parent / "alembic" / "versions"
    found = max((file.stem for file in folder.glob("v*.py")), default="")
    return found.rstrip("_") == REVISION and models.SCHEMA_VERSION == 12


def stored_revision(engine: sqlalchemy.Engine) -> str | None:
    """Return the revision of the tables in a file, None where it does not say."""
    with engine.connect() as connection:
        if not sqlalchemy.inspect(connection).has_table("alembic_version"):
            return None
        found: Any = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return found if found is None else str(found)


def create_tables(engine: sqlalchemy.Engine) -> None:
    """Make the tables in an empty file, all of them or none; a file that holds any is left alone."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        if not cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for table in models.BaseModel.metadata.sorted_tables:
                cursor.execute(str(CreateTable(table).compile(engine)))
                for index in sorted(table.indexes, key=lambda item: str(item.name)):
                    cursor.execute(str(CreateIndex(index).compile(engine)))
            cursor.execute(_ALEMBIC)
            cursor.execute("INSERT INTO alembic_version VALUES (?)", (REVISION,))
            version = (1, models.SCHEMA_VERSION, optuna.__version__)
            columns = "version_info_id, schema_version, library_version"
            cursor.execute(f"INSERT INTO version_info ({columns}) VALUES (?, ?, ?)", version)
        connection.commit()
    finally:
        connection.close()
