"""Many finished trials into Optuna's own tables, in one transaction.

Optuna stores a trial with some thirty statements and one commit: 14 to 118 ms on SQLite. Here a batch is
six statements and one commit, all of it or nothing. It writes the tables of Optuna's schema 12, through
Optuna's own table definitions; `supports` says whether they are what this code knows, and
tests/study/storages/test_opening.py reads the rows back with `optuna.load_study` and compares every field.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial

from arbkit.errors import StorageError

__all__ = ["append_in_bulk", "supports"]

_SCHEMA: Final = 12


def supports(trials: Iterable[FrozenTrial]) -> bool:
    """Whether this code knows the schema, and how to write these trials."""
    return models.SCHEMA_VERSION == _SCHEMA and not any(item.intermediate_values for item in trials)


def append_in_bulk(storage: RDBStorage, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    """Store finished trials under the numbers they have, in one transaction.

    Raises:
        StorageError: when the next number of the stored study is another one.
    """
    with storage.engine.begin() as connection:
        _check_next_number(connection, study_id, trials[0].number)
        rows = [_trial_row(study_id, item) for item in trials]
        insert = sqlalchemy.insert(models.TrialModel).returning(
            models.TrialModel.trial_id, sort_by_parameter_order=True
        )
        ids = list(connection.execute(insert, rows).scalars())
        for table, make in _PARTS:
            parts = [row for trial_id, item in zip(ids, trials, strict=True) for row in make(trial_id, item)]
            if parts:
                connection.execute(sqlalchemy.insert(table), parts)


def _check_next_number(connection: sqlalchemy.Connection, study_id: int, number: int) -> None:
    lock = sqlalchemy.select(models.StudyModel.study_id).where(models.StudyModel.study_id == study_id)
    connection.execute(lock.with_for_update()).scalar_one()
    count = sqlalchemy.select(sqlalchemy.func.count(models.TrialModel.trial_id))
    stored = connection.execute(count.where(models.TrialModel.study_id == study_id)).scalar_one()
    if stored != number:
        raise StorageError(
            f"a study must be run by one process at a time, trial {number} was to come next and {stored} are "
            "stored; stop the other process, then run `arbkit study resume`"
        )


def _trial_row(study_id: int, trial: FrozenTrial) -> dict[str, Any]:
    # The model turns local times into UTC when it is built, so one is built.
    model = models.TrialModel(datetime_start=trial.datetime_start, datetime_complete=trial.datetime_complete)
    return {
        "number": trial.number,
        "study_id": study_id,
        "state": trial.state,
        "datetime_start": model._datetime_start_utc,
        "datetime_complete": model._datetime_complete_utc,
    }


def _values(trial_id: int, trial: FrozenTrial) -> list[dict[str, Any]]:
    rows = []
    for objective, value in enumerate(trial.values or ()):
        stored, kind = models.TrialValueModel.value_to_stored_repr(value)
        rows.append({"trial_id": trial_id, "objective": objective, "value": stored, "value_type": kind})
    return rows


def _params(trial_id: int, trial: FrozenTrial) -> list[dict[str, Any]]:
    return [
        {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": item.to_internal_repr(trial.params[name]),
            "distribution_json": distribution_to_json(item),
        }
        for name, item in trial.distributions.items()
    ]


def _user_attrs(trial_id: int, trial: FrozenTrial) -> list[dict[str, Any]]:
    return _attrs(trial_id, trial.user_attrs)


def _system_attrs(trial_id: int, trial: FrozenTrial) -> list[dict[str, Any]]:
    return _attrs(trial_id, trial.system_attrs)


def _attrs(trial_id: int, attrs: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)} for key, value in attrs.items()
    ]


_PARTS: Final = (
    (models.TrialParamModel, _params),
    (models.TrialValueModel, _values),
    (models.TrialUserAttributeModel, _user_attrs),
    (models.TrialSystemAttributeModel, _system_attrs),
)
