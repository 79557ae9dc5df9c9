"""Blocks of trials to and from Optuna's own tables.

Optuna stores a trial with some thirty statements and one commit: 14 to 118 ms on SQLite. Here a block is
one commit, all of it or nothing, and some statements of many rows; `_rows` reads it back. It knows the
tables of Optuna's schema 12; `knows_schema` says whether they are what is there, and
tests/study/storages/test_blocks.py compares with what Optuna reads, field by field.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import TrialState

from arbkit.study.block import CONSTRAINT, WHOLE, Parts, TrialBlock
from arbkit.study.storages._rows import read_rows
from arbkit.study.storages.blocks import removed, taken, texts_of

__all__ = ["count_rows", "insert_block", "knows_schema", "select_block"]

_SCHEMA: Final = 12
_NAMES: Final = [state.name for state in TrialState]
_PARTS: Final = {
    "trials": "trial_id, number, study_id, state, datetime_start, datetime_complete",
    "trial_params": "trial_id, param_name, param_value, distribution_json",
    "trial_values": "trial_id, objective, value, value_type",
    "trial_user_attributes": "trial_id, key, value_json",
    "trial_system_attributes": "trial_id, key, value_json",
    "trial_intermediate_values": "trial_id, step, intermediate_value, intermediate_value_type",
}

_SET_ATTR: Final = (
    "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
    "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json"
)

#: Rows of one statement: more of them save nothing, and take longer to be prepared.
_ROWS: Final = 128

Rows = list[tuple[Any, ...]]
#: The values of all rows, or, as a tuple, those that repeat.
Column = list[Any] | tuple[Any, ...]
Columns = tuple[Column, ...]


def knows_schema() -> bool:
    """Whether this Optuna keeps the tables that are written and read here."""
    return models.SCHEMA_VERSION == _SCHEMA


def insert_block(
    storage: RDBStorage, study_id: int, block: TrialBlock, attrs: Mapping[str, Any] | None = None
) -> None:
    """Store trials under the numbers they have, and system attributes of the study, in one transaction.

    Raises:
        StorageError: when the next number of the stored study is another one.
    """
    with _session(storage) as session:
        session.begin(study_id)
        _check_next_number(session, study_id, block.first)
        ids = session.new_ids(len(block))
        session.insert("trials", _trial_columns(ids, study_id, block))
        session.insert("trial_params", _param_columns(ids, block))
        session.insert("trial_values", _value_columns(ids, block))
        session.insert("trial_user_attributes", _attr_columns(ids, block.attrs))
        system = {CONSTRAINT + name: texts_of(column) for name, column in block.constraints.items()}
        session.insert("trial_system_attributes", _attr_columns(ids, {**block.system_attrs, **system}))
        session.insert("trial_intermediate_values", _report_columns(ids, block))
        for key, value in (attrs or {}).items():
            session.rows(_SET_ATTR, study_id, key, json.dumps(value))


def count_rows(storage: RDBStorage, study_id: int) -> int:
    """Return how many trials a study has."""
    with _session(storage) as session:
        return int(session.rows("SELECT count(*) FROM trials WHERE study_id = ?", study_id)[0][0])


def select_block(storage: RDBStorage, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
    """Read all trials of a study; see `read_rows`."""
    with _session(storage) as session:
        return read_rows(session, study_id, parts)


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
        """Return all rows of a query, which has a `?` for each value."""
        self._cursor.execute(query if self._sqlite else query.replace("?", "%s"), values)
        rows: Rows = self._cursor.fetchall() if self._cursor.description else []
        return rows

    def new_ids(self, count: int) -> list[int]:
        """Return ids for new trials."""
        if self._sqlite:
            first = self.rows("SELECT coalesce(max(trial_id), 0) + 1 FROM trials")[0][0]
            return list(range(first, first + count))
        query = "SELECT nextval(pg_get_serial_sequence('trials', 'trial_id')) FROM generate_series(1, ?)"
        return [row[0] for row in self.rows(query, count)]

    def insert(self, table: str, columns: Columns) -> None:
        """Insert rows of the columns that `_PARTS` lists; the first is a list."""
        count = len(columns[0])
        if not count:
            return
        if self._sqlite:
            shape = tuple(len(column) if isinstance(column, tuple) else 0 for column in columns)
            first = 0
            for rows in _steps(count, max(1, *shape)):
                self._cursor.execute(_statement(table, rows, shape), _bound(columns, first, rows))
                first += rows
            return
        endless = zip(*map(_endless, columns), strict=False)
        with self._cursor.copy(f"COPY {table} ({_PARTS[table]}) FROM STDIN") as stream:
            for row in itertools.islice(endless, count):
                stream.write_row(row)


def _steps(count: int, period: int) -> Iterator[int]:
    """Cut rows into few statements, of few different lengths: batches differ, and a new one is prepared.

    Args:
        count: how many rows, a multiple of the period.
        period: of the columns that repeat.
    """
    left, most = count // period, 1 << max(0, (_ROWS // period).bit_length() - 1)
    while left:
        step = min(most, 1 << (left.bit_length() - 1))
        yield step * period
        left -= step


def _endless(column: Column) -> Iterable[Any]:
    return itertools.cycle(column) if isinstance(column, tuple) else column


@functools.lru_cache(maxsize=64)
def _statement(table: str, rows: int, shape: tuple[int, ...]) -> str:
    """Return one INSERT of many rows: a column whose values repeat binds each of them once.

    One statement of a hundred rows takes a third of the time of a hundred, and lets go of Python once.

    Args:
        table: one of `_PARTS`.
        rows: how many.
        shape: per column after how many rows its values repeat, 0 where they do not.
    """
    starts = list(itertools.accumulate((period or rows for period in shape), initial=1))
    marks = [
        [f"?{start + (row % period if period else row)}" for row in range(rows)]
        for start, period in zip(starts, shape, strict=False)
    ]
    values = ",".join(f"({','.join(row)})" for row in zip(*marks, strict=True))
    return f"INSERT INTO {table} ({_PARTS[table]}) VALUES {values}"


def _bound(columns: Columns, first: int, rows: int) -> list[Any]:
    """Return what `_statement` binds for the rows from a number on, which is a multiple of all periods."""
    bound: list[Any] = []
    for column in columns:
        bound += column if isinstance(column, tuple) else column[first : first + rows]
    return bound


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
    if not session.rows("SELECT 1 FROM studies WHERE study_id = ?", study_id):
        raise removed(number)
    # The last one by id has the highest number; counting a hundred thousand trials would cost 2 ms a block.
    last = session.rows(
        "SELECT number FROM trials WHERE study_id = ? ORDER BY trial_id DESC LIMIT 1", study_id
    )
    stored = last[0][0] + 1 if last else 0
    if stored != number:
        raise taken(number, f"{stored} are stored")


def _trial_columns(ids: list[int], study_id: int, block: TrialBlock) -> Columns:
    states = [_NAMES[code] for code in block.states.tolist()]
    numbers = list(range(block.first, block.end))
    return ids, numbers, (study_id,), states, _stamps(block.started), _stamps(block.completed)


def _stamps(column: Any) -> Column:
    # As SQLAlchemy writes them into SQLite; PostgreSQL reads the same text.
    alike = bool((column == column[:1]).all())
    texts = np.datetime_as_string(column[:1] if alike else column).tolist()
    stamps = [None if text == "NaT" else text.replace("T", " ") for text in texts]
    return tuple(stamps) if alike else stamps


def _param_columns(ids: list[int], block: TrialBlock) -> Columns:
    names = tuple(block.distributions)
    texts = tuple(distribution_to_json(item) for item in block.distributions.values())
    there = ~np.isnan(block.params)
    if there.all():
        return _repeated(ids, len(names)), names, block.params.ravel().tolist(), texts
    rows, places = np.nonzero(there)
    return (
        [ids[row] for row in rows.tolist()],
        [names[place] for place in places.tolist()],
        block.params[there].tolist(),
        [texts[place] for place in places.tolist()],
    )


def _value_columns(ids: list[int], block: TrialBlock) -> Columns:
    complete = ~np.isnan(block.values).any(axis=1)
    values, objectives = block.values[complete], tuple(range(block.values.shape[1]))
    owners = ids if complete.all() else [ids[row] for row in np.flatnonzero(complete).tolist()]
    if np.isfinite(values).all():
        return _repeated(owners, len(objectives)), objectives, values.ravel().tolist(), ("FINITE",)
    stored = [models.TrialValueModel.value_to_stored_repr(value) for value in values.ravel().tolist()]
    kinds = [kind.name for _, kind in stored]
    return _repeated(owners, len(objectives)), objectives, [value for value, _ in stored], kinds


def _attr_columns(ids: list[int], attrs: Any) -> Columns:
    names = tuple(attrs)
    if not names:
        return [], (None,), []
    texts = list(itertools.chain.from_iterable(zip(*attrs.values(), strict=True)))
    if None not in texts:
        return _repeated(ids, len(names)), names, texts
    rows = [
        (trial_id, name, text)
        for (trial_id, name), text in zip(itertools.product(ids, names), texts, strict=True)
        if text is not None
    ]
    return tuple(list(column) for column in zip(*rows, strict=True)) or ([], [], [])


def _repeated(ids: list[int], times: int) -> list[int]:
    return ids if times == 1 else [trial_id for trial_id in ids for _ in range(times)]


def _report_columns(ids: list[int], block: TrialBlock) -> Columns:
    to_stored = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr
    stored = [to_stored(value) for value in block.reports["value"].tolist()]
    return (
        [ids[row] for row in block.reports["row"].tolist()],
        block.reports["step"].tolist(),
        [value for value, _ in stored],
        [kind.name for _, kind in stored],
    )
