"""vectorbt: two columns, one per venue, from signals (numba, Rust) and with an order function per row."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import vectorbt as vbt
from _peer import Market, Rules, Trades, Trial, legs_of, main
from numba import njit
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import NoOrder


def from_signals(market: Market, rules: Rules, engine: str) -> Trial:
    """A price between bid and ask with half of their distance as slippage fills buys at the ask."""
    bids = np.column_stack((market.bid_a, market.bid_b))
    asks = np.column_stack((market.ask_a, market.ask_b))
    price = (bids + asks) / 2
    half = (asks - bids) / (asks + bids)
    fees = np.array([rules.fee_a_bps, rules.fee_b_bps]) / 1e4

    def trial() -> Trades:
        s_ab, s_ba = market.spreads()
        long_a, pays, size = legs_of(market, rules)
        enter_ab, enter_ba = pays & long_a, pays & ~long_a
        leave_ab, leave_ba = s_ab < rules.exit_spread_bps, s_ba < rules.exit_spread_bps
        portfolio = vbt.Portfolio.from_signals(
            price, entries=_both(enter_ab, enter_ba), exits=_both(leave_ab, leave_ba),
            short_entries=_both(enter_ba, enter_ab), short_exits=_both(leave_ba, leave_ab),
            size=size[:, None], size_type="amount", slippage=half, fees=fees, init_cash=1e9,
            upon_opposite_entry="reverse", upon_long_conflict="entry", upon_short_conflict="entry",
            upon_dir_conflict="opposite", freq="1s", engine=engine,
        )  # fmt: skip
        return _trades(portfolio)

    return trial


def _both(of_a: np.ndarray, of_b: np.ndarray) -> np.ndarray:
    return np.column_stack((of_a, of_b))


def _trades(portfolio: Any) -> Trades:
    """Read the trades, and the metrics that a user would rank by."""
    records = portfolio.trades.records_arr
    portfolio.max_drawdown()
    portfolio.trades.win_rate()
    of_a = records[records["col"] == 0]
    side = of_a["direction"]
    closed = records["status"] == 1
    leave = np.where(of_a["status"] == 1, of_a["exit_idx"], -1)
    return Trades(side, of_a["entry_idx"], leave, records["pnl"][closed].sum())


@njit
def _order(c, bids, asks, fees, min_spread, exit_spread, cost, notional):  # type: ignore[no-untyped-def]
    i = c.i
    s_ab = (bids[i, 1] - asks[i, 0]) / asks[i, 0] * 1e4
    s_ba = (bids[i, 0] - asks[i, 1]) / asks[i, 1] * 1e4
    held = c.position_now if c.col == 0 else -c.position_now
    leaves = (held > 0 and s_ab < exit_spread) or (held < 0 and s_ba < exit_spread)
    size = -c.position_now if leaves else 0.0
    if (held == 0 or leaves) and max(s_ab, s_ba) - cost >= min_spread:
        long_a = s_ab >= s_ba
        amount = notional / (asks[i, 0] if long_a else asks[i, 1])
        size += amount if long_a == (c.col == 0) else -amount
    if size == 0:
        return NoOrder
    price = asks[i, c.col] if size > 0 else bids[i, c.col]
    return nb.order_nb(size=size, price=price, fees=fees[c.col])


def order_function(market: Market, rules: Rules) -> Trial:
    """Both venues decide alike, each from its own position."""
    bids = np.column_stack((market.bid_a, market.bid_b))
    asks = np.column_stack((market.ask_a, market.ask_b))
    fees = np.array([rules.fee_a_bps, rules.fee_b_bps]) / 1e4

    def trial() -> Trades:
        portfolio = vbt.Portfolio.from_order_func(
            (bids + asks) / 2, _order, bids, asks, fees, rules.min_spread_bps, rules.exit_spread_bps,
            rules.cost_bps, rules.notional_usd, init_cash=1e9, freq="1s",
        )  # fmt: skip
        return _trades(portfolio)

    return trial


if __name__ == "__main__":
    main(
        {
            "vectorbt from_signals, numba": partial(from_signals, engine="numba"),
            "vectorbt from_signals, Rust": partial(from_signals, engine="rust"),
            "vectorbt order function": order_function,
        },
        vbt.__version__,
    )
