"""Trials out of a DuckDB study file, as columns; Optuna is not imported for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from arbkit._typing import IntArray
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

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from optuna.distributions import BaseDistribution

__all__ = ["Space", "read_columns", "read_details", "read_spaces"]


class Space(NamedTuple):
    """Which numbers stand in `params`: the names in order, and Optuna's JSON of each distribution."""

    names: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def key(self) -> int:
        """What the rows refer to it by: the same for the same space, in whatever process."""
        digest = hashlib.blake2b(json.dumps([self.names, self.texts]).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    @classmethod
    def of(cls, distributions: Mapping[str, BaseDistribution]) -> Space:
        """Describe a trial's parameters."""
        from optuna.distributions import distribution_to_json

        return cls(tuple(distributions), tuple(distribution_to_json(item) for item in distributions.values()))


def read_spaces(connection: DuckDBPyConnection) -> dict[int, Space]:
    """Read what the numbers of each trial belong to."""
    rows = connection.execute("SELECT space, names, distributions FROM spaces").fetchall()
    return {key: Space(tuple(names), tuple(texts)) for key, names, texts in rows}


def read_columns(
    connection: DuckDBPyConnection, study_id: int, objectives: int, parts: Parts = WHOLE
) -> TrialBlock:
    """Read all trials of a study.

    Raises:
        StudyError: when a parameter has several distributions.
    """
    columns = ["number", "state", "objectives", "system_attrs"]
    columns += ["space", "params"] if parts.params else []
    columns += ["user_attrs"] if parts.attrs is None else [_attr(name) for name in parts.attrs]
    columns += ["started", "completed", "steps", "step_values"] if parts.rest else []
    query = f"SELECT {', '.join(columns)} FROM trials WHERE study_id = ? ORDER BY number"
    table = connection.sql(query, params=[study_id]).to_arrow_table()
    size = table.num_rows
    texts, params = _params(table, read_spaces(connection)) if parts.params else ({}, np.empty((size, 0)))
    values = np.full((size, objectives), np.nan)
    stored, starts = _flat(table["objectives"])
    told = np.flatnonzero(np.diff(starts) == objectives)
    values[told] = stored[starts[told][:, None] + np.arange(objectives)]
    system = _texts(table["system_attrs"])
    broken = {name: system.pop(name) for name in list(system) if name.startswith(CONSTRAINT)}
    never = np.full(size, np.datetime64("NaT", "us"))
    return TrialBlock(
        int(table["number"][0].as_py()) if size else 0,
        StoredDistributions(texts),
        _states(table["state"]),
        params,
        values,
        table["started"].to_numpy().astype("datetime64[us]") if parts.rest else never,
        table["completed"].to_numpy().astype("datetime64[us]") if parts.rest else never,
        {name.removeprefix(CONSTRAINT): numbers_of(column) for name, column in broken.items()},
        _user_attrs(table, parts.attrs),
        system,
        _reports(table) if parts.rest else np.empty(0, REPORT_DTYPE),
    )


def read_details(
    connection: DuckDBPyConnection, study_id: int, block: TrialBlock, rows: IntArray
) -> TrialBlock:
    """Return a block with the parameters and metrics of some of its trials read; the others have none.

    Args:
        connection: to the file.
        study_id: the study.
        block: all of its trials, as `read_columns` gave them.
        rows: the places of those that are wanted.
    """
    query = f"""
        SELECT number, space, params, {_attr(METRICS)} FROM trials
        WHERE study_id = ? AND list_contains(?, number) ORDER BY number
    """
    numbers = (block.first + rows).tolist()
    table = connection.sql(query, params=[study_id, numbers]).to_arrow_table()
    places = table["number"].to_numpy() - block.first
    texts, found = _params(table, read_spaces(connection))
    params = np.full((len(block), len(texts)), np.nan)
    params[places] = found
    metrics = np.full(len(block), None, object)
    metrics[places] = table[f"attr_{METRICS}"].to_numpy()
    attrs = {**block.attrs, METRICS: metrics.tolist()}
    return replace(block, distributions=StoredDistributions(texts), params=params, attrs=attrs)


def _attr(name: str) -> str:
    return f"user_attrs['{name}'] AS attr_{name}"


def _params(table: Any, spaces: Mapping[int, Space]) -> tuple[dict[str, str], Any]:
    """Return the JSON of each parameter's distribution, and the parameters (n, p)."""
    keys = table["space"].to_numpy()
    used = [int(key) for key in np.unique(keys)]
    texts: dict[str, str] = {}
    # The longest first: a space of some parameters does not move the columns of the whole one.
    for key in sorted(used, key=lambda key: -len(spaces[key].names)):
        for name, text in zip(*spaces[key], strict=True):
            if texts.setdefault(name, text) != text:
                raise several_distributions(name)
    params = np.full((table.num_rows, len(texts)), np.nan)
    place = {name: index for index, name in enumerate(texts)}
    numbers, offsets = _flat(table["params"])
    for key in used:
        rows = np.flatnonzero(keys == key)
        for index, name in enumerate(spaces[key].names):
            params[rows, place[name]] = numbers[offsets[rows] + index]
    return texts, params


def _states(column: pa.ChunkedArray) -> Any:
    codes = {state.name: state.value for state in State}
    names = column.combine_chunks().dictionary_encode()
    code = np.array([codes[name] for name in names.dictionary.to_pylist()], np.uint8)
    return code[names.indices.to_numpy()]


def _reports(table: Any) -> Any:
    steps, ends = _flat(table["steps"])
    reports = np.empty(len(steps), REPORT_DTYPE)
    reports["row"], reports["step"] = np.repeat(np.arange(table.num_rows), np.diff(ends)), steps
    reports["value"] = _flat(table["step_values"])[0]
    return reports[np.lexsort((reports["step"], reports["row"]))]


def _user_attrs(table: Any, names: tuple[str, ...] | None) -> dict[str, list[str | None]]:
    if names is None:
        return _texts(table["user_attrs"])
    columns = {name: table[f"attr_{name}"] for name in names}
    return {
        name: column.to_numpy().tolist()
        for name, column in columns.items()
        if column.null_count < len(column)
    }


def _flat(column: pa.ChunkedArray) -> tuple[Any, Any]:
    """Return the numbers of all lists one after another, and where each list begins."""
    lists = column.combine_chunks()
    offsets = lists.offsets.to_numpy()
    return lists.values.to_numpy(zero_copy_only=False), offsets


def _texts(column: pa.ChunkedArray) -> dict[str, list[str | None]]:
    maps = column.combine_chunks()
    if not len(maps.keys):
        return {}
    rows = np.repeat(np.arange(len(maps)), np.diff(maps.offsets.to_numpy()))
    keys = maps.keys.dictionary_encode()
    codes = keys.indices.to_numpy()
    found: dict[str, list[str | None]] = {}
    for code, name in enumerate(keys.dictionary.to_pylist()):
        own = np.flatnonzero(codes == code)
        texts = np.full(len(maps), None, object)
        texts[rows[own]] = maps.items.take(pa.array(own)).to_numpy(zero_copy_only=False)
        found[name] = texts.tolist()
    return found
