"""The metrics of one run, as a frozen value in a fixed order (docs/engine.md, section 5)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from arbkit._typing import RecordArray
from arbkit.records import METRICS_DTYPE

__all__ = ["METRIC_NAMES", "Metrics", "metric_columns"]


@dataclass(frozen=True)
class Metrics:
    """What one run earned and risked; money in the account currency, percentages 0 to 100.

    Drawdowns are peak minus value over peak and never negative. `max_drawdown_pct` is of the realised
    balance, `max_drawdown_mtm_pct` of the equity with every open trade valued as if closed now.
    `sharpe` and `sortino` are annualised and `None` below 30 differences of equity; `profit_factor` is
    `None` without a losing trade. `excursions` counts the maximal runs of rows on which an entry would have
    paid: the real sample size.
    """

    total_trades: int
    closed_trades: int
    open_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: float
    realized_pnl_usd: float
    unrealized_pnl_usd: float
    mtm_pnl_usd: float
    final_balance_usd: float
    avg_pnl_per_trade_usd: float
    max_drawdown_pct: float
    max_drawdown_mtm_pct: float
    sharpe: float | None
    sortino: float | None
    profit_factor: float | None
    fees_usd: float
    turnover_usd: float
    funding_usd: float
    exposure_pct: float
    avg_hold_s: float
    max_hold_seen_s: float
    excursions: int
    exits_stop_loss: int
    exits_take_profit: int
    exits_spread_reversal: int
    exits_timeout: int
    exits_end_of_data: int
    exits_liquidation: int
    stopped: bool
    rejected_no_inventory: int
    rejected_lot: int
    rejected_no_depth: int
    rejected_thin: int
    abandoned_entries: int
    beyond_book: int
    rejected_guard_breaker: int
    rejected_guard_daily_loss: int
    rejected_guard_total_loss: int
    rejected_guard_hour_trades: int
    rejected_guard_day_trades: int
    rejected_guard_positions: int
    rejected_guard_position_size: int
    rejected_guard_spread: int
    rejected_guard_slippage: int
    rejected_guard_fill_rate: int
    rejected_total_trades: int
    rejected_total_notional: int

    @classmethod
    def from_record(cls, record: Any) -> Metrics:
        """Read one record of `METRICS_DTYPE`; NaN becomes `None`."""
        values = {name: record[name].item() for name in METRIC_NAMES}
        for name in _NULLABLE:
            values[name] = None if math.isnan(values[name]) else values[name]
        values["stopped"] = bool(values["stopped"])
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return all metrics by name, in order."""
        return {name: getattr(self, name) for name in METRIC_NAMES}


#: All metric names, in order.
METRIC_NAMES: Final = tuple(item.name for item in dataclasses.fields(Metrics))

_NULLABLE: Final = ("sharpe", "sortino", "profit_factor")


def metric_columns(records: RecordArray) -> dict[str, Any]:
    """Split records of `METRICS_DTYPE` into one contiguous array per metric, undefined ratios as NaN."""
    if records.dtype != METRICS_DTYPE:
        raise TypeError(f"records must have METRICS_DTYPE, had {records.dtype}")
    columns = {name: np.ascontiguousarray(records[name]) for name in METRIC_NAMES}
    columns["stopped"] = columns["stopped"].astype(np.bool_)
    return columns
