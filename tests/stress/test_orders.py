"""Slippage, fees, a late and a refused leg."""

from __future__ import annotations

import numpy as np
import pytest

import arbkit
from arbkit import Panel, Params
from arbkit.stress import FeeSurge, LateLeg, RefusedLeg, Slippage
from tests.stress.conftest import PANELS


@pytest.mark.parametrize("bps", [0.0, 10.0, 80.0])
def test_slippage_that_nobody_expected_leaves_every_decision(
    bps: float, panel: Panel, params: Params
) -> None:
    params = params.replace(stop_loss_bps=40, take_profit_bps=20, guard={"min_spread_bps": 15})
    changed = Slippage(slippage_bps=bps).change(params)
    one, other = arbkit.backtest(panel, params), arbkit.backtest(panel, changed)
    assert changed.slippage_bps == bps
    assert np.array_equal(one.records["entry_index"], other.records["entry_index"])
    assert np.array_equal(one.records["exit_index"], other.records["exit_index"])
    assert (other.metrics.mtm_pnl_usd < one.metrics.mtm_pnl_usd) == (bps > params.slippage_bps)


def test_known_costs_move_the_thresholds(params: Params) -> None:
    assert FeeSurge().change(params) == params.replace(taker_fee_a_bps=13, taker_fee_b_bps=13)
    unknown = FeeSurge(known=False).change(params)
    assert unknown.min_spread_bps + unknown.cost_bps == params.min_spread_bps + params.cost_bps


def test_second_leg_comes_later_by_its_own_latency(params: Params) -> None:
    assert LateLeg().change(params).latency_b_ms == 1000
    assert LateLeg(leg="a", late_ms=50).change(params.replace(latency_ms=20)).latency_a_ms == 70
    run = arbkit.backtest(PANELS["tops"], LateLeg(late_ms=2000).change(params))
    trade = run.records[0]
    assert {int(trade["entry_long_row"]), int(trade["entry_short_row"])} == {
        int(trade["entry_index"]), int(trade["entry_index"]) - 2
    }  # fmt: skip


@pytest.mark.parametrize("refused", ["a", "b"])
def test_refused_leg_costs_a_round_trip_of_the_other_one(refused: str, panel: Panel, params: Params) -> None:
    scenario = RefusedLeg(leg=refused, share=1.0, window="100s", unwind="3s")
    seen = scenario.apply(panel)
    run = arbkit.backtest(seen, params)
    assert run.metrics.total_trades == 0
    booked = scenario.bookings(panel, seen, params, run.records)
    assert booked is not None
    spreads = panel.spreads()
    wants = np.flatnonzero(
        (np.fmax(spreads["s_ab_bps"].to_numpy(), spreads["s_ba_bps"].to_numpy()) - 8 >= 15) & panel.tradable
    )
    _, first = np.unique(panel.ts[wants] // (100 * 10**9), return_index=True)
    assert booked.refused == first.size
    row = int(wants[first[0]])
    buys_a = spreads["s_ab_bps"][row] > spreads["s_ba_bps"][row]
    venue = "a" if refused == "b" else "b"
    bid, ask = getattr(panel, f"bid_{venue}"), getattr(panel, f"ask_{venue}")
    h, fee, out = 2e-4, 2e-4, row + 3
    size = 1000 / ((panel.ask_a if buys_a else panel.ask_b)[row] * (1 + h))
    if buys_a == (venue == "a"):
        into, back = ask[row] * (1 + h), bid[out] * (1 - h)
        pnl = size * (back - into) - size * fee * (into + back)
    else:
        into, back = bid[row] * (1 - h), ask[out] * (1 + h)
        pnl = size * (into - back) - size * fee * (into + back)
    assert booked.amounts_usd[0] == pytest.approx(pnl, rel=1e-12)
    assert booked.rows[0] == out


def test_strategy_with_its_slot_taken_is_refused_nothing(panel: Panel, params: Params) -> None:
    scenario = RefusedLeg(share=0.5, window="10s")
    seen = scenario.apply(panel)
    run = arbkit.backtest(seen, params.replace(exit_spread_bps=-10_000))
    booked = scenario.bookings(panel, seen, run.params, run.records)
    assert run.metrics.total_trades == 1
    assert booked is not None
    assert (booked.rows <= run.records["entry_index"][0] + 1).all()


def test_entry_that_the_ladders_would_not_have_filled_is_no_attempt(params: Params) -> None:
    panel, scenario = PANELS["ladders"], RefusedLeg(share=1.0)
    thick = params.replace(depth_levels=2, min_notional_usd=100)
    thin = thick.replace(min_notional_usd=900)
    seen = scenario.apply(panel)
    for changed, some in ((thick, True), (thin, False)):
        booked = scenario.bookings(panel, seen, changed, arbkit.backtest(seen, changed).records)
        assert booked is not None
        assert (booked.refused > 0) == some
