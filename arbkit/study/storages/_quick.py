"""Optuna's relational storage, with all trials of a study read in six plain queries.

Optuna builds one object of its object mapper for every parameter and attribute of every trial: 8.9 s of
CPU for ten thousand trials with six parameters, 2.1 s this way. What is returned is what Optuna returns:
tests/study/storages/test_quick.py compares every field. Where this code does not know the schema or the
question, Optuna's own method answers.
"""

from __future__ import annotations

import datetime as dt
import json
import weakref
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

import sqlalchemy
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _VersionManager
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import orm

from arbkit.study.storages._revision import REVISION, create_tables, is_newest_revision, stored_revision

__all__ = ["QuickStorage"]

_SCHEMA: Final = 12
_Rows = Iterable[Sequence[Any]]


class QuickStorage(RDBStorage):
    """`RDBStorage` in everything, but for the time it takes to read a study that is not in memory yet.

    It closes its connections when nobody uses it any more: a server would keep them, and psycopg complains.
    """

    def __init__(
        self, url: str, engine_kwargs: dict[str, Any] | None = None, *, skip_table_creation: bool = False
    ) -> None:
        if not self._opened(url, engine_kwargs or {}, skip_table_creation):
            super().__init__(url, engine_kwargs, skip_table_creation=skip_table_creation)
        weakref.finalize(self, self.engine.dispose)

    def _opened(self, url: str, engine_kwargs: dict[str, Any], skip_table_creation: bool) -> bool:
        """Open a SQLite file that holds the newest tables, or none; anything else is Optuna's to open.

        Optuna asks Alembic whether the tables are the newest: half a second of imports in each command.
        """
        if not (url.startswith("sqlite") and is_newest_revision()):
            return False
        engine = sqlalchemy.create_engine(url, **engine_kwargs)
        if not skip_table_creation:
            create_tables(engine)
        if stored_revision(engine) != REVISION:
            engine.dispose()
            return False
        self.url, self.engine_kwargs, self.engine = url, engine_kwargs, engine
        self.scoped_session = orm.scoped_session(orm.sessionmaker(bind=engine))
        self.skip_compatibility_check = False
        self.heartbeat_interval = self.grace_period = None
        self.heartbeat_stale_trial_callback = self.failed_trial_callback = None
        return True

    @cached_property
    def _version_manager(self) -> _VersionManager:  # type: ignore[override]
        return _VersionManager(self.url, self.engine, self.scoped_session)

    def __getstate__(self) -> dict[Any, Any]:
        """Return what is pickled: Optuna leaves its version manager out, so there has to be one."""
        _ = self._version_manager
        return super().__getstate__()

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        again = any(trial_id <= trial_id_greater_than for trial_id in included_trial_ids)
        if models.SCHEMA_VERSION == _SCHEMA and states is None and not again:
            with self.engine.connect() as connection:
                if _exists(connection, study_id):
                    return _trials_after(connection, study_id, trial_id_greater_than)
        return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)


class _Part(NamedTuple):
    """A table with a part of each trial: its model, its columns, and what a trial's rows become."""

    model: Any
    columns: tuple[str, ...]
    made: Callable[[_Rows], Any]


def _exists(connection: sqlalchemy.Connection, study_id: int) -> bool:
    query = sqlalchemy.select(models.StudyModel.study_id).where(models.StudyModel.study_id == study_id)
    return connection.execute(query).first() is not None


def _trials_after(connection: sqlalchemy.Connection, study_id: int, after: int) -> list[FrozenTrial]:
    """Return the trials with an id above `after`, in order of their ids.

    The trials are read before their parts: a trial is stored with all of its parts in one commit, so
    one that is stored meanwhile is left out whole.
    """
    table = models.TrialModel.__table__.c
    wanted = sqlalchemy.and_(table.study_id == study_id, table.trial_id > after)
    columns = (table.trial_id, table.number, table.state, table.datetime_start, table.datetime_complete)
    query = sqlalchemy.select(*columns).where(wanted).order_by(table.trial_id)
    trials = connection.execute(query).all()
    if not trials:
        return []
    ids = sqlalchemy.select(table.trial_id).where(wanted)
    parts = {name: _read(connection, part, ids) for name, part in _PARTS.items()}
    return [_frozen(row, {name: found.get(row[0]) for name, found in parts.items()}) for row in trials]


def _read(connection: sqlalchemy.Connection, part: _Part, ids: Any) -> dict[int, Any]:
    """Read one table and make each trial's part from its rows, in the order they were stored."""
    table = part.model.__table__
    columns = (table.c.trial_id, *(table.c[name] for name in part.columns))
    query = sqlalchemy.select(*columns).where(table.c.trial_id.in_(ids))
    grouped: defaultdict[int, list[Sequence[Any]]] = defaultdict(list)
    for trial_id, *row in connection.execute(query.order_by(*table.primary_key.columns)):
        grouped[trial_id].append(row)
    return {trial_id: part.made(rows) for trial_id, rows in grouped.items()}


def _frozen(row: Sequence[Any], parts: dict[str, Any]) -> FrozenTrial:
    trial_id, number, state, start, complete = row
    params, distributions = parts["params"] or ({}, {})
    return FrozenTrial(
        number=number,
        state=state,
        value=None,
        values=parts["values"],
        datetime_start=_local(start),
        datetime_complete=_local(complete),
        params=params,
        distributions=distributions,
        user_attrs=parts["user_attrs"] or {},
        system_attrs=parts["system_attrs"] or {},
        intermediate_values=parts["intermediate_values"] or {},
        trial_id=trial_id,
    )


def _local(stored: dt.datetime | None) -> dt.datetime | None:
    """Turn Optuna's naive UTC into its naive local time."""
    return None if stored is None else stored.replace(tzinfo=dt.UTC).astimezone().replace(tzinfo=None)


_distribution: Callable[[str], BaseDistribution] = cache(json_to_distribution)


def _params(rows: _Rows) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    distributions = {name: _distribution(text) for name, _, text in rows}
    return {name: distributions[name].to_external_repr(value) for name, value, _ in rows}, distributions


def _values(rows: _Rows) -> list[float]:
    found = {place: models.TrialValueModel.stored_repr_to_value(value, kind) for place, value, kind in rows}
    return [found[place] for place in sorted(found)]


def _attrs(rows: _Rows) -> dict[str, Any]:
    return {key: json.loads(text) for key, text in rows}


def _intermediate(rows: _Rows) -> dict[int, float]:
    of = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
    return {step: of(value, kind) for step, value, kind in rows}


_PARTS: Final = {
    "params": _Part(models.TrialParamModel, ("param_name", "param_value", "distribution_json"), _params),
    "values": _Part(models.TrialValueModel, ("objective", "value", "value_type"), _values),
    "user_attrs": _Part(models.TrialUserAttributeModel, ("key", "value_json"), _attrs),
    "system_attrs": _Part(models.TrialSystemAttributeModel, ("key", "value_json"), _attrs),
    "intermediate_values": _Part(
        models.TrialIntermediateValueModel,
        ("step", "intermediate_value", "intermediate_value_type"),
        _intermediate,
    ),
}
