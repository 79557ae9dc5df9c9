"""Storages: what opens, what is refused and left as it was, what is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from arbkit.errors import StorageError
from arbkit.study.storages import append_trials, close_storage, open_storage, redacted, run_lock


def finished_trials() -> list[FrozenTrial]:
    """Trials with every kind of parameter, value and attribute."""
    distributions = {
        "a": FloatDistribution(0.0, 1.0),
        "b": IntDistribution(0, 9),
        "c": CategoricalDistribution((None, 20, "x")),
    }
    made = []
    for number, values in enumerate([[1.5, 0.25], [float("inf"), float("-inf")], None]):
        trial = create_trial(
            state=TrialState.COMPLETE if values else TrialState.PRUNED,
            values=values,
            params={"a": 0.1 * number, "b": number, "c": (None, 20, "x")[number]},
            distributions=distributions,
            user_attrs={"metrics": {"sharpe": None, "mtm_pnl_usd": 0.1 + 0.2}},
            system_attrs={"constraints:x <= 1": -0.5},
        )
        trial.number = number
        made.append(trial)
    return made


def test_a_batch_reads_back_through_optuna_field_by_field(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    storage = open_storage(url, create=True)
    study = optuna.create_study(study_name="x", storage=storage, directions=["maximize", "minimize"])
    trials = finished_trials()

    append_trials(storage, study._study_id, trials)
    close_storage(storage)

    read = optuna.load_study(study_name="x", storage=url).trials
    assert len(read) == len(trials)
    for old, new in zip(trials, read, strict=True):
        old._trial_id = new._trial_id
        assert new == old


def test_a_trial_stored_meanwhile_by_another_process_stops_the_batch_whole(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/x.db", create=True)
    study = optuna.create_study(study_name="x", storage=storage, directions=["maximize", "minimize"])
    study.add_trial(finished_trials()[0])

    with pytest.raises(
        StorageError, match="one process at a time, trial 0 was to come next and 1 are stored"
    ):
        append_trials(storage, study._study_id, finished_trials())

    assert len(study.trials) == 1
    close_storage(storage)


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
        ("duckdb:///x.duckdb", "a storage URL must be sqlite:///studies/NAME.db"),
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


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(StorageError, match="must be reachable") as caught:
        open_storage("postgresql://me:secret@127.0.0.1:1/db", create=True)

    assert "secret" not in str(caught.value)
    assert "me:***@127.0.0.1" in str(caught.value)


def test_a_password_is_masked_and_nothing_else() -> None:
    assert redacted("postgresql://me:se@cret@host/db") == "postgresql://me:***@host/db"
    assert redacted("sqlite:///studies/a@b.db") == "sqlite:///studies/a@b.db"


def test_a_second_run_of_the_same_study_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"

    with run_lock(url, "x"), pytest.raises(StorageError, match="another is running 'x'"), run_lock(url, "x"):
        pass

    with run_lock(url, "x"), run_lock(url, "y"):
        pass
    assert list(tmp_path.iterdir()) == []
