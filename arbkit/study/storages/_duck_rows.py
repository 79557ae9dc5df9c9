"""Between the rows of a DuckDB study file and Optuna's objects, or columns."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from arbkit.study.block import CONSTRAINT, TrialBlock
from arbkit.study.storages._duck_columns import Space, read_spaces
from arbkit.study.storages.blocks import texts_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["insert_rows", "read_trials", "rows_of_block", "rows_of_trials"]

_ATTRS: Final = pa.map_(pa.string(), pa.string())
_SCHEMA: Final = pa.schema([
    ("study_id", pa.int64()), ("number", pa.int64()), ("state", pa.string()), ("started", pa.timestamp("us")),
    ("completed", pa.timestamp("us")), ("space", pa.int64()), ("params", pa.list_(pa.float64())),
    ("objectives", pa.list_(pa.float64())), ("user_attrs", _ATTRS), ("system_attrs", _ATTRS),
    ("steps", pa.list_(pa.int64())), ("step_values", pa.list_(pa.float64())), ("version", pa.int64()),
])  # fmt: skip
_COLUMNS: Final = ", ".join(name for name in _SCHEMA.names if name != "version")

_distribution: Callable[[str], BaseDistribution] = cache(json_to_distribution)


class Rows(NamedTuple):
    """Rows of `trials`, and the spaces that they refer to."""

    table: pa.Table
    spaces: frozenset[Space]


def rows_of_trials(study_id: int, trials: Sequence[FrozenTrial], version: int) -> Rows:
    """Make rows from Optuna's objects."""
    spaces = [Space.of(item.distributions) for item in trials]
    keys = {space: space.key for space in spaces}
    columns = [
        [study_id] * len(trials),
        [item.number for item in trials],
        [item.state.name for item in trials],
        [_utc(item.datetime_start) for item in trials],
        [_utc(item.datetime_complete) for item in trials],
        [keys[space] for space in spaces],
        [
            [float(kind.to_internal_repr(item.params[name])) for name, kind in item.distributions.items()]
            for item in trials
        ],
        [item.values for item in trials],
        [_pairs(item.user_attrs) for item in trials],
        [_pairs(item.system_attrs) for item in trials],
        [list(item.intermediate_values) for item in trials],
        [list(item.intermediate_values.values()) for item in trials],
        [version] * len(trials),
    ]
    return Rows(pa.table(columns, schema=_SCHEMA), frozenset(spaces))


def rows_of_block(study_id: int, block: TrialBlock, version: int) -> Rows:
    """Make rows from columns, without an object per trial."""
    size = len(block)
    texts = {name: distribution_to_json(item) for name, item in block.distributions.items()}
    given = ~np.isnan(block.params)
    keys, spaces = np.empty(size, np.int64), set()
    patterns, which = np.unique(given, axis=0, return_inverse=True)
    for place, pattern in enumerate(patterns):
        names = tuple(itertools.compress(texts, pattern))
        space = Space(names, tuple(texts[name] for name in names))
        spaces.add(space)
        keys[which.reshape(-1) == place] = space.key
    system = {CONSTRAINT + name: texts_of(column) for name, column in block.constraints.items()}
    names_of_state = np.array([state.name for state in TrialState])
    told = ~np.isnan(block.values).any(axis=1)
    objectives = _lists(block.values[told].reshape(-1), told * block.values.shape[1], ~told)
    counts = np.bincount(block.reports["row"], minlength=size)
    columns = [
        pa.array(np.full(size, study_id)),
        pa.array(np.arange(block.first, block.end)),
        pa.array(names_of_state[block.states]),
        pa.array(block.started),
        pa.array(block.completed),
        pa.array(keys),
        _lists(block.params[given], given.sum(axis=1)),
        objectives,
        _maps(block.attrs, size),
        _maps({**block.system_attrs, **system}, size),
        _lists(block.reports["step"], counts),
        _lists(block.reports["value"], counts),
        pa.array(np.full(size, version)),
    ]
    return Rows(pa.table(columns, schema=_SCHEMA), frozenset(spaces))


def insert_rows(connection: DuckDBPyConnection, rows: Rows) -> None:
    """Store rows, and the spaces that are not there yet."""
    known = {key for (key,) in connection.execute("SELECT space FROM spaces").fetchall()}
    for space in rows.spaces:
        if space.key not in known:
            connection.execute(
                "INSERT INTO spaces VALUES (?, ?, ?)", [space.key, list(space.names), list(space.texts)]
            )
    connection.register("arbkit_rows", rows.table)
    connection.execute("INSERT INTO trials SELECT * FROM arbkit_rows")
    connection.unregister("arbkit_rows")


def read_trials(connection: DuckDBPyConnection, study_id: int, after: int, ids: int) -> list[FrozenTrial]:
    """Read the trials that were stored or changed after a version, by number.

    Args:
        connection: to the file.
        study_id: the study.
        after: the version.
        ids: the id of trial 0; the others follow.
    """
    spaces = read_spaces(connection)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM trials WHERE study_id = ? AND version > ? ORDER BY number", [study_id, after]
    ).fetchall()
    return [_frozen(row, spaces, ids) for row in rows]


def _frozen(row: Sequence[Any], spaces: Mapping[int, Space], ids: int) -> FrozenTrial:
    _, number, state, started, completed, key, params, objectives, user, system, steps, reported = row
    distributions = {name: _distribution(text) for name, text in zip(*spaces[key], strict=True)}
    return FrozenTrial(
        number=number,
        state=TrialState[state],
        value=None,
        values=objectives,
        datetime_start=_local(started),
        datetime_complete=_local(completed),
        params={
            name: item.to_external_repr(value)
            for (name, item), value in zip(distributions.items(), params, strict=True)
        },
        distributions=distributions,
        user_attrs={name: json.loads(text) for name, text in user.items()},
        system_attrs={name: json.loads(text) for name, text in system.items()},
        intermediate_values=dict(zip(steps, reported, strict=True)),
        trial_id=ids + number,
    )


def _pairs(attrs: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, json.dumps(value)) for name, value in attrs.items()]


def _lists(values: Any, counts: Any, missing: Any = None) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    mask = None if missing is None else pa.array(missing)
    kind = pa.array(np.ascontiguousarray(values))
    return pa.ListArray.from_arrays(pa.array(offsets), kind, mask=mask)


def _maps(attrs: Mapping[str, Sequence[str | None]], size: int) -> pa.Array:
    columns = [pa.array(texts, pa.string()) for texts in attrs.values()]
    # Trial by trial: (trial, attribute) where there is one.
    rows, places = np.nonzero(
        np.column_stack([item.is_valid().to_numpy(zero_copy_only=False) for item in columns])
        if columns
        else np.zeros((size, 0))
    )
    stored = pa.concat_arrays(columns or [pa.array([], pa.string())])
    items = stored if rows.size == size == len(stored) else stored.take(pa.array(places * size + rows))
    keys = pa.array(list(attrs), pa.string()).take(pa.array(places))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))]).astype(np.int32)
    return pa.MapArray.from_arrays(pa.array(offsets), keys, items)


def _utc(local: dt.datetime | None) -> dt.datetime | None:
    return None if local is None else local.astimezone(dt.UTC).replace(tzinfo=None)


def _local(utc: dt.datetime | None) -> dt.datetime | None:
    return None if utc is None else utc.replace(tzinfo=dt.UTC).astimezone().replace(tzinfo=None)
