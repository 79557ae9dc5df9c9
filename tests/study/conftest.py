"""A small market in a file, and a spec that searches it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arbkit.study import StudySpec


@pytest.fixture
def values(market_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The keys of a valid spec; the working folder is a fresh one."""
    monkeypatch.chdir(tmp_path)
    return {
        "name": "small",
        "panel": str(market_file),
        "sampler": "random",
        "seed": 7,
        "n_trials": 20,
        "batch": 8,
        "objective": {"metric": "mtm_pnl_usd", "direction": "maximize"},
        "space": {
            "min_spread_bps": {"type": "float", "low": 1, "high": 60},
            "exit_spread_bps": {"type": "float", "low": -20, "high": 20, "step": 2.5},
            "stop_loss_bps": {"type": "categorical", "choices": ["none", 20, 40]},
            "min_hold_s": {"type": "int", "low": 0, "high": 100, "step": 10},
            "max_hold_s": {"type": "float", "low": 50, "high": 1000, "log": True},
            "reference": {"type": "categorical", "choices": ["none", "ewma:10m"]},
        },
        "fixed": {
            "taker_fee_a_bps": 2,
            "taker_fee_b_bps": 2,
            "slippage_bps": 1,
            "max_position_usd": 1000,
        },
    }


@pytest.fixture
def spec(values: dict[str, Any]) -> StudySpec:
    """The spec of `values`."""
    return StudySpec.from_dict(values)
