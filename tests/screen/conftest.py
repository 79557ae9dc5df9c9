"""A dataset of five coins, and its screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from arbkit.screen import Costs, Screen, screen
from arbkit.synthetic import Market, load_market_spec, write_market


@pytest.fixture(scope="session")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coins") / "coins"
    write_market(Market(load_market_spec("coins"), days=0.08, levels=3), folder)
    return folder


@pytest.fixture(scope="session")
def morning(coins: Path) -> Screen:
    return screen(coins, size=1000, costs=Costs(fee_a_bps=5, fee_b_bps=5))
