"""Excursions counted by walking the index, and by the table of rises, against a plain count."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.config import Params
from arbkit.engine import rules_of
from arbkit.kernels.runs import count_excursions, excursions_until
from arbkit.panel import Panel
from tests.kernels.test_search import market


def plain_count(panel: Panel, side: int, cost: float, level: float, last: int) -> int:
    """Count the maximal runs of tradable rows up to `last` with x - cost >= level, row by row."""
    spreads = panel.spreads()
    signal = spreads[("x_ab_bps", "x_ba_bps")[side]].fill_null(np.nan).to_numpy()
    seen = signal[: last + 1][panel.tradable[: last + 1]]
    beyond = seen - cost >= level
    return int(beyond[:1].sum() + (beyond[1:] & ~beyond[:-1]).sum())


def rules_at(level: float, cost: float, direction: str) -> np.ndarray:
    params = Params(
        min_spread_bps=level, taker_fee_a_bps=cost, taker_fee_b_bps=0, slippage_bps=0,
        max_position_usd=1, direction=direction,
    )  # fmt: skip
    return rules_of([params])


@pytest.mark.parametrize("seed", range(25))
def test_table_and_walk_count_as_a_plain_loop_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = market(rng, int(rng.choice([16, 31, 257, 1500, 20_000])))
    signals = panel.spreads()["x_ab_bps"].drop_nulls().drop_nans().to_numpy()
    for _ in range(12):
        cost = float(rng.choice([0.0, 3.0, 0.1]))
        level = float(rng.choice(signals) if signals.size else 1.0) - float(rng.choice([0.0, cost, 1e-9]))
        floor = float(rng.choice([0.0, max(0.0, level + cost - 1e-6), max(0.0, level)]))
        fresh = panel.replace()
        rises = fresh.rises(floor)
        assert rises.floor == floor
        for side, name in enumerate(("long_a_short_b", "long_b_short_a")):
            rules = rules_at(level, cost, name)[0]
            last = panel.index.last
            wanted = plain_count(panel, side, cost, level, last)
            assert excursions_until(panel.market, panel.index, last, rules) == wanted
            assert count_excursions(panel.market, panel.index, rises, last, rules) == wanted


def test_a_run_that_ends_early_is_not_read_off_the_table() -> None:
    panel = market(np.random.default_rng(1), 1500)
    rules, rises = rules_at(0.5, 0.0, "both")[0], panel.rises(0.0)
    for last in (0, 17, 700):
        wanted = sum(plain_count(panel, side, 0.0, 0.5, last) for side in (0, 1))
        assert count_excursions(panel.market, panel.index, rises, last, rules) == wanted


def test_the_table_is_made_for_the_lowest_level_asked_for_and_never_below_zero() -> None:
    panel = market(np.random.default_rng(2), 300)
    assert panel.rises().floor == np.inf
    assert panel.rises(-1.0).floor == np.inf
    first = panel.rises(5.0)
    assert first.floor == 5.0
    assert panel.rises(7.0) is first
    assert panel.rises(2.0).floor == 2.0
    assert panel.rises(2.0).peaks_ab.size >= first.peaks_ab.size
