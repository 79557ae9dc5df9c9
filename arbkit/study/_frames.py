"""Trials as frames, column by column: a hundred thousand of them in a second."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.records import METRICS_DTYPE
from arbkit.study.block import (
    DUPLICATE_OF,
    FOLDS_EVALUATED,
    METRICS,
    State,
    TrialBlock,
)
from arbkit.study.detail import still_names
from arbkit.study.ranges import Choices
from arbkit.study.space import Categorical, IntRange, Range
from arbkit.study.spec import StudySpec
from arbkit.study.tally import feasible_rows as keeps_constraints

__all__ = ["best_rows", "feasible_rows", "trials_frame"]

#: Optuna's older way to keep constraints: one list per trial.
_OLD_CONSTRAINTS = "constraints"


def feasible_rows(block: TrialBlock) -> BoolArray:
    """Return which trials are complete and break no constraint, (n,)."""
    feasible = keeps_constraints(block)
    for row, text in enumerate(block.system_attrs.get(_OLD_CONSTRAINTS, ())):
        if text is not None and any(item > 0 for item in json.loads(text)):
            feasible[row] = False
    return feasible


def trials_frame(
    spec: StudySpec, block: TrialBlock, rows: IntArray | None = None, *, metrics: bool = True
) -> pl.DataFrame:
    """Return one row per trial; the columns are those of `Study.trials`.

    Args:
        spec: the study's spec.
        block: its trials.
        rows: the places in the block of those that are wanted, in order; default: all.
        metrics: with the metrics, which take most of the time.
    """
    chosen = np.arange(len(block)) if rows is None else rows
    states = np.array([state.name for state in State])
    columns: dict[str, Any] = {
        "number": pl.Series(block.first + chosen, dtype=pl.Int64),
        "state": pl.Series(states[block.states[chosen]], dtype=pl.String),
    }
    for index, name in enumerate(_value_names(spec)):
        columns[name] = _numbers(block.values[chosen, index])
    columns["feasible"] = pl.Series(feasible_rows(block)[chosen])
    columns[DUPLICATE_OF] = _counts(block, DUPLICATE_OF, chosen)
    if spec.pruner is not None:
        columns[FOLDS_EVALUATED] = _counts(block, FOLDS_EVALUATED, chosen)
    for name, range_ in spec.space.items():
        columns[name] = _param(block, name, range_, chosen)
    found = pl.DataFrame(columns)
    return found.hstack(_metrics(_picked(block.attrs.get(METRICS), chosen))) if metrics else found


def best_rows(spec: StudySpec, block: TrialBlock) -> IntArray:
    """Return the places of the feasible trials, best first, or of the Pareto front, each point once."""
    told = ~np.isnan(block.values).any(axis=1)
    repeated = block.attrs.get(DUPLICATE_OF)
    if repeated is not None:
        told &= np.array([text is None for text in repeated], bool)
    rows = np.flatnonzero(feasible_rows(block) & told)
    signs = np.array([-1.0 if item == "maximize" else 1.0 for item in spec.directions])
    losses = signs * block.values[rows]
    if len(signs) > 1 and rows.size:
        from optuna.study._multi_objective import _is_pareto_front

        front = _is_pareto_front(losses, assume_unique_lexsorted=False)
        rows, losses = rows[front], losses[front]
    found: IntArray = rows[np.lexsort((rows, losses[:, 0]))]
    return found


def _value_names(spec: StudySpec) -> list[str]:
    count = len(spec.objective)
    return ["value"] if count == 1 else [f"values_{index}" for index in range(count)]


def _numbers(column: FloatArray) -> pl.Series:
    return pl.Series(column, dtype=pl.Float64).fill_nan(None)


def _counts(block: TrialBlock, name: str, rows: IntArray) -> pl.Series:
    return pl.Series(_picked(block.attrs.get(name), rows), dtype=pl.String).cast(pl.Int64)


def _picked(texts: Sequence[str | None] | None, rows: IntArray) -> list[str | None]:
    if texts is None:
        return [None] * rows.size
    return [texts[row] for row in rows.tolist()]


def _param(block: TrialBlock, name: str, range_: Range, rows: IntArray) -> pl.Series:
    """Return a parameter as the spec says it: the index of a choice becomes the choice."""
    dtype = _dtype(range_)
    if name not in block.distributions:
        return pl.Series([None] * rows.size, dtype=dtype)
    column = _numbers(block.params[rows, list(block.distributions).index(name)])
    choices = _choices(block, name)
    if choices is None:
        return column.cast(dtype)
    return pl.Series(list(choices), dtype=dtype).gather(column.cast(pl.UInt32))


def _choices(block: TrialBlock, name: str) -> Sequence[Any] | None:
    """Return the choices of a parameter; None for a number."""
    found = block.plain(name)
    return found.choices if isinstance(found, Choices) else None


def _metrics(texts: list[str | None]) -> pl.DataFrame:
    names = METRICS_DTYPE.names or ()
    dtypes = {name: _metric_dtype(name) for name in names}
    given = [text for text in texts if text is not None]
    try:
        # As lines of a file: in half of the time that `str.json_decode` takes.
        lines = io.BytesIO("\n".join(given).encode())
        found = (
            pl.read_ndjson(lines, schema=dtypes, low_memory=True) if given else pl.DataFrame(schema=dtypes)
        )
    except pl.exceptions.PolarsError:  # Python's JSON knows Infinity, polars' does not
        rows = [json.loads(text) for text in given]
        found = pl.DataFrame(
            {name: pl.Series([row.get(name) for row in rows], dtype=dtypes[name]) for name in names}
        )
    # What a trial's metrics do not name is 0; an undefined ratio is null, and always named.
    still = still_names(())
    zeros = [pl.col(name).fill_null(pl.lit(0).cast(dtypes[name])) for name in names if name in still]
    found = found.with_columns(zeros).rename({name: f"metric_{name}" for name in names})
    if len(given) == len(texts):
        return found
    there = np.array([text is not None for text in texts])
    places = pl.Series(np.where(there, np.cumsum(there) - 1, len(given)))
    none = pl.DataFrame({name: [None] for name in found.columns}, schema=found.schema)
    return pl.concat([found, none])[places]


def _dtype(item: Range) -> Any:
    if isinstance(item, IntRange):
        return pl.Int64
    if not isinstance(item, Categorical):
        return pl.Float64
    kinds = {type(choice) for choice in item.choices if choice is not None}
    if kinds == {bool}:
        return pl.Boolean
    if kinds == {int}:
        return pl.Int64
    return pl.Float64 if kinds <= {int, float} else pl.String


def _metric_dtype(name: str) -> Any:
    if name == "stopped":
        return pl.Boolean
    return pl.Int64 if METRICS_DTYPE[name].kind == "i" else pl.Float64
