"""Reading all trials quickly returns what Optuna returns, field by field."""

from __future__ import annotations

import shutil
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import TrialState

from arbkit.study.batches import quiet_optuna
from arbkit.study.storages._quick import QuickStorage
from tests.study.storages.conftest import ENDS, SPACE


@pytest.fixture
def url(made: Path, tmp_path: Path) -> str:
    """A storage with two studies, each with trials of every state and every kind of part."""
    return f"sqlite:///{shutil.copy(made, tmp_path / 'x.db')}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of that storage, made by Optuna alone."""
    file = tmp_path_factory.mktemp("made") / "x.db"
    url = f"sqlite:///{file}"
    with quiet_optuna():
        for name in ("one", "two"):
            study = optuna.create_study(study_name=name, storage=url, directions=["maximize", "minimize"])
            for state, values in (*ENDS, (None, None)):
                trial = study.ask(SPACE)
                trial.set_user_attr("metrics", {"sharpe": None, "mtm_pnl_usd": 0.1, "name": name})
                trial.storage.set_trial_system_attr(trial._trial_id, "constraints:x <= 1", -0.5)
                for step, value in enumerate([0.5, float("nan"), float("inf"), float("-inf")]):
                    trial.storage.set_trial_intermediate_value(trial._trial_id, step, value)
                if state is not None:
                    study.tell(trial, values, state=state)
            study.ask()
            study.enqueue_trial({"a": 0.5})
        study._storage.remove_session()
        study._storage._backend.engine.dispose()
    return file


def everything(storage: RDBStorage, name: str) -> list[str]:
    study_id = storage.get_study_id_from_name(name)
    return [repr(item) for item in storage.get_all_trials(study_id)]


@pytest.mark.parametrize("name", ["one", "two"])
def test_trials_of_every_kind_equal_those_that_optuna_reads(url: str, name: str) -> None:
    with quiet_optuna():
        slow, quick = RDBStorage(url), QuickStorage(url)
        expected = everything(slow, name)
        assert len(expected) == len(ENDS) + 3
        assert everything(quick, name) == expected
        for storage in (slow, quick):
            storage.engine.dispose()


def test_optuna_itself_is_not_asked_for_what_this_code_knows(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quiet_optuna():
        quick = QuickStorage(url)
        expected = everything(quick, "one")
        monkeypatch.delattr(RDBStorage, "_get_trials")
        assert everything(quick, "one") == expected
        quick.engine.dispose()


def test_another_schema_is_left_to_optuna(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with quiet_optuna():
        quick = QuickStorage(url)
        expected = everything(quick, "one")
        monkeypatch.setattr(models, "SCHEMA_VERSION", 13)
        monkeypatch.setattr("arbkit.study.storages._quick._trials_after", None)
        assert everything(quick, "one") == expected
        quick.engine.dispose()


def test_a_study_in_use_sees_what_is_added_and_finished(url: str) -> None:
    with quiet_optuna():
        quick = QuickStorage(url)
        study = optuna.load_study(study_name="one", storage=quick)
        before = study.get_trials()
        other = optuna.load_study(study_name="one", storage=url)
        running = next(item for item in before if item.state == TrialState.RUNNING and item.params)
        other.tell(running.number, [3.0, 4.0])
        other.add_trial(before[0])
        after = study.get_trials()
        # By their text: one NaN does not equal another.
        assert repr(after) == repr(optuna.load_study(study_name="one", storage=url).get_trials())
        assert after[running.number].values == [3.0, 4.0]
        assert len(after) == len(before) + 1
        other._storage.remove_session()
        quick.engine.dispose()


def test_a_study_that_is_not_there_is_an_error_as_with_optuna(url: str) -> None:
    with quiet_optuna():
        quick = QuickStorage(url)
        with pytest.raises(KeyError):
            quick.get_all_trials(99)
        quick.engine.dispose()
