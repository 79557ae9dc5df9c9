"""Storages: what opens, what is refused and left as it was, what is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.study import StudyDirection

from arbkit.errors import StorageError
from arbkit.study.storages import close_storage, open_storage, redacted


def test_a_missing_folder_is_made_and_no_log_is_left_beside_the_file(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/new/folder/x.db", create=True)
    optuna.create_study(study_name="x", storage=storage)
    close_storage(storage)

    assert [file.name for file in (tmp_path / "new" / "folder").iterdir()] == ["x.db"]


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_not_sqlite_is_refused_and_left_alone(tmp_path: Path, create: bool) -> None:
    file = tmp_path / "x.db"
    file.write_text("not a study")

    with pytest.raises(StorageError, match="must be an SQLite file"):
        open_storage(f"sqlite:///{file}", create=create)

    assert file.read_text() == "not a study"


@pytest.mark.parametrize("create", [True, False])
def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path, create: bool) -> None:
    file = tmp_path / "x.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    before = file.read_bytes()

    with pytest.raises(StorageError, match=r"must hold Optuna's tables, .* holds customers"):
        open_storage(f"sqlite:///{file}", create=create)

    assert file.read_bytes() == before


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "journal"])
@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(kind: str, name: str) -> None:
    with pytest.raises(StorageError, match="must have a name of at most 120 bytes"):
        open_storage(f"{kind}:///{name}.{kind}", create=True)


def test_an_archived_database_is_read_without_a_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/a b%20#.db"
    storage = open_storage(url, create=True)
    optuna.create_study(study_name="x", storage=storage)
    close_storage(storage)
    monkeypatch.setattr("os.access", lambda *_: False)  # Root may write everywhere but on such a disk.
    before = sorted(tmp_path.iterdir())

    archived = open_storage(url)

    assert [item.study_name for item in archived.get_all_studies()] == ["x"]
    assert sorted(tmp_path.iterdir()) == before
    with pytest.raises(optuna.exceptions.StorageInternalError):
        archived.create_new_study([StudyDirection.MINIMIZE], "y")
    close_storage(archived)


def test_an_empty_file_that_a_stopped_process_left_becomes_a_study(tmp_path: Path) -> None:
    file = tmp_path / "x.duckdb"
    file.touch()

    assert open_storage(f"duckdb:///{file}", create=True).get_all_studies() == []


def test_a_half_written_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    storage = open_storage(f"sqlite:///{file}", create=True)
    optuna.create_study(study_name="x", storage=storage)
    close_storage(storage)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])

    with pytest.raises(StorageError, match="must be"):
        open_storage(f"sqlite:///{file}").get_all_studies()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/db", "a storage URL must be sqlite:///studies/NAME.db"),
        ("duckdb:///", "must name a file, duckdb:///studies/NAME.duckdb"),
        ("journal:///", "must name a file, journal:///studies/NAME.journal"),
        ("sqlite://", "a storage URL must be"),
        ("sqlite:///", "must name a file"),
        ("nonsense", "was 'nonsense'"),
    ],
)
def test_an_unknown_url_is_answered_with_what_works(url: str, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        open_storage(url, create=True)


def test_a_missing_storage_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must exist"):
        open_storage(f"sqlite:///{tmp_path}/x.db")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_storage(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must be a file"):
        open_storage(f"sqlite:///{tmp_path}", create=True)


@pytest.mark.parametrize("url", ["postgresql://me:secret@127.0.0.1:1/db", "redis://me:secret@127.0.0.1:1/0"])
def test_a_server_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    with pytest.raises(StorageError, match="must be reachable") as caught:
        open_storage(url, create=True)

    assert "secret" not in str(caught.value)
    assert "me:***@127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:port/0", "postgresql://127.0.0.1:port/db"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(StorageError, match="must be"):
        open_storage(url, create=True)


def test_a_password_is_masked_and_nothing_else() -> None:
    assert redacted("postgresql://me:se@cret@host/db") == "postgresql://me:***@host/db"
    assert redacted("sqlite:///studies/a@b.db") == "sqlite:///studies/a@b.db"
    assert redacted("redis://:secret@host:6379/0") == "redis://:***@host:6379/0"
    assert (
        redacted("postgresql://host/db?user=me&password=secret")
        == "postgresql://host/db?user=me&password=***"
    )
