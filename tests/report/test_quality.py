"""What is said of the rows is what is in them."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.panel import Panel, PanelMeta
from arbkit.report.quality import quality_of
from arbkit.report.tables import quality_table
from arbkit.report.text import load_text

SECOND = 10**9


def rows(ts, bid_a=None):
    n = len(ts)
    ones = np.full(n, 100.0)
    bid = ones if bid_a is None else np.array(bid_a)
    return Panel(np.array(ts) * SECOND, bid, ones + 0.1, ones, ones + 0.2, meta=PanelMeta())


def test_gaps_missing_quotes_and_repeated_stamps_are_found():
    found = quality_of(rows([0, 1, 1, 2, 60, 61], [100, 100, np.nan, 100, 100, 100]))
    assert found.rows == 6
    assert found.missing_a == pytest.approx(1 / 6)
    assert found.repeated_stamps == pytest.approx(1 / 5)
    assert (found.gaps, found.longest_gap_ns, found.longest_gap_at_ns) == (1, 58 * SECOND, 2 * SECOND)
    assert found.width_b_bps == pytest.approx(0.2 / 100.1 * 1e4)


def test_crossed_books_are_counted():
    assert quality_of(rows([0, 1, 2, 3], [100, 101, 100, 100])).crossed_a == 0.25


def test_no_rows_and_one_row_are_no_error():
    assert quality_of(rows([])).longest_gap_ns == 0
    assert quality_of(rows([5])).gaps == 0


def test_both_stretches_stand_side_by_side(view):
    table = quality_table(view, load_text())
    assert table.rows[0].cells == (f"{len(view.train.panel):,}", f"{len(view.test.panel):,}")
