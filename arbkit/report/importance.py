"""Optuna's PED-ANOVA on the columns of a study, without reading it as Optuna's objects."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState

from arbkit.study.block import TrialBlock

__all__ = ["ped_anova"]

_ENOUGH: Final = 10


@dataclass(slots=True)
class _Trial:
    """The part of Optuna's `FrozenTrial` that the evaluator looks at."""

    _trial_id: int
    params: dict[str, Any]
    distributions: Mapping[str, BaseDistribution]
    values: tuple[float, ...]
    state: TrialState = TrialState.COMPLETE


class _Study:
    """The part of Optuna's `Study` that the evaluator looks at: it minimises one value per trial."""

    directions: Final = (optuna.study.StudyDirection.MINIMIZE,)

    def __init__(self, trials: list[_Trial]) -> None:
        self._trials = trials

    def _is_multi_objective(self) -> bool:
        return False

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[_Trial]:
        return self._trials


def ped_anova(block: TrialBlock, *, maximize: bool) -> dict[str, float]:
    """Return what Optuna's PED-ANOVA says of each parameter, for the first objective.

    Args:
        block: the trials of a study.
        maximize: whether the objective is to be large.

    Returns:
        Shares that add up to 1, the largest first; empty when too few trials are complete.
    """
    complete = (block.states == TrialState.COMPLETE.value) & ~np.isnan(block.values).any(axis=1)
    rows = np.flatnonzero(complete)
    if rows.size < _ENOUGH:
        return {}
    sign = -1.0 if maximize else 1.0
    study: Any = _Study(_trials(block, rows, sign * block.values[rows, 0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.importance.get_param_importances(
            study, evaluator=PedAnovaImportanceEvaluator(), target=lambda trial: trial.values[0]
        )


def _trials(block: TrialBlock, rows: Any, losses: Any) -> list[_Trial]:
    """Return trials whose distributions are one object wherever they are the same."""
    names = list(block.distributions)
    present = ~np.isnan(block.params[rows])
    kinds, kind = np.unique(present, axis=0, return_inverse=True)
    shared = [
        {name: block.distributions[name] for name, has in zip(names, found, strict=True) if has}
        for found in kinds.tolist()
    ]
    columns = {
        name: _external(block.distributions[name], block.params[rows, k]) for k, name in enumerate(names)
    }
    return [
        _Trial(row, {name: columns[name][place] for name in shared[which]}, shared[which], (loss,))
        for place, (row, which, loss) in enumerate(
            zip(rows.tolist(), kind.ravel().tolist(), losses.tolist(), strict=True)
        )
    ]


def _external(item: BaseDistribution, column: Any) -> list[Any]:
    if isinstance(item, optuna.distributions.CategoricalDistribution):
        return [item.choices[int(value)] if value == value else None for value in column.tolist()]
    if isinstance(item, optuna.distributions.IntDistribution):
        return [int(value) if value == value else None for value in column.tolist()]
    values: list[Any] = column.tolist()
    return values
