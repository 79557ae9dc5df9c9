"""Many trials into a storage at once, and out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial

from arbkit.errors import StudyError
from arbkit.study.block import WHOLE, Parts, TrialBlock
from arbkit.study.storages._tables import count_rows, insert_block, knows_schema, select_block
from arbkit.study.storages.blocks import BlockStorage, block_of, removed, taken

__all__ = ["append_block", "append_trials", "count_trials", "read_block"]


def append_block(
    storage: BaseStorage, study_id: int, block: TrialBlock, attrs: Mapping[str, Any] | None = None
) -> None:
    """Store finished trials under the numbers they have: all of them or none.

    Args:
        storage: where the study is.
        study_id: its id there.
        block: the trials.
        attrs: system attributes of the study, set with the last of them.

    Raises:
        StorageError: when another process has stored a trial under one of the numbers, or deleted the study.
    """
    inner = getattr(storage, "_backend", storage)
    if not len(block):
        return
    if isinstance(inner, RDBStorage) and knows_schema():
        insert_block(inner, study_id, block, attrs)
        return
    if isinstance(storage, BlockStorage):
        try:
            storage.append_block(study_id, block)
        except KeyError as error:
            raise removed(block.first) from error
    else:
        _check_next(storage, study_id, block.first)
        for trial in block.to_frozen():
            storage.create_new_trial(study_id, template_trial=trial)
    for key, value in (attrs or {}).items():
        storage.set_study_system_attr(study_id, key, value)


def read_block(storage: BaseStorage, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
    """Return all trials of a study as columns, whatever their state.

    Args:
        storage: where the study is.
        study_id: its id there.
        parts: what is needed, where leaving out the rest saves time.

    Raises:
        KeyError: when there is no such study.
        StudyError: when a parameter has several distributions, so that no column can hold it.
    """
    inner = getattr(storage, "_backend", storage)
    if isinstance(inner, RDBStorage) and knows_schema():
        return select_block(inner, study_id, parts)
    try:
        if isinstance(storage, BlockStorage):
            return storage.read_block(study_id, parts)
        return block_of(*_trials(storage, study_id))
    except StudyError:
        if parts.params:
            raise
        trials, objectives = _trials(storage, study_id)
        return TrialBlock.from_frozen(trials, {}, objectives, strict=False)


def _trials(storage: BaseStorage, study_id: int) -> tuple[list[FrozenTrial], int]:
    return storage.get_all_trials(study_id, deepcopy=False), len(storage.get_study_directions(study_id))


def count_trials(storage: BaseStorage, study_id: int) -> int:
    """Return how many trials a study has, whatever their state."""
    inner = getattr(storage, "_backend", storage)
    if isinstance(inner, RDBStorage) and knows_schema():
        return count_rows(inner, study_id)
    return storage.get_n_trials(study_id)


def append_trials(storage: BaseStorage, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    """Store trials, in order, under the numbers they already have.

    Raises:
        StorageError: when another process has stored a trial under one of the numbers.
    """
    if not trials:
        return
    try:
        block = block_of(trials, len(storage.get_study_directions(study_id)))
    except StudyError:
        _check_next(storage, study_id, trials[0].number)
        for trial in trials:
            storage.create_new_trial(study_id, template_trial=trial)
        return
    append_block(storage, study_id, block)


def _check_next(storage: BaseStorage, study_id: int, number: int) -> None:
    stored = storage.get_n_trials(study_id)
    if stored != number:
        raise taken(number, f"{stored} are stored")
