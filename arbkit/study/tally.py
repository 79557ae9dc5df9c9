"""What a running study counts: its best value, repeated and pruned trials, and how long it got no better."""

from __future__ import annotations

import numpy as np

from arbkit._typing import BoolArray
from arbkit.study.block import DUPLICATE_OF, State, TrialBlock

__all__ = ["Tally", "feasible_rows", "stopped_rows"]


def feasible_rows(block: TrialBlock) -> BoolArray:
    """Return which trials are complete and break no constraint, bool (n,)."""
    good: BoolArray = block.states == State.COMPLETE
    for column in block.constraints.values():
        good &= ~(column > 0)
    return good


def stopped_rows(block: TrialBlock) -> BoolArray:
    """Return which trials a pruner stopped, bool (n,): PRUNED ones that break no constraint."""
    stopped: BoolArray = block.states == State.PRUNED
    for column in block.constraints.values():
        stopped &= ~(column > 0)
    return stopped


class Tally:
    """Counts over the trials of a study, in the order of their numbers.

    Args:
        direction: of the first objective.
        patience: after how many trials without a better value a study has stagnated; 0 for never.
    """

    def __init__(self, direction: str, patience: int = 0) -> None:
        self._sign = 1.0 if direction == "maximize" else -1.0
        self._patience = patience
        self._best = -np.inf
        self._improved_at = -1
        self.duplicates = 0
        self.pruned = 0
        self.stagnated = False

    @property
    def best(self) -> float | None:
        """Best feasible value of the first objective; None before there is one."""
        return None if self._best == -np.inf else self._sign * self._best

    def take(self, block: TrialBlock) -> int:
        """Count trials in.

        Returns:
            How many of the block belong to the study: fewer than it has where the study stagnates in it.
        """
        values = np.where(feasible_rows(block), self._sign * block.values[:, 0], -np.inf)
        reached = np.maximum.accumulate(np.concatenate([[self._best], values]))
        numbers = block.first + np.arange(len(block))
        improved = np.where(values > reached[:-1], numbers, self._improved_at)
        since = numbers - np.maximum.accumulate(improved) if len(block) else numbers
        kept = len(block)
        if self._patience:
            over = np.flatnonzero(since >= self._patience)
            if over.size:
                kept, self.stagnated = int(over[0]) + 1, True
        self._best = float(reached[kept])
        if kept:
            self._improved_at = int(np.maximum.accumulate(improved)[kept - 1])
        texts = block.attrs.get(DUPLICATE_OF, ())[:kept]
        self.duplicates += sum(text is not None for text in texts)
        self.pruned += int(stopped_rows(block)[:kept].sum())
        return kept
