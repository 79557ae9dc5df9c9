"""Studies copied between storages arrive whole, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage

from arbkit.errors import StorageError, StudyError
from arbkit.study import StudySpec, copy_studies, load_study, run_study
from arbkit.study.batches import quiet_optuna
from arbkit.study.storages import close_storage, open_storage
from tests.study.storages.conftest import KINDS, url_of_kind
from tests.study.storages.test_blocks import same, stock, written_by_optuna


@pytest.fixture
def source(made: Path, tmp_path: Path) -> str:
    """A SQLite storage with two studies of every kind of trial, names of metrics and attributes."""
    return f"sqlite:///{shutil.copy(made, tmp_path / 'source.db')}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of that storage."""
    file = tmp_path_factory.mktemp("made") / "source.db"
    url = f"sqlite:///{file}"
    with quiet_optuna():
        close_storage(open_storage(url, create=True))
        for name in ("one", "two"):
            written_by_optuna(stock(url), name)
            study = optuna.load_study(study_name=name, storage=stock(url))
            study.set_user_attr("arbkit:spec", {"name": name, "none": None})
            study._storage.set_study_system_attr(study._study_id, "study:metric_names", ["pnl", "drawdown"])
            close_storage(study._storage)
    return file


def everything(storage: BaseStorage, name: str) -> tuple[object, ...]:
    study_id = storage.get_study_id_from_name(name)
    return (
        storage.get_study_directions(study_id),
        storage.get_study_user_attrs(study_id),
        storage.get_study_system_attrs(study_id),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_there_and_back_equals_the_original(
    request: pytest.FixtureRequest, kind: str, source: str, tmp_path: Path
) -> None:
    there, back = url_of_kind(request, kind, tmp_path), f"sqlite:///{tmp_path}/back.db"

    copied = copy_studies(source, there)
    copy_studies(there, back, "two")

    assert [item.study for item in copied] == ["one", "two"]
    original, between, last = (open_storage(url) for url in (source, there, back))
    assert [item.study_name for item in last.get_all_studies()] == ["two"]
    for storage in (between, last):
        assert everything(storage, "two") == everything(original, "two")
        assert same(
            storage.get_all_trials(storage.get_study_id_from_name("two")),
            original.get_all_trials(original.get_study_id_from_name("two")),
        )
    for storage in (original, between, last):
        close_storage(storage)


def test_a_parameter_with_two_distributions_is_copied_too(tmp_path: Path) -> None:
    url, target = f"sqlite:///{tmp_path}/x.db", f"duckdb:///{tmp_path}/x.duckdb"
    with quiet_optuna():
        study = optuna.create_study(study_name="x", storage=url)
        for high in (1.0, 2.0):
            study.optimize(lambda trial, high=high: trial.suggest_float("a", 0, high), n_trials=2)
        expected = study.get_trials()
        close_storage(study._storage)

    copy_studies(url, target)

    copied = open_storage(target)
    assert same(copied.get_all_trials(copied.get_study_id_from_name("x")), expected)


def test_a_taken_name_stops_the_copy_before_anything_is_written(source: str, tmp_path: Path) -> None:
    target = f"duckdb:///{tmp_path}/x.duckdb"
    copy_studies(source, target, "two")

    with pytest.raises(StudyError, match=r"must be free, 'two' is taken in .*; nothing was copied"):
        copy_studies(source, target)

    assert [item.study_name for item in open_storage(target).get_all_studies()] == ["two"]


def test_a_copy_that_fails_is_taken_out_again(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"sqlite:///{tmp_path}/x.db"

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr("arbkit.study.copying.append_block", full)
    with pytest.raises(StorageError, match="the disk is full"):
        copy_studies(source, target)

    assert open_storage(target).get_all_studies() == []


def test_an_unknown_study_and_the_same_storage_are_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no study 'on' in .*; did you mean `one`"):
        copy_studies(source, f"sqlite:///{tmp_path}/x.db", "on")
    with pytest.raises(StudyError, match="must be copied into another storage"):
        copy_studies(source, source)
    with pytest.raises(StorageError, match="must exist"):
        copy_studies(f"sqlite:///{tmp_path}/missing.db", source)


def test_a_copied_study_is_found_and_goes_on(spec: StudySpec) -> None:
    from arbkit.study import resume_study

    whole = run_study(spec.replace(name="whole", n_trials=30))
    run_study(spec)
    copy_studies("sqlite:///studies/small.db", "duckdb:///studies/copied.duckdb")
    Path("studies/small.db").unlink()

    resumed = resume_study("small", n_trials=30)

    assert resumed.url == "duckdb:///studies/copied.duckdb"
    assert load_study("small").trials().equals(whole.trials())


def test_a_copy_into_memory_is_refused(source: str) -> None:
    with pytest.raises(StudyError, match="a storage that lasts"):
        copy_studies(source, "memory://")
