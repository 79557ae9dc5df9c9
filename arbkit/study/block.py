"""`TrialBlock`: finished trials as columns; a batch is stored and read without an object per trial.

Optuna is imported only where its objects are made or taken apart: looking at a study does without.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arbkit._typing import FloatArray
from arbkit.study.ranges import Choices, Numbers, plain_range, stored_range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = [
    "CONSTRAINT",
    "DUPLICATE_OF",
    "FOLDS_EVALUATED",
    "METRICS",
    "RANKING",
    "REASON",
    "REPORT_DTYPE",
    "WHOLE",
    "Parts",
    "State",
    "StoredDistributions",
    "TrialBlock",
]

#: User attributes of a trial: all metrics in one packed value; the trial that was the same point; why
#: it was not completed; on how many folds it was simulated before a pruner stopped it.
METRICS: Final = "metrics"
DUPLICATE_OF: Final = "duplicate_of"
REASON: Final = "reason"
FOLDS_EVALUATED: Final = "folds_evaluated"

#: How Optuna keeps a constraint: a system attribute with this before its name.
CONSTRAINT: Final = "constraints:"
#: One intermediate value: the trial's place in the block, the step, the value.
REPORT_DTYPE: Final = np.dtype([("row", np.int64), ("step", np.int64), ("value", np.float64)])

#: JSON text per trial, None where a trial has no such attribute.
Texts = Sequence[str | None]


class State(IntEnum):
    """The states of `optuna.trial.TrialState`."""

    RUNNING = 0
    COMPLETE = 1
    PRUNED = 2
    FAIL = 3
    WAITING = 4


class Parts(NamedTuple):
    """What is read of stored trials beside their numbers, states, values and constraints.

    Attributes:
        params: the parameters.
        attrs: the user attributes of these names; None for all.
        rest: times, what samplers keep, and intermediate values.
    """

    params: bool = True
    attrs: tuple[str, ...] | None = None
    rest: bool = True


WHOLE: Final = Parts()
#: What tells which trials are the best ones.
RANKING: Final = Parts(params=False, attrs=(DUPLICATE_OF, FOLDS_EVALUATED), rest=False)


class StoredDistributions(Mapping[str, "BaseDistribution"]):
    """The distributions of a stored study, each read when it is asked for.

    Args:
        texts: Optuna's JSON by the name of the parameter.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._read: dict[str, BaseDistribution] = {}

    def __getitem__(self, name: str) -> BaseDistribution:
        if name not in self._read:
            from optuna.distributions import json_to_distribution

            self._read[name] = json_to_distribution(self._texts[name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def plain(self, name: str) -> Numbers | Choices:
        """Return what a parameter may be, as plain values."""
        return stored_range(self._texts[name])


@dataclass(frozen=True, eq=False)
class TrialBlock:
    """Trials with consecutive numbers, as columns.

    Attributes:
        first: number of the first one.
        distributions: the distribution of each parameter; their order is that of the columns of `params`.
        states: uint8 (n,), the values of `optuna.trial.TrialState`.
        params: float64 (n, p) in Optuna's internal representation (the index of a choice, numbers as they
            are); NaN where the parameter is no part of the trial.
        values: float64 (n, k), one column per objective; a row of NaN is a trial without values.
        started: datetime64[us] (n,) in UTC, NaT where unknown.
        completed: the same.
        constraints: float64 (n,) per name: above zero is broken, NaN was not judged.
        attrs: user attributes by name, JSON text per trial.
        system_attrs: what Optuna and its samplers keep, the same; constraints are not among them.
        reports: `REPORT_DTYPE` (m,), the intermediate values in order of row and step.
    """

    first: int
    distributions: Mapping[str, BaseDistribution]
    states: NDArray[np.uint8]
    params: FloatArray
    values: FloatArray
    started: NDArray[np.datetime64]
    completed: NDArray[np.datetime64]
    constraints: Mapping[str, FloatArray] = field(default_factory=dict)
    attrs: Mapping[str, Texts] = field(default_factory=dict)
    system_attrs: Mapping[str, Texts] = field(default_factory=dict)
    reports: NDArray[Any] = field(default_factory=lambda: np.empty(0, REPORT_DTYPE))

    def __len__(self) -> int:
        return self.states.size

    @property
    def end(self) -> int:
        """The number after the last one."""
        return self.first + len(self)

    def plain(self, name: str) -> Numbers | Choices:
        """Return what a parameter may be, without Optuna where the block was read without it."""
        if isinstance(self.distributions, StoredDistributions):
            return self.distributions.plain(name)
        return plain_range(self.distributions[name])

    def rows(self, start: int, end: int | None = None) -> TrialBlock:
        """Return the trials at places `start` to `end` of this block, as views."""
        part = slice(*slice(start, end).indices(len(self)))
        inside = (self.reports["row"] >= part.start) & (self.reports["row"] < part.stop)
        reports = self.reports[inside].copy()
        reports["row"] -= part.start
        return TrialBlock(
            self.first + part.start,
            self.distributions,
            self.states[part],
            self.params[part],
            self.values[part],
            self.started[part],
            self.completed[part],
            {name: column[part] for name, column in self.constraints.items()},
            {name: column[part] for name, column in self.attrs.items()},
            {name: column[part] for name, column in self.system_attrs.items()},
            reports,
        )

    def joined(self, other: TrialBlock) -> TrialBlock:
        """Return these trials and those that follow them.

        Raises:
            ValueError: when the others begin at another number than `end`.
        """
        if other.first != self.end:
            raise ValueError(f"trial {self.end} was to come next, was {other.first}")
        own, more = len(self), len(other)
        reports = other.reports.copy()
        reports["row"] += own
        gaps = np.full(own, np.nan), np.full(more, np.nan)
        return TrialBlock(
            self.first,
            self.distributions,
            np.concatenate([self.states, other.states]),
            np.concatenate([self.params, other.params]),
            np.concatenate([self.values, other.values]),
            np.concatenate([self.started, other.started]),
            np.concatenate([self.completed, other.completed]),
            {
                name: np.concatenate(
                    [self.constraints.get(name, gaps[0]), other.constraints.get(name, gaps[1])]
                )
                for name in dict.fromkeys((*self.constraints, *other.constraints))
            },
            _joined_texts(self.attrs, other.attrs, own, more),
            _joined_texts(self.system_attrs, other.system_attrs, own, more),
            np.concatenate([self.reports, reports]),
        )

    def over(self, distributions: Mapping[str, BaseDistribution]) -> TrialBlock:
        """Return the same trials with the columns of a space; a parameter of another distribution is NaN."""
        params = np.full((len(self), len(distributions)), np.nan)
        for column, (name, item) in enumerate(distributions.items()):
            if self.distributions.get(name) == item:
                params[:, column] = self.params[:, list(self.distributions).index(name)]
        return replace(self, distributions=dict(distributions), params=params)

    def to_frozen(self) -> list[FrozenTrial]:
        """Return Optuna's own objects, with the number as the id."""
        from optuna.trial import FrozenTrial, TrialState

        reports: dict[int, dict[int, float]] = {}
        for row, step, value in self.reports.tolist():
            reports.setdefault(row, {})[step] = value
        return [
            FrozenTrial(state=TrialState(int(self.states[row])), **self._fields(row, reports.get(row, {})))
            for row in range(len(self))
        ]

    def _fields(self, row: int, reports: dict[int, float]) -> dict[str, Any]:
        own = zip(self.distributions.items(), self.params[row].tolist(), strict=True)
        given = {name: (item, value) for (name, item), value in own if value == value}
        values = self.values[row].tolist()
        broken = {name: column[row].item() for name, column in self.constraints.items()}
        system = {CONSTRAINT + name: value for name, value in broken.items() if value == value}
        return {
            "number": self.first + row,
            "value": None,
            "values": None if any(value != value for value in values) else values,
            "datetime_start": _local(self.started[row]),
            "datetime_complete": _local(self.completed[row]),
            "params": {name: item.to_external_repr(value) for name, (item, value) in given.items()},
            "distributions": {name: item for name, (item, _) in given.items()},
            "user_attrs": _attrs_at(self.attrs, row),
            "system_attrs": _attrs_at(self.system_attrs, row) | system,
            "intermediate_values": reports,
            "trial_id": self.first + row,
        }

    @classmethod
    def from_frozen(
        cls,
        trials: Sequence[FrozenTrial],
        distributions: Mapping[str, BaseDistribution],
        objectives: int,
        *,
        strict: bool = True,
    ) -> TrialBlock:
        """Build from Optuna's own objects.

        Args:
            trials: with consecutive numbers.
            distributions: every parameter that may occur in them.
            objectives: how many values a complete trial has.
            strict: refuse a parameter of another distribution; without it, it is left out.

        Raises:
            ValueError: when numbers have gaps, or a parameter has another distribution in one of the trials.
        """
        first = trials[0].number if trials else 0
        if [item.number for item in trials] != list(range(first, first + len(trials))):
            raise ValueError("the trials of a block must have consecutive numbers")
        params = np.full((len(trials), len(distributions)), np.nan)
        for row, trial in enumerate(trials):
            params[row] = _internal(trial, distributions, strict)
        values = np.full((len(trials), objectives), np.nan)
        for row, trial in enumerate(trials):
            if trial.values is not None:
                values[row] = trial.values
        reports = [
            (row, step, value)
            for row, trial in enumerate(trials)
            for step, value in sorted(trial.intermediate_values.items())
        ]
        return cls(
            first,
            dict(distributions),
            np.array([trial.state.value for trial in trials], np.uint8),
            params,
            values,
            np.array([_utc(trial.datetime_start) for trial in trials], "datetime64[us]"),
            np.array([_utc(trial.datetime_complete) for trial in trials], "datetime64[us]"),
            _constraints(trials),
            _texts([trial.user_attrs for trial in trials]),
            _texts([_own(trial.system_attrs) for trial in trials]),
            np.array(reports, REPORT_DTYPE),
        )


def _internal(trial: FrozenTrial, distributions: Mapping[str, BaseDistribution], strict: bool) -> list[float]:
    for name, item in trial.distributions.items():
        if strict and distributions.get(name) != item:
            raise ValueError(f"trial {trial.number} has another distribution for {name!r}: {item}")
    return [
        item.to_internal_repr(trial.params[name]) if trial.distributions.get(name) == item else np.nan
        for name, item in distributions.items()
    ]


def _constraints(trials: Sequence[FrozenTrial]) -> dict[str, FloatArray]:
    keys = _names(trial.system_attrs for trial in trials)
    return {
        key.removeprefix(CONSTRAINT): np.array([t.system_attrs.get(key, np.nan) for t in trials], np.float64)
        for key in keys
        if key.startswith(CONSTRAINT)
    }


def _own(system_attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in system_attrs.items() if not key.startswith(CONSTRAINT)}


def _texts(attrs: Sequence[Mapping[str, Any]]) -> dict[str, Texts]:
    return {name: [json.dumps(one[name]) if name in one else None for one in attrs] for name in _names(attrs)}


def _joined_texts(
    first: Mapping[str, Texts], second: Mapping[str, Texts], n_first: int, n_second: int
) -> dict[str, Texts]:
    return {
        name: [*first.get(name, [None] * n_first), *second.get(name, [None] * n_second)]
        for name in dict.fromkeys((*first, *second))
    }


def _names(attrs: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for one in attrs for name in one))


def _attrs_at(attrs: Mapping[str, Texts], row: int) -> dict[str, Any]:
    texts = {name: column[row] for name, column in attrs.items()}
    return {name: json.loads(text) for name, text in texts.items() if text is not None}


def _local(stamp: np.datetime64) -> dt.datetime | None:
    """Turn UTC into the naive local time that Optuna's objects hold."""
    utc = stamp.item()
    if utc is None:
        return None
    assert isinstance(utc, dt.datetime)
    return utc.replace(tzinfo=dt.UTC).astimezone().replace(tzinfo=None)


def _utc(local: dt.datetime | None) -> dt.datetime | None:
    return None if local is None else local.astimezone(dt.UTC).replace(tzinfo=None)
