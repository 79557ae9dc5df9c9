"""The table that counts excursions, made of the rises of both signals."""

from __future__ import annotations

from typing import Final

import numpy as np

from arbkit.kernels.index import Index
from arbkit.kernels.market import Market
from arbkit.kernels.runs import Rises, rises_of

__all__ = ["NO_RISES", "sorted_rises"]

#: A table that reaches down to no level.
NO_RISES: Final = Rises(np.empty(0), np.empty(0), np.empty(0), np.empty(0), np.inf)


def sorted_rises(market: Market, index: Index, floor_bps: float) -> Rises:
    """Return the table of rises above a floor; the room it is made in is mostly never touched."""
    room = market.ts.size // 2 + 1
    ends = []
    for side in (0, 1):
        peaks, troughs = np.empty(room), np.empty(room)
        n_peaks, n_troughs = rises_of(market, index, side, floor_bps, peaks, troughs)
        ends += [np.sort(peaks[:n_peaks]), np.sort(troughs[:n_troughs])]
    return Rises(ends[0], ends[1], ends[2], ends[3], floor_bps)
