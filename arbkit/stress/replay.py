"""One scenario replayed: the strategy on the changed books, by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.config import Params
from arbkit.engine import BacktestResult, Portfolio, backtest
from arbkit.panel import Panel
from arbkit.records import ExitReason, Side
from arbkit.stress.draft import changed_rows
from arbkit.stress.scenario import Bookings, Scenario

__all__ = ["Curve", "Outcome", "Shocked", "replayed", "replayed_together", "shocked"]

_REFUSED: Final = ("rejected_", "abandoned_entries")


class Shocked(NamedTuple):
    """One panel under a scenario.

    Attributes:
        before: the panel as it was.
        seen: what the strategy sees.
        actual: what its orders are filled on; `seen` itself but for errors of the feed.
        rows: how many rows differ from before in what is seen.
    """

    before: Panel
    seen: Panel
    actual: Panel
    rows: int


class Outcome(NamedTuple):
    """What one run came to.

    Attributes:
        mtm_pnl_usd: realised, and open trades as if closed.
        max_drawdown_mtm_pct: of the equity.
        total_trades: entries.
        worst_trade_usd: the smallest PnL of a trade, open ones included; None without one.
        liquidations: trades closed by the margin rule.
        refused: entries that were refused, given up or left with one leg.
        stopped: a drawdown stop ended it.
        flags: what a reader must know.
    """

    mtm_pnl_usd: float
    max_drawdown_mtm_pct: float
    total_trades: int
    worst_trade_usd: float | None
    liquidations: int
    refused: int
    stopped: bool
    flags: tuple[str, ...]


class Curve(NamedTuple):
    """What one pair earned through time: stamps int64 (m,), realised and open PnL float64 (m,)."""

    ts: IntArray
    earned: FloatArray


def shocked(scenario: Scenario, panel: Panel) -> Shocked:
    """Apply a scenario; where it changes nothing, the panel itself is what is seen."""
    seen = scenario.apply(panel)
    rows = int(np.count_nonzero(changed_rows(panel, seen)))
    if rows == 0 and not scenario.control:
        return Shocked(panel, panel, panel, 0)
    return Shocked(panel, seen, scenario.actual(panel) if scenario.feed else seen, rows)


def replayed(scenario: Scenario, market: Shocked, params: Params) -> Outcome:
    """Run a strategy under a scenario.

    Raises:
        ConfigError: when the changed parameters cannot be simulated on this panel.
    """
    changed = scenario.change(params)
    result = backtest(market.seen, changed)
    booked = scenario.bookings(market.before, market.seen, changed, result.records)
    metrics = result.metrics
    if not _has_bookings(booked) and market.actual is market.seen:
        return _outcome(metrics, result.records, metrics.mtm_pnl_usd, metrics.max_drawdown_mtm_pct, 0, result)
    trades = corrected(result, market)
    curve = curve_of(result, market, trades, booked)
    pnl = float(curve.earned[-1]) if curve.earned.size else 0.0
    drawdown = _drawdown_pct(curve.earned, changed.initial_balance_usd)
    return _outcome(metrics, trades, pnl, drawdown, booked.refused if booked else 0, result)


def replayed_together(
    scenarios: Mapping[str, Scenario],
    markets: Mapping[str, Shocked],
    params: Mapping[str, Params],
    portfolio: Portfolio,
) -> Outcome:
    """Run several pairs under a scenario, on their one balance.

    Args:
        scenarios: the scenario as it meets each pair.
        markets: each pair under it.
        params: of each pair.
        portfolio: whose balance, limits and stops hold.

    Raises:
        ConfigError: when the changed parameters cannot be simulated.
    """
    changed = {name: scenarios[name].change(own) for name, own in params.items()}
    result = portfolio.with_panels({name: market.seen for name, market in markets.items()}).backtest(changed)
    metrics, runs, refused, plain = result.metrics, [], 0, True
    for name, market in markets.items():
        alone = result.alone(name)
        booked = scenarios[name].bookings(market.before, market.seen, changed[name], alone.records)
        runs.append((alone, market, corrected(alone, market), booked))
        refused += booked.refused if booked else 0
        plain = plain and not _has_bookings(booked) and market.actual is market.seen
    every = np.concatenate([trades for _, _, trades, _ in runs])
    if plain:
        return _outcome(metrics, every, metrics.mtm_pnl_usd, metrics.max_drawdown_mtm_pct, 0, result)
    earned = _together([curve_of(*run) for run in runs])
    drawdown = _drawdown_pct(earned, portfolio.initial_balance_usd)
    pnl = float(earned[-1]) if earned.size else 0.0
    return _outcome(metrics, every, pnl, drawdown, refused, result)


def _has_bookings(booked: Bookings | None) -> bool:
    return booked is not None and booked.rows.size > 0


def corrected(result: BacktestResult, market: Shocked) -> RecordArray:
    """Return the trades of a run with the prices at which their orders were really filled.

    The size is the one that was ordered. A leg's price is moved by what the top of its book really was over
    what it was seen to be, on the row of its fill, or on the next one with a quote; trades are moved to rows
    that really were tradable.
    """
    trades = result.records
    if market.actual is market.seen or not trades.size:
        return trades
    trades, params = trades.copy(), result.params
    h, fees = params.slippage_bps / 2 / 1e4, (params.taker_fee_a_bps / 1e4, params.taker_fee_b_bps / 1e4)
    is_ab = trades["side"] == int(Side.LONG_A_SHORT_B)
    fee = {"long": np.where(is_ab, *fees), "short": np.where(is_ab, *fees[::-1])}
    # Buying pays the price, slippage and fee; selling gets the price less both.
    bought = {
        ("entry", "long"): True,
        ("entry", "short"): False,
        ("exit", "long"): False,
        ("exit", "short"): True,
    }
    closed = trades["exit_index"] >= 0
    for (event, leg), buys in bought.items():
        price = trades[f"{event}_{leg}_px"]
        at_a = is_ab if leg == "long" else ~is_ab
        done = np.ones(trades.size, np.bool_) if event == "entry" else closed
        real = np.where(done, price * _moved(market, trades[f"{event}_{leg}_row"], at_a, buys), price)
        sign = -1.0 if buys else 1.0
        worth = sign * (real - price) * (1 - sign * h) * (1 - sign * fee[leg])
        trades["pnl_usd"] += np.where(done, trades["size"] * worth, 0.0)
        trades[f"{event}_{leg}_px"] = real
    _to_tradable(trades, market.actual)
    return trades


def _moved(market: Shocked, rows: IntArray, at_a: Any, buys: bool) -> FloatArray:
    """Return the real top over the seen one of a side, on some rows; rows below 0 do not matter."""
    side, moved = "ask" if buys else "bid", np.ones(rows.size)
    for venue, chosen in (("a", at_a), ("b", ~at_a)):
        seen, real = (getattr(panel, f"{side}_{venue}") for panel in (market.seen, market.actual))
        quoted = np.flatnonzero(np.isfinite(real))
        at = np.flatnonzero(chosen & (rows >= 0))
        place = np.minimum(np.searchsorted(quoted, rows[at]), quoted.size - 1)
        if quoted.size:
            moved[at] = real[quoted[place]] / seen[rows[at]]
    return moved


def _to_tradable(trades: RecordArray, panel: Panel) -> None:
    """Move entries and exits to the next row that is tradable, an exit behind its entry."""
    rows = np.flatnonzero(panel.tradable)
    if rows.size == 0:
        return
    last = rows.size - 1
    entry = np.minimum(np.searchsorted(rows, trades["entry_index"]), last)
    leave = np.maximum(np.searchsorted(rows, trades["exit_index"]), entry + 1)
    trades["entry_index"] = rows[entry]
    closed = trades["exit_index"] >= 0
    trades["exit_index"] = np.where(closed, rows[np.minimum(leave, last)], -1)


def curve_of(result: BacktestResult, market: Shocked, trades: RecordArray, booked: Bookings | None) -> Curve:
    """Return what a run earned on the books as they were, bookings beside its trades included."""
    rows, realized, value = result.curve_of(market.actual, trades)
    earned = realized + value
    if booked is not None and rows.size:
        at = np.minimum(np.searchsorted(rows, booked.rows), rows.size - 1)
        beside = np.zeros(rows.size)
        np.add.at(beside, at, booked.amounts_usd)
        earned = earned + np.cumsum(beside)
    return Curve(market.actual.ts[rows], earned)


def _together(curves: list[Curve]) -> FloatArray:
    """Return what all pairs earned together after each row of any of them."""
    ts = np.concatenate([curve.ts for curve in curves])
    steps = np.concatenate([np.diff(curve.earned, prepend=0.0) for curve in curves])
    earned: FloatArray = np.cumsum(steps[np.argsort(ts, kind="stable")])
    return earned


def _drawdown_pct(earned: FloatArray, initial: float) -> float:
    if earned.size == 0:
        return 0.0
    equity = initial + earned
    peak = np.maximum(np.maximum.accumulate(equity), initial)
    return float(((peak - equity) / peak * 100).max())


def _outcome(
    metrics: Any, trades: RecordArray, pnl: float, drawdown: float, refused: int, result: Any
) -> Outcome:
    counted = sum(value for name, value in metrics.to_dict().items() if name.startswith(_REFUSED) and value)
    worst = float(trades["pnl_usd"].min()) if trades.size else None
    liquidated = int((trades["reason"] == int(ExitReason.LIQUIDATION)).sum()) if trades.size else 0
    return Outcome(
        pnl, drawdown, metrics.total_trades, worst, liquidated, int(counted) + refused, metrics.stopped,
        result.flags,
    )  # fmt: skip
