"""What all scenarios share: nothing at size zero, valid books, seeds, order, and the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import arbkit
from arbkit import ConfigError, Panel, Params
from arbkit.stress import (
    Decoupled,
    FeeSurge,
    FlashCrash,
    FlashSpike,
    FxJump,
    FxTick,
    Halt,
    LateLeg,
    MarginRally,
    Noise,
    PremiumInversion,
    PremiumStep,
    RefusedLeg,
    Scenario,
    Slippage,
    Split,
    StaggeredVolatility,
    StaleFeed,
    Unreachable,
    standard_scenarios,
)
from tests.stress.conftest import PANELS, START, make_panel, same_bits

NOTHING = (
    Slippage(slippage_bps=4),
    FeeSurge(to_bps=4),
    FlashCrash(move_pct=0),
    FlashSpike(move_pct=0),
    Noise(size_pct=0),
    StaggeredVolatility(factor=1),
    Halt(lasts="0s"),
    StaleFeed(lasts="0s"),
    FxJump(move_pct=0),
    FxTick(move_pct=0),
    PremiumInversion(depth=0),
    PremiumStep(step_bps=0),
    Decoupled(lasts="0s"),
    MarginRally(move_pct=0),
    Unreachable(move_pct=0, lasts="0s"),
    LateLeg(late_ms=0),
    RefusedLeg(share=0),
    Split(halvings=0),
)
STANDARD = standard_scenarios()


@pytest.mark.parametrize("scenario", NOTHING, ids=lambda item: item.name)
@pytest.mark.parametrize("kind", PANELS)
def test_scenario_of_size_zero_leaves_every_bit(scenario: Scenario, kind: str, params: Params) -> None:
    panel = PANELS[kind]
    seen = scenario.apply(panel)
    assert seen.fingerprint == panel.fingerprint
    assert same_bits(arbkit.backtest(seen, scenario.change(params)), arbkit.backtest(panel, params))


def test_every_scenario_has_a_size_that_is_zero() -> None:
    assert {item.name for item in NOTHING} == {item.name for item in STANDARD}


@pytest.mark.parametrize("scenario", STANDARD, ids=lambda item: item.label)
@pytest.mark.parametrize("kind", PANELS)
def test_books_stay_books(scenario: Scenario, kind: str) -> None:
    panel = PANELS[kind]
    seen = scenario.apply(panel)
    assert np.array_equal(seen.ts, panel.ts)
    assert not (seen.tradable & ~panel.tradable & ~np.isfinite(panel.bid_b)).any() or scenario.feed
    quoted = np.isfinite(seen.bid_a) & np.isfinite(seen.ask_a)
    assert (seen.bid_a[quoted] < seen.ask_a[quoted]).all()
    assert (seen.bid_a[quoted] > 0).all()
    quoted = np.isfinite(seen.bid_b) & np.isfinite(seen.ask_b)
    assert (seen.bid_b[quoted] < seen.ask_b[quoted]).all()
    seen.check_ladders()
    if panel.ladders is not None and seen.ladders is not None:
        assert (seen.ladders.bid_sz_a > 0).all()


@pytest.mark.parametrize("scenario", STANDARD, ids=lambda item: item.label)
def test_engines_agree_on_shocked_books(scenario: Scenario, params: Params) -> None:
    seen, changed = scenario.apply(PANELS["ladders"]), scenario.change(params)
    runs = [arbkit.backtest(seen, changed, engine=engine) for engine in ("auto", "step")]
    assert runs[0].metrics == runs[1].metrics


def test_same_seed_gives_the_same_books_and_another_seed_others(panel: Panel) -> None:
    drawn = {"flash_crash", "noise", "stale_feed", "premium_inversion", "premium_step", "refused_leg"}
    for seeds in zip(*(standard_scenarios(seed) for seed in (1, 1, 2)), strict=True):
        one, again, other = (scenario.apply(panel).fingerprint for scenario in seeds)
        assert one == again
        assert one != other or seeds[0].name not in drawn


def test_panel_that_was_shocked_is_left_as_it_was(panel: Panel) -> None:
    before = make_panel().fingerprint
    for scenario in STANDARD:
        scenario.apply(panel)
    assert panel.fingerprint == make_panel().fingerprint == before


def test_scenarios_are_applied_in_order(panel: Panel) -> None:
    step, halt = PremiumStep(at=(START,)), Halt(at=(START + 5 * 10**9,), venue="a")
    both = step + halt
    assert both.label == "premium step +1,000 bps + halt (venue a)"
    assert both.apply(panel).fingerprint == halt.apply(step.apply(panel)).fingerprint
    stale = StaleFeed(at=(START + 5 * 10**9,), venue="a", lasts="60s")
    later = PremiumStep(at=(START + 20 * 10**9,))
    assert (stale + later).apply(panel).fingerprint != (later + stale).apply(panel).fingerprint
    three = step + halt + FeeSurge()
    assert len(three.parts) == 3
    assert three.change(Params(
        min_spread_bps=1, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=0, max_position_usd=1
    )).taker_fee_a_bps == 12  # fmt: skip


def test_feed_error_in_a_chain_fills_orders_on_the_other_shocks(panel: Panel) -> None:
    step, noise = PremiumStep(at=(START,)), Noise()
    both = step + noise
    assert both.feed
    assert both.actual(panel).fingerprint == step.apply(panel).fingerprint
    assert both.apply(panel).fingerprint == noise.apply(step.apply(panel)).fingerprint


def test_reference_is_that_of_the_changed_books() -> None:
    panel = PANELS["referenced"]
    seen = PremiumStep(at=(START + 400 * 10**9,)).apply(panel)
    again = seen.replace(fair=None, reference="none").with_reference("ewma:2m")
    assert np.array_equal(seen.fair, again.fair, equal_nan=True)
    assert not np.array_equal(seen.fair, panel.fair, equal_nan=True)


def test_panel_cut_after_its_reference_was_filled_keeps_a_warm_ratio() -> None:
    whole = PANELS["referenced"]
    cut = whole.rows(500, len(whole))
    scenario = PremiumStep(at=(int(cut.ts[200]),), half_life="10000d")
    seen, right = scenario.apply(cut), scenario.apply(whole).rows(500, len(whole))
    assert np.isfinite(seen.fair).all()
    assert np.array_equal(seen.fair[:200], cut.fair[:200])
    assert np.allclose(seen.fair[450:], right.fair[450:], rtol=2e-3)


def test_result_on_shocked_books_says_so(panel: Panel, params: Params) -> None:
    seen = Halt(venue="b").apply(panel)
    assert arbkit.backtest(seen, params).flags[0] == "scenario: B has no quotes for 30m"


@dataclass(frozen=True, kw_only=True)
class Dearer(Scenario):
    """One of one's own."""

    name: ClassVar[str] = "dearer"
    by: float = 0.01

    def shock(self, panel: Panel) -> Panel:
        return panel.replace(**{side: getattr(panel, side) * (1 + self.by) for side in ("bid_a", "ask_a")})


def test_scenario_of_your_own_needs_its_shock_only(panel: Panel, params: Params) -> None:
    found = arbkit.stress_test(panel, params, scenarios=[{"tests.stress.test_scenario:Dearer": {"by": 0.02}}])
    row = found.frame.row(1, named=True)
    assert row["status"] == "changed"
    assert row["mtm_pnl_usd"] == arbkit.backtest(Dearer(by=0.02).apply(panel), params).metrics.mtm_pnl_usd


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Halt(lasts="soon"), "halt.lasts"),
        (lambda: Halt(every="0s"), "halt.every"),
        (lambda: Halt(venue="c"), "halt.venue"),
        (lambda: FlashCrash(move_pct=-100), "flash_crash.move_pct"),
        (lambda: FlashCrash(move_pct="x"), "flash_crash.move_pct"),
        (lambda: Halt(count=0), "halt.count"),
        (lambda: Halt(at=("noon",)), "halt.at"),
        (lambda: Noise(traded=1), "noise.traded"),
    ],
)
def test_bad_value_is_named_with_its_scenario(make: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()  # type: ignore[operator]
