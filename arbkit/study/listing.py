"""The studies of a folder or a storage, one line each."""

from __future__ import annotations

from typing import Any, NamedTuple

from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy

from arbkit.errors import StorageError
from arbkit.study._frames import feasible_rows
from arbkit.study.batches import quiet_optuna
from arbkit.study.block import TrialBlock
from arbkit.study.locate import places
from arbkit.study.storages import close_storage, open_storage, read_block, redacted, storage_errors
from arbkit.study.tally import stopped_rows

__all__ = ["StudyLine", "list_studies"]


class StudyLine(NamedTuple):
    """One study of a listing; what only arbkit knows is None where another program made it.
    `pruned` counts the trials that a pruner stopped."""

    study: str
    trials: int
    planned: int | None
    best: float | None
    objective: str | None
    sampler: str | None
    pruned: int
    created: str | None
    storage: str


def list_studies(storage: str | None = None) -> tuple[list[StudyLine], list[str]]:
    """List studies.

    Args:
        storage: one URL; default: every storage under `studies/` and those its specs name.

    Returns:
        One line per study, by name, and a message per storage that could not be read.

    Raises:
        StorageError: when the one storage asked for cannot be read.
    """
    if storage is not None:
        return _lines(storage), []
    lines: list[StudyLine] = []
    broken: list[str] = []
    for url in places():
        try:
            lines += _lines(url)
        except StorageError as error:
            broken.append(str(error))
    return sorted(lines, key=lambda item: item.study), broken


def _lines(url: str) -> list[StudyLine]:
    opened = open_storage(url)
    try:
        with quiet_optuna(), storage_errors(url):
            return [
                _line(item, read_block(opened, item._study_id, values_only=True), url)
                for item in opened.get_all_studies()
            ]
    finally:
        close_storage(opened)


def _line(study: FrozenStudy, trials: TrialBlock, url: str) -> StudyLine:
    attrs: dict[str, Any] = study.user_attrs
    spec: dict[str, Any] = attrs.get("arbkit:spec") or {}
    objective = ", ".join(f"{part['direction']} {part['metric']}" for part in spec.get("objective", ()))
    return StudyLine(
        study.study_name,
        len(trials),
        attrs.get("arbkit:n_trials"),
        _best(study, trials),
        objective or None,
        (spec.get("sampler") or {}).get("name"),
        int(stopped_rows(trials).sum()),
        attrs.get("arbkit:created"),
        redacted(url),
    )


def _best(study: FrozenStudy, trials: TrialBlock) -> float | None:
    """Best feasible value; None with several objectives, where no one trial is best."""
    if len(study.directions) != 1:
        return None
    values = trials.values[feasible_rows(trials), 0]
    if not values.size:
        return None
    return float(values.max() if study.direction == StudyDirection.MAXIMIZE else values.min())
