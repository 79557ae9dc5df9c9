"""A small market in a file, and the keys of a session over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def values(market_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The keys of a session of 3 x 3 combinations; the working folder is a fresh one."""
    monkeypatch.chdir(tmp_path)
    return {
        "session_id": "sess001",
        "data_file": str(market_file),
        "taker_fee_a_bps": 2,
        "taker_fee_b_bps": 2,
        "slippage_bps": 1,
        "max_position_usd": 1000,
        "tag_prefix": "night",
        "grids": [
            {"name": "min_spread_bps", "values": [5, 10, 20]},
            {"name": "exit_spread_bps", "values": [0, -5, -10]},
        ],
    }


@pytest.fixture
def session_file(values: dict[str, Any]) -> Path:
    """The session as a YAML file."""
    path = Path("sess001.yaml")
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path
