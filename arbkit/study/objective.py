"""From a trial's parameters to what is simulated, and from metrics to what the sampler is told.

A trial ends in one of two ways. COMPLETE: simulated, with the values of the objective; constraints over
metrics are handed to Optuna with it. PRUNED and infeasible: the parameters break a constraint or a rule
of the engine (nothing is simulated), or the objective is undefined (the Sharpe ratio of a run without
trades). No value is invented for such a trial, and it can never be the best; samplers that know
constraints learn to keep away from it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from optuna.trial import Trial, TrialState

from arbkit.config import Params
from arbkit.errors import ConfigError
from arbkit.study.evaluator import MetricValues, Point
from arbkit.study.spec import StudySpec

__all__ = ["DUPLICATE_OF", "METRICS", "REASON", "Judge", "Outcome", "Proposal", "finish"]

#: User attributes of a trial: all metrics in one packed value; the trial that was the same point; why
#: it was not completed.
METRICS: Final = "metrics"
DUPLICATE_OF: Final = "duplicate_of"
REASON: Final = "reason"

_DEFAULTS: Final = {
    item.name: item.default for item in dataclasses.fields(Params) if item.default is not dataclasses.MISSING
}


class Outcome(NamedTuple):
    """How a trial ends: its values (none when it is infeasible), constraints and the reason."""

    values: tuple[float, ...] | None
    constraints: dict[str, float]
    reason: str | None = None


class Proposal(NamedTuple):
    """What becomes of proposed parameters: a point to simulate, or an outcome at once."""

    point: Point | None
    constraints: dict[str, float]
    refusal: Outcome | None = None


class Judge:
    """Judges proposals and metrics by the spec of one study."""

    def __init__(self, spec: StudySpec) -> None:
        self._spec = spec
        constraints = spec.parsed_constraints
        self._before = [item for item in constraints if not item.on_metrics]
        self._after = [item for item in constraints if item.on_metrics]

    def propose(self, params: Mapping[str, Any]) -> Proposal:
        """Check the parameters of a trial before anything is simulated."""
        values = {**_DEFAULTS, **self._spec.fixed, **params}
        checked = {item.text: item.violation(values) for item in self._before}
        broken = [text for text, violation in checked.items() if violation > 0]
        if broken:
            return Proposal(None, checked, Outcome(None, checked, f"breaks {', '.join(broken)}"))
        try:
            point = Point(*self._spec.params_of(params))
        except ConfigError as error:
            refused = {**checked, "valid parameters": 1.0}
            return Proposal(None, checked, Outcome(None, refused, str(error)))
        return Proposal(point, checked)

    def judge(self, proposal: Proposal, params: Mapping[str, Any], metrics: MetricValues) -> Outcome:
        """Decide how a simulated trial ends."""
        values = {**_DEFAULTS, **self._spec.fixed, **params, **metrics}
        constraints = proposal.constraints | {item.text: item.violation(values) for item in self._after}
        found = [metrics[item.metric] for item in self._spec.objective]
        undefined = [
            item.metric
            for item, value in zip(self._spec.objective, found, strict=True)
            if value is None or math.isnan(value)
        ]
        if undefined:
            constraints |= {f"{name} is defined": 1.0 for name in undefined}
            return Outcome(None, constraints, f"{', '.join(undefined)} is undefined")
        return Outcome(tuple(float(value) for value in found), constraints)


def finish(trial: Trial, outcome: Outcome) -> None:
    """Tell an outcome to the trial's study."""
    for key, violation in outcome.constraints.items():
        trial.set_constraint(key, violation)
    if outcome.reason is not None:
        trial.set_user_attr(REASON, outcome.reason)
    if outcome.values is None:
        trial.study.tell(trial, state=TrialState.PRUNED)
    else:
        trial.study.tell(trial, list(outcome.values))
