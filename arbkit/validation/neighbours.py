"""Sets drawn around one: what a plateau is told from a spike by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from arbkit._typing import FloatArray
from arbkit.study.ranges import Choices, Numbers

__all__ = ["neighbourhood"]


def neighbourhood(
    space: Mapping[str, Numbers | Choices], row: FloatArray, n: int, step: float, seed: int
) -> FloatArray:
    """Draw sets around one, each number within a share of its range, or one step of it; categories stay.

    Args:
        space: range of each parameter.
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
        if np.isnan(row[column]) or isinstance(item, Choices):
            continue
        out[:, column] = _moved(item, row[column], moves[:, column] * step)
    return out


def _moved(item: Numbers, value: float, moves: FloatArray) -> FloatArray:
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
    elif item.whole:
        found = np.round(found)
    moved: FloatArray = np.clip(found, low, high)
    return moved
