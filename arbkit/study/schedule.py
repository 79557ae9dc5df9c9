"""Where the batches of a study end: small ones first, then as large as the spec allows.

A sampler that learns is the better the more often it is told. With 64 trials a batch from the start, TPE
learns four times in a study of 300 trials and ends far behind one that is asked trial by trial; with batches
of a sixteenth of the trials before them it ends level with it, and a long study hardly notices.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterator
from typing import Final

__all__ = ["batch_end", "batch_start", "batches"]

_LEAST: Final = 8
_SHARE: Final = 16


def batch_end(batch: int, trial: int) -> int:
    """Return the number of the trial after the batch that holds a trial.

    Args:
        batch: the largest number of trials in a batch.
        trial: a number, from 0.
    """
    starts = _growing(batch)
    full = starts[-1]
    if trial >= full:
        return trial - (trial - full) % batch + batch
    return starts[bisect.bisect_right(starts, trial)]


def batch_start(batch: int, trial: int) -> int:
    """Return the number of the first trial of the batch that holds a trial."""
    starts = _growing(batch)
    full = starts[-1]
    if trial >= full:
        return trial - (trial - full) % batch
    return starts[bisect.bisect_right(starts, trial) - 1]


def batches(batch: int, trials: int) -> Iterator[tuple[int, int]]:
    """Yield first and end of each batch of a study of so many trials; the last one may be cut short."""
    start = 0
    while start < trials:
        end = min(batch_end(batch, start), trials)
        yield start, end
        start = end


@functools.lru_cache
def _growing(batch: int) -> tuple[int, ...]:
    """Return where batches begin, up to the first one that is as large as it may be."""
    starts = [0]
    while (size := max(_LEAST, starts[-1] // _SHARE)) < batch:
        starts.append(starts[-1] + size)
    return tuple(starts)
