"""The signals of a panel as a picture needs them: extremes of any stretch of rows."""

from __future__ import annotations

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels.market import Market
from arbkit.kernels.pyramid import SERIES, build_pyramid, pyramid_size, signal_extremes

__all__ = ["Pyramid"]


class Pyramid:
    """Lowest and highest signal of both directions by blocks of rows; see `arbkit.kernels.pyramid`."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._offsets = pyramid_size(market.ts.size)
        self._nodes = np.empty((SERIES, int(self._offsets[-1])))
        build_pyramid(market, self._offsets, self._nodes)

    def extremes(self, edges: IntArray) -> FloatArray:
        """Return the extremes between row numbers.

        Args:
            edges: int64 (m + 1,), non-decreasing; stretch k is edges[k] <= row < edges[k + 1].

        Returns:
            float64 (4, m): lowest and highest `x_ab_bps`, lowest and highest `x_ba_bps`; NaN where a stretch
            has no tradable row.
        """
        return signal_extremes(self._market, self._offsets, self._nodes, edges)

    def typical(self, share: float) -> FloatArray:
        """Return quantiles of the extremes of the smallest blocks: a cheap picture of where the signals lie.

        Args:
            share: 0 for the lowest, 1 for the highest.

        Returns:
            float64 (4,), NaN where the panel has no tradable row.
        """
        leaves = self._nodes[:, : int(self._offsets[1])]
        seen = leaves[:, np.isfinite(leaves).all(axis=0)]
        return np.quantile(seen, share, axis=1) if seen.size else np.full(SERIES, np.nan)
