"""What is made without Alembic is what Optuna makes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import RDBStorage

from arbkit.study.storages import close_storage, open_storage
from arbkit.study.storages._revision import REVISION, is_newest_revision


def _made(file: Path) -> tuple[set[Any], list[Any], list[Any]]:
    with closing(sqlite3.connect(file)) as connection:
        made = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        words = {(kind, name, table, "".join((sql or "").split())) for kind, name, table, sql in made}
        revision = connection.execute("SELECT * FROM alembic_version").fetchall()
        return words, revision, connection.execute("SELECT * FROM version_info").fetchall()


def test_a_new_file_is_the_one_optuna_makes(tmp_path: Path) -> None:
    close_storage(open_storage(f"sqlite:///{tmp_path}/ours.db", create=True))
    plain = RDBStorage(f"sqlite:///{tmp_path}/plain.db")
    plain.engine.dispose()

    assert _made(tmp_path / "ours.db") == _made(tmp_path / "plain.db")


def test_the_revision_is_the_newest_of_this_optuna(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/x.db", create=True)
    assert isinstance(storage, RDBStorage)

    assert is_newest_revision()
    assert storage.get_head_version() == REVISION
    assert storage.get_current_version() == REVISION
    close_storage(storage)


@pytest.mark.parametrize("revision", ["v2.6.0.a", None])
def test_older_tables_are_left_to_optuna(revision: str | None, tmp_path: Path) -> None:
    RDBStorage(f"sqlite:///{tmp_path}/x.db").engine.dispose()
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
        if revision is not None:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))

    if revision is None:
        storage = open_storage(f"sqlite:///{tmp_path}/x.db")
        assert isinstance(storage, RDBStorage)
        assert storage.get_current_version() is not None
        close_storage(storage)
    else:
        with pytest.raises(Exception, match="no longer compatible"):
            open_storage(f"sqlite:///{tmp_path}/x.db")
