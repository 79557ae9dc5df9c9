"""Money tied up: never more than the trades held, and held against a hurdle rate."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import polars as pl
import pytest

from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.report import Segment
from arbkit.report.capital import capital_of, days_of_week

TRADES = {"min_spread_bps": 8.0, "exit_spread_bps": -5.0}


def test_one_trade_at_a_time_ties_up_both_legs_of_one(view):
    found = capital_of(view.test, 4.0)
    assert found.peak == pytest.approx(2 * view.test.trades["notional_usd"].max())
    assert 0 < found.mean < found.peak
    share = view.test.result.metrics.exposure_pct / 100
    assert found.mean / found.peak == pytest.approx(share, rel=0.05)


def test_several_trades_at_once_add_up(view_with, panel):
    view = view_with(panel, TRADES, max_open_trades=3)
    part = view.train
    frame = part.trades
    entry = frame["entry_ts"].cast(pl.Int64).to_numpy()
    leave = frame["exit_ts"].cast(pl.Int64).fill_null(part.panel.end_ns).to_numpy()
    notional = frame["notional_usd"].to_numpy()
    slow = max(2 * notional[(entry <= at) & (leave > at)].sum() for at in entry)
    assert capital_of(part, 4.0).peak == pytest.approx(slow)


def test_hurdle_is_what_the_most_tied_up_would_have_earned(view):
    found = capital_of(view.test, 10.0)
    years = view.test.days / 365
    assert found.hurdle_usd == pytest.approx(0.1 * found.peak * years)
    assert found.excess_usd == pytest.approx(found.pnl - found.hurdle_usd)
    assert found.on_peak_pct == pytest.approx(100 * found.pnl / found.peak / years)
    assert capital_of(view.test, 0.0).excess_usd == found.pnl


def test_without_a_trade_nothing_is_tied_up(view_with, panel):
    found = capital_of(view_with(panel, {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0}).test, 4.0)
    assert (found.peak, found.mean, found.excess_usd) == (0.0, 0.0, 0.0)
    assert math.isnan(found.on_peak_pct)


def test_leverage_at_b_needs_less_collateral(panel):
    values = {"taker_fee_a_bps": 2.0, "taker_fee_b_bps": 2.0, "slippage_bps": 1.0, "max_position_usd": 1e3}
    plain = Params(**values, **TRADES)
    part = Segment(panel, backtest(panel, plain))
    levered = dataclasses.replace(part, result=backtest(panel, plain.replace(leverage_b=4.0)))
    assert capital_of(levered, 4.0).peak == pytest.approx(1.25 / 2 * capital_of(part, 4.0).peak)


@pytest.mark.parametrize("offset_h", [0.0, 9.0])
def test_days_of_the_week_add_up_to_the_stretch(view, offset_h):
    weekdays, weekends = days_of_week(view.train, offset_h)
    assert weekdays + weekends == pytest.approx(view.train.days)
    grid = np.arange(view.train.panel.start_ns, view.train.panel.end_ns, 60 * 10**9)
    shifted = pl.Series(grid + round(offset_h * 3_600e9)).cast(pl.Datetime("ns"))
    assert weekends == pytest.approx((shifted.dt.weekday() >= 6).mean() * view.train.days, abs=0.01)
