"""Readers give what Optuna's storage gives, in whatever parts, and import no more than they need."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from arbkit.errors import StorageError, StudyError
from arbkit.study.batches import quiet_optuna
from arbkit.study.block import METRICS, RANKING, Parts, State, TrialBlock
from arbkit.study.storages import append_trials, close_storage, open_reader, open_storage, read_block
from arbkit.study.storages.reading import StorageReader
from tests.study.storages.conftest import url_of_kind
from tests.study.storages.test_blocks import finished_trials, same, stock, written_by_optuna


def test_the_states_are_optunas() -> None:
    assert {item.name: item.value for item in State} == {item.name: item.value for item in TrialState}


def test_a_reader_reads_what_is_stored_whole_and_in_parts(url: str) -> None:
    storage = open_storage(url, create=True)
    study_id = storage.create_new_study(
        study_name="x", directions=[StudyDirection.MAXIMIZE, StudyDirection.MAXIMIZE]
    )
    storage.set_study_user_attr(study_id, "own", {"a": [1, None]})
    trials = [item for first in (0, 4, 8) for item in finished_trials(first)]
    append_trials(storage, study_id, trials)
    whole = read_block(storage, study_id)
    close_storage(storage)
    reader = open_reader(url)

    found = reader.study("x")
    assert found == (study_id, "x", ("maximize", "maximize"), {"own": {"a": [1, None]}})
    assert (reader.count(study_id), reader.unfinished(study_id)) == (12, 0)
    assert same(reader.block(study_id).to_frozen(), trials)
    ranking = reader.block(study_id, RANKING)
    _agree(ranking, whole)
    rows = np.array([9, 0])
    details = reader.details(study_id, ranking, rows)
    _agree(details, whole)
    assert details.over(whole.distributions).params[rows].tolist() == whole.params[rows].tolist()
    assert [details.attrs[METRICS][row] for row in (9, 0)] == [whole.attrs[METRICS][row] for row in (9, 0)]
    plain = reader.block(study_id, Parts(attrs=("own1", METRICS), rest=False))
    assert {name: list(plain.attrs[name]) for name in ("own1", METRICS)} == {
        name: list(whole.attrs[name]) for name in ("own1", METRICS)
    }
    assert plain.over(whole.distributions).params.tolist()[:2] == whole.params.tolist()[:2]


def _agree(part: TrialBlock, whole: TrialBlock) -> None:
    """Compare what every reader gives."""
    assert part.states.tolist() == whole.states.tolist()
    np.testing.assert_array_equal(part.values, whole.values)
    assert {name: repr(column) for name, column in part.constraints.items()} == {
        name: repr(column) for name, column in whole.constraints.items()
    }


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_optuna_wrote_is_read_with_its_unfinished_trials(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = url_of_kind(request, kind, tmp_path)
    with quiet_optuna():
        for name in ("one", "two"):
            written_by_optuna(stock(url), name)
    storage = open_storage(url)
    study_id = storage.get_study_id_from_name("two")
    expected = read_block(storage, study_id)
    close_storage(storage)
    reader = open_reader(url)

    assert [item.name for item in reader.studies()] == ["one", "two"]
    assert reader.unfinished(study_id) == 3
    assert reader.count(study_id) == len(expected)
    _agree(reader.block(study_id, RANKING), expected)
    assert same(reader.block(study_id).to_frozen(), expected.to_frozen())
    with pytest.raises(StudyError, match="'three' is gone"):
        reader.study("three")
    with pytest.raises(KeyError):
        reader.block(99)


def test_tables_of_another_revision_are_read_by_optuna(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    with quiet_optuna():
        written_by_optuna(RDBStorage(url), "x")
    assert not isinstance(open_reader(url), StorageReader)
    with sqlite3.connect(f"{tmp_path}/x.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v3.0.0.d'")
    connection.close()
    with pytest.raises(StorageError, match="version of Optuna"):
        open_reader(url)


def test_looking_at_a_study_imports_neither_its_engine_nor_optuna() -> None:
    code = (
        "import sys, arbkit.cli.study; from arbkit.study import load_study, list_studies, export_trials;"
        "from arbkit.validation import sentence_of, stored_validation;"
        "print([n for n in ('optuna', 'numba', 'sqlalchemy', 'duckdb', 'matplotlib') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
