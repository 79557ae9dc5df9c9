"""Worst and best marks of held trades against a walk of every held row."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.engine import backtest
from arbkit.kernels.held import held_extremes
from arbkit.kernels.spread import spread_ab, spread_ba
from arbkit.panel import Panel
from tests.engine.test_skip_against_scan import market, params


def walked(panel: Panel, cost2: float, trade: np.void, last: int) -> tuple[float, float]:
    """Return the lowest and highest mark, NaN without a row."""
    stop = (trade["exit_index"] if trade["exit_index"] >= 0 else last) + 1
    marks = []
    for i in range(trade["entry_index"] + 1, stop):
        if panel.tradable[i]:
            unwind = spread_ab(panel.ask_a[i], panel.bid_b[i])
            if trade["side"] == 0:
                unwind = spread_ba(panel.bid_a[i], panel.ask_b[i])
            marks.append(trade["entry_spread_bps"] + unwind - cost2)
    return (min(marks), max(marks)) if marks else (np.nan, np.nan)


@pytest.mark.parametrize("seed", range(20))
def test_marks_of_held_trades_are_those_of_the_walk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = market(rng)
    one = params(rng, panel)
    result = backtest(panel, one)
    held_extremes(panel.market, panel.index, result._rules[0], result.records, result._last_row)
    for trade in result.records[:60]:
        wanted = walked(panel, 2 * one.cost_bps, trade, result._last_row)
        assert np.array_equal((trade["mae_bps"], trade["mfe_bps"]), wanted, equal_nan=True)
