"""Random numbers as a function of (seed, name, number), in whatever order they are asked for."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from arbkit._typing import FloatArray

__all__ = ["normals", "uniforms"]

# The finalizer of splitmix64 (Steele, Lea, Flood 2014), as in `kernels.counter_rng`, over whole arrays.
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_M1: Final = np.uint64(0xBF58476D1CE4E5B9)
_M2: Final = np.uint64(0x94D049BB133111EB)


def uniforms(seed: int, name: str, numbers: Any) -> FloatArray:
    """Return one number in (0, 1) for each of some int64 numbers."""
    key = np.frombuffer(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest(), np.uint64)[0]
    at = np.atleast_1d(np.asarray(numbers, np.int64)).view(np.uint64)
    with np.errstate(over="ignore"):
        mixed = _mixed(key + at * _GOLDEN)
    values: FloatArray = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return values


def normals(seed: int, name: str, numbers: Any) -> FloatArray:
    """Return one standard normal number for each (Box and Muller's way)."""
    radius = np.sqrt(-2 * np.log(uniforms(seed, f"{name}:radius", numbers)))
    values: FloatArray = radius * np.cos(2 * np.pi * uniforms(seed, f"{name}:angle", numbers))
    return values


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))
