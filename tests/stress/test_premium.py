"""Inversion and step of the premium, jump and tick of the rate."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit import Panel
from arbkit.stress import FxJump, FxTick, PremiumInversion, PremiumStep
from tests.stress.conftest import PANELS, SECOND, START

AT = (START + 100 * SECOND,)


def ratio(panel: Panel) -> np.ndarray:
    return np.log((panel.bid_a + panel.ask_a) / (panel.bid_b + panel.ask_b))


def test_premium_becomes_its_mirror_image(panel: Panel) -> None:
    seen = PremiumInversion(at=AT, over="10s").apply(panel)
    assert ratio(seen)[120:300] == pytest.approx(-ratio(panel)[120:300], abs=1e-12)
    assert np.array_equal(ratio(seen)[:100], ratio(panel)[:100])
    around = PremiumInversion(at=AT, over="10s", around_bps=50).apply(panel)
    assert ratio(around)[150] == pytest.approx(2 * np.log(1.005) - ratio(panel)[150], abs=1e-12)


def test_step_decays_by_half_lives(panel: Panel) -> None:
    seen = PremiumStep(at=AT, step_bps=-1000, half_life="100s").apply(panel)
    moved = seen.bid_a / panel.bid_a
    assert moved[[99, 100, 200, 299]] == pytest.approx([1, 0.9, 0.95, 0.975], abs=2e-3)


def test_rate_jumps_for_good_and_prices_follow() -> None:
    panel = PANELS["converted"]
    seen = FxJump(at=AT, half_life="50s").apply(panel)
    assert seen.fx_a is not None
    assert panel.fx_a is not None
    assert seen.fx_a[100:] == pytest.approx(panel.fx_a[100:] * 0.98)
    assert (seen.bid_a / panel.bid_a)[[100, 150, 599]] == pytest.approx([0.98, 0.99, 1], abs=1e-3)
    assert np.array_equal(seen.bid_b, panel.bid_b, equal_nan=True)


def test_wrong_tick_is_seen_and_not_traded() -> None:
    panel, tick = PANELS["converted"], FxTick(at=AT)
    seen = tick.apply(panel)
    off = np.abs(seen.bid_a / panel.bid_a - 1)
    assert np.flatnonzero(off > 1e-12).tolist() == list(range(100, 105))
    assert off[100] == pytest.approx(0.01)
    assert tick.actual(panel) is panel


def test_rate_scenarios_find_nothing_to_change_in_one_currency(panel: Panel) -> None:
    assert FxJump().apply(panel) is panel
    assert FxTick().apply(panel) is panel
