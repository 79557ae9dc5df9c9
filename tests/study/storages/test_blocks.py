"""Blocks of trials: Optuna reads what is written at once, and what Optuna wrote is read at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from arbkit.errors import StorageError, StudyError
from arbkit.study.batches import quiet_optuna
from arbkit.study.block import TrialBlock
from arbkit.study.storages import (
    append_block,
    append_trials,
    close_storage,
    open_storage,
    read_block,
    redacted,
)
from arbkit.study.storages.blocks import block_of
from tests.study.storages.conftest import ENDS, SPACE

_UNIT = FloatDistribution(0, 1)


def finished_trials(first: int = 0) -> list[FrozenTrial]:
    """Trials of every end, with every kind of parameter, value and attribute; the last lacks a parameter."""
    made = []
    for place, (state, values) in enumerate(ENDS):
        names = list(SPACE)[: 2 if place == 3 else 3]
        params = {"a": 0.01 + 0.1 * place, "b": 10 * place, "c": (None, 20, "x", False)[place]}
        trial = create_trial(
            state=state,
            values=values,
            params={name: params[name] for name in names},
            distributions={name: SPACE[name] for name in names},
            user_attrs={
                "metrics": {"sharpe": None, "mtm_pnl_usd": 0.1 + 0.2, "text": "ä\n\"'"},
                f"own{place}": 1,
            },
            system_attrs={"constraints:x <= 1": -0.5 + place, "note": [place, None]},
            intermediate_values={0: 0.5, 3: float("nan"), 7: float("inf"), 8: float("-inf")} if place else {},
        )
        trial.number = first + place
        made.append(trial)
    return made


def same(found: list[FrozenTrial], expected: list[FrozenTrial]) -> bool:
    """Compare in every field but the id; by text, because one NaN does not equal another."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        one._trial_id = other._trial_id
        for name, value in sorted(vars(other).items()):
            assert repr(_sorted(vars(one)[name])) == repr(_sorted(value)), name
    return True


def _sorted(value: object) -> object:
    return dict(sorted(value.items())) if isinstance(value, dict) else value


@pytest.fixture
def storage(url: str) -> Iterator[BaseStorage]:
    storage = open_storage(url, create=True)
    yield storage
    close_storage(storage)


def stock(url: str) -> BaseStorage:
    """Open a storage with Optuna's own class, where it has one."""
    scheme, _, rest = url.partition("://")
    if scheme == "journal":
        return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(rest[1:]))
    if scheme == "redis":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.storages.JournalStorage(optuna.storages.journal.JournalRedisBackend(url))
    if scheme == "duckdb":
        return open_storage(url)
    return RDBStorage(url.replace("postgresql://", "postgresql+psycopg://"))


def test_blocks_read_back_through_optuna_field_by_field(storage: BaseStorage, url: str) -> None:
    study_id = storage.create_new_study(study_name="x", directions=_directions())
    other = storage.create_new_study(study_name="y", directions=_directions())
    trials = finished_trials() + finished_trials(4)

    append_trials(storage, study_id, trials[:4])
    append_trials(storage, other, trials[:4])
    append_trials(storage, study_id, trials[4:])

    with quiet_optuna():
        read = optuna.load_study(study_name="x", storage=stock(url))
        assert same(read.get_trials(), trials)
        close_storage(read._storage)
    assert same(storage.get_all_trials(study_id), trials)
    assert same(storage.get_all_trials(other), trials[:4])


def test_what_optuna_wrote_is_read_as_columns(storage: BaseStorage, url: str) -> None:
    with quiet_optuna():
        for name in ("one", "two"):
            written_by_optuna(stock(url), name)
    study_id = storage.get_study_id_from_name("two")
    expected = storage.get_all_trials(study_id)

    block = read_block(storage, study_id)

    assert {TrialState(code) for code in block.states.tolist()} == set(TrialState)
    assert same(block.to_frozen(), expected)


def written_by_optuna(storage: BaseStorage, name: str) -> None:
    study = optuna.create_study(study_name=name, storage=storage, directions=["maximize", "minimize"])
    for state, values in (*ENDS, (None, None)):
        trial = study.ask(SPACE)
        trial.set_user_attr("metrics", {"sharpe": None, "mtm_pnl_usd": 0.1, "name": name})
        trial.set_constraint("x <= 1", -0.5)
        for step, value in enumerate([0.5, float("nan"), float("inf"), float("-inf")]):
            trial.storage.set_trial_intermediate_value(trial._trial_id, step, value)
        if state is not None:
            study.tell(trial, values, state=state)
    study.ask()
    study.enqueue_trial({"a": 0.5})
    close_storage(study._storage)


