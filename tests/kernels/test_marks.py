"""Marks of records against a walk over the rows that a trade is held."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.kernels.marks import MARK_DTYPE, write_marks
from arbkit.panel import Panel
from arbkit.records import Side
from tests.kernels.test_search import market


def walked(panel: Panel, side: int, first: int, stop: int) -> tuple[float, ...]:
    rows = np.arange(first, stop)[panel.tradable[first:stop]]
    on_ab = side == Side.LONG_A_SHORT_B
    bid, ask = (panel.bid_a, panel.ask_b) if on_ab else (panel.bid_b, panel.ask_a)
    spread = bid[rows] / ask[rows] - 1
    fall = (np.maximum.accumulate(spread) - spread).max()
    return spread.min(), spread.max(), fall, ask[rows].min(), ask[rows].max()


@pytest.mark.parametrize("seed", range(12))
def test_marks_are_those_of_the_walk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = market(rng, int(rng.choice([40, 300, 1500])))
    level = float(rng.choice([0.0, 3.0]))
    table = panel.excursions.at(level)
    assert table is not None
    floor = float(rng.choice(table.signals)) if table.signals.size else 0.0
    marks = np.full(table.signals.size, np.nan, MARK_DTYPE)
    write_marks(panel.market, table, floor, marks)
    reached = 0
    for run, end in enumerate(table.exits[:-1]):
        stop = int(end["row"]) if end["row"] >= 0 else table.last + 1
        for record in range(int(end["first"]), int(table.exits[run + 1]["first"])):
            if table.signals[record] >= floor:
                found = walked(panel, int(end["side"]), int(table.entries[record]["row"]), stop)
                assert marks[record].tolist() == found
                reached += 1
            else:
                assert np.isnan(marks[record]["low"])
    assert reached > 0 or table.signals.size == 0


def test_marks_reach_down_to_the_lowest_set_that_asked() -> None:
    panel = market(np.random.default_rng(2), 1500)
    tables = panel.excursions
    table = tables.at(0.0)
    assert table is not None
    low, high = np.quantile(table.signals, [0.2, 0.8])
    first = tables.marks(0.0, table, float(high))
    assert tables.marks(0.0, table, float(table.signals.max())) is first
    lower = tables.marks(0.0, table, float(low))
    assert lower is not first
    wanted = table.signals >= high
    assert lower[wanted].tolist() == first[wanted].tolist()
