"""Proposals of a tree-structured Parzen estimator, a batch of trials in one call.

The method is that of Bergstra, Bardenet, Bengio and Kegl (2011) in the multivariate form of Falkner, Klein
and Hutter (2018): one mixture (`arbkit.kernels.mixture`) over the best trials, one over the others;
candidates are drawn from the first, and the one with the largest ratio of the two densities is proposed.
Trials proposed in the same batch count among the others at once: a batch spreads.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import inlined, jit
from arbkit.kernels.counter_rng import mix, normal_from_uniform, uniform
from arbkit.kernels.mixture import (
    CATEGORY,
    CHUNK,
    REAL,
    Columns,
    Mixture,
    Points,
    append_kernel,
    density,
    empty_mixture,
    fit_numeric,
    phi,
)

__all__ = ["Observed", "Tuning", "propose_trials"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ONE = np.uint64(1)
_ROUNDS = 4
_TRIES = 64


class Tuning(NamedTuple):
    """What can be turned.

    Attributes:
        candidates: how many candidates are drawn for each proposal.
        finest: the narrowest kernel is the range over this, once there are as many trials.
        liar: weight of a trial of the same batch, whose value nobody knows yet, among the others; 0 = none.
        unique: whether a point that is known already is passed over for a new one.
    """

    candidates: int
    finest: float
    liar: float
    unique: bool


class Observed(NamedTuple):
    """Trials of one group.

    Attributes:
        x: float64 (p, n), model coordinates; NaN = not part of the trial.
        level: int64 (p, n), levels or choices; 0 for a real number, -1 = not part of the trial.
        weight: float64 (n,), weights; the prior counts 1.
    """

    x: FloatArray
    level: IntArray
    weight: FloatArray


class _Group(NamedTuple):
    """Trials with room for more, and their mixture.

    `counts` is int64 (3,): kernels in the mixture, trials, trials when it was last fitted.
    """

    seen: Observed
    mixture: Mixture
    counts: IntArray


@jit
def _group(columns: Columns, seen: Observed, more: int) -> _Group:
    """Make a group with room for `more` trials."""
    p, n = seen.x.shape
    x, level, weight = np.empty((p, n + more)), np.empty((p, n + more), np.int64), np.ones(n + more)
    x[:, :n], level[:, :n], weight[:n] = seen.x, seen.level, seen.weight
    mixture = empty_mixture(columns, n + more + 1)
    return _Group(Observed(x, level, weight), mixture, np.array([0, n, 0]))


@jit
def _fit(columns: Columns, group: _Group, finest: float) -> None:
    """Fit a kernel to each trial, and the prior as the last one."""
    mixture, n = group.mixture, group.counts[1]
    group.counts[0], group.counts[2] = n + 1, n
    mixture.rows[:] = 0
    mixture.weight[:n] = np.log(group.seen.weight[:n])
    mixture.weight[n] = 0.0
    for d in range(len(columns.kind)):
        if columns.kind[d] == CATEGORY:
            mixture.row[d, :n] = group.seen.level[d, :n]
            mixture.row[d, n] = -1
        else:
            fit_numeric(columns, mixture, d, group.seen.x[d, :n], finest)
            if columns.parent[d] < 0:
                for k in range(n + 1):
                    mixture.weight[k] += mixture.norm[d, k]


@jit
def _add(columns: Columns, group: _Group, drawn: Points, c: int, finest: float, liar: float) -> None:
    """Add candidate c to a group; the mixture is fitted anew once an eighth of it is new."""
    n = group.counts[1]
    group.seen.x[:, n], group.seen.level[:, n] = drawn.x[:, c], drawn.level[:, c]
    group.seen.weight[n] = liar
    group.counts[1] = n + 1
    if n + 1 - group.counts[2] >= max(8, n // 8):
        _fit(columns, group, finest)
    else:
        append_kernel(columns, group.mixture, group.counts[0], drawn, c, finest)
        group.mixture.weight[group.counts[0]] += math.log(liar)
        group.counts[0] += 1


@jit
def _draw_column(
    columns: Columns, mixture: Mixture, d: int, k: int, n: int, u: float, drawn: Points, c: int
) -> None:
    """Draw one column of candidate c from kernel k."""
    levels = columns.levels[d]
    if columns.kind[d] == CATEGORY:
        row = mixture.row[d, k]
        miss = 1.0 / (n + levels) if row >= 0 else 1.0 / levels
        left = u
        level = levels - 1
        for choice in range(levels):
            left -= miss * (1.0 + n) if choice == row else miss
            if left < 0.0:
                level = choice
                break
        drawn.level[d, c] = level
        drawn.x[d, c] = level
        return
    low, high, mu, inverse = columns.low[d], columns.high[d], mixture.mu[d, k], mixture.inverse[d, k]
    a, b = phi((low - mu) * inverse), phi((high - mu) * inverse)
    q = min(max(a + u * (b - a), 1e-300), 1.0 - 1e-16)
    x = min(max(mu + normal_from_uniform(q) / inverse, low), high)
    drawn.level[d, c] = 0
    drawn.x[d, c] = x
    if columns.kind[d] != REAL:
        _to_level(columns, d, x, drawn, c)


@jit
def _to_level(columns: Columns, d: int, x: float, drawn: Points, c: int) -> None:
    """Put candidate c on the level that holds x."""
    at, levels = columns.edge_at[d], columns.levels[d]
    edges = columns.edges[at : at + levels + 1]
    level = min(max(np.searchsorted(edges, x, side="right") - 1, 0), levels - 1)
    drawn.level[d, c] = level
    drawn.x[d, c] = 0.5 * (edges[level] + edges[level + 1])


@inlined
def _is_active(columns: Columns, d: int, drawn: Points, c: int) -> bool:
    parent = columns.parent[d]
    if parent < 0:
        return True
    choice = drawn.level[parent, c]
    return bool(choice >= 0 and (columns.allowed[d] >> np.uint64(choice)) & _ONE == _ONE)


@jit
def _draw(
    columns: Columns, best: _Group, cumulative: FloatArray, key: Any, drawn: Points, first: int
) -> None:
    """Draw every candidate from the mixture of the best; `first` counts the candidates of this key before."""
    n = best.counts[0]
    for c in range(drawn.x.shape[1]):
        slot = first + c
        chosen = _pick(cumulative, n, uniform(key, slot, 0))
        for i in range(len(columns.kind)):
            d = columns.order[i]
            drawn.level[d, c] = -1
            drawn.x[d, c] = np.nan
            if not _is_active(columns, d, drawn, c):
                continue
            k = chosen
            if columns.parent[d] >= 0:
                k = _one_with(best, cumulative, d, k, key, slot)
            _draw_column(columns, best.mixture, d, k, n, uniform(key, slot, 1 + d), drawn, c)


@inlined
def _pick(cumulative: FloatArray, n: int, u: float) -> int:
    k: int = min(np.searchsorted(cumulative[:n], u * cumulative[n - 1], side="right"), n - 1)
    return k


@jit
def _one_with(best: _Group, cumulative: FloatArray, d: int, k: int, key: Any, slot: int) -> int:
    """Return kernel k if its trial has column d, else another that has it, else the prior."""
    n: int = best.counts[0]
    for attempt in range(_ROUNDS):
        if k == n - 1 or best.seen.level[d, k] >= 0:
            return k
        k = _pick(cumulative, n, uniform(key, slot, 1_000 + 100 * d + attempt))
    return n - 1


@jit
def _draw_anywhere(columns: Columns, key: Any, slot: int, drawn: Points) -> None:
    """Draw candidate 0 uniformly from the space."""
    for i in range(len(columns.kind)):
        d = columns.order[i]
        drawn.level[d, 0] = -1
        drawn.x[d, 0] = np.nan
        if not _is_active(columns, d, drawn, 0):
            continue
        u = uniform(key, slot, 1 + d)
        if columns.kind[d] == CATEGORY:
            drawn.level[d, 0] = int(u * columns.levels[d])
            drawn.x[d, 0] = drawn.level[d, 0]
            continue
        drawn.level[d, 0] = 0
        drawn.x[d, 0] = columns.low[d] + u * (columns.high[d] - columns.low[d])
        if columns.kind[d] != REAL:
            _to_level(columns, d, drawn.x[d, 0], drawn, 0)


@jit
def _fingerprint(level: IntArray) -> Any:
    """Return a number for a row of levels; 0 never."""
    h = _GOLDEN
    for d in range(len(level)):
        h = mix(h + np.uint64(level[d] + 2) * _GOLDEN)
    return h | _ONE


@jit
def _is_known(known: npt.NDArray[np.uint64], h: Any) -> bool:
    mask = np.uint64(len(known) - 1)
    at = h & mask
    while known[at] != 0:
        if known[at] == h:
            return True
        at = (at + _ONE) & mask
    return False


@jit
def _know(known: npt.NDArray[np.uint64], h: Any) -> None:
    mask = np.uint64(len(known) - 1)
    at = h & mask
    while known[at] != 0 and known[at] != h:
        at = (at + _ONE) & mask
    known[at] = h


@jit
def _all_known(level: IntArray, known_level: IntArray, more: int) -> npt.NDArray[np.uint64]:
    """Make the set of the points of both groups, with room for `more`."""
    size = 1024
    while size < 2 * (level.shape[1] + known_level.shape[1] + more):
        size *= 2
    known = np.zeros(size, np.uint64)
    for k in range(level.shape[1]):
        _know(known, _fingerprint(level[:, k]))
    for k in range(known_level.shape[1]):
        _know(known, _fingerprint(known_level[:, k]))
    return known


@jit
def _best_of(
    columns: Columns, groups: tuple[_Group, _Group], drawn: Points, known: Any, unique: bool, scratch: Any
) -> int:
    """Return the candidate with the largest ratio of densities; -1 = every one is known already."""
    best, found = -np.inf, -1
    for c in range(drawn.x.shape[1]):
        if unique and _is_known(known, _fingerprint(drawn.level[:, c])):
            continue
        good = density(columns, groups[0].mixture, groups[0].counts[0], drawn, c, scratch[0], scratch[1:])
        bad = density(columns, groups[1].mixture, groups[1].counts[0], drawn, c, scratch[0], scratch[1:])
        ratio = good / bad
        if found < 0 or ratio > best:
            best, found = ratio, c
    return found


@jit
def _choose(
    columns: Columns,
    groups: tuple[_Group, _Group],
    tuning: Tuning,
    key: Any,
    known: Any,
    cumulative: FloatArray,
    drawn: Points,
    scratch: Any,
) -> int:
    """Draw candidates and return the one to propose: the best new one, else any new one, else the best."""
    for attempt in range(_ROUNDS):
        _draw(columns, groups[0], cumulative, key, drawn, attempt * tuning.candidates)
        found = _best_of(columns, groups, drawn, known, tuning.unique, scratch)
        if found >= 0:
            return found
    for attempt in range(_TRIES):
        _draw_anywhere(columns, key, _ROUNDS * tuning.candidates + attempt, drawn)
        if not _is_known(known, _fingerprint(drawn.level[:, 0])):
            return 0
    zero: Any = np.int64(0)
    _draw(columns, groups[0], cumulative, key, drawn, zero)
    return _best_of(columns, groups, drawn, known, zero > 0, scratch)


@jit
def propose_trials(
    columns: Columns,
    tuning: Tuning,
    best: Observed,
    others: Observed,
    seed: Any,
    first: int,
    x: FloatArray,
    level: IntArray,
) -> None:
    """Propose a batch.

    Args:
        columns: the search space.
        tuning: how to search it.
        best: the trials to be like.
        others: the trials to be unlike, in the order of their numbers.
        seed: uint64.
        first: number of the first trial proposed; it and the seed are all the chance there is.
        x: float64 (p, n), filled with the proposals in model coordinates; NaN = not part of the trial.
        level: int64 (p, n), filled with their levels or choices; 0 for a real number, -1 = not part of it.
    """
    p, n = x.shape
    # Of a type: for a literal 0 what it is passed to would be compiled a second time.
    zero: Any = np.int64(0)
    groups = (_group(columns, best, zero), _group(columns, others, n))
    finest = min(tuning.finest, 2.0 + len(best.weight) + len(others.weight))
    _fit(columns, groups[0], finest)
    _fit(columns, groups[1], finest)
    weights = np.ones(groups[0].counts[0])
    weights[:-1] = best.weight
    cumulative = np.cumsum(weights)
    drawn = Points(np.empty((p, tuning.candidates)), np.empty((p, tuning.candidates), np.int64))
    known = _all_known(best.level, others.level, n)
    scale = np.empty(CHUNK)
    scratch = (np.empty(CHUNK), scale, scale.view(np.int64))
    for i in range(n):
        key = mix(mix(np.uint64(seed) + _GOLDEN) + np.uint64(first + i) * _GOLDEN)
        c = _choose(columns, groups, tuning, key, known, cumulative, drawn, scratch)
        x[:, i], level[:, i] = drawn.x[:, c], drawn.level[:, c]
        if tuning.unique:
            _know(known, _fingerprint(drawn.level[:, c]))
        if tuning.liar > 0.0:
            _add(columns, groups[1], drawn, c, finest, tuning.liar)
