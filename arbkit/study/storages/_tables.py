"""Blocks of trials to and from Optuna's own tables.

Optuna stores a trial with some thirty statements and one commit: 14 to 118 ms on SQLite. Here a block is
six statements and one commit, all of it or nothing, and is read back with six queries and no object per
trial. It knows the tables of Optuna's schema 12; `knows_schema` says whether they are what is there, and
tests/study/storages/test_blocks.py compares with what Optuna reads, field by field.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import TrialState

from arbkit._typing import FloatArray
from arbkit.errors import StudyError
from arbkit.study.block import CONSTRAINT, REPORT_DTYPE, TrialBlock
from arbkit.study.storages.blocks import numbers_of, several_distributions, taken, texts_of

__all__ = ["count_rows", "insert_block", "knows_schema", "select_block"]

_SCHEMA: Final = 12
_NAMES: Final = [state.name for state in TrialState]
_CODES: Final = {state.name: state.value for state in TrialState}
_PARTS: Final = {
    "trials": "trial_id, number, study_id, state, datetime_start, datetime_complete",
    "trial_params": "trial_id, param_name, param_value, distribution_json",
    "trial_values": "trial_id, objective, value, value_type",
    "trial_user_attributes": "trial_id, key, value_json",
    "trial_system_attributes": "trial_id, key, value_json",
    "trial_intermediate_values": "trial_id, step, intermediate_value, intermediate_value_type",
}

Rows = list[tuple[Any, ...]]


def knows_schema() -> bool:
    """Whether this Optuna keeps the tables that are written and read here."""
    return models.SCHEMA_VERSION == _SCHEMA


def insert_block(storage: RDBStorage, study_id: int, block: TrialBlock) -> None:
    """Store trials under the numbers they have, in one transaction.

    Raises:
        StorageError: when the next number of the stored study is another one.
    """
    with _session(storage) as session:
        session.begin(study_id)
        _check_next_number(session, study_id, block.first)
        ids = session.new_ids(len(block))
        session.insert("trials", _trial_rows(ids, study_id, block))
        session.insert("trial_params", _param_rows(ids, block))
        session.insert("trial_values", _value_rows(ids, block))
        session.insert("trial_user_attributes", _attr_rows(ids, block.attrs))
        system = {CONSTRAINT + name: texts_of(column) for name, column in block.constraints.items()}
        session.insert("trial_system_attributes", _attr_rows(ids, {**block.system_attrs, **system}))
        session.insert("trial_intermediate_values", _report_rows(ids, block))


def count_rows(storage: RDBStorage, study_id: int) -> int:
    """Return how many trials a study has."""
    with _session(storage) as session:
        return int(session.rows("SELECT count(*) FROM trials WHERE study_id = ?", study_id)[0][0])


def select_block(storage: RDBStorage, study_id: int, *, values_only: bool = False) -> TrialBlock:
    """Read all trials of a study; `values_only` leaves out parameters, user attributes and reports.

    The trials are read before their parts: a finished trial is stored with all of its parts in one commit, so
    one that is stored meanwhile is left out whole.

    Raises:
        KeyError: when there is no such study.
        StudyError: when a parameter has several distributions.
    """
    with _without_collector(), _session(storage) as session:
        objectives = session.rows("SELECT count(*) FROM study_directions WHERE study_id = ?", study_id)[0][0]
        if not objectives:
            raise KeyError(f"no study with id {study_id}")
        rows = session.rows(
            "SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials "
            "WHERE study_id = ? ORDER BY number",
            study_id,
        )
        ids, numbers, states, started, completed = zip(*rows, strict=True) if rows else ((),) * 5
        if numbers != tuple(range(len(rows))):
            raise StudyError("the trials of a study must be numbered without gaps, those of this one are not")
        alone = session.rows("SELECT count(*) FROM studies")[0][0] == 1
        reader = _Reader(session, None if alone else study_id, np.array(ids, np.int64))
        distributions, params = ({}, np.empty((len(rows), 0))) if values_only else reader.params()
        system = reader.attrs("trial_system_attributes")
        broken = [name for name in system if name.startswith(CONSTRAINT)]
        return TrialBlock(
            0,
            distributions,
            np.array([_CODES[name] for name in states], np.uint8),
            params,
            reader.values(objectives),
            np.array(started, "datetime64[us]"),
            np.array(completed, "datetime64[us]"),
            {name.removeprefix(CONSTRAINT): numbers_of(system.pop(name)) for name in broken},
            {} if values_only else reader.attrs("trial_user_attributes"),
            system,
            np.empty(0, REPORT_DTYPE) if values_only else reader.reports(),
        )


class _Session:
    """One connection below SQLAlchemy, whose statements cost more than those of the database."""

    def __init__(self, connection: Any, *, sqlite: bool) -> None:
        self._cursor = connection.cursor()
        self._sqlite = sqlite

    def begin(self, study_id: int) -> None:
        """Let nobody else add trials to the study until the end of the transaction."""
        if self._sqlite:
            self._cursor.execute("BEGIN IMMEDIATE")
        else:
            self.rows("SELECT study_id FROM studies WHERE study_id = ? FOR UPDATE", study_id)

    def rows(self, query: str, *values: Any) -> Rows:
        """Return all rows of a query with `?` for each value."""
        self._cursor.execute(query if self._sqlite else query.replace("?", "%s"), values)
        rows: Rows = self._cursor.fetchall()
        return rows

    def new_ids(self, count: int) -> Sequence[int]:
        """Return ids for new trials."""
        if self._sqlite:
            first = self.rows("SELECT coalesce(max(trial_id), 0) + 1 FROM trials")[0][0]
            return range(first, first + count)
        query = "SELECT nextval(pg_get_serial_sequence('trials', 'trial_id')) FROM generate_series(1, ?)"
        return [row[0] for row in self.rows(query, count)]

    def insert(self, table: str, rows: Rows) -> None:
        """Insert rows of the columns that `_PARTS` lists."""
        if not rows:
            return
        columns = _PARTS[table]
        if self._sqlite:
            marks = ", ".join("?" * len(rows[0]))
            self._cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
            return
        with self._cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as stream:
            for row in rows:
                stream.write_row(row)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python from looking for cycles among a million tuples: it took half of the time of reading."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _session(storage: RDBStorage) -> Iterator[_Session]:
    connection = storage.engine.raw_connection()
    try:
        yield _Session(connection, sqlite=storage.engine.dialect.name == "sqlite")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def _check_next_number(session: _Session, study_id: int, number: int) -> None:
    # The last one by id has the highest number; counting a hundred thousand trials would cost 2 ms a block.
    last = session.rows(
        "SELECT number FROM trials WHERE study_id = ? ORDER BY trial_id DESC LIMIT 1", study_id
    )
    stored = last[0][0] + 1 if last else 0
    if stored != number:
        raise taken(number, f"{stored} are stored")


def _trial_rows(ids: Sequence[int], study_id: int, block: TrialBlock) -> Rows:
    states = [_NAMES[code] for code in block.states.tolist()]
    numbers = range(block.first, block.end)
    study = [study_id] * len(block)
    return list(
        zip(ids, numbers, study, states, _stamps(block.started), _stamps(block.completed), strict=True)
    )


def _stamps(column: Any) -> list[str | None]:
    # As SQLAlchemy writes them into SQLite; PostgreSQL reads the same text.
    return [
        None if text == "NaT" else text.replace("T", " ") for text in np.datetime_as_string(column).tolist()
    ]


def _param_rows(ids: Sequence[int], block: TrialBlock) -> Rows:
    texts = [(name, distribution_to_json(item)) for name, item in block.distributions.items()]
    return [
        (trial_id, name, value, text)
        for trial_id, row in zip(ids, block.params.tolist(), strict=True)
        for (name, text), value in zip(texts, row, strict=True)
        if value == value
    ]


def _value_rows(ids: Sequence[int], block: TrialBlock) -> Rows:
    to_stored = models.TrialValueModel.value_to_stored_repr
    return [
        (trial_id, place, stored, kind.name)
        for trial_id, row in zip(ids, block.values.tolist(), strict=True)
        if not any(value != value for value in row)
        for place, (stored, kind) in enumerate(map(to_stored, row))
    ]


def _attr_rows(ids: Sequence[int], attrs: Any) -> Rows:
    names = list(attrs)
    return [
        (trial_id, name, text)
        for trial_id, texts in zip(ids, zip(*attrs.values(), strict=True), strict=False)
        for name, text in zip(names, texts, strict=True)
        if text is not None
    ]


def _report_rows(ids: Sequence[int], block: TrialBlock) -> Rows:
    to_stored = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr
    rows = []
    for row, step, value in block.reports.tolist():
        stored, kind = to_stored(value)
        rows.append((ids[row], step, stored, kind.name))
    return rows


class _Reader(NamedTuple):
    """Reads the parts of trials `ids`, of one study; its id is None where it is the only one there."""

    session: _Session
    study_id: int | None
    ids: Any

    def _rows(self, columns: str, table: str) -> Rows:
        query = f"SELECT {columns} FROM {table}"
        if self.study_id is None:
            return self.session.rows(query)
        own = "WHERE trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?)"
        return self.session.rows(f"{query} {own}", self.study_id)

    def _part(self, columns: str, table: str) -> tuple[Any, list[Sequence[Any]]]:
        """Return the place of each row's trial, and the other columns; rows of later trials are left out."""
        rows = self._rows(f"trial_id, {columns}", table)
        order = np.argsort(self.ids)
        trial = np.array([row[0] for row in rows], np.int64)
        if not rows or not self.ids.size:
            return np.empty(0, np.int64), [() for _ in columns.split(",")]
        at = np.minimum(np.searchsorted(self.ids, trial, sorter=order), self.ids.size - 1)
        places = order[at]
        known = self.ids[places] == trial
        if not known.all():
            rows = [rows[index] for index in np.flatnonzero(known).tolist()]
        return places[known], [[row[place] for row in rows] for place in range(1, columns.count(",") + 2)]

    def params(self) -> tuple[dict[str, Any], FloatArray]:
        """Return each parameter's distribution, and the parameters (n, p)."""
        found = self._rows("DISTINCT param_name, distribution_json", "trial_params")
        texts: dict[str, str] = dict(found)
        if len(texts) != len(found):
            raise several_distributions(next(name for name, text in found if texts[name] != text))
        places, (names, values) = self._part("param_name, param_value", "trial_params")
        order = list(dict.fromkeys(names))
        column = {name: index for index, name in enumerate(order)}
        params = np.full((self.ids.size, len(order)), np.nan)
        params[places, [column[name] for name in names]] = values
        return {name: json_to_distribution(texts[name]) for name in order}, params

    def values(self, objectives: int) -> FloatArray:
        """Return the values (n, k)."""
        places, (objective, stored, kinds) = self._part("objective, value, value_type", "trial_values")
        values = np.full((self.ids.size, objectives), np.nan)
        values[places, list(objective)] = _finite_or_not(stored, kinds)
        return values

    def attrs(self, table: str) -> dict[str, list[str | None]]:
        """Return the attributes of one kind: their JSON texts by name."""
        places, (names, texts) = self._part("key, value_json", table)
        found: dict[str, list[str | None]] = {}
        empty: list[str | None] = [None] * self.ids.size
        for place, name, text in zip(places.tolist(), names, texts, strict=True):
            column = found.get(name)
            if column is None:
                column = found[name] = empty.copy()
            column[place] = text
        return found

    def reports(self) -> Any:
        """Return the intermediate values by trial and step."""
        columns = "step, intermediate_value, intermediate_value_type"
        places, (steps, stored, kinds) = self._part(columns, "trial_intermediate_values")
        reports = np.empty(places.size, REPORT_DTYPE)
        reports["row"], reports["step"] = places, steps
        reports["value"] = _finite_or_not(stored, kinds)
        return reports[np.lexsort((reports["step"], reports["row"]))]


_OTHERS: Final = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}


def _finite_or_not(stored: Sequence[float | None], kinds: Sequence[str]) -> list[float]:
    return [_OTHERS[kind] if value is None else value for value, kind in zip(stored, kinds, strict=True)]
