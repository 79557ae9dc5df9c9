"""The studies of a folder or a storage, one line each."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from arbkit.errors import StorageError
from arbkit.study._frames import feasible_rows
from arbkit.study.block import Parts, TrialBlock
from arbkit.study.lookup import places
from arbkit.study.storages import StoredStudy, open_reader, redacted
from arbkit.study.tally import stopped_rows

__all__ = ["StudyLine", "list_studies"]

_VALUES: Final = Parts(params=False, attrs=(), rest=False)


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
    reader = open_reader(url)
    return [_line(item, reader.block(item.study_id, _VALUES), url) for item in reader.studies()]


def _line(study: StoredStudy, trials: TrialBlock, url: str) -> StudyLine:
    attrs: dict[str, Any] = study.user_attrs
    spec: dict[str, Any] = attrs.get("arbkit:spec") or {}
    objective = ", ".join(f"{part['direction']} {part['metric']}" for part in spec.get("objective", ()))
    return StudyLine(
        study.name,
        len(trials),
        attrs.get("arbkit:n_trials"),
        _best(study, trials),
        objective or None,
        (spec.get("sampler") or {}).get("name"),
        int(stopped_rows(trials).sum()),
        attrs.get("arbkit:created"),
        redacted(url),
    )


def _best(study: StoredStudy, trials: TrialBlock) -> float | None:
    """Best feasible value; None with several objectives, where no one trial is best."""
    if len(study.directions) != 1:
        return None
    values = trials.values[feasible_rows(trials), 0]
    if not values.size:
        return None
    return float(values.max() if study.directions[0] == "maximize" else values.min())
