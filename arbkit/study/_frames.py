"""Trials as frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from optuna.study import StudyDirection
from optuna.study._multi_objective import _get_pareto_front_trials_by_trials
from optuna.trial import FrozenTrial, TrialState

from arbkit.records import METRICS_DTYPE
from arbkit.study.objective import DUPLICATE_OF, METRICS
from arbkit.study.space import Categorical, IntRange, Range
from arbkit.study.spec import StudySpec

__all__ = ["best_frame", "is_feasible", "trials_frame"]


def is_feasible(trial: FrozenTrial) -> bool:
    """Whether a trial is complete and breaks no constraint."""
    return trial.state == TrialState.COMPLETE and all(item <= 0 for item in trial.constraints.values())


def trials_frame(spec: StudySpec, trials: Sequence[FrozenTrial]) -> pl.DataFrame:
    """Return one row per trial; the columns are those of `Study.trials`."""
    columns: dict[str, Any] = {
        "number": pl.Series([item.number for item in trials], dtype=pl.Int64),
        "state": pl.Series([item.state.name for item in trials], dtype=pl.String),
    }
    for index, name in enumerate(_value_names(spec)):
        values = [item.values[index] if item.values else None for item in trials]
        columns[name] = pl.Series(values, dtype=pl.Float64)
    columns["feasible"] = pl.Series([is_feasible(item) for item in trials], dtype=pl.Boolean)
    columns[DUPLICATE_OF] = pl.Series([item.user_attrs.get(DUPLICATE_OF) for item in trials], dtype=pl.Int64)
    for name, range_ in spec.space.items():
        columns[name] = pl.Series([item.params.get(name) for item in trials], dtype=_dtype(range_))
    metrics = [item.user_attrs.get(METRICS) or {} for item in trials]
    for name in METRICS_DTYPE.names or ():
        columns[f"metric_{name}"] = pl.Series([item.get(name) for item in metrics], dtype=_metric_dtype(name))
    return pl.DataFrame(columns)


def best_frame(spec: StudySpec, trials: Sequence[FrozenTrial], n: int) -> pl.DataFrame:
    """Return the best feasible trials, or the Pareto front, each point once."""
    feasible = [item for item in trials if is_feasible(item) and DUPLICATE_OF not in item.user_attrs]
    directions = [StudyDirection[item.upper()] for item in spec.directions]
    if len(directions) > 1 and feasible:
        feasible = list(_get_pareto_front_trials_by_trials(feasible, directions))
    sign = -1.0 if directions[0] == StudyDirection.MAXIMIZE else 1.0
    best = sorted(feasible, key=lambda item: (sign * item.values[0], item.number))
    return trials_frame(spec, best[:n])


def _value_names(spec: StudySpec) -> list[str]:
    count = len(spec.objective)
    return ["value"] if count == 1 else [f"values_{index}" for index in range(count)]


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
