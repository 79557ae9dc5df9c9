"""Markets small enough to be examined in a moment, and a spec that searches them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from arbkit.panel import Panel
from arbkit.study import Market, StudySpec
from arbkit.study.evaluator import PanelEvaluator
from arbkit.synthetic import PanelShape, ou_panel
from arbkit.validation import Tried, Validation, examine, tune
from arbkit.validation.tried import keys_of
from arbkit.validation.tuning import evaluator_before

VALUES: dict[str, Any] = {
    "name": "truth",
    "panel": "panel.parquet",
    "sampler": "random",
    "seed": 1,
    "n_trials": 16,
    "batch": 16,
    "space": {
        "min_spread_bps": {"type": "float", "low": 2, "high": 14},
        "exit_spread_bps": {"type": "float", "low": -12, "high": 4},
        "stop_loss_bps": {"type": "categorical", "choices": ["none", 60]},
    },
    "fixed": {
        "taker_fee_a_bps": 1,
        "taker_fee_b_bps": 1,
        "slippage_bps": 0,
        "max_position_usd": 1000,
    },
    "validation": {"folds": 3, "neighbours": 4, "finalists": 3, "draws": 199},
}


@pytest.fixture(scope="session")
def spec() -> StudySpec:
    """A search of sixteen sets."""
    return StudySpec.from_dict(VALUES)


@pytest.fixture(scope="session")
def reverting() -> Panel:
    """Forty days in which the premium reverts within half an hour, a row every ten minutes."""
    shape = PanelShape(rows=40 * 144, step_s=600)
    return Panel.from_frame(ou_panel(shape, seed=5, half_life_s=1_800, sd_bps=12))


@pytest.fixture(scope="session")
def trained() -> Callable[[StudySpec, Market], PanelEvaluator]:
    """Return what simulates on the training part."""
    return lambda spec, market: evaluator_before(market, market.cuts[0], spec, 1)


@pytest.fixture(scope="session")
def examined(trained: Callable[[StudySpec, Market], PanelEvaluator]) -> Callable[..., Validation]:
    """Search a panel and examine what was found; nothing is stored."""

    def examine_panel(spec: StudySpec, panel: Panel) -> Validation:
        market = Market(panel, spec.split)
        block = tune(spec, trained(spec, market), spec.n_trials)
        return examine(spec, market, block, tried=_alone, open_lockbox=lambda params: ())

    return examine_panel


def _alone(own: list[Any]) -> Tried:
    """Count the sets of this examination alone."""
    keys = pl.concat([keys_of(StudySpec.from_dict(VALUES), "", params) for params in own])
    return Tried(keys.n_unique(), 1, 0)
