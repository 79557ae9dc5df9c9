"""Finished trials into a storage, many at once."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial

from arbkit.study.storages._bulk import append_in_bulk, supports

__all__ = ["append_trials"]


def append_trials(storage: BaseStorage, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    """Store finished trials, in order, under the numbers they already have.

    Raises:
        StorageError: when another process has stored a trial under one of the numbers.
    """
    inner = getattr(storage, "_backend", storage)
    if not trials:
        return
    if isinstance(inner, RDBStorage) and supports(trials):
        append_in_bulk(inner, study_id, trials)
        return
    for trial in trials:
        storage.create_new_trial(study_id, template_trial=trial)
