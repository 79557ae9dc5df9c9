"""The guard block of a decision: limits that the training data never reached, with room to spare."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.config import GuardLimits, Params
from arbkit.engine import backtest, period_pnl
from arbkit.panel import Panel
from arbkit.units import DAY_NS, HOUR_NS

__all__ = ["GuardBlock", "guard_of"]

#: Limits are so many times the worst that training showed.
_ROOM: Final = 1.5
#: Where training never lost, a day may lose this share of what may be open.
_QUIET: Final = 0.02
_MAX_SLIPPAGE_BPS: Final = 50.0
_MIN_FILL_RATE: Final = 0.8
_BREAKER_LOSS_PCT: Final = 5.0


@dataclass(frozen=True)
class GuardBlock:
    """Limits to run with, and what they would have changed in training.

    Attributes:
        limits: the block.
        tuned: whether the search itself ran with it; else it was derived afterwards.
        refused: entries that it refused in training.
        pnl_change_usd: PnL of the training run with it, less that without.
    """

    limits: GuardLimits
    tuned: bool
    refused: int
    pnl_change_usd: float


def guard_of(panel: Panel, params: Params) -> GuardBlock:
    """Return the guard block of a set.

    A set that was tuned with a guard keeps it. Else each limit is 1.5 times the worst of the training run,
    rounded up to two digits: loss of a UTC day and largest fall of the equity at the ends of hours (a
    fiftieth of what may be open, where training never lost), entries per hour and per day. The largest
    position and their number are the set's own, the least spread is its entry threshold. Slippage of 0.5 %, a
    fill rate of 80 % and a breaker at a loss of 5 % in a day are fixed.

    Args:
        panel: the training part, with the set's reference.
        params: the set.
    """
    tuned = params.guard is not None
    plain = params.replace(guard=None)
    limits = params.guard if params.guard is not None else _derived(panel, plain)
    without = backtest(panel, plain).metrics
    guarded = backtest(panel, params.replace(guard=limits)).metrics
    counts: dict[str, Any] = guarded.to_dict()
    refused = sum(int(value) for name, value in counts.items() if name.startswith("rejected_guard_"))
    return GuardBlock(limits, tuned, refused, guarded.mtm_pnl_usd - without.mtm_pnl_usd)


def _derived(panel: Panel, params: Params) -> GuardLimits:
    entries = backtest(panel, params).records["entry_ts"]
    daily = _per(panel, params, "1d")
    hourly = _per(panel, params, "1h")
    equity = np.concatenate([[0.0], np.cumsum(hourly)])
    fall = float((np.maximum.accumulate(equity) - equity).max(initial=0.0))
    quiet = _QUIET * params.max_position_usd * params.max_open_trades
    day_loss = max(-float(daily.min(initial=0.0)), quiet / _ROOM)
    return GuardLimits(
        max_position_usd=params.max_position_usd,
        max_positions=params.max_open_trades,
        max_daily_loss_usd=_rounded_up(_ROOM * day_loss),
        max_total_loss_usd=_rounded_up(_ROOM * max(fall, day_loss)),
        max_trades_per_hour=max(2, math.ceil(_ROOM * _busiest(entries, HOUR_NS))),
        max_trades_per_day=max(4, math.ceil(_ROOM * _busiest(entries, DAY_NS))),
        min_spread_bps=params.min_spread_bps,
        max_slippage_bps=_MAX_SLIPPAGE_BPS,
        min_fill_rate=_MIN_FILL_RATE,
        breaker_loss_pct=_BREAKER_LOSS_PCT,
    )


def _per(panel: Panel, params: Params, every: str) -> FloatArray:
    pnl: FloatArray = period_pnl(panel, [params], every=every).pnl_usd[0]
    return pnl


def _busiest(stamps: IntArray, length_ns: int) -> int:
    """Return the most entries in one calendar hour or day."""
    if not stamps.size:
        return 0
    return int(np.unique(stamps // length_ns, return_counts=True)[1].max())


def _rounded_up(value: float) -> float:
    """Return a number of two digits that is at least this one."""
    if value <= 0:
        return 1.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.6g}")
