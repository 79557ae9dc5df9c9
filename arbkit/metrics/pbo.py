"""The probability of backtest overfitting, by combinatorially symmetric cross-validation (CSCV).

Time is cut into blocks; each half of them is once the sample in which the best set is chosen, the other half
shows what it does outside. The probability alone is no evidence: sets are ranked against each other, and
where cheap sets beat expensive ones everywhere it reads below .05 on pure noise. So it never comes without
the probability that the chosen set loses out of sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from arbkit._typing import BoolArray, FloatArray
from arbkit.errors import ConfigError
from arbkit.metrics import _check

__all__ = ["PboResult", "probability_of_overfitting"]

#: Splits taken at a time: the tables of 1,000 sets then stay in the processor's cache.
_AT_ONCE: Final = 128


@dataclass(frozen=True, eq=False)
class PboResult:
    """What becomes of the best set of one half of time in the other half.

    Attributes:
        pbo: share of splits in which it ranks in the lower half out of sample (logit <= 0).
        p_loss: share of splits in which it earns less than nothing out of sample.
        p_no_gain: share of splits in which it earns nothing or less; a set that does not trade earns nothing.
        logits: ln(w / (1 - w)) with w = rank / (n_sets + 1), ties at their mean rank, (n_splits,).
        in_sample: Sharpe ratio of the best set where it was chosen, per period, (n_splits,).
        out_of_sample: its Sharpe ratio in the other half, (n_splits,).
        n_splits: number of splits; C(16, 8) = 12,870 of 16 blocks.
        n_sets: columns.
    """

    pbo: float
    p_loss: float
    p_no_gain: float
    logits: FloatArray
    in_sample: FloatArray
    out_of_sample: FloatArray
    n_splits: int
    n_sets: int


def probability_of_overfitting(pnl: npt.ArrayLike, *, blocks: int = 16) -> PboResult:
    """Return the probability of backtest overfitting, and that of a loss out of sample.

    Sets are compared by Sharpe ratio (n - 1); a half in which a set's PnL never changes counts as 0, and
    among equals the first column is the best.

    Args:
        pnl: differences of marked-to-market equity after all costs, one column per set, (n_periods, n_sets).
        blocks: even number of blocks of time, 2 to 20; where they do not come out even, the first ones are
            longer by a period.

    Raises:
        DataError: for NaN, fewer than 2 sets, or fewer than 2 periods per block.
        ConfigError: for an odd number of blocks, or one out of range.

    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest overfitting".
    """
    if not (2 <= blocks <= 20 and blocks % 2 == 0):
        raise ConfigError(f"`blocks` must be even and within 2 and 20, was {blocks!r}")
    array = _check.table(pnl, "pnl", at_least=2 * blocks, sets_at_least=2)
    halves = _halves(blocks)
    sums = _BlockSums.of(array, blocks)
    n_splits, n_sets = halves.shape[0], array.shape[1]
    rank, inside, outside = (np.empty(n_splits) for _ in range(3))
    # Split i is the complement of split n - 1 - i: each table of ratios serves both.
    for first in range(0, n_splits // 2, _AT_ONCE):
        at = np.arange(first, min(first + _AT_ONCE, n_splits // 2))
        one, other = sums.sharpe(halves[at]), sums.sharpe(~halves[at])
        for into, chosen, rest in ((at, one, other), (n_splits - 1 - at, other, one)):
            best = chosen.argmax(axis=1)[:, None]
            inside[into] = np.take_along_axis(chosen, best, axis=1)[:, 0]
            at_best = np.take_along_axis(rest, best, axis=1)
            outside[into] = at_best[:, 0]
            rank[into] = ((rest < at_best).sum(axis=1) + (rest <= at_best).sum(axis=1) + 1) / 2
    share = rank / (n_sets + 1)
    logits = np.log(share / (1 - share))
    return PboResult(
        pbo=float((logits <= 0).mean()),
        p_loss=float((outside < 0).mean()),
        p_no_gain=float((outside <= 0).mean()),
        logits=logits,
        in_sample=inside,
        out_of_sample=outside,
        n_splits=n_splits,
        n_sets=n_sets,
    )


def _halves(blocks: int) -> BoolArray:
    """Return every choice of half the blocks, (n_splits, blocks)."""
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    halves = np.zeros((len(chosen), blocks), dtype=np.bool_)
    np.put_along_axis(halves, chosen, True, axis=1)
    return halves


@dataclass(frozen=True, eq=False)
class _BlockSums:
    """Length, sum and sum of squares of each block, of columns centred and scaled to lose no digits."""

    lengths: FloatArray
    sums: FloatArray
    squares: FloatArray
    centre: FloatArray

    @classmethod
    def of(cls, array: FloatArray, blocks: int) -> _BlockSums:
        size, longer = divmod(array.shape[0], blocks)
        lengths = np.full(blocks, size)
        lengths[:longer] += 1
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        scale = array.std(axis=0)
        constant = np.ptp(array, axis=0) == 0
        scaled = array / np.where(constant, 1.0, scale)
        centre = np.where(constant, 0.0, scaled.mean(axis=0))
        around = np.where(constant, 0.0, scaled - centre)
        return cls(
            lengths.astype(np.float64),
            np.add.reduceat(around, begins, axis=0),
            np.add.reduceat(around * around, begins, axis=0),
            centre,
        )

    def sharpe(self, halves: BoolArray) -> FloatArray:
        """Return the ratio of each set over the given blocks, (n_splits, n_sets)."""
        take = halves.astype(np.float64)
        periods = (take @ self.lengths)[:, None]
        total = take @ self.sums
        variance = (take @ self.squares - total * total / periods) / (periods - 1)
        # Below this the squares hold rounding only: the half does not change.
        moving = variance > 1e-12
        ratio = (total / periods + self.centre) / np.sqrt(np.where(moving, variance, 1.0))
        return np.where(moving, ratio, 0.0)
