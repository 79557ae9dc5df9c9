"""A study of twenty days, searched, validated and decided on once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arbkit.decision import Decision, decide
from arbkit.panel import Panel
from arbkit.study import Study, StudySpec, run_study
from arbkit.synthetic import PanelShape, ou_panel

VALUES: dict[str, Any] = {
    "name": "small",
    "sampler": "random",
    "seed": 1,
    "n_trials": 8,
    "storage": "memory://",
    "space": {
        "min_spread_bps": {"type": "float", "low": 2, "high": 12},
        "exit_spread_bps": {"type": "float", "low": -10, "high": 0},
    },
    "fixed": {"taker_fee_a_bps": 1, "taker_fee_b_bps": 1, "slippage_bps": 0, "max_position_usd": 1000},
    "validation": {"folds": 2, "neighbours": 2, "finalists": 3, "draws": 199},
}


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study, with all its trials."""
    path = tmp_path_factory.mktemp("decided") / "panel.parquet"
    shape = PanelShape(rows=20 * 144, step_s=600)
    Panel.from_frame(ou_panel(shape, seed=5, half_life_s=1_800, sd_bps=12)).write(path)
    return run_study(StudySpec.from_dict({**VALUES, "panel": str(path)}))


@pytest.fixture(scope="session")
def decision(study: Study) -> Decision:
    """What is decided on it."""
    return decide(study, scenarios=["fee_surge", "halt"])


@pytest.fixture
def written(decision: Decision, tmp_path: Path) -> Path:
    """Its file of parameters."""
    return decision.write_params(tmp_path / "params.yaml")
