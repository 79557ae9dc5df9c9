"""The tables hold what the engine computed, written for people."""

from __future__ import annotations

import dataclasses

import pytest

from arbkit.engine import backtest
from arbkit.panel import Panel
from arbkit.report import Segment
from arbkit.report import numbers as n
from arbkit.report.groups import exits_table
from arbkit.report.tables import (
    attribution_table,
    data_table,
    edge_note,
    fixed_table,
    kpis,
    metrics_note,
    metrics_table,
    parameters,
    trials_table,
)
from arbkit.report.text import load_text

TEXT = load_text()


def test_both_segments_stand_side_by_side_with_their_rates_per_day(view):
    rows = {row.head: row for row in metrics_table(view, TEXT).rows}
    pnl = rows["PnL, marked to market"]
    assert pnl.cells == tuple(
        n.money(part.result.metrics.mtm_pnl_usd, plus=True) for part in (view.train, view.test)
    )
    table = metrics_table(view, TEXT).rows
    per_day = table[table.index(pnl) + 1]
    assert per_day.cells[1] == n.money(view.test.per_day(view.test.result.metrics.mtm_pnl_usd), plus=True)


def test_headline_numbers_are_out_of_sample(view):
    names = [item.name for item in kpis(view, TEXT)]
    assert len(names) == 4
    assert kpis(view, TEXT)[2].value == n.count(view.test.result.metrics.closed_trades)


def test_loss_in_sample_leaves_nothing_to_keep(view, view_with, panel):
    losing = view_with(panel, {"min_spread_bps": -20.0, "exit_spread_bps": 0.0})
    kept = kpis(dataclasses.replace(view, train=losing.train), TEXT)[1]
    assert kept.value == n.NOTHING


def test_parameters_know_their_place_and_edges(view):
    low = dataclasses.replace(view.searched[0], chosen=2.0)
    found = parameters(dataclasses.replace(view, searched=(low, view.searched[1])), TEXT)
    assert found[0].place == 0.0
    assert found[0].edge == "at the edge"
    assert found[0].end == "low"
    assert 0 <= found[1].place <= 100


def test_value_at_the_edge_asks_for_a_wider_range(view):
    middle, high = (dataclasses.replace(view.searched[0], chosen=value) for value in (12.0, 24.8))
    assert edge_note(dataclasses.replace(view, searched=(middle,)), TEXT) == ""
    edged = dataclasses.replace(view, searched=(high, dataclasses.replace(middle, name="stop_loss_bps")))
    assert edge_note(edged, TEXT).startswith("min_spread_bps: the chosen value lies at the edge")
    assert [item.end for item in parameters(edged, TEXT)] == ["high", ""]


@pytest.mark.parametrize(("times", "coarse"), [(12, False), (13, True)])
def test_ratios_of_rows_further_apart_than_their_grid_are_left_out_with_the_reason(view, times, coarse):
    part = view.test.panel
    panel = Panel(times * part.ts, part.bid_a, part.ask_a, part.bid_b, part.ask_b, meta=part.meta)
    result = backtest(panel, view.params)
    assert result.metrics.sharpe is not None
    found = dataclasses.replace(view, test=Segment(panel, result))
    rows = {row.head: row.cells for row in metrics_table(found, TEXT).rows}
    assert (rows["Sharpe ratio, on a 1 h grid, annualised"][1] == n.NOTHING) is coarse
    said = metrics_note(found, TEXT).replace(n.NBSP, " ")
    assert ("The rows lie 1 h 5 min apart" in said) is coarse


def test_standard_error_of_no_trades_is_a_dash_alone(view, view_with, panel):
    silent = view_with(panel, {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0})
    rows = metrics_table(dataclasses.replace(view, test=silent.test), TEXT).rows
    (cells,) = [row.cells for row in rows if row.head == "Standard error of the average"]
    assert cells[0].startswith("\N{PLUS-MINUS SIGN}")
    assert cells[1] == n.NOTHING


def test_log_range_is_measured_on_its_own_scale(view):
    item = dataclasses.replace(
        view.searched[0], name="max_hold_s", low=1.0, high=10_000.0, chosen=100.0, log=True
    )
    (found,) = parameters(dataclasses.replace(view, searched=(item,)), TEXT)
    assert found.place == 50.0
    assert found.detail.replace(n.NBSP, " ") == "1 min 40 s"


def test_choices_have_no_place(view):
    item = dataclasses.replace(view.searched[0], low=None, high=None, choices=(None, 5.0), chosen=None)
    (found,) = parameters(dataclasses.replace(view, searched=(item,)), TEXT)
    assert found.place is None
    assert found.searched == "none, 5"


def test_exits_count_every_closed_trade(view):
    rows = exits_table(view, TEXT).rows
    assert sum(int(row.cells[0].replace(",", "")) for row in rows) == len(view.train.closed)
    assert sum(int(row.cells[4].replace(",", "")) for row in rows) == len(view.test.closed)


def test_attribution_ends_with_the_pnl(view):
    assert attribution_table(view, TEXT).rows[-1].kind == "mark"


def test_data_block_names_legs_flags_and_the_sealed_stretch(view_with, panel_of):
    view = view_with(
        panel_of(flags=("one flag",), fx="upbit/KRW-USDT"), {"min_spread_bps": 8.0, "exit_spread_bps": -5.0}
    )
    rows = {row.head: row.cells[0] for row in data_table(view, TEXT).rows}
    assert rows["Venue A"] == "upbit/KRW-BTC (derivative)"
    assert rows["FX"] == "upbit/KRW-USDT"
    assert rows["Flags"] == "one flag"
    assert "nothing computed" in rows["Sealed"]
    assert f"{len(view.train.panel):,} rows" in rows["In sample"]


def test_trials_mark_the_chosen_one(view):
    rows = trials_table(view, TEXT).rows
    assert [row.kind for row in rows].count("mark") == 1
    assert rows[0].kind == "mark"


def test_fixed_parameters_are_listed(view):
    assert {row.head for row in fixed_table(view, TEXT).rows} == set(view.fixed)
