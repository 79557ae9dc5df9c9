"""Studies from one storage into another, with everything that is in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Final, NamedTuple

from optuna.storages import BaseStorage
from optuna.study._frozen import FrozenStudy

from arbkit.errors import StudyError, nearest_names
from arbkit.study.batches import quiet_optuna
from arbkit.study.folds import metrics_folder
from arbkit.study.kept import best_folder
from arbkit.study.storages import (
    MEMORY,
    append_block,
    append_trials,
    close_storage,
    count_trials,
    open_storage,
    read_block,
    redacted,
    storage_errors,
)

__all__ = ["CopiedStudy", "copy_studies"]

#: Trials of one transaction.
_PART: Final = 4_096


class CopiedStudy(NamedTuple):
    """One study that was copied, and how many trials it has."""

    study: str
    trials: int


def copy_studies(
    source: str,
    target: str,
    study: str | None = None,
    *,
    progress: Callable[[int, str], None] | None = None,
) -> list[CopiedStudy]:
    """Copy all studies of a storage, or one of them, into another storage.

    States, parameters with their distributions, values, constraints, attributes, intermediate values, times
    and metric names arrive as they are, and so does the Parquet beside a study that lies in another folder.
    A study that could not be copied whole is taken out again.

    Args:
        source: URL of the storage that is read; it is not changed.
        target: URL of the storage that is written, made where it is missing.
        study: name of the one study to copy.
        progress: called with the trials copied so far, of all studies, and the study they are of.

    Raises:
        StudyError: when there is no such study, or the target has one of that name.
        StorageError: when a storage cannot be read or written.
    """
    if source == target:
        raise StudyError(f"a study must be copied into another storage, both are {redacted(source)!r}")
    if target == MEMORY:
        raise StudyError(f"a study must be copied into a storage that lasts, {MEMORY} keeps nothing")
    from_ = open_storage(source)
    try:
        with quiet_optuna(), storage_errors(source):
            chosen = _chosen(from_, source, study)
            to = open_storage(target, create=True)
            try:
                with storage_errors(target):
                    _check_free(to, target, chosen)
                    told = _Told(progress)
                    copied = [_copy(from_, to, item, told) for item in chosen]
            finally:
                close_storage(to)
    finally:
        close_storage(from_)
    for item in copied:
        _copy_files(source, target, item.study)
    return copied


def _chosen(storage: BaseStorage, url: str, study: str | None) -> list[FrozenStudy]:
    found = storage.get_all_studies()
    names = [item.study_name for item in found]
    if not found:
        raise StudyError(f"a storage must hold a study, {redacted(url)!r} holds none")
    if study is not None and study not in names:
        raise StudyError(f"no study {study!r} in {redacted(url)!r}; {nearest_names(study, names)}")
    return [item for item in found if study in (None, item.study_name)]


def _check_free(storage: BaseStorage, url: str, chosen: list[FrozenStudy]) -> None:
    taken = {item.study_name for item in storage.get_all_studies()}
    for item in chosen:
        if item.study_name in taken:
            raise StudyError(
                f"the name of a copied study must be free, {item.study_name!r} is taken in "
                f"{redacted(url)!r}; nothing was copied"
            )


class _Told:
    """Adds up the trials that were copied, and tells."""

    def __init__(self, progress: Callable[[int, str], None] | None) -> None:
        self._progress = progress
        self._done = 0

    def more(self, trials: int, study: str) -> None:
        self._done += trials
        if self._progress is not None:
            self._progress(self._done, study)


def _copy(source: BaseStorage, target: BaseStorage, study: FrozenStudy, told: _Told) -> CopiedStudy:
    study_id = target.create_new_study(study.directions, study.study_name)
    try:
        for key, value in study.user_attrs.items():
            target.set_study_user_attr(study_id, key, value)
        for key, value in study.system_attrs.items():
            target.set_study_system_attr(study_id, key, value)
        _copy_trials(source, study, target, study_id, told)
    except BaseException:
        target.delete_study(study_id)
        raise
    return CopiedStudy(study.study_name, count_trials(target, study_id))


def _copy_trials(
    source: BaseStorage, study: FrozenStudy, target: BaseStorage, target_id: int, told: _Told
) -> None:
    source_id = study._study_id
    try:
        block = read_block(source, source_id)
    except StudyError:  # a parameter has several distributions
        append_trials(target, target_id, source.get_all_trials(source_id, deepcopy=False))
        return
    for start in range(0, len(block), _PART):
        part = block.rows(start, start + _PART)
        append_block(target, target_id, part)
        told.more(len(part), study.study_name)


def _copy_files(source: str, target: str, name: str) -> None:
    for place in (metrics_folder, best_folder):
        old, new = place(source, name), place(target, name)
        if old is not None and new is not None and old.is_dir() and old.resolve() != new.resolve():
            shutil.copytree(old, new, dirs_exist_ok=True)
