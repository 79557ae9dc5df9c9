"""PED-ANOVA as Optuna computes it, on the columns of a study."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.study.block import State, TrialBlock
from arbkit.study.ranges import Choices, Numbers

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
    complete = (block.states == State.COMPLETE) & np.isfinite(block.values[:, 0])
    if int(complete.sum()) < _ENOUGH:
        return {}
    params = block.params[complete]
    losses = (-1.0 if maximize else 1.0) * block.values[complete, 0]
    cut = math.ceil(_BEST * losses.size) - 1
    best = losses <= np.partition(losses, cut)[cut]
    found = {
        name: _explained(block.plain(name), params[:, place], best)
        for place, name in enumerate(block.distributions)
        if not np.isnan(params[:, place]).all()
    }
    total = sum(found.values())
    shares = {name: value / total if total else 1 / len(found) for name, value in found.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _explained(item: Numbers | Choices, column: FloatArray, best: BoolArray) -> float:
    """Return Pearson's divergence of a parameter over the best trials from that over all that have it."""
    present = ~np.isnan(column)
    top = present & best
    if item.single or int(present.sum()) < _LEAST or not top.any():
        return 0.0
    weight = (top.sum() / best.sum()) ** 2 / (present.sum() / present.size)
    among_best, among_all = _density(item, column[top]), _density(item, column[present])
    return float(weight * (among_all @ (among_best / among_all - 1) ** 2))


def _density(item: Numbers | Choices, values: FloatArray) -> FloatArray:
    """Return the density of values over the grid of a parameter."""
    counts = _counts(item, values).astype(np.float64)
    observed = np.flatnonzero(counts)
    weights = np.append(counts[observed], _PRIOR)
    weights /= weights.sum()
    kernels = _choices if isinstance(item, Choices) else _normals
    density: FloatArray = np.asarray(weights @ kernels(observed, counts) + 1e-12, np.float64)
    return density


def _choices(observed: IntArray, counts: FloatArray) -> FloatArray:
    """Return one kernel per observed choice and one for the prior, each over all choices."""
    kernels: FloatArray = np.full((observed.size + 1, counts.size), _PRIOR / (observed.size + 1))
    kernels[np.arange(observed.size), observed] += 1
    kernels /= kernels.sum(axis=1, keepdims=True)
    return kernels


def _normals(observed: IntArray, counts: FloatArray) -> FloatArray:
    """Return one normal kernel per observed step and one for the prior, truncated to the grid.

    Their width is that of Scott's rule (1992), with Optuna's floor.
    """
    weights, high = counts[observed], counts.size - 1.0
    together = np.cumsum(weights)
    total = together[-1]
    mean = observed @ weights / total
    sigma = math.sqrt(float((observed - mean) ** 2 @ weights) / max(1.0, total - 1))
    first = int(np.searchsorted(together, total // 4, side="left"))
    third = int(np.searchsorted(together, total * 3 // 4, side="right"))
    iqr = float(observed[min(observed.size - 1, third)] - observed[first])
    sigma = max(1.059 * min(iqr / 1.34, sigma) * total**-0.2, 0.5 / 1.64)
    centres = np.append(observed, high / 2)[:, None]
    widths = np.append(np.full(observed.size, sigma), high + 1.0)[:, None]
    edges = _normal_cdf((np.arange(counts.size + 1.0) - 0.5 - centres) / widths)
    kernels: FloatArray = np.diff(edges, axis=1) / (edges[:, -1:] - edges[:, :1])
    return kernels


def _normal_cdf(z: FloatArray) -> FloatArray:
    """Return the standard normal distribution function; scipy would take longer to import than this."""
    values = [0.5 * math.erfc(-x / math.sqrt(2.0)) for x in z.ravel().tolist()]
    return np.array(values).reshape(z.shape)


def _counts(item: Numbers | Choices, values: FloatArray) -> IntArray:
    """Count values on the grid of a parameter: its choices, or evenly spaced steps."""
    if isinstance(item, Choices):
        return np.bincount(values.astype(np.int64), minlength=len(item.choices))
    low, high, steps = float(item.low), float(item.high), _STEPS
    if item.whole and item.log:
        steps = min(math.ceil(math.log(high - low + 1) / math.log(2)) + 1, _STEPS)
    elif item.step is not None:
        steps = min(round((high - low) / item.step) + 1, _STEPS)
    if item.log:
        low, high, values = math.log(low), math.log(high), np.log(values)
    places = np.ceil((values - low) / ((high - low) / (steps - 1)) - 0.5).astype(np.int64)
    return np.bincount(np.clip(places, 0, steps - 1), minlength=steps)
