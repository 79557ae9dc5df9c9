"""The smallest canary: as small as both venues allow, and what it may cost."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from arbkit.decision.canary import Minimum, canary_of, minimums_of
from arbkit.panel import Panel
from arbkit.study import Study
from arbkit.validation import Validation, validate


@pytest.fixture
def parts(study: Study) -> tuple[Validation, Panel]:
    """A validation and the last market seen: 600 rows at a price of 100."""
    n = 600
    ones = np.ones(n)
    panel = Panel(np.arange(n) * 10**9, 99 * ones, 100 * ones, 99 * ones, 100 * ones)
    return validate(study), panel


def test_the_size_is_the_smallest_on_the_coarser_grid_with_a_tenth_to_spare(
    study: Study, parts: tuple[Validation, Panel]
) -> None:
    found, panel = parts
    params = study.spec.params_of(study.best_params())[0]
    given = {"a": Minimum(5, 1e-8), "b": Minimum(20, 0.1)}
    canary = canary_of(found, study.spec.validation, panel, params, seed=1, given=given)
    assert canary is not None
    # 20 and a tenth at 100 are 0.22 units; the grid of B is 0.1.
    assert (canary.size, canary.notional_usd) == (pytest.approx(0.3), pytest.approx(30))
    assert canary.share == pytest.approx(0.03)
    assert canary.days >= 14
    assert canary.closed_trades >= 30
    assert canary.expected_usd == pytest.approx(
        found.part("out_of_sample").per_day_usd * canary.share * canary.days
    )


def test_twice_the_size_costs_twice_as_much(study: Study, parts: tuple[Validation, Panel]) -> None:
    found, panel = parts
    losing = dataclasses.replace(found, bin_pnl=tuple(-abs(x) for x in found.bin_pnl))
    params = study.spec.params_of(study.best_params())[0]
    one, two = (
        canary_of(
            losing,
            study.spec.validation,
            panel,
            params,
            seed=1,
            given={"a": Minimum(0, lot), "b": Minimum(0)},
        )
        for lot in (1.0, 2.0)
    )
    assert one is not None
    assert two is not None
    assert one.worst_usd is not None
    assert two.worst_usd is not None
    assert one.deepest_usd is not None
    assert one.worst_usd > 0
    assert two.worst_usd == pytest.approx(2 * one.worst_usd)
    assert one.deepest_usd >= one.worst_usd


def test_what_never_loses_costs_nothing(study: Study, parts: tuple[Validation, Panel]) -> None:
    found, panel = parts
    gaining = dataclasses.replace(found, bin_pnl=tuple(abs(x) + 0.1 for x in found.bin_pnl))
    params = study.spec.params_of(study.best_params())[0]
    canary = canary_of(gaining, study.spec.validation, panel, params, seed=1)
    assert canary is not None
    assert (canary.worst_usd, canary.deepest_usd) == (0.0, 0.0)
    assert "a hundredth of the studied size" in canary.notes[-1]


def test_a_handful_of_bins_tells_no_worst_cost(study: Study, parts: tuple[Validation, Panel]) -> None:
    found, panel = parts
    short = tuple(
        dataclasses.replace(item, bins=2) if item.name == "out_of_sample" else item for item in found.parts
    )
    params = study.spec.params_of(study.best_params())[0]
    few = dataclasses.replace(found, parts=short)
    canary = canary_of(few, study.spec.validation, panel, params, seed=1)
    assert canary is not None
    assert (canary.worst_usd, canary.deepest_usd, canary.draws) == (None, None, 0)


def test_nothing_traded_is_nothing_to_try(study: Study, parts: tuple[Validation, Panel]) -> None:
    found, panel = parts
    idle = dataclasses.replace(found, bin_pnl=tuple(0.0 for _ in found.bin_pnl))
    params = study.spec.params_of(study.best_params())[0]
    assert canary_of(idle, study.spec.validation, panel, params, seed=1) is None


def test_a_venue_that_is_known_counts_in_the_account_currency(study: Study) -> None:
    ones = np.ones(4)
    panel = Panel(np.arange(4) * 10**9, ones, ones * 2, ones, ones * 2, fx_a=ones / 1_000)
    panel = panel.replace(leg_a="upbit/KRW-BTC", leg_b="binance_usdm/BTCUSDT")
    params = study.spec.params_of(study.best_params())[0].replace(lot_b=0.01)
    found, notes = minimums_of(panel, params)
    assert found["a"] == Minimum(5.0, 1e-8)
    assert found["b"] == Minimum(100.0, 0.01)
    assert [note.partition(" (")[2] for note in notes] == [
        "its guide to KRW markets, 2025)",
        "BTCUSDT in recorded exchangeInfo; most others take 5)",
    ]
