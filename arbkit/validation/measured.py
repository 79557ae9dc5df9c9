"""One stretch of time, measured: mean per day with interval, t, Sharpe ratio and what it is worth."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from arbkit._typing import FloatArray, RecordArray
from arbkit.errors import ConfigError
from arbkit.metrics import (
    mean_interval,
    min_track_record_length,
    newey_west_mean,
    probabilistic_sharpe_ratio,
    return_moments,
    t_quantile,
)
from arbkit.records import ExitReason
from arbkit.study.validation_spec import ValidationSpec
from arbkit.units import DAY_NS
from arbkit.validation.result import Part

__all__ = ["Trades", "measured", "trades_of"]

_LEAST_BINS = 16


class Trades(NamedTuple):
    """Trades of a run: closed by a rule; closed by the end of the data or left open, and what those made."""

    closed: int
    left: int
    left_usd: float

    def __add__(self, other: object) -> Trades:
        assert isinstance(other, Trades)
        return Trades(self.closed + other.closed, self.left + other.left, self.left_usd + other.left_usd)


def trades_of(records: RecordArray) -> Trades:
    """Count the trades of a run (`TRADE_DTYPE`)."""
    left = (records["exit_index"] < 0) | (records["reason"] == ExitReason.END_OF_DATA)
    return Trades(int((~left).sum()), int(left.sum()), float(records["pnl_usd"][left].sum()))


def measured(
    name: str, pnl: FloatArray, span: tuple[int, int], trades: Trades, settings: ValidationSpec, seed: int
) -> Part:
    """Measure one stretch.

    Args:
        name: what it is called.
        pnl: float64 (bins,), marked to market.
        span: first and last row, nanoseconds.
        trades: of the run.
        settings: of the rule.
        seed: of the bootstrap.
    """
    n, lags = pnl.size, min(settings.block_bins, max(pnl.size - 2, 0))
    days = (span[1] - span[0]) / DAY_NS
    total = float(pnl.sum())
    low = high = t = None
    moved = n >= 3 and bool(np.ptp(pnl) > 0)
    if moved:
        t = newey_west_mean(pnl, lags=lags).t
    if moved and n >= _LEAST_BINS:
        found = mean_interval(
            pnl,
            block=min(settings.interval_bins, n // 4),
            level=2 * settings.level - 1,
            draws=settings.draws,
            seed=seed,
        )
        low, high = found.low * n / days, found.high * n / days
    sharpe, psr, record = _sharpe(pnl, settings) if moved else (None, None, None)
    return Part(
        name=name,
        start_ns=span[0],
        end_ns=span[1],
        days=days,
        bins=n,
        pnl_usd=total,
        per_day_usd=total / days if days > 0 else 0.0,
        low_usd=low,
        high_usd=high,
        t=t,
        critical=t_quantile(settings.level, max(n - 1, 1)),
        sharpe=sharpe,
        psr=psr,
        track_record_days=record,
        closed_trades=trades.closed,
        open_at_end=trades.left,
        open_at_end_usd=trades.left_usd,
    )


def _sharpe(pnl: FloatArray, settings: ValidationSpec) -> tuple[float, float | None, float | None]:
    """Return the annual ratio, the probability that the true one is above 0, and the days it needs."""
    found = return_moments(pnl)
    annual = found.sharpe * math.sqrt(settings.bins_per_day * 365)
    try:
        psr = probabilistic_sharpe_ratio(
            found.sharpe, found.n_periods, skewness=found.skewness, kurtosis=found.kurtosis
        )
        bins = min_track_record_length(
            found.sharpe, skewness=found.skewness, kurtosis=found.kurtosis, confidence=settings.level
        )
    except ConfigError:  # Moments of a handful of periods may be those of no distribution.
        return annual, None, None
    return annual, psr, None if math.isinf(bins) else bins / settings.bins_per_day
