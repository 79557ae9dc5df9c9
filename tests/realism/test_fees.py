"""The break-even fee."""

from __future__ import annotations

import numpy as np
import pytest

import arbkit
from arbkit import ConfigError, Panel, Params, break_even_fee
from tests.realism.conftest import make_panel


def pnl_at(panel: Panel, params: Params, fee: float) -> float:
    half = params.replace(taker_fee_a_bps=fee / 2, taker_fee_b_bps=fee - fee / 2)
    return arbkit.backtest(panel, half).metrics.mtm_pnl_usd


def test_break_even_is_where_a_run_stops_earning(market: Panel, params: Params) -> None:
    low = params.replace(min_spread_bps=-5)
    found = break_even_fee(market, low)
    even = found.break_even_bps
    assert even is not None
    assert pnl_at(market, low, even - 1e-6) > 0
    assert pnl_at(market, low, even + 1e-6) <= 0
    assert found.own_fee_bps == 2
    assert found.frame["total_trades"][-1] == 0
    assert f"fee of {even:.2f} bps" in found.finding


def test_curve_is_that_of_backtests_at_each_fee(market: Panel, params: Params) -> None:
    frame = break_even_fee(market, params, fees_bps=[0, 2, 7.5]).frame
    assert frame["mtm_pnl_usd"].to_list() == [pnl_at(market, params, fee) for fee in (0, 2, 7.5)]


def test_same_trades_break_even_leaves_the_closed_trades_at_zero(market: Panel, params: Params) -> None:
    found = break_even_fee(market, params)
    assert found.same_trades_bps is not None
    # Entries are fixed by a threshold lowered by as much as the fee rises; the trades are then the same.
    fee = found.same_trades_bps
    moved = params.replace(taker_fee_a_bps=fee / 2, taker_fee_b_bps=fee / 2, min_spread_bps=12 + 2 - fee)
    run, own = arbkit.backtest(market, moved), arbkit.backtest(market, params)
    assert run.records["entry_index"].tolist() == own.records["entry_index"].tolist()
    assert run.metrics.realized_pnl_usd == pytest.approx(0, abs=1e-9)


def test_profit_that_ends_with_the_last_trade_has_its_break_even_there(params: Params) -> None:
    """One wide opportunity, left at its widest: it earns as long as it is entered at all."""
    panel = make_panel([(10, 5, 100.5), (15, 185, 99.8)])
    early = params.replace(min_spread_bps=30)
    found = break_even_fee(panel, early)
    widest = (100.5 - 100.01) / 100.01 * 1e4
    assert found.break_even_bps == pytest.approx(widest - 1 - 30, abs=1e-6)
    assert "no longer made" in " ".join(found.notes)


def test_losing_at_zero_fee_has_no_break_even(market: Panel, params: Params) -> None:
    never = params.replace(min_spread_bps=-9, exit_spread_bps=40, slippage_bps=6)
    found = break_even_fee(market, never)
    assert found.frame["mtm_pnl_usd"][0] < 0
    assert found.break_even_bps is None
    assert found.finding.startswith("No fee from 0.00 bps on leaves a profit")
    assert len(found.plot().axes) == 2


def test_profit_at_every_fee_asked_for_is_said(market: Panel, params: Params) -> None:
    found = break_even_fee(market, params, fees_bps=[0, 1])
    assert found.break_even_bps is None
    assert found.finding.startswith("PnL is still +")


def test_nothing_traded_and_no_rows(market: Panel, params: Params) -> None:
    for panel, one in ((market, params.replace(min_spread_bps=500)), (market.rows(0, 0), params)):
        found = break_even_fee(panel, one)
        assert found.finding.startswith("Nothing is traded")
        assert found.same_trades_bps is None
        assert len(found.plot().axes) == 2


def test_fees_are_shared_as_the_parameters_share_them(market: Panel, params: Params) -> None:
    uneven = params.replace(taker_fee_a_bps=3, taker_fee_b_bps=1)
    frame = break_even_fee(market, uneven, fees_bps=[8]).frame
    at_8 = arbkit.backtest(market, uneven.replace(taker_fee_a_bps=6, taker_fee_b_bps=2)).metrics
    assert frame["mtm_pnl_usd"][0] == at_8.mtm_pnl_usd


def test_convergence_books_one_crossing(market: Panel, params: Params) -> None:
    found = break_even_fee(market, params.replace(pnl_model="convergence"))
    trades = arbkit.backtest(market, params.replace(pnl_model="convergence")).trades
    assert found.same_trades_bps == pytest.approx(np.mean(trades["entry_spread_bps"].to_numpy()) - 1)
    assert "convergence" in found.notes[-1]


def test_bad_fees_are_refused(market: Panel, params: Params) -> None:
    with pytest.raises(ConfigError, match="`fees_bps` must hold finite numbers"):
        break_even_fee(market, params, fees_bps=[float("nan")])
    with pytest.raises(ConfigError, match="was empty"):
        break_even_fee(market, params, fees_bps=[])
    with pytest.raises(ConfigError, match="runs on a Panel, was DataFrame"):
        break_even_fee(market.to_frame(), params)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="must be arbkit"):
        break_even_fee(market, {"min_spread_bps": 1})  # type: ignore[arg-type]
