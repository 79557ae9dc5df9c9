"""Halt, stale feed, a broken venue, closed wallets."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit import Panel
from arbkit.stress import Decoupled, Halt, StaleFeed, Unreachable
from tests.stress.conftest import PANELS, SECOND, START

AT = (START + 100 * SECOND,)


def test_halt_leaves_no_quotes_of_one_venue(panel: Panel) -> None:
    seen = Halt(at=AT, venue="a", lasts="20s").apply(panel)
    assert np.flatnonzero(panel.tradable & ~seen.tradable).tolist() == list(range(100, 120))
    assert np.array_equal(seen.bid_b, panel.bid_b, equal_nan=True)


def test_stale_feed_repeats_the_last_book_and_rows_stay_tradable() -> None:
    panel = PANELS["ladders"]
    seen = StaleFeed(at=AT, venue="a", lasts="20s").apply(panel)
    assert (seen.bid_a[100:120] == panel.bid_a[100]).all()
    assert seen.bid_a[120] == panel.bid_a[120]
    assert seen.ladders is not None
    assert (seen.ladders.ask_px_a[100:120, 1] == panel.ask_a[100] + 0.05).all()
    assert np.array_equal(seen.tradable, panel.tradable)


def test_stale_quote_is_converted_at_the_live_rate() -> None:
    panel = PANELS["converted"]
    seen = StaleFeed(at=AT, venue="a", lasts="20s").apply(panel)
    assert panel.fx_a is not None
    local = seen.bid_a[100:120] / panel.fx_a[100:120]
    assert local == pytest.approx(np.full(20, local[0]), rel=1e-12)
    assert len(set(seen.bid_a[100:120])) > 1


def test_venue_that_was_unreachable_comes_back_far_away_and_nothing_is_entered(panel: Panel) -> None:
    seen = Unreachable(at=AT, venue="b", lasts="20s", back="100s").apply(panel)
    assert np.isnan(seen.bid_b[100:120]).all()
    ratio = seen.bid_b / panel.bid_b
    assert ratio[120] == pytest.approx(0.70)
    assert ratio[170] == pytest.approx(0.85)
    assert ratio[221] == 1
    assert seen.entry_ok is not None
    assert np.flatnonzero(~seen.entry_ok).tolist() == list(range(100, 220))


def test_wallets_closed_bars_entries_while_a_walks_away_and_back(panel: Panel) -> None:
    scenario = Decoupled(at=AT, lasts="300s", back="50s", walk_pct=100)
    seen = scenario.apply(panel)
    assert seen.entry_ok is not None
    assert np.flatnonzero(~seen.entry_ok).tolist() == list(range(100, 400))
    walk = np.log(seen.bid_a / panel.bid_a)
    assert walk[[0, 100, 460]] == pytest.approx([0, 0, 0], abs=1e-12)
    assert np.abs(walk[150:400]).max() > 0.01
    assert np.abs(walk[425]) == pytest.approx(np.abs(walk[400]) / 2, rel=0.05)
