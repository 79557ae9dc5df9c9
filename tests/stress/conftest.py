"""A small market: a premium that comes and goes, ladders, a converted leg, a void stretch and a gap."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from arbkit import Panel, Params
from arbkit.panel import Ladders

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def make_panel(*, n: int = 1200, ladders: bool = False, fx: bool = False, phase: float = 0.0) -> Panel:
    """Return rows a second apart; B's mid swings 60 bps around A's every 200 rows."""
    i = np.arange(n)
    ts = START + i * SECOND
    ts[n // 2 :] += 600 * SECOND
    mid_a = 100 + 0.3 * np.sin(i / 37)
    mid_b = mid_a * (1 + 0.006 * np.sin(2 * np.pi * i / 200 + phase))
    bid_a, ask_a, bid_b, ask_b = mid_a - 0.01, mid_a + 0.01, mid_b - 0.01, mid_b + 0.01
    bid_b[300:310] = np.nan
    more: dict[str, Any] = {}
    if ladders:
        size = np.tile([1.0, 4.0], (n, 1))
        sides = [
            part
            for price, step in ((bid_a, -0.05), (ask_a, 0.05), (bid_b, -0.05), (ask_b, 0.05))
            for part in (np.column_stack([price, price + step]), size)
        ]
        more["ladders"] = Ladders(*sides)
    if fx:
        more["fx_a"] = 1 / (1300 + np.sin(i / 100))
        more["fx_b"] = np.ones(n)
    panel = Panel(ts, bid_a, ask_a, bid_b, ask_b, **more)
    return panel.replace(leg_a="x/BTC", leg_b="y/BTC", currency="USDT", spot_a=True, spot_b=False)


PANELS = {
    "tops": make_panel(),
    "ladders": make_panel(ladders=True),
    "converted": make_panel(fx=True),
    "referenced": make_panel().with_reference("ewma:2m"),
}


@pytest.fixture
def panel() -> Panel:
    """The market without sizes and in one currency."""
    return PANELS["tops"]


@pytest.fixture
def params() -> Params:
    """Enter 15 bps beyond cost, leave when the premium is gone."""
    return Params(
        min_spread_bps=15, taker_fee_a_bps=2, taker_fee_b_bps=2, slippage_bps=4, max_position_usd=1000
    )


def same_bits(one: Any, other: Any) -> bool:
    """Tell whether two results have the same metrics and trades, to the last bit."""
    equal = dataclasses.asdict(one.metrics) == dataclasses.asdict(other.metrics)
    return equal and one.records.tobytes() == other.records.tobytes()
