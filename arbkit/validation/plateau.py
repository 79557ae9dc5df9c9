"""Which set is taken: not the highest trial, but the one whose neighbours are still good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.study._frames import best_rows
from arbkit.study.block import TrialBlock
from arbkit.study.evaluator import PanelEvaluator
from arbkit.study.objective import Judge
from arbkit.study.ranges import Choices, from_row, plain_space
from arbkit.study.spec import StudySpec
from arbkit.validation.neighbours import neighbourhood
from arbkit.validation.result import Finalist

__all__ = ["QUANTILE", "Choice", "choose"]

#: What a set is worth is what this share of its neighbourhood falls short of.
QUANTILE: Final = 0.25
_RANKED: Final = 20_000


@dataclass(frozen=True, eq=False)
class Choice:
    """The set that a search recommends, and what it was chosen from.

    Attributes:
        row: float64 (p,), the set in Optuna's internal representation.
        params: the searched parameters by name.
        finalists: the highest trials, by plateau score.
        simulated: float64 (m, p), the neighbours that were simulated.
    """

    row: FloatArray
    params: dict[str, Any]
    finalists: tuple[Finalist, ...]
    simulated: FloatArray


def choose(spec: StudySpec, block: TrialBlock, evaluator: PanelEvaluator) -> Choice | None:
    """Choose among the highest trials the one that survives a small change best.

    Around each finalist sets are drawn that differ from it by at most `validation.step` of each range, and
    simulated on the same data. Its score is the value that three quarters of that neighbourhood reach.

    Args:
        spec: the study's spec.
        block: its trials.
        evaluator: simulates on the data of these trials.

    Returns:
        The choice, or None when no trial is feasible.
    """
    rows = _finalists(spec, block)
    if rows.size == 0:
        return None
    space = plain_space(spec.space)
    around = [
        neighbourhood(space, block.params[row], spec.validation.neighbours, spec.validation.step, spec.seed)
        for row in rows
    ]
    sign = 1.0 if spec.directions[0] == "maximize" else -1.0
    values = sign * _values(spec, np.concatenate(around), evaluator).reshape(rows.size, -1)
    own = sign * block.values[rows, 0]
    scores = np.array(
        [_score(np.append(near, alone)) for near, alone in zip(values, own, strict=True)], np.float64
    )
    order = np.lexsort((np.arange(rows.size), -scores))
    finalists = tuple(
        Finalist(
            number=block.first + int(rows[k]),
            value=float(block.values[rows[k], 0]),
            score=None if np.isinf(scores[k]) else sign * float(scores[k]),
            params=from_row(space, block.params[rows[k]]),
        )
        for k in order
    )
    chosen = int(rows[order[0]])
    return Choice(block.params[chosen], dict(finalists[0].params), finalists, np.concatenate(around))


def _finalists(spec: StudySpec, block: TrialBlock) -> IntArray:
    """Return the highest trials that do not lie in each other's neighbourhood."""
    ranked = best_rows(spec, block)[:_RANKED]
    units = _units(spec, block.params[ranked])
    taken: list[int] = []
    free: BoolArray = np.ones(ranked.size, np.bool_)
    while len(taken) < spec.validation.finalists and free.any():
        k = int(free.argmax())
        taken.append(k)
        free &= ~_near(units, units[k], spec.validation.step)
        free[k] = False
    return ranked[np.array(taken, np.int64)]


def _units(spec: StudySpec, params: FloatArray) -> FloatArray:
    """Return parameters as shares of their ranges; choices far enough apart never to be near."""
    units = params.copy()
    for column, item in enumerate(plain_space(spec.space).values()):
        if isinstance(item, Choices):
            continue
        low, high = float(item.low), float(item.high)
        if item.log:
            low, high, units[:, column] = np.log(low), np.log(high), np.log(units[:, column])
        units[:, column] = (units[:, column] - low) / (high - low) if high > low else 0.0
    return np.where(np.isnan(units), -9.0, units)


def _near(units: FloatArray, one: FloatArray, step: float) -> BoolArray:
    near: BoolArray = np.all(np.abs(units - one) <= step, axis=1)
    return near


def _values(spec: StudySpec, params: FloatArray, evaluator: PanelEvaluator) -> FloatArray:
    """Return the first objective of sets; NaN where one breaks a constraint or has no value."""
    values = np.full(len(params), np.nan)
    judge = Judge(spec)
    kept = np.flatnonzero(~judge.check(params).refused) if len(params) else np.empty(0, np.int64)
    if kept.size:
        records = evaluator.evaluate(judge.points(params[kept]))
        judged = judge.judge(params[kept], records)
        broken = np.zeros(kept.size, np.bool_)
        for violation in judged.constraints.values():
            broken |= violation > 0
        values[kept] = np.where(broken, np.nan, judged.values[:, 0])
    return values


def _score(values: FloatArray) -> float:
    """Return the value that all but a share of a neighbourhood reach; a set without a value reaches none."""
    known = np.sort(np.where(np.isnan(values), -np.inf, values))
    return float(known[int(QUANTILE * known.size)])
