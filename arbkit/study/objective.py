"""From proposed parameters to what is simulated, and from metrics to what the sampler is told.

A trial ends in one of two ways. COMPLETE: simulated, with the values of the objective; constraints over
metrics are handed to Optuna with it. PRUNED and infeasible: the parameters break a constraint or a rule
of the engine (nothing is simulated), or the objective is undefined (the Sharpe ratio of a run without
trades). No value is invented for such a trial, and it can never be the best; samplers that know
constraints learn to keep away from it. A trial that a pruner stopped is PRUNED too, and breaks nothing.

Everything here is columns: a batch is judged at once, without an object per trial.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final, NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution

from arbkit._typing import BoolArray, FloatArray, RecordArray
from arbkit.config import Params
from arbkit.panel import joined_view
from arbkit.study.evaluator import Points
from arbkit.study.space import REFERENCE, SCALE, VIEWS, distributions
from arbkit.study.spec import StudySpec

__all__ = ["Checked", "Judge", "Judged"]

_DEFAULTS: Final = {
    item.name: item.default for item in dataclasses.fields(Params) if item.default is not dataclasses.MISSING
}
#: Parameters that are no column: the reference is of the panel, the others are the same in every trial.
_NO_COLUMN: Final = frozenset({*VIEWS, "guard", "close_at_end"})


class Checked(NamedTuple):
    """What is known of proposals before anything is simulated.

    Attributes:
        constraints: float64 (n,) per constraint over parameters.
        reasons: why a trial is refused, None for the others, (n,).
    """

    constraints: dict[str, FloatArray]
    reasons: list[str | None]

    @property
    def refused(self) -> BoolArray:
        """Which trials are not simulated, (n,)."""
        return np.array([reason is not None for reason in self.reasons], np.bool_)


class Judged(NamedTuple):
    """How simulated trials end.

    Attributes:
        values: float64 (n, k); a row of NaN where the objective is undefined.
        constraints: float64 (n,) per constraint over metrics; NaN where it was not judged.
        reasons: why a trial has no values, None for the others, (n,).
    """

    values: FloatArray
    constraints: dict[str, FloatArray]
    reasons: list[str | None]


class Judge:
    """Judges proposals and metrics by the spec of one study."""

    def __init__(self, spec: StudySpec) -> None:
        self._spec = spec
        self._space = distributions(spec.space)
        self._tables = {name: _table(name, item) for name, item in self._space.items()}
        constraints = spec.parsed_constraints
        self._before = [item for item in constraints if not item.on_metrics]
        self._after = [item for item in constraints if item.on_metrics]

    def check(self, params: FloatArray) -> Checked:
        """Check proposed parameters before anything is simulated.

        Args:
            params: float64 (n, p) in internal representation.
        """
        columns = self._numbers(params, {name for item in self._before for name in item.names})
        found = {item.text: np.broadcast_to(item.violations(columns), len(params)) for item in self._before}
        reasons: list[str | None] = [None] * len(params)
        if found:
            for row in np.flatnonzero(np.any([column > 0 for column in found.values()], axis=0)):
                broken = [text for text, column in found.items() if column[row] > 0]
                reasons[row] = f"breaks {', '.join(broken)}"
        return Checked(found, reasons)

    def points(self, params: FloatArray) -> Points:
        """Return the points of proposed parameters that break no rule.

        Args:
            params: float64 (n, p) in internal representation, n at least 1.
        """
        columns = {name: self._column(params, name) for name in self._space if name not in _NO_COLUMN}
        first = {name: self._value(params[0, k], item) for k, (name, item) in enumerate(self._space.items())}
        base, view = self._spec.params_of({n: value for n, value in first.items() if value is not ...})
        views = np.full(len(params), view)
        if REFERENCE in self._space or SCALE in self._space:
            views = self._views(params)
        if not columns:
            columns = {"min_spread_bps": np.full(len(params), base.min_spread_bps, np.float64)}
        return Points(base, columns, views)

    def judge(self, params: FloatArray, records: RecordArray) -> Judged:
        """Decide how simulated trials end.

        Args:
            params: float64 (n, p) in internal representation.
            records: `METRICS_DTYPE` (n,).
        """
        names = {name for item in self._after for name in item.names}
        columns = self._numbers(params, names - set(records.dtype.names or ()))
        columns |= {name: records[name] for name in names & set(records.dtype.names or ())}
        found = {item.text: item.violations(columns) for item in self._after}
        wanted = [item.metric for item in self._spec.objective]
        values = np.column_stack([records[name].astype(np.float64) for name in wanted])
        reasons: list[str | None] = [None] * len(params)
        missing = np.isnan(values)
        for row in np.flatnonzero(missing.any(axis=1)):
            undefined = [name for name, is_nan in zip(wanted, missing[row], strict=True) if is_nan]
            reasons[row] = f"{', '.join(undefined)} is undefined"
            for name in undefined:
                found.setdefault(f"{name} is defined", np.full(len(params), np.nan))[row] = 1.0
        values[missing.any(axis=1)] = np.nan
        return Judged(values, found, reasons)

    def keys(self, params: FloatArray) -> list[bytes]:
        """Return what tells points apart: equal for equal points.

        Args:
            params: float64 (n, p) in internal representation.
        """
        same = params + 0.0
        for k, item in enumerate(self._space.values()):
            if isinstance(item, CategoricalDistribution):
                # The first choice that is the same value: a spec may list one twice.
                first = np.array([item.choices.index(choice) for choice in item.choices], np.float64)
                same[:, k] = _looked_up(first, same[:, k], np.nan)
        same[np.isnan(same)] = np.nan
        wide = np.ascontiguousarray(same).view(np.dtype((np.void, same.shape[1] * same.itemsize)))
        keys: list[Any] = wide.ravel().tolist()
        return keys

    def _views(self, params: FloatArray) -> Any:
        """Return the view of the panel that each trial has."""
        references, scales = (
            self._column(params, name)
            if name in self._space
            else np.full(len(params), str(self._spec.fixed.get(name, "none")))
            for name in VIEWS
        )
        views = references.astype(object)
        for scale in np.unique(scales):
            places = np.flatnonzero(scales == scale)
            for reference in np.unique(references[places]):
                views[places[references[places] == reference]] = joined_view(str(reference), str(scale))
        return views.astype(np.str_)

    def _numbers(self, params: FloatArray, names: set[str]) -> dict[str, Any]:
        """Return the values of parameters in every trial: searched, fixed, or the engine's default."""
        found: dict[str, Any] = {}
        for name in names:
            if name in self._space:
                found[name] = self._column(params, name)
            else:
                value = self._spec.fixed.get(name, _DEFAULTS.get(name))
                found[name] = np.float64(np.nan if value is None else value)
        return found

    def _column(self, params: FloatArray, name: str) -> Any:
        """Return one parameter as the engine takes it, its default where it is no part of a trial."""
        column = params[:, list(self._space).index(name)]
        default = _DEFAULTS.get(name)
        if name in self._tables and self._tables[name] is not None:
            return _looked_up(self._tables[name], column, default)
        return np.where(np.isnan(column), np.nan if default is None else default, column)

    def _value(self, internal: float, item: BaseDistribution) -> Any:
        return ... if np.isnan(internal) else item.to_external_repr(float(internal))


def _table(name: str, item: BaseDistribution) -> Any:
    """Return the choices of a parameter as an array: numbers with NaN for none, or text; else None."""
    if not isinstance(item, CategoricalDistribution):
        return None
    choices = item.choices
    if any(isinstance(choice, str) for choice in choices):
        return np.array([str(choice) for choice in choices])
    return np.array([np.nan if choice is None else float(choice) for choice in choices], np.float64)


def _looked_up(table: Any, indices: FloatArray, default: Any) -> Any:
    absent = np.isnan(indices)
    found = table[np.where(absent, 0, indices).astype(np.int64)]
    if absent.any():
        fill = np.nan if default is None else default
        return np.where(absent, "none" if found.dtype.kind == "U" and default is None else fill, found)
    return found
