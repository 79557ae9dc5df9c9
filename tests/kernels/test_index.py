"""The index finds the rows that a walk finds, whatever lies between them."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.kernels.index import FAN, N_FAIR, N_PLAIN, Query, first_row_from, index_size, next_row
from arbkit.kernels.market import prices_of
from arbkit.panel import Panel

NOTHING = Query(False, False, 0.0, 0.0, 0.0, False, 0.0, False, 0.0, -1, 0.0, 0.0, False, 0.0, False, 0.0)


def panel_of(rng: np.random.Generator, rows: int, *, fair: bool, void: float) -> Panel:
    mid = 100 + 0.1 * rng.integers(-3, 4, rows).cumsum().astype(float)
    mid = np.abs(mid) + 1
    other = mid + 0.1 * rng.integers(-5, 6, rows)
    prices = [mid - 0.1, mid + 0.1, other - 0.1, other + 0.1]
    for start in np.flatnonzero(rng.random(rows) < void / 40):
        prices[2][start : start + 40] = np.nan
    ratio = np.where(rng.random(rows) < 0.1, np.nan, 1 + 0.001 * rng.integers(-3, 4, rows)) if fair else None
    return Panel(np.arange(rows) * 10**9, *prices, fair=ratio)


def walk(panel: Panel, start: int, stop: int, query: Query) -> int:
    spreads = panel.spreads()
    for i in range(start, stop):
        x_ab, x_ba = spreads["x_ab_bps"][i], spreads["x_ba_bps"][i]
        s_ab, s_ba = spreads["s_ab_bps"][i], spreads["s_ba_bps"][i]
        if s_ab is None:
            continue
        known = x_ab is not None
        if known and query.entry_ab and x_ab - query.cost >= query.level_ab:
            return i
        if known and query.entry_ba and x_ba - query.cost >= query.level_ba:
            return i
        if known and query.use_below_ab and x_ab < query.below_ab:
            return i
        if known and query.use_below_ba and x_ba < query.below_ba:
            return i
        if query.mark_side >= 0:
            unwind = s_ba if query.mark_side == 0 else s_ab
            mark = query.entry_spread + unwind - query.cost2
            if query.use_stop and mark <= query.stop_level:
                return i
            if query.use_take and mark >= query.take_level:
                return i
    return stop


def queries(panel: Panel, rng: np.random.Generator) -> list[Query]:
    spreads = panel.spreads()
    seen = np.concatenate([spreads["x_ab_bps"].drop_nulls(), spreads["x_ba_bps"].drop_nulls(), [0.0]])
    level, below, stop = (float(rng.choice(seen)) for _ in range(3))
    return [
        NOTHING._replace(entry_ab=True, entry_ba=True, cost=7.0, level_ab=level - 7.0, level_ba=below - 7.0),
        NOTHING._replace(entry_ba=True, level_ba=level),
        NOTHING._replace(entry_ab=True, level_ab=level, use_below_ba=True, below_ba=below),
        NOTHING._replace(use_below_ab=True, below_ab=below, mark_side=0, use_stop=True, stop_level=stop),
        NOTHING._replace(
            use_below_ba=True,
            below_ba=below,
            mark_side=1,
            entry_spread=level,
            cost2=3.0,
            use_stop=True,
            stop_level=-abs(stop) - 20,
            use_take=True,
            take_level=abs(stop) + level,
        ),
    ]


@pytest.mark.parametrize("fair", [False, True], ids=["fair is one", "fair ratio"])
@pytest.mark.parametrize("rows", [1, 15, 16, 17, 256, 257, 700])
def test_next_row_is_the_row_a_walk_finds(rows: int, fair: bool) -> None:
    rng = np.random.default_rng(rows)
    for void in (0.0, 0.5, 3.0):
        panel = panel_of(rng, rows, fair=fair, void=void)
        for query in queries(panel, rng):
            start = int(rng.integers(0, rows))
            stop = int(rng.integers(start, rows + 1))
            for lo, hi in ((0, rows), (start, stop), (stop, stop)):
                assert next_row(prices_of.py_func(panel.market), panel.index, lo, hi, query) == walk(
                    panel, lo, hi, query
                )


def test_an_outage_of_whole_blocks_hides_nothing_behind_it() -> None:
    rows = 1024
    bid_b = np.full(rows, 99.0)
    bid_b[256:272] = np.nan
    bid_b[288] = 102.0
    panel = Panel(np.arange(rows), np.full(rows, 99.0), np.full(rows, 100.0), bid_b, np.full(rows, 103.0))
    query = NOTHING._replace(entry_ab=True, level_ab=100.0)
    assert next_row(prices_of.py_func(panel.market), panel.index, 0, rows, query) == 288


def test_a_tie_with_the_threshold_counts() -> None:
    panel = panel_of(np.random.default_rng(5), 400, fair=False, void=0.0)
    spread = panel.spreads()["x_ab_bps"]
    for row in (3, 200, 399):
        query = NOTHING._replace(entry_ab=True, level_ab=spread[row])
        assert next_row(prices_of.py_func(panel.market), panel.index, row, 400, query) == row


def test_a_panel_without_a_tradable_row_has_an_empty_index() -> None:
    nothing = np.full(40, np.nan)
    panel = Panel(np.arange(40), nothing, nothing, nothing, nothing)
    assert (panel.index.first, panel.index.last) == (0, -1)
    query = NOTHING._replace(entry_ab=True, level_ab=-1e9)
    assert next_row(prices_of.py_func(panel.market), panel.index, 0, 40, query) == 40


def test_bounds_are_at_or_outside_the_true_extremes() -> None:
    panel = panel_of(np.random.default_rng(9), 1000, fair=True, void=0.3)
    spreads = panel.spreads()
    assert panel.index.bounds.shape[0] == N_FAIR
    for series, name in ((0, "s_ab_bps"), (2, "s_ba_bps"), (N_PLAIN, "x_ab_bps"), (N_PLAIN + 2, "x_ba_bps")):
        for block in range(1000 // FAN):
            part = spreads[name][block * FAN : (block + 1) * FAN].drop_nulls()
            if len(part):
                assert panel.index.bounds[series, block] >= part.max()
                assert -panel.index.bounds[series + 1, block] <= part.min()
                assert panel.index.bounds[series, block] - part.max() < 1.0


def test_the_levels_of_an_index_are_padded_to_whole_groups() -> None:
    assert index_size(1).tolist() == [0, 16]
    assert index_size(16 * 16 * 16).tolist() == [0, 256, 272]
    assert all(size % FAN == 0 for size in index_size(10_000_001))


def test_first_row_from_gallops_to_the_first_stamp_not_before() -> None:
    ts = np.sort(np.random.default_rng(1).integers(0, 300, 500))
    for moment in range(-1, 302, 7):
        for start in (0, 17, 499, 500):
            expected = max(start, int(np.searchsorted(ts, moment, side="left")))
            assert first_row_from(ts, start, 500, moment) == expected
