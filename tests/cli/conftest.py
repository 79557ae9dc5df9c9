"""A small study that the commands on studies are tried on, searched once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from arbkit.panel import Panel
from arbkit.study import StudySpec, run_study
from arbkit.synthetic import PanelShape, ou_panel

SPEC = """
name: small
panel: panel.parquet
sampler: random
seed: 1
n_trials: 8
space:
  min_spread_bps: {type: float, low: 2, high: 12}
  exit_spread_bps: {type: float, low: -10, high: 0}
fixed: {taker_fee_a_bps: 1, taker_fee_b_bps: 1, slippage_bps: 0, max_position_usd: 1000}
validation: {folds: 2, neighbours: 2, finalists: 2, draws: 199}
"""


@pytest.fixture(scope="session")
def _searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a study of twenty days, as `arbkit study run` leaves it."""
    folder = tmp_path_factory.mktemp("searched")
    shape = PanelShape(rows=20 * 144, step_s=600)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Panel.from_frame(ou_panel(shape, seed=5, half_life_s=1_800, sd_bps=12)).write("panel.parquet")
        Path("small.yaml").write_text(SPEC)
        run_study(StudySpec.load("small.yaml"))
    return folder


@pytest.fixture
def small_study(_searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a copy of that folder."""
    shutil.copytree(_searched, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
