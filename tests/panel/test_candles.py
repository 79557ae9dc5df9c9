"""Panels of candle closes."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.errors import ConfigError, CoverageError, DataError
from arbkit.panel import Panel

MINUTE = 60 * 10**9
START = 1_704_067_200 * 10**9


def candles(closes: list[Any], first: int = 0, step: int = 1) -> pl.DataFrame:
    ts = [START + (first + step * k) * MINUTE for k in range(len(closes))]
    return pl.DataFrame({"ts": ts, "close": closes})


def test_bid_and_ask_stand_around_the_close_and_the_panel_is_flagged() -> None:
    panel = Panel.from_candles(candles([100.0, 200.0]), candles([100.0, 200.0]), None, 10, 25, leg_a="x/BTC")
    assert panel.bid_a.tolist() == pytest.approx([99.9, 199.8])
    assert panel.ask_a.tolist() == pytest.approx([100.1, 200.2])
    assert panel.ask_b.tolist() == pytest.approx([100.25, 200.5])
    assert panel.meta.fidelity == "candle"
    assert panel.meta.leg_a == "x/BTC"
    assert "candle" in panel.flags[0]


def test_a_bar_enters_at_its_stamp_and_lasts_one_bar() -> None:
    panel = Panel.from_candles(candles([1.0, 2.0, 3.0]), candles([1.0, 2.0, 3.0, 4.0], first=1), None, 1, 1)
    assert ((panel.ts - START) // MINUTE).tolist() == [1, 2]
    a = candles([1.0, 2.0, 9.0, 9.0, 3.0, 4.0]).filter(pl.col("close") != 9.0)
    panel = Panel.from_candles(a, candles([1.0] * 6), None, 1, 1)
    assert panel.tradable.tolist() == [True, True, True, False, True, True]
    assert Panel.from_candles(a, candles([1.0] * 6), None, 1, 1, max_age="10m").tradable.all()
    assert panel.meta.max_age_ns == MINUTE


def test_fx_divides_the_first_leg_and_may_have_gaps() -> None:
    krw, usdt, fx = candles([1_300.0] * 6), candles([1.0] * 6), candles([1_300.0, 1_250.0], step=5)
    panel = Panel.from_candles(krw, usdt, fx, half_spread_a_bps=1, half_spread_b_bps=1)
    assert panel.bid_a[0] == pytest.approx(1 - 1e-4)
    assert panel.bid_a[5] == pytest.approx(1.04 * (1 - 1e-4))
    assert panel.fx_a[0] == pytest.approx(1 / 1_300)
    with pytest.raises(CoverageError, match="at most 5%"):
        Panel.from_candles(krw, usdt, fx, 1, 1, fx_max_age="1m")


def test_a_missing_close_is_a_missing_quote() -> None:
    panel = Panel.from_candles(candles([1.0, None, float("nan"), 0.0]), candles([1.0] * 4), None, 1, 1)
    assert panel.tradable.tolist() == [True, False, False, False]


@pytest.mark.parametrize("value", [None, 0, -1, 10_000, True, "5"])
def test_a_half_spread_must_be_assumed(value: Any) -> None:
    with pytest.raises(ConfigError, match="`half_spread_b_bps` must be above 0"):
        Panel.from_candles(candles([1.0]), candles([1.0]), None, 1, value)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_unsorted_candles_are_an_error(place: int) -> None:
    frames = [candles([1.0, 2.0, 3.0]) for _ in range(3)]
    frames[place] = frames[place].reverse()
    with pytest.raises(DataError, match=f"row 1 of `{('a', 'b', 'fx')[place]}` was before row 0"):
        Panel.from_candles(*frames, 1, 1)


def test_candles_that_never_overlap_are_an_error() -> None:
    with pytest.raises(CoverageError, match="must overlap"):
        Panel.from_candles(candles([1.0]), candles([1.0], first=9), None, 1, 1)


def test_missing_columns_are_an_error() -> None:
    with pytest.raises(DataError, match="missing columns: close"):
        Panel.from_candles(candles([1.0]).drop("close"), candles([1.0]), None, 1, 1)


def test_the_reference_of_a_gap_longer_than_a_bar_is_not_made_of_old_closes() -> None:
    k = [*range(60), *range(120, 180)]
    a = candles([100.0 + i for i in range(180)])[k]
    panel = Panel.from_candles(a, candles([100.0] * 180), None, 1, 1).with_reference("median:30m")
    inside_gap = (panel.ts > START + 95 * MINUTE) & (panel.ts <= START + 119 * MINUTE)
    assert np.isnan(panel.fair[inside_gap]).all()
