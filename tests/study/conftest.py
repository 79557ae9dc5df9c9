"""A small market in a file, and a spec that searches it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.panel import Panel
from arbkit.study import StudySpec


def market_frame(rows: int = 3_000, seed: int = 3) -> pl.DataFrame:
    """Two venues, one row in ten seconds, a premium that returns to zero."""
    rng = np.random.default_rng(seed)
    mid = 100 * np.exp(np.cumsum(rng.normal(0, 2e-5, rows)))
    premium, shocks = np.zeros(rows), rng.normal(0, 6e-4, rows)
    for row in range(1, rows):
        premium[row] = 0.97 * premium[row - 1] + shocks[row]
    mid_a = mid * (1 + premium)
    return pl.DataFrame(
        {
            "ts": np.arange(rows, dtype=np.int64) * 10_000_000_000,
            "bid_a": mid_a * (1 - 1e-4),
            "ask_a": mid_a * (1 + 1e-4),
            "bid_b": mid * (1 - 1e-4),
            "ask_b": mid * (1 + 1e-4),
        }
    )


@pytest.fixture(scope="session")
def market_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The market as a panel file."""
    path = tmp_path_factory.mktemp("market") / "panel.parquet"
    Panel.from_frame(market_frame()).write(path)
    return path


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
