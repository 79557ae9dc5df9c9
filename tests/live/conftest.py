"""A small recorded market, and configurations that run over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arbkit.live import LiveRunner, RunResult, open_run
from arbkit.live.config import LiveConfig
from arbkit.synthetic import Market, load_market_spec, write_market

Configure = Callable[..., LiveConfig]


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "demo"
    write_market(Market(load_market_spec("kimchi"), rows=6_000, levels=3, seed=4), folder)
    return folder


def live_values(recording: Path, runs: Path, **changes: Any) -> dict[str, Any]:
    """Return a configuration that trades often on the recording; `params` are changed one by one."""
    params = {
        "min_spread_bps": -9.0,
        "taker_fee_a_bps": 5,
        "taker_fee_b_bps": 4,
        "slippage_bps": 1,
        "max_position_usd": 1_000,
        "max_hold_s": 20,
        **changes.pop("params", {}),
    }
    values: dict[str, Any] = {
        "name": "small",
        "currency": "USDT",
        "balance": 100_000,
        "runs": str(runs),
        "max_age": "5s",
        "fx": {"venue": "upbit", "symbol": "KRW-USDT", "max_age": "60s"},
        "pairs": [{"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}],
        "params": params,
        "guard": {"max_trades_per_hour": 30, "max_daily_loss_usd": 500, "breaker_loss_pct": 5},
        "reference": "ewma:1m",
        "replay": {"dataset": str(recording)},
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


@pytest.fixture
def configure(recording: Path, tmp_path: Path) -> Configure:
    """Return a maker of configurations whose runs lie in the test's own folder."""
    return lambda **changes: LiveConfig.from_dict(live_values(recording, tmp_path / "runs", **changes))


@pytest.fixture
def short_run(configure: Configure) -> RunResult:
    """A run over the first part of the recording, filled by the rules themselves."""
    often = {"min_spread_bps": -1_000, "max_hold_s": 3}
    runner = LiveRunner(configure(reference="none", params=often))
    for _ in range(700):
        runner.run_once()
    runner.close()
    return open_run(runner.folder.path)
