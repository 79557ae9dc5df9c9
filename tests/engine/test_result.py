"""What a run gives: metrics by hand, frames, and the edges of little data."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.errors import ConfigError
from arbkit.metrics import METRIC_NAMES
from arbkit.panel import Panel, PanelMeta

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
START = 1_704_067_200 * SECOND
RICH, LOW, WORSE = (102.0, 103.0), (99.0, 100.0), (104.0, 110.0)
STAMP = pl.Datetime("ns", "UTC")


def params(**changes: Any) -> Params:
    base = Params(
        min_spread_bps=100, taker_fee_a_bps=0, taker_fee_b_bps=0, slippage_bps=0, max_position_usd=1_000
    )
    return base.replace(**changes)


def panel(*venue_b: tuple[float, float], step: int = SECOND, start: int = START, **more: Any) -> Panel:
    """Venue A at 99 / 100, venue B as given; buying A and selling RICH earns 200 bps on 10 units."""
    n = len(venue_b)
    b = np.array(venue_b).reshape(n, 2)
    return Panel(start + step * np.arange(n), np.full(n, 99.0), np.full(n, 100.0), b[:, 0], b[:, 1], **more)


class TestMetricsByHand:
    def test_a_winner_a_loser_and_an_open_trade(self):
        # +10 on row 1; a loser, out after a second: 10 * (99 - 100 + 102 - 103) = -20; the last stays open
        rows = [RICH, LOW, RICH, RICH, LOW, RICH]
        one = backtest(panel(*rows), params(max_hold_s=1.0))
        m = one.metrics
        assert one.trades["exit_reason"].to_list() == ["spread_reversal", "timeout", "spread_reversal", None]
        assert one.trades["pnl_usd"].to_list() == pytest.approx([10, -20, 10, -20])
        assert (m.total_trades, m.closed_trades, m.open_trades) == (4, 3, 1)
        assert (m.winning_trades, m.losing_trades) == (2, 1)
        assert m.win_rate == pytest.approx(2 / 3)
        assert m.realized_pnl_usd == pytest.approx(0)
        assert m.unrealized_pnl_usd == pytest.approx(-20)
        assert m.mtm_pnl_usd == pytest.approx(-20)
        assert m.final_balance_usd == pytest.approx(10_000)
        assert m.avg_pnl_per_trade_usd == pytest.approx(0)
        assert m.profit_factor == pytest.approx(1)
        assert m.max_drawdown_pct == pytest.approx(20 / 10_010 * 100)
        # equity: 9980, 10010, 9990, 9970, 10000, 9980; the peak starts at 10000
        assert m.max_drawdown_mtm_pct == pytest.approx(40 / 10_010 * 100)
        assert m.exposure_pct == pytest.approx(60)
        assert m.avg_hold_s == pytest.approx(1)
        assert m.max_hold_seen_s == 1
        assert m.excursions == 3
        assert (m.exits_timeout, m.exits_spread_reversal, m.exits_stop_loss) == (1, 2, 0)
        assert m.stopped is False
        assert m.sharpe is None
        # fills at 100, 102 in and 99, then 100 or 103 out
        assert m.turnover_usd == pytest.approx(10 * (4 * 202 + 2 * 199 + 202))

    def test_four_fills_pay_four_fees_and_half_the_slippage_each(self):
        one = backtest(
            panel(RICH, LOW), params(taker_fee_a_bps=5, taker_fee_b_bps=10, slippage_bps=4, min_spread_bps=0)
        )
        h, fa, fb = 2e-4, 5e-4, 10e-4
        buy_a, sell_b, sell_a, buy_b = 100 * (1 + h), 102 * (1 - h), 99 * (1 - h), 100 * (1 + h)
        q = 1_000 / buy_a
        fees = q * (fa * (buy_a + sell_a) + fb * (sell_b + buy_b))
        assert one.metrics.fees_usd == pytest.approx(fees, rel=1e-12)
        assert one.metrics.realized_pnl_usd == pytest.approx(
            q * (sell_a - buy_a + sell_b - buy_b) - fees, rel=1e-12
        )
        assert one.metrics.turnover_usd == pytest.approx(q * (buy_a + sell_b + sell_a + buy_b), rel=1e-12)

    def test_the_mirror_direction_is_the_mirror_image(self):
        straight = panel(RICH, LOW, WORSE)
        mirror = Panel(straight.ts, straight.bid_b, straight.ask_b, straight.bid_a, straight.ask_a)
        ab = backtest(straight, params(direction="long_a_short_b", taker_fee_a_bps=3)).metrics.to_dict()
        ba = backtest(mirror, params(direction="long_b_short_a", taker_fee_b_bps=3)).metrics.to_dict()
        assert ab == ba

    def test_ratios_stand_on_an_hourly_grid(self):
        rng = np.random.default_rng(0)
        rows = [(float(b), float(b) + 1) for b in rng.choice([99.0, 102.0, 101.0], 80)]
        one = backtest(panel(*rows, step=HOUR, start=START), params())
        returns = np.diff(one.equity(every="1h")["equity_usd"].to_numpy()) / 10_000
        assert one.metrics.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(365 * 24))
        down = np.sqrt((np.minimum(returns, 0) ** 2).mean())
        assert one.metrics.sortino == pytest.approx(returns.mean() / down * np.sqrt(365 * 24))
        daily = backtest(panel(*rows, step=HOUR), params(), interval="2h").metrics.sharpe
        assert daily is not None
        assert daily != one.metrics.sharpe

    def test_no_trade_gives_zeros_and_nulls(self):
        m = backtest(panel(LOW, LOW), params()).metrics
        assert (m.total_trades, m.win_rate, m.avg_pnl_per_trade_usd, m.exposure_pct) == (0, 0, 0, 0)
        assert (m.profit_factor, m.sharpe, m.sortino) == (None, None, None)
        assert m.final_balance_usd == 10_000

    def test_the_older_bookkeeping_assumes_a_free_unwind(self):
        m = backtest(
            panel(RICH, LOW), params(pnl_model="convergence", taker_fee_a_bps=5, taker_fee_b_bps=5)
        ).metrics
        assert m.realized_pnl_usd == pytest.approx(1_000 * (200 - 10) / 1e4)
        assert m.fees_usd == pytest.approx(1_000 * 10 / 1e4)


class TestTrades:
    def test_columns_and_types_are_those_of_the_rules(self):
        frame = backtest(panel(RICH, LOW), params()).trades
        assert dict(frame.schema) == {
            "side": pl.String,
            "entry_index": pl.Int64,
            "exit_index": pl.Int64,
            "entry_ts": STAMP,
            "exit_ts": STAMP,
            "entry_spread_bps": pl.Float64,
            "entry_signal_bps": pl.Float64,
            "exit_spread_bps": pl.Float64,
            "unwind_bps": pl.Float64,
            "notional_usd": pl.Float64,
            "pnl_usd": pl.Float64,
            "pnl_bps": pl.Float64,
            "fees_usd": pl.Float64,
            "exit_reason": pl.String,
            "is_open": pl.Boolean,
            "mae_bps": pl.Float64,
            "mfe_bps": pl.Float64,
            "beyond_book": pl.Boolean,
        }
        assert frame["side"].to_list() == ["LONG_A_SHORT_B"]
        assert backtest(panel(LOW), params()).trades.schema == frame.schema

    def test_exit_columns_of_an_open_trade_are_null_and_its_mark_is_not(self):
        frame = backtest(panel(RICH, WORSE), params()).trades
        row = frame.row(0, named=True)
        assert [name for name, value in row.items() if value is None] == [
            "exit_index",
            "exit_ts",
            "exit_spread_bps",
            "unwind_bps",
            "exit_reason",
        ]
        assert row["is_open"] is True
        assert row["pnl_usd"] == pytest.approx(10 * (99 - 100 + 102 - 110))
        assert row["mae_bps"] == pytest.approx(200 + (99 - 110) / 110 * 1e4)

    def test_extremes_are_null_when_no_row_followed_the_entry(self):
        row = backtest(panel(LOW, RICH), params()).trades.row(0, named=True)
        assert (row["mae_bps"], row["mfe_bps"]) == (None, None)
        assert not any(isinstance(value, float) and np.isnan(value) for value in row.values())

    def test_indices_count_the_rows_of_the_panel_not_the_tradable_ones(self):
        void = (np.nan, np.nan)
        frame = backtest(panel(void, RICH, void, LOW), params()).trades
        assert frame.select("entry_index", "exit_index").row(0) == (1, 3)


class TestEquity:
    def test_one_row_per_tradable_row(self):
        frame = backtest(panel(RICH, (np.nan, np.nan), LOW, RICH), params()).equity()
        assert dict(frame.schema) == {
            "ts": STAMP,
            "balance_usd": pl.Float64,
            "equity_usd": pl.Float64,
            "drawdown_pct": pl.Float64,
        }
        assert frame["balance_usd"].to_list() == pytest.approx([10_000, 10_010, 10_010])
        assert frame["equity_usd"].to_list() == pytest.approx([9_980, 10_010, 9_990])
        assert frame["drawdown_pct"].to_list() == pytest.approx([0.2, 0, 20 / 10_010 * 100])

    def test_the_last_equity_is_the_marked_result_and_the_worst_drawdown_the_metric(self):
        rng = np.random.default_rng(1)
        rows = [(float(b), float(b) + 1) for b in rng.choice([99.0, 102.0, 101.0, 104.0], 300)]
        one = backtest(panel(*rows), params(max_open_trades=3, stop_loss_bps=150))
        frame = one.equity()
        assert frame["equity_usd"][-1] == pytest.approx(10_000 + one.metrics.mtm_pnl_usd)
        assert frame["drawdown_pct"].max() == pytest.approx(one.metrics.max_drawdown_mtm_pct)

    def test_a_grid_point_shows_the_last_row_at_or_before_it(self):
        one = backtest(panel(RICH, LOW, RICH, step=40 * 60 * SECOND, start=START + 60 * SECOND), params())
        frame = one.equity(every="1h")
        assert frame["ts"].dt.epoch("s").to_list() == [START // SECOND + 3_600]
        assert frame["equity_usd"].to_list() == pytest.approx([10_010])

    @pytest.mark.parametrize("rows", [(), ((np.nan, np.nan),), ((np.nan, np.nan), (2.0, 1.0)), (RICH,)])
    @pytest.mark.parametrize("every", [None, "1h", "1s"])
    def test_little_or_no_data_gives_short_frames(self, rows, every):
        one = backtest(panel(*rows), params())
        frame = one.equity(every=every)
        assert frame.height == (1 if rows == (RICH,) else 0)
        assert dict(frame.schema)["ts"] == STAMP
        assert one.attribution().height == 0
        assert one.trades.height == frame.height
        assert list(one.metrics.to_dict()) == list(METRIC_NAMES)
        assert "BacktestResult" in repr(one)

    @pytest.mark.parametrize("every", ["0s", "soon", -1])
    def test_a_bad_grid_is_an_error(self, every):
        with pytest.raises(ConfigError, match="`every` must be"):
            backtest(panel(RICH), params()).equity(every=every)

    def test_equity_ends_where_the_run_stopped(self):
        one = backtest(
            panel(RICH, WORSE, LOW, RICH, LOW), params(stop_loss_bps=100, stop_on_drawdown_pct=0.5)
        )
        assert one.metrics.stopped is True
        assert one.equity().height == 2


class TestAttribution:
    def test_the_parts_add_up_to_the_pnl(self):
        rng = np.random.default_rng(2)
        rows = [(float(b), float(b) + 1) for b in rng.choice([99.0, 102.0, 98.0, 95.0], 300)]
        one = backtest(
            panel(*rows), params(taker_fee_a_bps=4, taker_fee_b_bps=-1, slippage_bps=3, min_spread_bps=0)
        )
        frame = one.attribution()
        assert frame.height == one.metrics.closed_trades > 20
        total = frame["premium_usd"] + frame["book_usd"] + frame["slippage_usd"] + frame["fees_usd"]
        assert total.to_list() == pytest.approx(frame["pnl_usd"].to_list(), rel=1e-9)
        assert frame["pnl_usd"].to_list() == one.trades.filter(~pl.col("is_open"))["pnl_usd"].to_list()

    def test_by_hand(self):
        row = backtest(panel(RICH, LOW), params()).attribution().row(0, named=True)
        # mids: A 99.5, 99.5; B 102.5, 99.5
        assert row["premium_usd"] == pytest.approx(10 * 3)
        assert row["book_usd"] == pytest.approx(-10 * 2)
        assert row["pnl_usd"] == pytest.approx(10)

    def test_the_older_bookkeeping_has_no_fills_to_attribute(self):
        assert backtest(panel(RICH, LOW), params(pnl_model="convergence")).attribution().height == 0


class TestFlags:
    def test_shorting_spot_without_inventory_is_said_first(self):
        one = backtest(panel(RICH), params(direction="long_a_short_b"))
        assert one.flags == ("sells spot at b short without inventory",)
        both = backtest(panel(RICH, meta=PanelMeta(spot_b=False)), params())
        assert both.flags == (
            "sells spot at a short without inventory",
            "funding of the perpetual at b is not simulated",
        )

    def test_candles_and_the_older_bookkeeping_are_said(self):
        one = panel(RICH, meta=PanelMeta(fidelity="candle", spot_a=False, spot_b=False))
        flags = backtest(one, params(pnl_model="convergence")).flags
        assert any("candle" in flag for flag in flags)
        assert any("unwinds for free" in flag for flag in flags)


def test_equal_inputs_have_an_equal_fingerprint_and_others_another() -> None:
    base = backtest(panel(RICH, LOW), params()).fingerprint
    assert backtest(panel(RICH, LOW), params()).fingerprint == base
    assert backtest(panel(RICH, LOW), params(slippage_bps=1)).fingerprint != base
    assert backtest(panel(RICH, RICH), params()).fingerprint != base
