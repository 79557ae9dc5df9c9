"""The spread figures keep every spike and place trades where they were made."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from arbkit.report.figures import draw_spread, draw_trade, spread_numbers, trade_numbers
from arbkit.report.text import load_text


def test_band_reaches_the_highest_and_lowest_tradable_signal(view):
    numbers = spread_numbers(view)
    for band in numbers.bands:
        values = np.concatenate(
            [
                part.panel.spreads()[f"x_{band.side}_bps"].to_numpy()[part.panel.tradable]
                for part in (view.train, view.test)
            ]
        )
        assert np.nanmax(band.high) == np.nanmax(values)
        assert np.nanmin(band.low) == np.nanmin(values)


def test_levels_are_the_signal_an_entry_needs_and_the_exit_spread(view):
    numbers = spread_numbers(view)
    assert numbers.entry_bps == pytest.approx(view.params.min_spread_bps + view.params.cost_bps)
    assert numbers.exit_bps == view.params.exit_spread_bps
    assert all((band.entry_bps >= numbers.entry_bps - 1e-9).all() for band in numbers.bands)


def test_only_allowed_directions_are_drawn(view_with, panel):
    view = view_with(panel, {"min_spread_bps": 8.0, "exit_spread_bps": -5.0}, direction="long_a_short_b")
    assert [band.side for band in spread_numbers(view).bands] == ["ab"]


def test_many_trades_are_thinned_to_the_widest_of_each_stretch(view_with, panel):
    view = view_with(panel, {"min_spread_bps": -10.0, "exit_spread_bps": 0.0}, max_hold_s=600.0)
    numbers = spread_numbers(view)
    assert numbers.trades_total > 400
    assert 0 < numbers.trades_drawn < numbers.trades_total
    widest = pl.concat([view.train.trades, view.test.trades])["entry_signal_bps"].max()
    assert max(band.entry_bps.max(initial=-np.inf) for band in numbers.bands) == widest


def test_trade_from_near_is_the_median_of_the_unseen_trades(view):
    numbers = trade_numbers(view)
    assert numbers.segment == "test"
    ordered = view.test.closed["pnl_usd"].sort()
    assert numbers.pnl_usd == ordered[len(ordered) // 2]
    assert numbers.ts[0] <= numbers.entry_ts < numbers.exit_ts <= numbers.ts[-1]
    at = np.flatnonzero(numbers.ts == numbers.entry_ts)
    assert at.size == 0 or numbers.entry_bps in numbers.signal_bps[at]


def test_entries_and_exits_differ_in_shape_and_filling_and_the_legend_shows_both(view):
    chart = draw_spread(spread_numbers(view), load_text(), 900)
    svg = chart.svg("s", "t", "d")
    assert {"Entry", "Exit"} <= set(chart.texts)
    assert re.search(r'l4 8h-8z" style="fill:var\(--ink\);stroke:var\(--paper\)', svg)
    assert re.search(r'l4 -8h-8z" style="fill:var\(--paper\);stroke:var\(--ink\)', svg)


def test_without_a_trade_there_is_nothing_to_show_from_near(view_with, panel):
    view = view_with(panel, {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0})
    assert trade_numbers(view) is None
    assert spread_numbers(view).trades_total == 0


@pytest.mark.parametrize("narrow", [False, True])
def test_pictures_are_drawn_at_both_widths(view, narrow):
    width = 360 if narrow else 900
    assert len(draw_spread(spread_numbers(view), load_text(), width, narrow=narrow).areas) == 2
    assert len(draw_trade(trade_numbers(view), load_text(), width, narrow=narrow).areas) == 1