@pytest.mark.parametrize("count", [1, 7, 45, 300])
def test_a_block_of_any_length_is_stored_whole(count: int, tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/any.db", create=True)
    study_id = storage.create_new_study(_directions()[:1])
    trials = [
        create_trial(value=float(k), params={"x": k / count}, distributions={"x": _UNIT})
        for k in range(count)
    ]
    for number, trial in enumerate(trials):
        trial.number = number

    append_trials(storage, study_id, trials)

    found = read_block(storage, study_id)
    assert found.values.ravel().tolist() == list(range(count))
    assert found.params.ravel().tolist() == [k / count for k in range(count)]
    close_storage(storage)


def test_an_attribute_of_the_study_is_stored_with_the_block_or_not_at_all(storage: BaseStorage) -> None:
    study_id = storage.create_new_study(_directions())
    block = block_of(finished_trials(), len(_directions()))

    append_block(storage, study_id, block, {"kept": {"trials": 1}})
    append_block(storage, study_id, block_of(finished_trials(block.end), len(_directions())), {"kept": [2]})
    with pytest.raises(StorageError, match="was to come next"):
        append_block(storage, study_id, block, {"kept": [3]})

    assert storage.get_study_system_attrs(study_id)["kept"] == [2]


def test_an_empty_study_is_an_empty_block(storage: BaseStorage) -> None:
    study_id = storage.create_new_study(study_name="x", directions=_directions())

    block = read_block(storage, study_id)

    assert (len(block), block.first, block.values.shape, dict(block.distributions)) == (0, 0, (0, 2), {})


def test_a_study_that_is_not_there_is_a_key_error(storage: BaseStorage) -> None:
    with pytest.raises(KeyError):
        read_block(storage, 99)


def test_a_number_that_is_taken_stops_the_block_whole(storage: BaseStorage) -> None:
    study_id = storage.create_new_study(study_name="x", directions=_directions())
    append_trials(storage, study_id, finished_trials()[:1])

    with pytest.raises(
        StorageError, match="one process at a time, trial 0 was to come next and 1 are stored"
    ):
        append_trials(storage, study_id, finished_trials())

    assert len(storage.get_all_trials(study_id)) == 1


def test_two_that_append_at_once_never_store_a_number_twice(storage: BaseStorage, url: str) -> None:
    study_id = storage.create_new_study(study_name="x", directions=_directions())
    second = open_storage(url)
    blocks = [block_of(finished_trials(first), 2) for first in range(0, 12, 4)]
    refused: list[int] = []

    def append(to: BaseStorage) -> None:
        for block in blocks:
            try:
                append_block(to, study_id, block)
            except StorageError:
                refused.append(block.first)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(append, (storage, second)))
    close_storage(second)

    assert same(storage.get_all_trials(study_id), [item for block in blocks for item in block.to_frozen()])
    assert sorted(refused) == list(range(0, 12, 4))


def test_a_study_that_is_deleted_while_it_runs_takes_no_trials(storage: BaseStorage, url: str) -> None:
    study_id = storage.create_new_study(study_name="x", directions=_directions())
    append_trials(storage, study_id, finished_trials())
    second = open_storage(url)
    second.delete_study(study_id)
    close_storage(second)

    with pytest.raises(StorageError, match="another process has deleted it before trial 4"):
        append_block(storage, study_id, block_of(finished_trials(4), 2))

    assert storage.get_all_studies() == []


def test_a_study_in_use_sees_the_blocks_that_are_added(storage: BaseStorage) -> None:
    study = optuna.create_study(study_name="x", storage=storage, directions=["maximize", "minimize"])
    before = study.ask(SPACE)
    study.tell(before, [1.0, 2.0])

    append_trials(storage, storage.get_study_id_from_name("x"), finished_trials(1))

    assert [item.number for item in study.get_trials()] == [0, 1, 2, 3, 4]
    assert study.ask(SPACE).number == 5


def test_a_parameter_with_two_distributions_is_no_column_but_is_stored(storage: BaseStorage) -> None:
    study_id = storage.create_new_study(study_name="x", directions=_directions()[:1])
    trials = [
        create_trial(value=1.0, params={"a": 1.0}, distributions={"a": FloatDistribution(0, high)})
        for high in (1, 2)
    ]
    for number, trial in enumerate(trials):
        trial.number = number

    append_trials(storage, study_id, trials)

    assert same(storage.get_all_trials(study_id), trials)
    with pytest.raises(StudyError, match="'a' has several"):
        read_block(storage, study_id)


def test_memory_takes_and_gives_blocks_too() -> None:
    storage = InMemoryStorage()
    study_id = storage.create_new_study(study_name="x", directions=_directions())
    block = TrialBlock.from_frozen(finished_trials(), SPACE, 2)

    append_block(storage, study_id, block)

    np.testing.assert_array_equal(read_block(storage, study_id).params, block.params)


def _directions() -> list[optuna.study.StudyDirection]:
    return [optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE]


def test_the_file_of_a_study_is_made_with_its_folder(tmp_path: Path) -> None:
    for kind in ("sqlite", "duckdb", "journal"):
        storage = open_storage(f"{kind}:///{tmp_path}/new/{kind}/x", create=True)
        optuna.create_study(study_name="x", storage=storage)
        close_storage(storage)
        assert [file.name for file in (tmp_path / "new" / kind).iterdir()] == ["x"]
        assert redacted(f"{kind}:///x") == f"{kind}:///x"
