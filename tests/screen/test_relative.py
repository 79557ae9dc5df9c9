"""Loops of two assets."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from arbkit.screen import Screen
from arbkit.screen.relative import Gridded, gridded, relative_premiums

MINUTE = 60_000_000_000


def test_grid_takes_the_last_spread_known_then() -> None:
    ts = np.array([30, 60, 100, 185, 900]) * 1_000_000_000
    s_ab = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    found = gridded(ts, s_ab, -s_ab)
    assert found.step.tolist() == list(range(1, 16))
    expected = [2.0, 2.0, 2.0, *[4.0] * 5, *[np.nan] * 6, 5.0]
    np.testing.assert_array_equal(found.s_ab, expected)
    np.testing.assert_array_equal(found.s_ba, np.negative(expected))


def test_panel_without_a_spread_has_no_grid() -> None:
    assert gridded(np.array([1, 2]), np.full(2, np.nan), np.full(2, np.nan)).step.size == 0


def test_loop_is_two_crossings_less_their_costs() -> None:
    dear = Gridded(np.arange(10, 13), np.full(3, -250.0), np.array([200.0, 210.0, 190.0]))
    cheap = Gridded(np.arange(11, 14), np.array([-90.0, -100.0, -110.0]), np.full(3, 50.0))
    frame = relative_premiums({"dear": dear, "cheap": cheap}, 10.0)
    row = frame.row(by_predicate=pl.col("sell") == "dear", named=True)
    loops = [((1 + a * 1e-4) * (1 + b * 1e-4) - 1) * 1e4 - 20 for a, b in ((210, -90), (190, -100))]
    assert row["minutes"] == 2
    assert row["now_bps"] == pytest.approx(loops[1])
    assert row["median_bps"] == pytest.approx(np.mean(loops))
    assert row["max_bps"] == pytest.approx(loops[0])
    assert row["open_pct"] == 100
    back = frame.row(by_predicate=pl.col("sell") == "cheap", named=True)
    assert back["open_pct"] == 0


def test_assets_that_never_meet_have_no_loop() -> None:
    one = Gridded(np.arange(2), np.zeros(2), np.zeros(2))
    other = Gridded(np.arange(5, 7), np.zeros(2), np.zeros(2))
    frame = relative_premiums({"one": one, "other": other}, 0.0)
    assert frame["minutes"].to_list() == [0, 0]
    assert frame["now_bps"].null_count() == 2


def test_one_asset_has_no_matrix() -> None:
    assert relative_premiums({"one": Gridded(np.arange(2), np.zeros(2), np.zeros(2))}, 0.0).height == 0


def test_matrix_of_a_market_has_every_ordered_pair(morning: Screen) -> None:
    assert morning.matrix.height == 20
    table = morning.matrix_table()
    names = morning.frame["asset"].to_list()
    assert table.columns == ["sell", *names]
    assert table["sell"].to_list() == names
    assert all(table[name][k] is None for k, name in enumerate(names))
