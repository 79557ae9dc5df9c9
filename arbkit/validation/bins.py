"""Marked-to-market equity on bins of equal length: what every statistic here is made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.config import Params
from arbkit.engine import ParamSets, period_pnl
from arbkit.panel import Panel

__all__ = ["Bins", "binned"]


class Bins:
    """The bins of a stretch of time: calendar bins, a short one at either end joined to its neighbour.

    Args:
        panel: the stretch; its tradable rows decide where the first and the last bin lie.
        step_ns: length of a bin.

    Attributes:
        starts: int64 (n,), nanoseconds; the first may begin before its multiple of the step, where a short
            bin was joined to it.
    """

    def __init__(self, panel: Panel, step_ns: int) -> None:
        self._step = step_ns
        rows = np.flatnonzero(panel.tradable)
        first, last = (int(panel.ts[rows[0]]), int(panel.ts[rows[-1]])) if rows.size else (0, -1)
        self._begin = first // step_ns
        count = last // step_ns - self._begin + 1 if rows.size else 0
        place = np.arange(count)
        if count > 1 and 2 * (last - (last // step_ns) * step_ns) < step_ns:
            place[-1] = place[-2]
        if place.size and place[-1] > 0 and 2 * (first - self._begin * step_ns) > step_ns:
            place = np.maximum(place - 1, 0)
        self._place: IntArray = place
        starts = (self._begin + np.arange(count)) * step_ns
        self.starts: IntArray = np.array([starts[place == k][0] for k in range(len(self))], np.int64)

    def __len__(self) -> int:
        return int(self._place[-1]) + 1 if self._place.size else 0

    def put(self, starts: IntArray, pnl: FloatArray) -> FloatArray:
        """Put what was earned per calendar bin into these bins.

        Args:
            starts: int64 (m,), beginnings of calendar bins, nanoseconds; all within this stretch.
            pnl: float64 (sets, m).

        Returns:
            float64 (n, sets), 0 in bins that were not given.
        """
        out = np.zeros((len(self), pnl.shape[0]))
        np.add.at(out, self._place[starts // self._step - self._begin], pnl.T)
        return out


def binned(
    panel: Panel,
    params: Sequence[Params] | ParamSets,
    bins: Bins,
    every: str,
    *,
    threads: int | None = None,
) -> FloatArray:
    """Simulate sets and return what each earned per bin, open trades as if closed at its end.

    Args:
        panel: the market, a part of the stretch of the bins.
        params: the sets.
        bins: where the result goes.
        every: length of a bin, as text.
        threads: how many sets run at once.

    Returns:
        float64 (bins, sets).
    """
    found = period_pnl(panel, params, every=every, threads=threads)
    return bins.put(found.starts.astype(np.int64), found.pnl_usd)
