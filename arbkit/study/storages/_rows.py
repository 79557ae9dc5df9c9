"""Trials out of Optuna's own tables, as columns: some queries for all trials, no object per trial.

It knows the tables of Optuna's schema 12, in SQLite and PostgreSQL, and needs a connection only: neither
Optuna nor SQLAlchemy is imported to look at a study.
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import StudyError
from arbkit.study.block import (
    CONSTRAINT,
    METRICS,
    REPORT_DTYPE,
    WHOLE,
    Parts,
    State,
    StoredDistributions,
    TrialBlock,
)
from arbkit.study.storages.blocks import numbers_of, several_distributions

__all__ = ["Queries", "StoredStudy", "read_details", "read_rows", "read_studies"]

_CODES: Final = {state.name: state.value for state in State}
_OTHERS: Final = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}

Rows = list[tuple[Any, ...]]


class Queries(Protocol):
    """Answers queries, with `?` for each value."""

    def rows(self, query: str, *values: Any) -> Rows:
        """Return all rows of a query."""
        ...


class StoredStudy(NamedTuple):
    """A study of a storage, without its trials."""

    study_id: int
    name: str
    directions: tuple[str, ...]
    user_attrs: dict[str, Any]


def read_studies(connection: Queries) -> list[StoredStudy]:
    """Read all studies of a storage, in the order they were made."""
    directions: dict[int, list[str]] = {}
    query = "SELECT study_id, direction FROM study_directions ORDER BY study_id, objective"
    for study_id, direction in connection.rows(query):
        directions.setdefault(study_id, []).append(direction.lower())
    attrs: dict[int, dict[str, Any]] = {}
    for study_id, key, text in connection.rows("SELECT study_id, key, value_json FROM study_user_attributes"):
        attrs.setdefault(study_id, {})[key] = json.loads(text)
    found = connection.rows("SELECT study_id, study_name FROM studies ORDER BY study_id")
    return [
        StoredStudy(study_id, name, tuple(directions.get(study_id, ())), attrs.get(study_id, {}))
        for study_id, name in found
    ]


def read_rows(connection: Queries, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
    """Read all trials of a study.

    The trials are read before their parts: a finished trial is stored with all of its parts in one commit, so
    one that is stored meanwhile is left out whole.

    Raises:
        KeyError: when there is no such study.
        StudyError: when a parameter has several distributions.
    """
    with _without_collector():
        query = "SELECT count(*) FROM study_directions WHERE study_id = ?"
        objectives = connection.rows(query, study_id)[0][0]
        if not objectives:
            raise KeyError(f"no study with id {study_id}")
        reader = _Reader(connection, study_id)
        ids, states, started, completed = reader.trials(times=parts.rest)
        size = states.size
        distributions, params = reader.params(ids) if parts.params else ({}, np.empty((size, 0)))
        system = reader.attrs(ids, "trial_system_attributes", None if parts.rest else _ABOUT_CONSTRAINTS)
        broken = [name for name in system if name.startswith(CONSTRAINT)]
        constraints = {name.removeprefix(CONSTRAINT): numbers_of(system.pop(name)) for name in broken}
        return TrialBlock(
            0,
            distributions,
            states,
            params,
            reader.values(ids, objectives),
            started,
            completed,
            constraints,
            reader.user_attrs(ids, parts.attrs),
            system,
            reader.reports(ids) if parts.rest else np.empty(0, REPORT_DTYPE),
        )


def read_details(connection: Queries, study_id: int, block: TrialBlock, rows: IntArray) -> TrialBlock:
    """Return a block with the parameters and metrics of some of its trials read; the others have none.

    Args:
        connection: to the tables.
        study_id: the study.
        block: all of its trials, as `read_rows` gave them.
        rows: the places of those that are wanted, some dozens at most.
    """
    numbers = ",".join(str(block.first + row) for row in rows.tolist()) or "NULL"
    query = f"SELECT number, trial_id FROM trials WHERE study_id = ? AND number IN ({numbers})"
    ids: dict[int, int] = dict(connection.rows(query, study_id))
    chosen = _Places(np.array([ids[block.first + row] for row in rows.tolist()], np.int64))
    only = f"trial_id IN ({','.join(map(str, ids.values())) or 'NULL'})"
    reader = _Reader(connection, study_id)
    distributions, found = reader.params(chosen, only)
    params = np.full((len(block), len(distributions)), np.nan)
    params[rows] = found
    attrs = dict(block.attrs)
    for name, texts in reader.attrs(chosen, "trial_user_attributes", f"{only} AND key = '{METRICS}'").items():
        filled = attrs[name] = [None] * len(block)
        for row, text in zip(rows.tolist(), texts, strict=True):
            filled[row] = text
    return replace(block, distributions=distributions, params=params, attrs=attrs)


_OF_STUDY: Final = "study_id = ?"
_OF_TRIALS: Final = "trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?)"
_ABOUT_CONSTRAINTS: Final = "substr(key, 1, 11) = 'constraints'"


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


class _Places:
    """Where in a block the trial of an id stands; `ids` (n,) are in the order of the block."""

    def __init__(self, ids: IntArray) -> None:
        self.ids = ids
        self._order = np.argsort(ids)
        self._sorted = ids[self._order]

    def of(self, ids: IntArray) -> tuple[IntArray, Any]:
        """Return the place of each id that is known, and which ones are."""
        if not self.ids.size:
            return np.empty(0, np.int64), np.zeros(ids.size, np.bool_)
        first = int(self._sorted[0])
        if int(self._sorted[-1]) - first + 1 == self.ids.size:
            at = np.clip(ids - first, 0, self.ids.size - 1)
        else:
            at = np.minimum(np.searchsorted(self._sorted, ids), self.ids.size - 1)
        known = self._sorted[at] == ids
        return self._order[at[known]], known


class _Reader:
    """Reads the tables for one study."""

    def __init__(self, connection: Queries, study_id: int) -> None:
        self._connection = connection
        self._study_id = study_id
        self._alone = connection.rows("SELECT count(*) FROM studies")[0][0] == 1

    def trials(self, *, times: bool) -> tuple[_Places, Any, Any, Any]:
        """Return the ids in order of the numbers, the states, and the times (NaT without `times`)."""
        if not times and (found := self._in_a_row()) is not None:
            return found
        columns = "trial_id, number, state" + (", datetime_start, datetime_complete" if times else "")
        rows = self._own(columns, "trials", None, _OF_STUDY)
        ids, numbers, states, *stamps = zip(*rows, strict=True) if rows else ((),) * (5 if times else 3)
        order = np.argsort(np.array(numbers, np.int64), kind="stable")
        if not np.array_equal(np.array(numbers, np.int64)[order], np.arange(len(rows))):
            raise StudyError("the trials of a study must be numbered without gaps, those of this one are not")
        codes = np.fromiter(map(_CODES.__getitem__, states), np.uint8, len(rows))
        never = np.full(len(rows), np.datetime64("NaT", "us"))
        started, completed = (np.array(item, "datetime64[us]") for item in stamps) if times else (never,) * 2
        return _Places(np.array(ids, np.int64)[order]), codes[order], started[order], completed[order]

    def _in_a_row(self) -> tuple[_Places, Any, Any, Any] | None:
        """Return what `trials` does where ids and numbers run together: most trials are not read then."""
        query = "count(*), min(number), max(number), min(trial_id - number), max(trial_id - number)"
        count, low, high, first, last = self._own(query, "trials", None, _OF_STUDY)[0]
        if not count or (low, high, first) != (0, count - 1, last):
            return None
        codes = np.full(count, State.COMPLETE, np.uint8)
        others = self._own("number, state", "trials", "state != 'COMPLETE'", _OF_STUDY)
        for number, state in others:
            if number < count:
                codes[number] = _CODES[state]
        never = np.full(count, np.datetime64("NaT", "us"))
        return _Places(np.arange(first, first + count)), codes, never, never

    def params(self, ids: _Places, only: str | None = None) -> tuple[StoredDistributions, FloatArray]:
        """Return each parameter's distribution, and the parameters (n, p)."""
        found = self._own("DISTINCT param_name, distribution_json", "trial_params", only)
        texts: dict[str, str] = dict(found)
        if len(texts) != len(found):
            raise several_distributions(next(name for name, text in found if texts[name] != text))
        places, (names, values) = self._part(ids, "param_name, param_value", "trial_params", only)
        order = list(dict.fromkeys(names))
        column = {name: index for index, name in enumerate(order)}
        params = np.full((ids.ids.size, len(order)), np.nan)
        params[places, np.fromiter(map(column.__getitem__, names), np.int64, len(names))] = values
        return StoredDistributions({name: texts[name] for name in order}), params

    def values(self, ids: _Places, objectives: int) -> FloatArray:
        """Return the values (n, k)."""
        places, (objective, stored, kinds) = self._part(ids, "objective, value, value_type", "trial_values")
        values = np.full((ids.ids.size, objectives), np.nan)
        values[places, np.array(objective, np.int64)] = _finite_or_not(stored, kinds)
        return values

    def user_attrs(self, ids: _Places, names: tuple[str, ...] | None) -> dict[str, list[str | None]]:
        """Return user attributes: all, or those of some names."""
        table = "trial_user_attributes"
        if names is None:
            return self.attrs(ids, table)
        found: dict[str, list[str | None]] = {}
        if METRICS in names:  # of nearly every trial: one pass over the table
            found |= self.attrs(ids, table, f"key = '{METRICS}'")
        rare = ",".join(f"'{name}'" for name in names if name != METRICS)
        if rare:  # of few: looked for in the index, which is a tenth of the table
            within = f"SELECT trial_user_attribute_id FROM {table} WHERE key IN ({rare})"
            found |= self.attrs(ids, table, f"trial_user_attribute_id IN ({within})")
        return found

    def attrs(self, ids: _Places, table: str, only: str | None = None) -> dict[str, list[str | None]]:
        """Return the attributes of one kind: their JSON texts by name."""
        places, (names, texts) = self._part(ids, "key, value_json", table, only)
        order = list(dict.fromkeys(names))
        column = {name: index for index, name in enumerate(order)}
        codes = np.fromiter(map(column.__getitem__, names), np.int64, len(names))
        stored = np.array(texts, object)
        found: dict[str, list[str | None]] = {}
        for code, name in enumerate(order):
            own = codes == code
            filled = np.full(ids.ids.size, None, object)
            filled[places[own]] = stored[own]
            found[name] = filled.tolist()
        return found

    def reports(self, ids: _Places) -> Any:
        """Return the intermediate values by trial and step."""
        columns = "step, intermediate_value, intermediate_value_type"
        places, (steps, stored, kinds) = self._part(ids, columns, "trial_intermediate_values")
        reports = np.empty(places.size, REPORT_DTYPE)
        reports["row"], reports["step"] = places, steps
        reports["value"] = _finite_or_not(stored, kinds)
        return reports[np.lexsort((reports["step"], reports["row"]))]

    def _own(
        self,
        columns: str,
        table: str,
        only: str | None = None,
        whose: str = _OF_TRIALS,
    ) -> Rows:
        """Return the rows of this study; where it is the only one there, without asking whose they are."""
        wanted = [text for text in (only, None if self._alone else whose) if text is not None]
        where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
        values = () if self._alone else (self._study_id,)
        return self._connection.rows(f"SELECT {columns} FROM {table}{where}", *values)

    def _part(
        self, ids: _Places, columns: str, table: str, only: str | None = None
    ) -> tuple[IntArray, list[Sequence[Any]]]:
        """Return the place of each row's trial, and the other columns; rows of later trials are left out."""
        rows = self._own(f"trial_id, {columns}", table, only)
        if not rows or not ids.ids.size:
            return np.empty(0, np.int64), [() for _ in columns.split(",")]
        trial, *found = zip(*rows, strict=True)
        places, known = ids.of(np.array(trial, np.int64))
        if not known.all():
            kept = np.flatnonzero(known).tolist()
            found = [tuple(column[row] for row in kept) for column in found]
        return places, list(found)


def _finite_or_not(stored: Sequence[float | None], kinds: Sequence[str]) -> FloatArray:
    if None in stored:
        pairs = zip(stored, kinds, strict=True)
        stored = [_OTHERS[kind] if value is None else value for value, kind in pairs]
    return np.array(stored, np.float64)
