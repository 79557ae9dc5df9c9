"""Journals: half a line that a kill leaves is mended, a broken one is named."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
import redis
from optuna.trial import create_trial

from arbkit.errors import StorageError
from arbkit.study.batches import quiet_optuna
from arbkit.study.storages import open_storage


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with one study of two trials."""
    path = tmp_path / "x.journal"
    with quiet_optuna():
        study = optuna.create_study(study_name="x", storage=open_storage(f"journal:///{path}", create=True))
        study.add_trials([create_trial(value=1.0), create_trial(value=2.0)])
    return path


def test_half_a_line_is_cut_before_the_next_one_is_written(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"op_code":4,"wor')
    storage = open_storage(f"journal:///{file}")
    assert len(storage.get_all_trials(0)) == 2

    storage.create_new_trial(0, create_trial(value=3.0))

    assert file.read_bytes().startswith(whole + b'{"op_code":4,"worker_id"')
    assert [item.value for item in open_storage(f"journal:///{file}").get_all_trials(0)] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("line", [b"not json\n", b"[1]\n", b'{"a": 1}\n'])
def test_a_line_that_is_no_operation_is_named_and_left(file: Path, line: bytes) -> None:
    broken = file.read_bytes() + line
    file.write_bytes(broken)

    with pytest.raises(StorageError, match="must hold one operation per line, line 4 of"):
        open_storage(f"journal:///{file}")

    assert file.read_bytes() == broken


def test_a_journal_that_shrinks_while_it_is_used_is_named(file: Path) -> None:
    storage = open_storage(f"journal:///{file}")
    file.write_bytes(b"")

    with pytest.raises(StorageError, match=r"must not shrink while it is used, .*x\.journal"):
        storage.get_all_studies()


def test_two_processes_append_to_one_journal(file: Path) -> None:
    first, second = (open_storage(f"journal:///{file}") for _ in range(2))
    for number in range(6):
        (first, second)[number % 2].create_new_trial(0, create_trial(value=float(number)))

    assert len(first.get_all_trials(0)) == len(second.get_all_trials(0)) == 8


def test_a_missing_operation_in_redis_is_named(redis_url: str) -> None:
    with quiet_optuna():
        study = optuna.create_study(study_name="x", storage=open_storage(redis_url, create=True))
        study.add_trials([create_trial(value=1.0), create_trial(value=2.0)])
    with redis.Redis.from_url(redis_url) as client:
        client.delete(":log:1")

    with pytest.raises(StorageError, match="a journal must be whole, operation 1 of 3 is missing"):
        open_storage(redis_url)
