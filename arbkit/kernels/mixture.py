"""Densities over a search space: mixtures of products of truncated normals, and of categories.

Parameters are columns in *model coordinates*: the logarithm where a range is logarithmic, else the value. NaN
says that a trial does not have the parameter; its kernel is as wide as the range there.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import ZERO, inlined, inner, jit

__all__ = [
    "CATEGORY",
    "CELLS",
    "CHUNK",
    "REAL",
    "TABLE",
    "Columns",
    "Mixture",
    "Points",
    "append_kernel",
    "density",
    "empty_mixture",
    "fit_numeric",
    "phi",
]

#: Kinds of columns: a real number; levels with a table of their masses; so many levels that a mass is
#: computed when it is asked for; a category.
REAL = 0
TABLE = 1
CELLS = 2
CATEGORY = 3

#: How many kernels are worked on at a time: what belongs to them stays in the nearest cache.
CHUNK = 512

_ROOT_2 = math.sqrt(2.0)
_ROOT_2PI = math.sqrt(2.0 * math.pi)
_LOG_ROOT_2PI = math.log(_ROOT_2PI)
#: A level narrower than the range over this is as good as a point: its mass is density times width, within
#: 0.3 % for the narrowest kernels, and the width is the same in both densities.
_FINE = 400.0
_LOG_NOTHING = -700.0
_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_SHIFT = 6755399441055744.0


class Columns(NamedTuple):
    """The search space, one entry per parameter.

    Attributes:
        kind: int64 (p,): REAL, TABLE, CELLS or CATEGORY.
        low, high: float64 (p,), ends of the range in model coordinates, half a step outside for levels.
        levels: int64 (p,), how many levels or choices; 0 for a real number.
        edge_at: int64 (p,), where in `edges` the levels + 1 borders of a column with levels begin.
        edges: float64, borders between levels, in model coordinates.
        parent: int64 (p,), the category that a conditional parameter depends on; -1 = none.
        allowed: uint64 (p,), bit i = the parameter exists where its parent is choice i.
        order: int64 (p,), the columns with each parent before its children.
    """

    kind: IntArray
    low: FloatArray
    high: FloatArray
    levels: IntArray
    edge_at: IntArray
    edges: FloatArray
    parent: IntArray
    allowed: npt.NDArray[np.uint64]
    order: IntArray


class Mixture(NamedTuple):
    """One density.

    Attributes:
        mu, inverse: float64 (p, n), centre and 1 / sigma of each kernel.
        norm: float64 (p, n), what the point does not change in the log density of a column.
        row: int64 (p, n), row in the table (levels) or choice (category; -1 = all alike).
        weight: float64 (n,), log weight, with `norm` of the columns that every trial has.
        table: log masses of levels; a row begins with the 1 / sigma it was made for.
        table_at: int64 (p,), where in `table` a column begins.
        rows: int64 (p,), how many rows it has.
    """

    mu: FloatArray
    inverse: FloatArray
    norm: FloatArray
    row: IntArray
    weight: FloatArray
    table: FloatArray
    table_at: IntArray
    rows: IntArray


class Points(NamedTuple):
    """Candidates: float64 (p, c) in model coordinates and int64 (p, c) levels; level -1 = not part of it."""

    x: FloatArray
    level: IntArray


@inlined
def phi(z: float) -> float:
    return 0.5 * math.erfc(-z / _ROOT_2)


@inlined
def _mass(low: float, high: float, mu: float, inverse: float) -> float:
    """Return the normal mass between two points, right in both tails."""
    a, b = (low - mu) * inverse, (high - mu) * inverse
    return phi(-a) - phi(-b) if a > 0.0 else phi(b) - phi(a)


@inlined
def _log(value: float) -> float:
    return max(math.log(value), _LOG_NOTHING) if value > 0.0 else _LOG_NOTHING


@inner
def empty_mixture(columns: Columns, n: int) -> Mixture:
    """Make room for n kernels."""
    p = len(columns.kind)
    table_at, size = np.zeros(p, np.int64), 0
    for d in range(p):
        table_at[d] = size
        if columns.kind[d] == TABLE:
            size += (n + 1) * (columns.levels[d] + 1)
    return Mixture(
        np.empty((p, n)),
        np.empty((p, n)),
        np.empty((p, n)),
        np.empty((p, n), np.int64),
        np.empty(n),
        np.empty(size),
        table_at,
        np.zeros(p, np.int64),
    )


@jit
def _table_row(columns: Columns, mixture: Mixture, d: int, mu: float, inverse: float, first: int) -> int:
    """Return the row of a kernel, one of those from `first` on where it is the same, else a new one."""
    levels, at, e = columns.levels[d], mixture.table_at[d], columns.edge_at[d]
    for row in range(first, mixture.rows[d]):
        if mixture.table[at + row * (levels + 1)] == inverse:
            return row
    new: int = mixture.rows[d]
    mixture.rows[d] += 1
    at += new * (levels + 1)
    mixture.table[at] = inverse
    total = _log(_mass(columns.low[d], columns.high[d], mu, inverse))
    for level in range(levels):
        mass = _mass(columns.edges[e + level], columns.edges[e + level + 1], mu, inverse)
        mixture.table[at + 1 + level] = _log(mass) - total
    return new


@inner
def set_kernel(
    columns: Columns, mixture: Mixture, k: int, d: int, mu: float, sigma: float, first: int
) -> None:
    """Set kernel k of a numeric column."""
    inverse = 1.0 / sigma
    mixture.mu[d, k] = mu
    mixture.inverse[d, k] = inverse
    mixture.norm[d, k] = 0.0
    if columns.kind[d] == TABLE:
        mixture.row[d, k] = _table_row(columns, mixture, d, mu, inverse, first)
        return
    mixture.norm[d, k] = -_log(_mass(columns.low[d], columns.high[d], mu, inverse))
    mixture.norm[d, k] -= math.log(sigma * _ROOT_2PI)


@inner
def fit_numeric(columns: Columns, mixture: Mixture, d: int, x: FloatArray, finest: float) -> None:
    """Fit a column: a kernel reaches to the farther neighbour, within limits; the last is the prior."""
    n = len(x)
    widest = columns.high[d] - columns.low[d]
    narrowest = widest / finest
    middle = 0.5 * (columns.low[d] + columns.high[d])
    order = np.argsort(x, kind="mergesort")
    there = n
    while there > 0 and np.isnan(x[order[there - 1]]):
        there -= 1
    set_kernel(columns, mixture, n, d, middle, widest, ZERO)
    for i in range(there, n):
        set_kernel(columns, mixture, order[i], d, middle, widest, ZERO)
    first = mixture.rows[d]
    for i in range(there):
        mu = x[order[i]]
        left = mu - x[order[i - 1]] if i > 0 else 0.0
        right = x[order[i + 1]] - mu if i + 1 < there else 0.0
        if there == 1:
            left, right = mu - columns.low[d], columns.high[d] - mu
        if left > 0.0:
            first = mixture.rows[d]
        sigma = min(max(left, right, narrowest), widest)
        set_kernel(columns, mixture, order[i], d, mu, sigma, first)


@inner
def append_kernel(columns: Columns, mixture: Mixture, n: int, points: Points, c: int, finest: float) -> None:
    """Add candidate c as kernel n, of weight 1, without touching the others."""
    mixture.weight[n] = 0.0
    for d in range(len(columns.kind)):
        if columns.kind[d] == CATEGORY:
            mixture.row[d, n] = points.level[d, c]
            continue
        mu = points.x[d, c]
        sigma = columns.high[d] - columns.low[d]
        narrowest = sigma / finest
        if points.level[d, c] < 0:
            mu = 0.5 * (columns.low[d] + columns.high[d])
        else:
            left, right = -np.inf, np.inf
            for k in range(n):
                left = max(left, mixture.mu[d, k]) if mixture.mu[d, k] <= mu else left
                right = min(right, mixture.mu[d, k]) if mixture.mu[d, k] >= mu else right
            left, right = max(left, columns.low[d]), min(right, columns.high[d])
            sigma = min(max(mu - left, right - mu, narrowest), sigma)
        set_kernel(columns, mixture, n, d, mu, sigma, mixture.rows[d])
        if columns.parent[d] < 0:
            mixture.weight[n] += mixture.norm[d, n]


@jit
def _add_column(
    columns: Columns, mixture: Mixture, d: int, n: int, place: tuple[float, int], first: int, e: FloatArray
) -> None:
    """Add the log density of one column at one point to `e`, for kernels first, first + 1, ..."""
    x, level = place
    m = min(len(e), n - first)
    kind = columns.kind[d]
    mu, inverse = mixture.mu[d, first : first + m], mixture.inverse[d, first : first + m]
    row = mixture.row[d, first : first + m]
    left = right = 0.0
    if kind == CELLS:
        left, right = columns.edges[columns.edge_at[d] + level], columns.edges[columns.edge_at[d] + level + 1]
    if kind == REAL or (kind == CELLS and (right - left) * _FINE < columns.high[d] - columns.low[d]):
        for k in range(m):
            z = (x - mu[k]) * inverse[k]
            e[k] -= 0.5 * z * z
    elif kind == TABLE:
        stride = columns.levels[d] + 1
        table = mixture.table[mixture.table_at[d] + 1 + level :]
        for k in range(m):
            e[k] += table[row[k] * stride]
    elif kind == CELLS:
        for k in range(m):
            e[k] += _log(_mass(left, right, mu[k], inverse[k]) / inverse[k]) + _LOG_ROOT_2PI
    else:
        hit = math.log((1.0 + n) / (n + columns.levels[d]))
        miss = math.log(1.0 / (n + columns.levels[d]))
        prior = -math.log(columns.levels[d])
        for k in range(m):
            e[k] += hit if row[k] == level else (prior if row[k] < 0 else miss)
    if columns.parent[d] >= 0 and kind != CATEGORY:
        norm = mixture.norm[d, first : first + m]
        for k in range(m):
            e[k] += norm[k]


@jit
def _sum_of_exp(e: FloatArray, scale: FloatArray, bits: IntArray, m: int) -> float:
    """Return the sum of exp(e[:m]); `scale` is scratch as long as `e`, `bits` the same memory as int64.

    A polynomial, so that the loop runs on vectors: relative error below 1e-10. Eight partial sums, in an
    order of their own, so that every machine adds alike.
    """
    for k in range(m, (m + 7) // 8 * 8):
        e[k] = _LOG_NOTHING
    m = (m + 7) // 8 * 8
    for k in range(m):
        value = max(e[k], _LOG_NOTHING)
        shifted = value * _LOG2E + _SHIFT
        whole = shifted - _SHIFT
        r = (value - whole * _LN2_HIGH) - whole * _LN2_LOW
        scale[k] = shifted
        e[k] = 1.0 + r * (
            1.0
            + r
            * (
                0.5
                + r
                * (
                    1.0 / 6
                    + r
                    * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 + r * (1.0 / 5040 + r * (1.0 / 40320)))))
                )
            )
        )
    for k in range(m):
        bits[k] = (bits[k] << 52) + (1023 << 52)
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for k in range(0, m, 8):
        s0 += e[k] * scale[k]
        s1 += e[k + 1] * scale[k + 1]
        s2 += e[k + 2] * scale[k + 2]
        s3 += e[k + 3] * scale[k + 3]
        s4 += e[k + 4] * scale[k + 4]
        s5 += e[k + 5] * scale[k + 5]
        s6 += e[k + 6] * scale[k + 6]
        s7 += e[k + 7] * scale[k + 7]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@jit
def density(
    columns: Columns, mixture: Mixture, n: int, points: Points, c: int, e: FloatArray, s: Any
) -> float:
    """Return the density of n kernels at candidate c, up to a factor."""
    total = 0.0
    for first in range(0, n, CHUNK):
        m = min(CHUNK, n - first)
        e[:m] = mixture.weight[first : first + m]
        for d in range(len(columns.kind)):
            if points.level[d, c] >= 0:
                _add_column(columns, mixture, d, n, (points.x[d, c], points.level[d, c]), first, e)
        total += _sum_of_exp(e, s[0], s[1], m)
    return total
