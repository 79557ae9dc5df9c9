"""The verdict: losses and doubts are said first."""

from __future__ import annotations

import dataclasses

import pytest

from arbkit.engine import backtest
from arbkit.report import Objective, Searched, Segment
from arbkit.report.text import load_text
from arbkit.report.verdict import ENOUGH_TRADES, edge_of, kept_share, verdict_of

TEXT = load_text()
USUAL = {"min_spread_bps": 8.0, "exit_spread_bps": -5.0}


def test_gain_on_many_unseen_trades_held_up(view):
    verdict = verdict_of(view, TEXT)
    assert view.test.result.metrics.closed_trades >= ENOUGH_TRADES
    assert verdict.sentence.startswith("The result held up: out of sample the chosen set made ")
    assert "not a promise" in verdict.sentence
    assert verdict.tone == "gain"
    assert verdict.first == ()


def test_out_of_sample_loss_is_said_first(view_with, panel):
    verdict = verdict_of(view_with(panel, {"min_spread_bps": -20.0, "exit_spread_bps": 0.0}), TEXT)
    assert verdict.sentence.startswith("Out-of-sample loss: the chosen set lost ")
    assert verdict.tone == "loss"


def test_few_trades_are_too_little_to_say(view_with, panel):
    view = view_with(panel, {"min_spread_bps": 22.0, "exit_spread_bps": -5.0})
    assert 0 < view.test.result.metrics.closed_trades < ENOUGH_TRADES
    verdict = verdict_of(view, TEXT)
    assert verdict.sentence.startswith("Too little to say: ")
    assert verdict.tone == "open"


def test_set_that_never_trades_is_not_judged(view_with, panel):
    verdict = verdict_of(view_with(panel, {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0}), TEXT)
    assert verdict.sentence.startswith("Nothing was traded, in sample or out of sample")


def test_silence_out_of_sample_is_said(view_with, panel):
    view = view_with(panel, USUAL)
    silent = view_with(panel, {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0})
    verdict = verdict_of(dataclasses.replace(view, test=silent.test), TEXT)
    assert "did not trade once" in verdict.sentence


def test_gain_after_an_in_sample_loss_is_called_luck(view_with, panel):
    view = view_with(panel, USUAL)
    losing = view_with(panel, {"min_spread_bps": -20.0, "exit_spread_bps": 0.0})
    mixed = dataclasses.replace(view, train=losing.train)
    assert verdict_of(mixed, TEXT).sentence.startswith("In-sample loss: ")
    assert kept_share(mixed) is None


def test_gain_that_fades_is_said(view_with, panel):
    view = view_with(panel, USUAL)
    small = view_with(panel, USUAL, max_position_usd=200.0)
    faded = verdict_of(dataclasses.replace(view, test=small.test), TEXT)
    assert faded.sentence.startswith("The result faded: ")
    assert faded.tone == "open"


def test_spot_short_without_inventory_is_the_first_line(view_with, panel_of):
    view = view_with(panel_of(spot_a=True), USUAL)
    verdict = verdict_of(view, TEXT)
    assert verdict.first[0].startswith("Not tradable as it stands: ")
    assert "sell upbit/KRW-BTC short" in verdict.first[0]
    assert verdict.tone != "gain"


def test_both_legs_sold_short_are_one_sentence(view_with, panel_of):
    view = view_with(panel_of(spot_a=True, spot_b=True), USUAL)
    (first,) = verdict_of(view, TEXT).first
    assert first.count("sell ") == 2
    assert first.index("upbit/KRW-BTC") < first.index("binance_usdm/BTCUSDT")
    assert "both spot venues" in first


def test_both_legs_that_could_be_sold_short_are_one_note(view_with, panel_of):
    view = view_with(panel_of(spot_a=True, spot_b=True), {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0})
    (note,) = [line for line in verdict_of(view, TEXT).notes if "allow selling" in line]
    assert "upbit/KRW-BTC or binance_usdm/BTCUSDT short, both spot venues" in note


def test_direction_that_never_shorts_the_spot_venue_is_not_warned_of(view_with, panel_of):
    view = view_with(panel_of(spot_a=True), USUAL, direction="long_a_short_b")
    assert verdict_of(view, TEXT).first == ()


def test_convergence_and_candles_are_said_before_the_verdict(view_with, panel_of):
    view = view_with(panel_of(fidelity="candle"), USUAL, pnl_model="convergence")
    first = verdict_of(view, TEXT).first
    assert any("convergence model" in line for line in first)
    assert any("candle closes" in line for line in first)


def test_flags_of_the_panel_and_edges_of_ranges_are_noted(view_with, panel_of):
    view = view_with(
        panel_of(flags=("FX tick is coarse.", "upbit/KRW-BTC: synthetic")),
        {"min_spread_bps": 2.1, "exit_spread_bps": -5.0},
    )
    notes = " ".join(verdict_of(view, TEXT).notes)
    assert "About the data: FX tick is coarse." in notes
    assert "The data are synthetic" in notes
    assert "min_spread_bps ended at the edge" in notes


def test_selection_names_how_many_sets_were_tried(view):
    assert "highest of 24 parameter sets" in verdict_of(view, TEXT).notes[0]
    low = dataclasses.replace(view, objectives=(Objective("max_drawdown_mtm_pct", maximize=False),))
    assert "lowest of 24 parameter sets" in verdict_of(low, TEXT).notes[0]
    many = dataclasses.replace(view, objectives=view.objectives * 2)
    assert "no other beats on every objective" in verdict_of(many, TEXT).notes[0]


@pytest.mark.parametrize(
    ("chosen", "edge"),
    [(10.0, "low"), (11.9, "low"), (12.1, ""), (60.0, ""), (108.1, "high"), (110.0, "high")],
)
def test_edge_is_the_outer_two_per_cent(chosen, edge):
    assert edge_of(Searched("min_spread_bps", chosen, 10.0, 110.0)) == edge


def test_choices_have_no_edge():
    assert edge_of(Searched("stop_loss_bps", 50, choices=(None, 50))) == ""


@pytest.mark.parametrize(
    ("item", "edge"),
    [
        (Searched("min_hold_s", 0.0, 0.0, 100.0), ""),
        (Searched("min_hold_s", 100.0, 0.0, 100.0), "high"),
        (Searched("min_hold_s", 5.0, 5.0, 100.0), "low"),
        (Searched("max_open_trades", 1, 1.0, 3.0), ""),
    ],
)
def test_end_that_the_rule_of_the_parameter_sets_is_no_edge(item, edge):
    assert edge_of(item) == edge


def test_single_row_segment_does_not_break_the_verdict(view):
    one = view.test.panel.rows(0, 1)
    segment = Segment(one, backtest(one, view.params))
    verdict = verdict_of(dataclasses.replace(view, test=segment), TEXT)
    assert "did not trade once" in verdict.sentence
