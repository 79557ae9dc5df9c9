"""Crash and spike, noise, louder premiums, the rally and the control."""

from __future__ import annotations

import numpy as np
import pytest

import arbkit
from arbkit import Panel, Params
from arbkit.stress import FlashCrash, FlashSpike, MarginRally, Noise, Span, Split, StaggeredVolatility
from tests.stress.conftest import PANELS, SECOND, START, make_panel, same_bits


def test_crash_takes_five_seconds_and_comes_back(panel: Panel) -> None:
    seen = FlashCrash(at=(START + 100 * SECOND,), venue="a", back="10s").apply(panel)
    ratio = seen.bid_a / panel.bid_a
    assert ratio[100] == pytest.approx(0.98)
    assert ratio[[95, 97, 105, 110]] == pytest.approx([1, 0.992, 0.99, 1])
    assert (np.delete(ratio, np.arange(95, 111)) == 1).all()
    assert seen.bid_b is panel.bid_b or np.array_equal(seen.bid_b, panel.bid_b, equal_nan=True)


def test_spike_rises_and_may_bar_entries(panel: Panel) -> None:
    seen = FlashSpike(at=(START + 100 * SECOND,), venue="b", back="10s", entries=False).apply(panel)
    assert seen.ask_b[100] == pytest.approx(1.03 * panel.ask_b[100])
    assert seen.entry_ok is not None
    assert np.flatnonzero(~seen.entry_ok).tolist() == list(range(95, 111))


def test_ladders_move_with_their_tops() -> None:
    panel = PANELS["ladders"]
    seen = FlashCrash(at=(START + 100 * SECOND,), venue="a").apply(panel)
    assert seen.ladders is not None
    assert panel.ladders is not None
    assert np.array_equal(seen.ladders.bid_px_a[:, 0], seen.bid_a)
    assert np.array_equal(seen.ladders.bid_sz_a, panel.ladders.bid_sz_a)
    assert seen.ladders.ask_px_b is panel.ladders.ask_px_b or np.array_equal(
        seen.ladders.ask_px_b, panel.ladders.ask_px_b, equal_nan=True
    )


def test_noise_stays_within_its_size_and_lasts(panel: Panel) -> None:
    off = Noise(hold="10s").apply(panel).bid_a / panel.bid_a - 1
    assert 0.004 < np.abs(off).max() <= 0.005
    assert len(np.unique(off.round(9))) == pytest.approx(121, abs=1)
    rare = Noise(hold="10s", share=0.1).apply(panel).bid_a / panel.bid_a
    assert 0.8 < (rare == 1).mean() < 0.99


def test_premium_swings_as_much_wider_in_the_pairs_own_turn(panel: Panel) -> None:
    scenario = StaggeredVolatility(factor=3)
    turns = [scenario.for_pair(k, 2).apply(panel) for k in (0, 1)]
    rows = [np.flatnonzero(turn.bid_a != panel.bid_a) for turn in turns]
    assert not set(rows[0]) & set(rows[1])
    alone = scenario.apply(panel)
    there = slice(650, 1000)
    wide, plain = (np.nanstd(np.log(p.bid_a[there] / p.bid_b[there])) for p in (alone, panel))
    assert wide == pytest.approx(3 * plain, rel=0.05)


def test_rally_liquidates_the_short_leg_and_a_fall_the_long_one(params: Params) -> None:
    calm = make_panel().replace(bid_b=np.full(1200, 101.0), ask_b=np.full(1200, 101.02))
    for direction, long in (("long_a_short_b", "a"), ("long_b_short_a", "b")):
        held = params.replace(direction=direction, min_spread_bps=-500, exit_spread_bps=-1000)
        rally = MarginRally(over="60s").placed([Span(START + 50 * SECOND, START + 51 * SECOND, long)])
        run = arbkit.backtest(rally.apply(calm), rally.change(held))
        assert run.params.leverage_b == 5
        assert run.metrics.exits_liquidation >= 1
        assert arbkit.backtest(calm, rally.change(held)).metrics.exits_liquidation == 0
    own = params.replace(leverage_b=2)
    assert MarginRally().change(own) is own


@pytest.mark.parametrize("kind", PANELS)
@pytest.mark.parametrize(
    "changes", [{}, {"lot_a": 0.25, "leverage_b": 3.0, "stop_loss_bps": 30.0}, {"depth_levels": 2}], ids=str
)
def test_control_changes_no_bit(kind: str, changes: dict[str, float], params: Params) -> None:
    panel, params = PANELS[kind], params.replace(**changes)
    if params.depth_levels and panel.ladders is None:
        panel = PANELS["ladders"]
    seen = Split().apply(panel)
    assert seen.bid_a[0] == panel.bid_a[0] / 2
    one, other = arbkit.backtest(panel, params), arbkit.backtest(seen, Split().change(params))
    assert one.metrics == other.metrics
    assert one.metrics.total_trades > 0
    assert not same_bits(one, other)  # the trades hold halved prices
    assert np.array_equal(one.records["pnl_usd"], other.records["pnl_usd"])
