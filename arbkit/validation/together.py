"""Figures over all sets together: SPA, PBO and the deflated Sharpe ratio of the chosen one."""

from __future__ import annotations

import math

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.errors import ConfigError
from arbkit.metrics import (
    deflated_sharpe_ratio,
    probability_of_overfitting,
    return_moments,
    superior_predictive_ability,
)
from arbkit.study.market import Market
from arbkit.study.objective import Judge
from arbkit.study.spec import StudySpec
from arbkit.validation.bins import Bins, binned
from arbkit.validation.result import Together
from arbkit.validation.tried import Tried

__all__ = ["behaviours", "distinct_points", "tests_of"]

_LEAST_BINS = 16
#: So many times the wanted number of sets are simulated to find that many that behave differently.
_SPARE = 2


def distinct_points(spec: StudySpec, params: FloatArray) -> FloatArray:
    """Return the sets that can be simulated, each once, in order.

    Args:
        spec: the study's spec.
        params: float64 (n, p) in internal representation.
    """
    judge = Judge(spec)
    keys = judge.keys(params)
    first: IntArray = np.array(
        sorted({key: k for k, key in reversed(list(enumerate(keys)))}.values()), np.int64
    )
    once = params[first]
    return once[~judge.check(once).refused]


def behaviours(
    spec: StudySpec, market: Market, chosen: FloatArray, params: FloatArray, bins: Bins, threads: int | None
) -> FloatArray:
    """Simulate sets from the first row to the lockbox and keep each behaviour once.

    Args:
        spec: the study's spec.
        market: its market.
        chosen: float64 (p,), the chosen set, which comes first.
        params: float64 (n, p), all sets in question; where they are too many, some are drawn by the seed.
        bins: of training and walk-forward.
        threads: how many sets run at once.

    Returns:
        float64 (bins, m), m at most `validation.sets`.
    """
    points = distinct_points(spec, np.vstack([chosen, params]))
    most = _SPARE * spec.validation.sets
    if len(points) > most:
        drawn = np.random.default_rng(spec.seed).choice(len(points) - 1, most - 1, replace=False)
        points = points[np.concatenate([[0], np.sort(drawn) + 1])]
    pnl = _simulated(spec, market, points, bins, threads)
    _, first = np.unique(pnl.T, axis=0, return_index=True)
    return pnl[:, np.sort(first)[: spec.validation.sets]]


def _simulated(
    spec: StudySpec, market: Market, points: FloatArray, bins: Bins, threads: int | None
) -> FloatArray:
    found = Judge(spec).points(points)
    pnl = np.zeros((len(bins), len(points)))
    for reference in np.unique(found.references):
        places = np.flatnonzero(found.references == reference)
        panel = market.stretch(str(reference), None, market.cuts[1])
        pnl[:, places] = binned(
            panel, found.take(places).sets, bins, str(spec.validation.bin), threads=threads
        )
    return pnl


def tests_of(spec: StudySpec, pnl: FloatArray, tried: Tried) -> Together:
    """Test all sets together.

    Args:
        spec: the study's spec.
        pnl: float64 (bins, sets) from `behaviours`.
        tried: how many distinct sets were tried on these data.
    """
    settings = spec.validation
    moving = np.ptp(pnl, axis=0) > 0
    spa = None
    if moving.any() and len(pnl) >= _LEAST_BINS:
        block = min(settings.block_bins, len(pnl))
        spa = superior_predictive_ability(
            pnl[:, moving], block=block, draws=settings.draws, seed=spec.seed, level=settings.level
        )
    overfit = None
    if moving.sum() >= 2 and len(pnl) >= 2 * settings.pbo_blocks:
        overfit = probability_of_overfitting(pnl[:, moving], blocks=settings.pbo_blocks)
    sharpe, dsr, published = _deflated(pnl, moving, tried.distinct)
    return Together(
        spa_p=None if spa is None else spa.p_value,
        spa_sets=int(moving.sum()),
        spa_t=None if spa is None or math.isinf(spa.statistic) else spa.statistic,
        spa_critical=None if spa is None else spa.critical,
        distinct_sets=tried.distinct,
        studies=tried.studies,
        sharpe=sharpe,
        dsr=dsr,
        dsr_published=published,
        pbo=None if overfit is None else overfit.pbo,
        p_loss=None if overfit is None else overfit.p_loss,
    )


def _deflated(
    pnl: FloatArray, moving: BoolArray, distinct: int
) -> tuple[float | None, float | None, float | None]:
    """Return the chosen set's ratio per bin, and its deflated ratio in both forms."""
    if not moving[0] or len(pnl) < 3:
        return None, None, None
    found = return_moments(pnl[:, 0])
    moved = pnl[:, moving]
    ratios = moved.mean(axis=0) / moved.std(axis=0, ddof=1)
    shape = {"skewness": found.skewness, "kurtosis": found.kurtosis}
    n_trials = max(distinct, 2)
    try:
        one = deflated_sharpe_ratio(found.sharpe, found.n_periods, n_trials, **shape)
        if ratios.size < 2:
            return found.sharpe, one.probability, None
        variance = float(ratios.var(ddof=1))
        other = deflated_sharpe_ratio(found.sharpe, found.n_periods, n_trials, variance=variance, **shape)
    except ConfigError:
        return found.sharpe, None, None
    return found.sharpe, one.probability, other.probability
