"""What trades were worth on some rows, against the curve over every row."""

from __future__ import annotations

import numpy as np
import pytest

import arbkit
from arbkit.kernels.curve import tradable_before
from tests.markets import market_frame


def panel_with_gaps() -> arbkit.Panel:
    panel = arbkit.Panel.from_frame(market_frame(1_500))
    bid = panel.bid_a.copy()
    bid[::7] = np.nan
    return panel.replace(bid_a=bid)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stop_loss_bps": 15, "max_hold_s": 600, "cooldown_s": 60},
        {"max_open_trades": 3, "exit_spread_bps": -10},
        {"latency_ms": 12_000},
        {"stop_on_drawdown_pct": 0.01},
        {"pnl_model": "convergence"},
    ],
)
def test_values_on_rows_are_those_of_the_whole_curve(changes: dict[str, object]) -> None:
    panel = panel_with_gaps()
    params = arbkit.Params(
        min_spread_bps=5, taker_fee_a_bps=4, taker_fee_b_bps=4, slippage_bps=2, max_position_usd=1000
    ).replace(**changes)
    result = arbkit.backtest(panel, params)
    assert result.metrics.total_trades > 0
    whole = result.equity()
    rows = np.flatnonzero(panel.tradable[: result.last_row + 1])
    some = rows[:: 1 + rows.size // 97]
    balance, equity = result.equity_on(some)
    places = np.searchsorted(rows, some)
    np.testing.assert_allclose(balance, whole["balance_usd"].to_numpy()[places], rtol=1e-12)
    np.testing.assert_allclose(equity, whole["equity_usd"].to_numpy()[places], rtol=1e-12)


def test_tradable_row_before_is_found_or_none() -> None:
    panel = panel_with_gaps()
    found = tradable_before(panel.market, np.array([0, 1, 7, 8, 10_000]))
    assert found.tolist() == [-1, 1, 6, 8, 1_499 if panel.tradable[1_499] else 1_498]
