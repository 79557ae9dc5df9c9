"""A small market for the widgets, and the browser that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import arbkit
from benchmarks.browser import chromium, chromium_path, jupyter_lab
from tests.markets import market_frame
from tests.servers import missing


@pytest.fixture(scope="session")
def panel() -> arbkit.Panel:
    """Two named venues, with rows on which nothing can be traded."""
    frame = market_frame().with_columns(
        ask_a=arbkit_gap("ask_a", 40, 60), bid_b=arbkit_gap("bid_b", 500, 501)
    )
    return arbkit.Panel.from_frame(frame, name="BTC", leg_a="upbit/BTC", leg_b="binance/BTC", currency="USDT")


def arbkit_gap(column: str, first: int, stop: int) -> Any:
    import polars as pl

    row = pl.int_range(pl.len())
    return pl.when((row >= first) & (row < stop)).then(None).otherwise(pl.col(column))


@pytest.fixture(scope="session")
def params() -> arbkit.Params:
    """A set that trades often on the small market."""
    return arbkit.Params(
        min_spread_bps=15, taker_fee_a_bps=4, taker_fee_b_bps=4, slippage_bps=2, max_position_usd=1000
    )


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium; skips, or fails in CI, where none is installed."""
    if chromium_path() is None:
        missing("Chromium", "apt-get install chromium")
    with chromium() as opened:
        yield opened


@pytest.fixture
def jupyter(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab on `tmp_path / "notebooks"`."""
    with jupyter_lab(tmp_path) as address:
        yield address
