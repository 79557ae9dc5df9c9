"""Log prices on a grid of times, from rows: all at once, or one row after the other with the same numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.errors import ConfigError, nearest_names

__all__ = ["MEASURED", "GridSampler", "Sample", "samples_of"]

#: What is measured: the ratio of both mids, or one of them.
MEASURED: Final = ("ratio", "a", "b")

#: A grid time in nanoseconds and the log price there.
Sample = tuple[int, float]


class GridSampler:
    """Samples the log price at every multiple of a step since the epoch, as far as the rows tell.

    A sample is that of the last usable row at or before its time, and is known to rows after that time only.

    Args:
        step_ns: distance of two grid times.
        of: "ratio" (mid of A over mid of B), "a" or "b".
        max_age_ns: a grid time whose last usable row is older has no sample; negative for no limit.

    Raises:
        ConfigError: for a step that is not above 0, or another `of`.
    """

    def __init__(self, step_ns: int, of: str = "ratio", max_age_ns: int = -1) -> None:
        if step_ns <= 0:
            raise ConfigError(f"the step of a volatility must be longer than 0, was {step_ns} ns")
        if of not in MEASURED:
            raise ConfigError(f"`of` is ratio, a or b, was {of!r}; {nearest_names(of, MEASURED)}")
        self._step = step_ns
        self._of = of
        self._max_age = max_age_ns
        self._next = 0
        self._seen = -1
        self._price = math.nan

    def before(self, ts: int) -> Iterator[Sample]:
        """Yield the samples of grid times before a row at `ts`, nanoseconds, each once."""
        if self._seen >= 0:
            while self._next < ts:
                if self._max_age < 0 or self._next - self._seen <= self._max_age:
                    yield self._next, math.log(self._price)
                self._next += self._step

    def see(self, ts: int, mid_a: float, mid_b: float) -> None:
        """Take a usable row, whose time is not before that of the last one."""
        if self._seen < 0:
            self._next = -(-ts // self._step) * self._step
        self._seen = ts
        self._price = mid_a / mid_b if self._of == "ratio" else mid_a if self._of == "a" else mid_b


def samples_of(
    ts: IntArray,
    mid_a: FloatArray,
    mid_b: FloatArray,
    usable: BoolArray,
    *,
    step_ns: int,
    of: str = "ratio",
    max_age_ns: int = -1,
) -> list[Sample]:
    """Return what a `GridSampler` yields for these rows.

    Args:
        ts: int64 (n,), nanoseconds, non-decreasing.
        mid_a, mid_b: float64 (n,).
        usable: bool (n,).
        step_ns, of, max_age_ns: as in `GridSampler`.
    """
    GridSampler(step_ns, of, max_age_ns)
    rows = np.flatnonzero(usable)
    if not rows.size:
        return []
    start = -(-int(ts[rows[0]]) // step_ns) * step_ns
    times = np.arange(start, int(ts[-1]), step_ns, dtype=np.int64)
    seen = rows[np.searchsorted(ts[rows], times, side="right") - 1]
    if max_age_ns >= 0:
        fresh = times - ts[seen] <= max_age_ns
        times, seen = times[fresh], seen[fresh]
    prices = mid_a[seen] / mid_b[seen] if of == "ratio" else (mid_a if of == "a" else mid_b)[seen]
    # Not `np.log`: its last bit differs from that of `math.log` on some machines.
    return [(time, math.log(price)) for time, price in zip(times.tolist(), prices.tolist(), strict=True)]
