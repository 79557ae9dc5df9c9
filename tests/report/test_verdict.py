"""The verdict: losses and doubts are said first."""

from __future__ import annotations

import dataclasses

import pytest

from arbkit.engine import backtest
from arbkit.report import Objective, Searched, Segment
from arbkit.report.html import render
from arbkit.report.text import load_text
from arbkit.report.verdict import ENOUGH_TRADES, edge_of, kept_share, verdict_of
from arbkit.study.validation_spec import ValidationSpec
from arbkit.validation import Finalist, Part, Together, Validation

TEXT = load_text()
USUAL = {"min_spread_bps": 8.0, "exit_spread_bps": -5.0}


def test_gain_on_many_unseen_trades_held_up(view):
    verdict = verdict_of(view, TEXT)
    assert view.test.result.metrics.closed_trades >= ENOUGH_TRADES
    assert verdict.sentence.startswith("The result held up: out of sample the chosen set made ")
    assert "not a promise" in verdict.sentence
    # Nobody has asked yet what the data support.
    assert verdict.tone == "open"
    assert verdict.notes[0].startswith("Nothing here has been validated: `arbkit study validate demo`")
    assert verdict.first == ()


def validated(view, status, **changed):
    part = Part(
        "lockbox", 0, 0, 9.0, 54, 9.0, 1.0, 0.5, 1.5, 3.0, 1.67, 2.0, 0.99, 5.0, 40, 1, -0.5
    )  # fmt: skip
    values = dict.fromkeys((item.name for item in dataclasses.fields(Validation)), ())
    values |= {"study": "demo", "status": status, "sentence": f"it is {status}"}
    values |= {"peak": None, "more_days": None}
    values |= {
        "params": {},
        "parts": tuple(
            dataclasses.replace(part, name=name) for name in ("out_of_sample", "walk_forward", "lockbox")
        ),
        "tests": Together(0.01, 9, 3.0, 2.5, 99, 1, 0.2, 0.9, 0.0, 0.1, 0.2),
    }
    values |= {"settings": {**ValidationSpec().model_dump(), **SHARES}, "currency": "USDT"}
    return dataclasses.replace(view, validation=Validation(**{**values, **changed}))


SHARES = {"training": 0.6, "walk_forward": 0.25, "lockbox": 0.15}


def test_a_stored_validation_is_the_verdict(view):
    verdict = verdict_of(validated(view, "supported"), TEXT)
    assert verdict.sentence == "It is supported."
    assert verdict.tone == "gain"
    assert verdict.notes[0].startswith("The result held up")
    against = verdict_of(validated(view, "not supported"), TEXT)
    assert against.tone == "open"


def test_the_page_shows_what_was_validated_and_no_importance_before_a_claim(view):
    page = render(validated(view, "too short"))
    assert "SPA p 0.010 over 9 parameter sets" in page or "SPA p 0.010 over 9 parameter" in page
    assert "0.50 to 1.50" in page
    assert "is shown only once a validation supports" in page
    assert "PED-ANOVA" not in page
    assert "PED-ANOVA" in render(validated(view, "supported"))


def test_without_a_validation_the_word_supported_is_nowhere(view):
    assert "supported" not in render(view)


def test_a_set_that_is_not_the_peak_says_why(view):
    notes = verdict_of(validated(view, "supported", peak=Finalist(1, 2.0, 1.0, {})), TEXT).notes
    assert any(note.startswith("The chosen set is not the highest of") for note in notes)


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
    assert "highest of 24 parameter sets" in verdict_of(view, TEXT).notes[1]
    low = dataclasses.replace(view, objectives=(Objective("max_drawdown_mtm_pct", maximize=False),))
    assert "lowest of 24 parameter sets" in verdict_of(low, TEXT).notes[1]
    many = dataclasses.replace(view, objectives=view.objectives * 2)
    assert "no other beats on every objective" in verdict_of(many, TEXT).notes[1]


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
