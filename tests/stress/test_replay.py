"""Money under errors of the feed, and curves with bookings."""

from __future__ import annotations

import numpy as np
import pytest

import arbkit
from arbkit import Panel, Params
from arbkit.stress import Halt, Noise, RefusedLeg, Scenario, StaleFeed
from arbkit.stress.replay import Shocked, corrected, curve_of, replayed, shocked
from tests.stress.conftest import PANELS, SECOND, START


def money(panel: Panel, trade: object, params: Params) -> float:
    """Return the PnL of a closed trade on the tops of a panel, for its own size, as section 4 writes it."""
    h, fa, fb = params.slippage_bps / 2 / 1e4, params.taker_fee_a_bps / 1e4, params.taker_fee_b_bps / 1e4
    i, j, q = int(trade["entry_index"]), int(trade["exit_index"]), float(trade["size"])  # type: ignore[index]
    if trade["side"] == 0:  # type: ignore[index]
        buy, sell, out, back = panel.ask_a[i], panel.bid_b[i], panel.bid_a[j], panel.ask_b[j]
    else:
        buy, sell, out, back, fa, fb = panel.ask_b[i], panel.bid_a[i], panel.bid_b[j], panel.ask_a[j], fb, fa
    buy, sell, out, back = buy * (1 + h), sell * (1 - h), out * (1 - h), back * (1 + h)
    return float(q * (out - buy + sell - back) - q * (fa * (buy + out) + fb * (sell + back)))


@pytest.mark.parametrize("kind", ["tops", "referenced"])
def test_orders_on_a_wrong_feed_are_filled_at_the_real_books(kind: str, params: Params) -> None:
    market = shocked(Noise(hold="30s"), PANELS[kind])
    run = arbkit.backtest(market.seen, params)
    trades = corrected(run, market)
    closed = np.flatnonzero(trades["exit_index"] >= 0)
    assert closed.size > 5
    sound = [k for k in closed if market.actual.tradable[run.records["entry_index"][k]]]
    for k in sound:
        assert trades["pnl_usd"][k] == pytest.approx(money(market.actual, run.records[k], params), rel=1e-9)
    assert trades["pnl_usd"].sum() < run.records["pnl_usd"].sum()


def test_outcome_on_a_wrong_feed_is_the_last_point_of_its_curve(panel: Panel, params: Params) -> None:
    scenario = StaleFeed(at=(START + 200 * SECOND,), venue="b", lasts="60s")
    market = shocked(scenario, panel)
    run = arbkit.backtest(market.seen, params)
    curve = curve_of(run, market, corrected(run, market), None)
    found = replayed(scenario, market, params)
    assert found.mtm_pnl_usd == curve.earned[-1]
    assert found.mtm_pnl_usd != run.metrics.mtm_pnl_usd
    closed = corrected(run, market)
    closed = closed[closed["exit_index"] >= 0]
    assert run.metrics.open_trades or found.mtm_pnl_usd == pytest.approx(closed["pnl_usd"].sum())


def test_curve_of_a_run_without_changes_is_its_equity(panel: Panel, params: Params) -> None:
    market = Shocked(panel, panel, panel, 0)
    run = arbkit.backtest(panel, params)
    curve = curve_of(run, market, run.records, None)
    assert curve.earned == pytest.approx(run.equity()["equity_usd"].to_numpy() - 10_000, abs=1e-9)


def test_bookings_are_in_pnl_and_drawdown(panel: Panel, params: Params) -> None:
    scenario = RefusedLeg(share=1.0, window="50s")
    market = shocked(scenario, panel)
    found = replayed(scenario, market, params)
    booked = scenario.bookings(panel, market.seen, params, arbkit.backtest(market.seen, params).records)
    assert booked is not None
    assert found.mtm_pnl_usd == pytest.approx(booked.amounts_usd.sum())
    equity = np.append(10_000, 10_000 + np.cumsum(booked.amounts_usd))
    drawdown = (1 - equity / np.maximum.accumulate(equity)).max() * 100
    assert found.max_drawdown_mtm_pct == pytest.approx(drawdown)
    assert found.refused == booked.refused + 0


def test_what_changes_nothing_is_the_panel_itself(panel: Panel) -> None:
    assert shocked(Halt(lasts="0s"), panel).seen is panel
    assert shocked(Scenario(), panel) == Shocked(panel, panel, panel, 0)
    assert shocked(Halt(), panel).rows > 0


def test_windows_that_refuse_nothing_leave_the_run_as_it_is(panel: Panel, params: Params) -> None:
    scenario = RefusedLeg(share=1e-9)
    found = replayed(scenario, shocked(scenario, panel), params)
    assert found == replayed(Scenario(), Shocked(panel, panel, panel, 0), params)
