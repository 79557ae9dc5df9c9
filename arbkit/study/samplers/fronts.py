"""The best of many trials when there are several objectives: front after front, spread along the last one."""

from __future__ import annotations

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray

__all__ = ["best_by_front", "is_dominated"]


def best_by_front(losses: FloatArray, count: int) -> IntArray:
    """Order the best trials, best first.

    Args:
        losses: float64 (n, k), smaller is better, no NaN.
        count: how many are wanted.

    Returns:
        int64 (min(n, count),), which rows: with one objective by value, with several by front; of the last
        front that does not fit whole, those with the most room around them.
    """
    if losses.shape[1] == 1:
        return np.argsort(losses[:, 0], kind="stable")[:count]
    rest, found = np.arange(len(losses)), np.empty(0, np.int64)
    while len(rest) and len(found) < count:
        dominated = is_dominated(losses[rest])
        front = rest[~dominated]
        if len(found) + len(front) > count:
            front = _roomiest(losses, front, count - len(found))
        found, rest = np.concatenate([found, front]), rest[dominated]
    return found


def is_dominated(losses: FloatArray) -> BoolArray:
    """Return which rows of float64 (n, k) another row beats: nowhere worse, somewhere better."""
    order = np.lexsort(losses.T[::-1])
    dominated = np.zeros(len(losses), bool)
    front = np.empty((0, losses.shape[1]))
    for row in order:
        # In this order no later row can dominate an earlier one.
        item = losses[row]
        no_worse = (front <= item).all(axis=1)
        if no_worse.any() and (front[no_worse] < item).any():
            dominated[row] = True
        else:
            front = np.concatenate([front, item[None]])
    return dominated


def _roomiest(losses: FloatArray, front: IntArray, count: int) -> IntArray:
    """Return `count` of a front, taking away the most crowded one at a time."""
    kept = list(front)
    while len(kept) > count:
        room = np.zeros(len(kept))
        values = losses[kept]
        for objective in values.T:
            order = np.argsort(objective, kind="stable")
            spread = objective[order[-1]] - objective[order[0]]
            room[order[[0, -1]]] = np.inf
            if spread > 0:
                room[order[1:-1]] += (objective[order[2:]] - objective[order[:-2]]) / spread
        kept.pop(int(np.argmin(room)))
    return np.array(kept, np.int64)
