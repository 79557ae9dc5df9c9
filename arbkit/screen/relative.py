"""Relative premiums: sell the dearest asset at A, carry the money back in the cheapest; the rate cancels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.units import MINUTE_NS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Gridded", "gridded", "relative_premiums"]

#: A loop needs both coins at once: older spreads are none.
_MAX_AGE_NS: Final = 5 * MINUTE_NS


class Gridded(NamedTuple):
    """Spreads of one asset at every step of time: the last ones known then, NaN where they are too old.

    Attributes:
        step: int64 (n,), steps since the epoch, one after the other.
        s_ab, s_ba: bps, float64 (n,).
    """

    step: IntArray
    s_ab: FloatArray
    s_ba: FloatArray


def gridded(ts: IntArray, s_ab: FloatArray, s_ba: FloatArray, step_ns: int = MINUTE_NS) -> Gridded:
    """Put the spreads of a panel on full steps of time.

    Args:
        ts: int64 (n,) ns, non-decreasing.
        s_ab, s_ba: bps, NaN on rows without one.
        step_ns: by default full minutes.
    """
    known = np.flatnonzero(np.isfinite(s_ab) | np.isfinite(s_ba))
    if not known.size:
        return Gridded(np.empty(0, np.int64), np.empty(0), np.empty(0))
    stamps = ts[known]
    step = np.arange(-(-int(stamps[0]) // step_ns), -(-int(stamps[-1]) // step_ns) + 1)
    at = np.searchsorted(stamps, step * step_ns, side="right") - 1
    fresh = (at >= 0) & (step * step_ns - stamps[np.maximum(at, 0)] <= _MAX_AGE_NS)
    row = known[np.maximum(at, 0)]
    return Gridded(step, np.where(fresh, s_ab[row], np.nan), np.where(fresh, s_ba[row], np.nan))


def relative_premiums(
    assets: Mapping[str, Gridded], cost_bps: float, step_ns: int = MINUTE_NS
) -> pl.DataFrame:
    """Return what each loop leaves: buy `sell` at B and sell it at A, buy `carry` at A and sell it at B.

    Four fills in two crossings, (1 + s_ba of `sell`) (1 + s_ab of `carry`) - 1, less two crossings' cost.
    Both use the same rate, once up and once down, so that it cancels. Moving the coins takes time and a
    withdrawal fee, which are not in it.

    Args:
        assets: the spreads of each.
        cost_bps: of one crossing.
        step_ns: between two steps of the spreads.

    Returns:
        One row per ordered pair of different assets: `sell`, `carry`, `now_bps` (on the last step that all
        have in common; null where one is missing then), `median_bps`, `max_bps`, `open_pct` (share of steps
        on which it pays), `minutes` (for which both are known).
    """
    import polars as pl

    schema = {
        "sell": pl.String, "carry": pl.String, "now_bps": pl.Float64, "median_bps": pl.Float64,
        "max_bps": pl.Float64, "open_pct": pl.Float64, "minutes": pl.Float64,
    }  # fmt: skip
    names = [name for name, item in assets.items() if item.step.size]
    if len(names) < 2:
        return pl.DataFrame(schema=schema)
    first = min(int(assets[name].step[0]) for name in names)
    last = max(int(assets[name].step[-1]) for name in names)
    s_ab, s_ba = (
        np.stack([_spread(assets[name], field, first, last) for name in names]) for field in ("s_ab", "s_ba")
    )
    now = min(int(assets[name].step[-1]) for name in names) - first
    rows = []
    for i, sell in enumerate(names):
        for j, carry in enumerate(names):
            if i != j:
                loop = ((1 + s_ba[i] * 1e-4) * (1 + s_ab[j] * 1e-4) - 1) * 1e4 - 2 * cost_bps
                *found, steps = _summary(loop, now)
                rows.append((sell, carry, *found, steps * step_ns / MINUTE_NS))
    return pl.DataFrame(rows, schema=schema, orient="row")


def _spread(item: Gridded, field: str, first: int, last: int) -> FloatArray:
    out = np.full(last - first + 1, np.nan)
    start = int(item.step[0]) - first
    out[start : start + item.step.size] = getattr(item, field)
    return out


def _summary(loop: FloatArray, now: int) -> tuple[float | None, float | None, float | None, float, int]:
    known = loop[np.isfinite(loop)]
    if not known.size:
        return None, None, None, 0.0, 0
    current = float(loop[now]) if np.isfinite(loop[now]) else None
    paying = float(100 * (known >= 0).mean())
    return current, float(np.median(known)), float(known.max()), paying, known.size
