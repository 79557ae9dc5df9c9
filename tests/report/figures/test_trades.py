"""Distributions of trades add up."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.report.figures import (
    draw_excursion,
    draw_hold,
    draw_pnl,
    draw_waterfall,
    excursion_numbers,
    hold_numbers,
    pnl_numbers,
    waterfall_numbers,
)
from arbkit.report.text import load_text


def test_histogram_of_holding_times_holds_every_trade(view):
    numbers = hold_numbers(view)
    assert numbers.train.sum() == pytest.approx(100)
    assert numbers.test.sum() == pytest.approx(100)
    assert (np.diff(numbers.edges) > 0).all()


def test_histogram_of_pnl_counts_what_it_leaves_out(view):
    numbers = pnl_numbers(view)
    total = len(view.train.closed) + len(view.test.closed)
    shown = (numbers.train.sum() * len(view.train.closed) + numbers.test.sum() * len(view.test.closed)) / 100
    assert round(shown) + numbers.below + numbers.above == total


def test_waterfall_adds_up_to_the_realised_pnl(view):
    numbers = waterfall_numbers(view)
    for values, part in ((numbers.train, view.train), (numbers.test, view.test)):
        assert values[:-1].sum() == pytest.approx(values[-1])
        notional = part.closed["notional_usd"].sum()
        assert values[-1] * notional / 1e4 == pytest.approx(part.result.metrics.realized_pnl_usd)


def test_excursions_are_thinned_evenly_and_counted_whole(view):
    numbers = excursion_numbers(view)
    assert numbers.train_mae.size == numbers.train_pnl.size <= 500
    assert numbers.total == len(view.train.closed) + len(view.test.closed)


def test_equal_results_still_make_a_histogram(view_with, panel):
    view = view_with(panel, {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0})
    for numbers in (pnl_numbers(view), hold_numbers(view)):
        assert numbers.train.sum() == 0
        assert (np.diff(numbers.edges) > 0).all()


def test_all_pictures_are_drawn(view):
    text = load_text()
    assert draw_pnl(pnl_numbers(view), text, 400).areas
    assert draw_hold(hold_numbers(view), text, 400).areas
    assert draw_excursion(excursion_numbers(view), text, 400).areas
    assert len(draw_waterfall(waterfall_numbers(view), text, 400).areas) == 2
