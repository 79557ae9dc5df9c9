"""PED-ANOVA as Optuna computes it, on the columns of a study."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance._ped_anova.scott_parzen_estimator import ScottParzenEstimator
from optuna.trial import TrialState

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.study.block import TrialBlock

__all__ = ["ped_anova"]

_ENOUGH: Final = 10
#: As Optuna's evaluator: the best tenth, a grid of 50 steps, a prior that weighs as one trial.
_BEST: Final = 0.1
_STEPS: Final = 50
_PRIOR: Final = 1.0
_LEAST: Final = 2


def ped_anova(block: TrialBlock, *, maximize: bool) -> dict[str, float]:
    """Return how much of being among the best tenth of the trials each parameter explains.

    Optuna's evaluator asks every trial for its parameters, one by one, and hashes their distributions: at
    100,000 trials that took most of a report.

    Args:
        block: the trials of a study.
        maximize: whether the first objective is to be large.

    Returns:
        Shares that add up to 1, the largest first; empty when too few trials are complete.

    Sources: Watanabe, Bansal & Hutter 2023, "PED-ANOVA"; Optuna's PedAnovaImportanceEvaluator.
    """
    complete = (block.states == TrialState.COMPLETE.value) & np.isfinite(block.values[:, 0])
    if int(complete.sum()) < _ENOUGH:
        return {}
    params = block.params[complete]
    losses = (-1.0 if maximize else 1.0) * block.values[complete, 0]
    cut = math.ceil(_BEST * losses.size) - 1
    best = losses <= np.partition(losses, cut)[cut]
    found = {
        name: _explained(item, params[:, place], best)
        for place, (name, item) in enumerate(block.distributions.items())
        if not np.isnan(params[:, place]).all()
    }
    total = sum(found.values())
    shares = {name: value / total if total else 1 / len(found) for name, value in found.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _explained(item: BaseDistribution, column: FloatArray, best: BoolArray) -> float:
    """Return Pearson's divergence of a parameter over the best trials from that over all that have it."""
    present = ~np.isnan(column)
    top = present & best
    if item.single() or int(present.sum()) < _LEAST or not top.any():
        return 0.0
    weight = (top.sum() / best.sum()) ** 2 / (present.sum() / present.size)
    among_best, among_all = _density(item, column[top]), _density(item, column[present])
    return float(weight * (among_all @ (among_best / among_all - 1) ** 2))


def _density(item: BaseDistribution, values: FloatArray) -> FloatArray:
    """Return the density of values over the grid of a parameter."""
    counts = _counts(item, values)
    observed = np.flatnonzero(counts)
    grid = item if isinstance(item, CategoricalDistribution) else IntDistribution(0, counts.size - 1)
    estimator = ScottParzenEstimator(observed, grid, counts[observed], _PRIOR)
    density: FloatArray = estimator.pdf(np.arange(counts.size)) + 1e-12
    return density


def _counts(item: BaseDistribution, values: FloatArray) -> IntArray:
    """Count values on the grid of a parameter: its choices, or evenly spaced steps."""
    if isinstance(item, CategoricalDistribution):
        return np.bincount(values.astype(np.int64), minlength=len(item.choices))
    assert isinstance(item, (IntDistribution, FloatDistribution))
    low, high, steps = float(item.low), float(item.high), _STEPS
    if isinstance(item, IntDistribution) and item.log:
        steps = min(math.ceil(math.log(high - low + 1) / math.log(2)) + 1, _STEPS)
    elif item.step is not None:
        steps = min(round((high - low) / item.step) + 1, _STEPS)
    if item.log:
        low, high, values = math.log(low), math.log(high), np.log(values)
    places = np.ceil((values - low) / ((high - low) / (steps - 1)) - 0.5).astype(np.int64)
    return np.bincount(np.clip(places, 0, steps - 1), minlength=steps)
