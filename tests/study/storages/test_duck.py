"""DuckDB studies: what other processes see, what they may do, what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from arbkit.errors import StorageError
from arbkit.study.batches import quiet_optuna
from arbkit.study.storages import _duck_file, open_storage
from arbkit.study.storages.duck import DuckStorage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.duckdb"


def run_apart(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process that runs code; `sys.argv` holds the arguments."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_the_file_is_free_between_two_flushes(path: Path) -> None:
    with quiet_optuna():
        study = optuna.create_study(study_name="x", storage=DuckStorage(path))
        study.optimize(lambda trial: trial.suggest_float("a", 0, 1), n_trials=3)

        reader = run_apart(
            """
            import sys, duckdb
            with duckdb.connect(sys.argv[1]) as connection:
                print(connection.execute("SELECT count(*) FROM params").fetchall()[0][0])
            """,
            path,
        )
        assert reader.communicate(timeout=600)[0] == "3\n"
        assert not path.with_name("x.duckdb.wal").exists()


def test_what_another_process_stored_is_seen(path: Path) -> None:
    with quiet_optuna():
        mine, other = DuckStorage(path), DuckStorage(path)
        study = optuna.create_study(study_name="x", storage=mine)
        theirs = optuna.load_study(study_name="x", storage=other)
        for _ in range(3):
            theirs.add_trial(create_trial(value=1.0))
            study.add_trial(create_trial(value=2.0))
            theirs.set_user_attr("n", len(study.trials))

        assert [item.value for item in study.trials] == [1.0, 2.0] * 3
        assert study.trials == theirs.trials
        assert study.user_attrs == {"n": 6}
        optuna.delete_study(study_name="x", storage=other)
        assert mine.get_all_studies() == []


def test_two_writers_of_one_study_are_told(path: Path) -> None:
    with quiet_optuna():
        study = optuna.create_study(study_name="x", storage=DuckStorage(path))
        second = optuna.load_study(study_name="x", storage=DuckStorage(path))
        mine, theirs = study.ask(), second.ask()
        study.tell(mine, 1.0)

        with pytest.raises(StorageError, match="a study must be run by one process at a time, trial 0"):
            second.tell(theirs, 2.0)

        assert [item.value for item in second.get_trials()] == [1.0]
        second.tell(second.ask(), 3.0)
        assert [item.value for item in study.get_trials()] == [1.0, 3.0]


def test_two_studies_of_one_file_do_not_disturb_each_other(path: Path) -> None:
    with quiet_optuna():
        first = optuna.create_study(study_name="x", storage=DuckStorage(path))
        second = optuna.create_study(study_name="y", storage=DuckStorage(path))
        one, two = first.ask(), second.ask()
        first.tell(one, 1.0)
        second.tell(two, 2.0)

        assert (first.best_value, second.best_value) == (1.0, 2.0)


def test_a_file_that_another_program_keeps_is_named_with_its_process(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = DuckStorage(path)
    monkeypatch.setattr(_duck_file, "_BUSY_S", 0.3)
    holder = run_apart(
        """
        import sys, duckdb
        connection = duckdb.connect(sys.argv[1])
        print("held", flush=True)
        import time; time.sleep(600)
        """,
        path,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StorageError, match=f"one process at a time, .* is held by process {holder.pid}"):
            storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "x")
    finally:
        holder.kill()
        holder.communicate()
    assert storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "x") == 1


def test_a_kill_between_flushes_leaves_what_was_told_and_nothing_that_runs(path: Path) -> None:
    worker = run_apart(
        """
        import sys, optuna
        from arbkit.study.storages.duck import DuckStorage
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(study_name="x", storage=DuckStorage(sys.argv[1]))
        for number in range(1000):
            trial = study.ask()
            trial.suggest_float("a", 0, 1)
            study.tell(trial, number)
            print(number, flush=True)
        """,
        path,
    )
    assert worker.stdout is not None
    told = [int(worker.stdout.readline()) for _ in range(5)]
    os.kill(worker.pid, signal.SIGKILL)
    told += [int(line) for line in worker.communicate()[0].splitlines()]

    trials = open_storage(f"duckdb:///{path}").get_all_trials(1)

    assert [item.value for item in trials][: len(told)] == told
    assert {item.state for item in trials} == {TrialState.COMPLETE}


def test_a_committed_log_without_a_checkpoint_is_read(path: Path) -> None:
    """What a kill between commit and close leaves: the file, and a log beside it."""
    DuckStorage(path).create_new_study([optuna.study.StudyDirection.MINIMIZE], "x")
    worker = run_apart(
        """
        import os, sys, duckdb
        connection = duckdb.connect(sys.argv[1])
        connection.execute("UPDATE studies SET name = 'y'")
        connection.execute("UPDATE meta SET version = version + 1")
        os._exit(9)
        """,
        path,
    )
    worker.communicate()
    assert path.with_name("x.duckdb.wal").exists()

    assert [item.study_name for item in DuckStorage(path, create=False).get_all_studies()] == ["y"]


@pytest.mark.parametrize("create", [True, False])
def test_a_file_of_something_else_is_refused_and_left_alone(path: Path, create: bool) -> None:
    path.write_text("not a database, and longer than twelve bytes")
    with pytest.raises(StorageError, match="must be a DuckDB file"):
        DuckStorage(path, create=create)
    assert path.read_text().startswith("not a database")

    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"must hold arbkit's tables of schema 1, .* holds customers"):
        DuckStorage(path, create=create)
    assert path.read_bytes() == before


def test_another_schema_is_refused(path: Path) -> None:
    DuckStorage(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE meta SET schema = 2")

    with pytest.raises(StorageError, match="of schema 2"):
        DuckStorage(path)


def test_an_attribute_that_is_no_json_is_refused_at_once(path: Path) -> None:
    with quiet_optuna():
        study = optuna.create_study(study_name="x", storage=DuckStorage(path))
        with pytest.raises(TypeError):
            study.ask().set_user_attr("a", object())
