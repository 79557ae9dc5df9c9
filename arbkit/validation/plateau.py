"""Which set is taken: not the highest trial, but the one whose neighbours are still good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.study._frames import best_rows
from arbkit.study.block import TrialBlock
from arbkit.study.evaluator import PanelEvaluator
from arbkit.study.objective import Judge
from arbkit.study.samplers import external
from arbkit.study.space import distributions
from arbkit.study.spec import StudySpec
from arbkit.validation.result import Finalist

__all__ = ["QUANTILE", "Choice", "choose", "neighbourhood"]

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
    space = distributions(spec.space)
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
            params=external(space, block.params[rows[k]]),
        )
        for k in order
    )
    chosen = int(rows[order[0]])
    return Choice(block.params[chosen], dict(finalists[0].params), finalists, np.concatenate(around))


def neighbourhood(
    space: dict[str, BaseDistribution], row: FloatArray, n: int, step: float, seed: int
) -> FloatArray:
    """Draw sets around one, each number within a share of its range, or one step of it; categories stay.

    Args:
        space: distribution of each parameter.
        row: float64 (p,), the set in internal representation.
        n: how many.
        step: share of a range.
        seed: of the draws, with the set itself.

    Returns:
        float64 (n, p).
    """
    words = np.frombuffer(np.ascontiguousarray(row + 0.0).tobytes(), np.uint32)
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words.tolist()])))
    moves = random.uniform(-1, 1, (n, row.size))
    out = np.tile(row, (n, 1))
    for column, item in enumerate(space.values()):
        if np.isnan(row[column]) or isinstance(item, CategoricalDistribution):
            continue
        out[:, column] = _moved(item, row[column], moves[:, column] * step)
    return out


def _moved(item: BaseDistribution, value: float, moves: FloatArray) -> FloatArray:
    assert isinstance(item, (FloatDistribution, IntDistribution))
    low, high = float(item.low), float(item.high)
    if item.log:
        found = np.exp(np.log(value) + moves * (np.log(high) - np.log(low)))
    else:
        found = value + moves * (high - low)
    if item.step is not None and not item.log:
        # Where the range is cut into few steps a neighbour is the next one.
        least = np.sign(moves) * item.step
        found = np.where(np.abs(found - value) < item.step, value + least, found)
        found = low + np.round((found - low) / item.step) * item.step
    elif isinstance(item, IntDistribution):
        found = np.round(found)
    moved: FloatArray = np.clip(found, low, high)
    return moved


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
    for column, item in enumerate(distributions(spec.space).values()):
        if isinstance(item, CategoricalDistribution):
            continue
        low, high = float(item.low), float(item.high)  # type: ignore[attr-defined]
        if item.log:  # type: ignore[attr-defined]
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
