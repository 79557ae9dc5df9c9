"""Random numbers as a function of (key, index, slot), without a state to carry.

Draw `index` of a stream is the same number however many draws were asked for before it, so a generated market
does not depend on the size of its chunks. The mixer is the finalizer of splitmix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from arbkit._typing import FloatArray
from arbkit.kernels._jit import inner, jit

__all__ = ["mix", "normal", "normal_from_uniform", "normals", "uniform", "uniforms"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SLOT = np.uint64(0xD1342543DE82EF95)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0

# Acklam's rational approximation of the inverse normal distribution: relative error below 1.2e-9.
_A = (-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.3577518672690, -30.66479806614716)
_A5 = 2.506628277459239
_B = (-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572)
_C = (-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968)
_C5 = 2.938163982698783
_D = (0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416)
_TAIL = 0.02425


@jit
def mix(value: Any) -> Any:
    """Scramble one uint64 into another; a bijection."""
    z = (value ^ (value >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@inner
def uniform(key: Any, index: Any, slot: Any) -> float:
    """One number strictly inside (0, 1) for (key, index, slot); key uint64, index and slot integers >= 0."""
    h = mix(key + np.uint64(index) * _GOLDEN + np.uint64(slot) * _SLOT)
    return (float(h >> _S11) + 0.5) * _UNIT


@jit
def normal_from_uniform(u: float) -> float:
    """The standard normal quantile of u in (0, 1)."""
    if u < _TAIL or u > 1.0 - _TAIL:
        q = math.sqrt(-2.0 * math.log(min(u, 1.0 - u)))
        num = ((((_C[0] * q + _C[1]) * q + _C[2]) * q + _C[3]) * q + _C[4]) * q + _C5
        den = (((_D[0] * q + _D[1]) * q + _D[2]) * q + _D[3]) * q + 1.0
        return num / den if u < 0.5 else -num / den
    q = u - 0.5
    r = q * q
    num = (((((_A[0] * r + _A[1]) * r + _A[2]) * r + _A[3]) * r + _A[4]) * r + _A5) * q
    den = ((((_B[0] * r + _B[1]) * r + _B[2]) * r + _B[3]) * r + _B[4]) * r + 1.0
    return num / den


@inner
def normal(key: Any, index: Any, slot: Any) -> float:
    """One standard normal number for (key, index, slot)."""
    return normal_from_uniform(uniform(key, index, slot))


@jit
def uniforms(key: Any, slot: int, first: int, out: FloatArray) -> None:
    """Fill out: float64[n] with the uniform numbers of indices first, first + 1, ..."""
    for i in range(len(out)):
        out[i] = uniform(key, first + i, slot)


@jit
def normals(key: Any, slot: int, first: int, out: FloatArray) -> None:
    """Fill out: float64[n] with the standard normal numbers of indices first, first + 1, ..."""
    for i in range(len(out)):
        out[i] = normal(key, first + i, slot)
