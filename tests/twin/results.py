"""Frames and metrics of the plain twin (section 5), computed afterwards from what happened."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from . import money
from .market import long_venue, short_venue
from .money import RoundTrip
from .trade import Trade

if TYPE_CHECKING:
    from .twin import Desk, Pair

HOUR_NS = 3_600_000_000_000
REASONS = ("stop_loss", "take_profit", "spread_reversal", "timeout", "end_of_data", "liquidation")

GUARD_REASONS = (
    "breaker",
    "daily_loss",
    "total_loss",
    "hour_trades",
    "day_trades",
    "positions",
    "position_size",
    "spread",
    "slippage",
    "fill_rate",
)
REFUSALS = (
    "rejected_no_inventory",
    "rejected_lot",
    "rejected_no_depth",
    "rejected_thin",
    *(f"rejected_guard_{reason}" for reason in GUARD_REASONS),
    "rejected_total_trades",
    "rejected_total_notional",
)


class EquityPoint(NamedTuple):
    """The account at the end of one tradable row."""

    ts: int
    balance: float
    equity: float
    drawdown_pct: float
    holding: bool


@dataclass(frozen=True)
class TwinResult:
    """Trades in entry order, metrics by name, the equity of each tradable row, counted refusals."""

    trades: list[dict[str, Any]]
    metrics: dict[str, Any]
    equity: list[EquityPoint]
    attribution: list[dict[str, float]]
    refusals: dict[str, int] = field(default_factory=dict)


def summarize(desk: Desk, pair: Pair, every_ns: int = HOUR_NS) -> TwinResult:
    metrics = trade_metrics(desk, pair) | money_metrics(desk, pair)
    metrics["sharpe"], metrics["sortino"] = ratios(desk.equity, desk.initial, every_ns)
    for refusal in REFUSALS:
        metrics[refusal] = pair.refusals.get(refusal, 0)
    metrics["abandoned_entries"] = pair.refusals.get("abandoned", 0)
    return TwinResult(
        [trade_row(pair, trade) for trade in pair.trades],
        metrics,
        desk.equity,
        [attribution_row(pair, trade) for trade in pair.trades if not trade.is_open],
        pair.refusals,
    )


def trade_row(pair: Pair, trade: Trade) -> dict[str, Any]:
    """Return the columns of section 5; what has no value (an exit without a fair ratio) is None."""
    outcome = pair.value(trade) if trade.outcome is None else trade.outcome
    return {
        "side": trade.direction,
        "entry_index": trade.entry_index,
        "exit_index": trade.exit_index,
        "entry_ts": trade.entry_ts,
        "exit_ts": trade.exit_ts,
        "entry_spread_bps": trade.entry_spread,
        "entry_signal_bps": trade.entry_signal,
        "exit_spread_bps": None if trade.exit_spread != trade.exit_spread else trade.exit_spread,
        "unwind_bps": trade.unwind,
        "notional_usd": trade.notional,
        "pnl_usd": outcome.pnl,
        "pnl_bps": outcome.pnl_bps,
        "fees_usd": fees_and_turnover(pair, trade)[0],
        "exit_reason": trade.reason,
        "is_open": trade.is_open,
        "beyond_book": trade.beyond_book,
        "mae_bps": min(trade.marks) if trade.marks else None,
        "mfe_bps": max(trade.marks) if trade.marks else None,
    }


def fees_and_turnover(pair: Pair, trade: Trade) -> tuple[float, float]:
    """Return the fees and the turnover of the fills a trade has had so far."""
    if trade.outcome is not None:
        return trade.outcome.fees, trade.outcome.turnover
    entered = RoundTrip(
        trade.direction, trade.size, trade.notional, trade.long_entry, trade.short_entry, math.nan, math.nan
    )
    return money.entry_fills(pair.params, entered)


def trade_metrics(desk: Desk, pair: Pair) -> dict[str, Any]:
    closed = [trade for trade in desk.closed if trade in pair.trades]
    still_open = pair.open_trades()
    last_ts = pair.row.ts if pair.row is not None else 0
    wins = [trade for trade in closed if trade.outcome is not None and trade.outcome.pnl > 0]
    losses = [trade for trade in closed if trade.outcome is not None and trade.outcome.pnl < 0]
    held = [trade.exit_ts - trade.entry_ts for trade in closed if trade.exit_ts is not None]
    ages = held + [last_ts - trade.entry_ts for trade in still_open]
    won, lost = total_pnl(wins), -total_pnl(losses)
    counts = {f"exits_{reason}": sum(trade.reason == reason for trade in closed) for reason in REASONS}
    return counts | {
        "total_trades": len(pair.trades),
        "closed_trades": len(closed),
        "open_trades": len(still_open),
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "win_rate": len(wins) / len(closed) if closed else 0.0,
        "profit_factor": won / lost if losses else None,
        "avg_hold_s": sum(held) / len(held) / 1e9 if held else 0.0,
        "max_hold_seen_s": max(ages) / 1e9 if ages else 0.0,
        "excursions": pair.excursions,
        "stopped": desk.stopped,
        "beyond_book": sum(trade.beyond_book for trade in closed),
    }


def total_pnl(trades: list[Trade]) -> float:
    total = 0.0
    for trade in trades:
        assert trade.outcome is not None
        total += trade.outcome.pnl
    return total


def money_metrics(desk: Desk, pair: Pair) -> dict[str, Any]:
    realized = total_pnl([trade for trade in desk.closed if trade in pair.trades])
    closed = sum(not trade.is_open for trade in pair.trades)
    unrealized = 0.0
    for trade in pair.open_trades():
        unrealized += pair.value(trade).pnl
    costs = [fees_and_turnover(pair, trade) for trade in pair.trades]
    return {
        "realized_pnl_usd": realized,
        "unrealized_pnl_usd": unrealized,
        "mtm_pnl_usd": realized + unrealized,
        "final_balance_usd": desk.initial + realized,
        "avg_pnl_per_trade_usd": realized / closed if closed else 0.0,
        "max_drawdown_pct": desk.max_drawdown * 100,
        "max_drawdown_mtm_pct": desk.max_drawdown_mtm * 100,
        "fees_usd": sum(fees for fees, _ in costs),
        "turnover_usd": sum(turnover for _, turnover in costs),
        "exposure_pct": exposure(desk.equity) * 100,
        "funding_usd": sum(trade.funding for trade in pair.trades),
    }


def exposure(equity: list[EquityPoint]) -> float:
    """Return the share of the time from the first to the last processed row with a trade open."""
    if not equity or equity[-1].ts == equity[0].ts:
        return 0.0
    open_ns = 0
    for here, following in pairwise(equity):
        if here.holding:
            open_ns += following.ts - here.ts
    return open_ns / (equity[-1].ts - equity[0].ts)


def on_grid(equity: list[EquityPoint], every_ns: int) -> list[EquityPoint]:
    """Return the last point at or before each multiple of `every_ns` between the first and the last row."""
    if not equity:
        return []
    points = []
    stamp = -(-equity[0].ts // every_ns) * every_ns
    while stamp <= equity[-1].ts:
        points.append([point for point in equity if point.ts <= stamp][-1]._replace(ts=stamp))
        stamp += every_ns
    return points


def ratios(
    equity: list[EquityPoint], initial: float, every_ns: int = HOUR_NS
) -> tuple[float | None, float | None]:
    """Return Sharpe and Sortino of equity differences over the initial balance, annualised."""
    values = [point.equity for point in on_grid(equity, every_ns)]
    returns = [(b - a) / initial for a, b in pairwise(values)]
    count = len(returns)
    if count < 30:
        return None, None
    yearly = math.sqrt(365 * 24 / (every_ns / HOUR_NS))
    mean = sum(returns) / count
    deviation = math.sqrt(sum((value - mean) ** 2 for value in returns) / (count - 1))
    downside = math.sqrt(sum(min(value, 0.0) ** 2 for value in returns) / count)
    return (
        mean / deviation * yearly if deviation > 0 else None,
        mean / downside * yearly if downside > 0 else None,
    )


def attribution_row(pair: Pair, trade: Trade) -> dict[str, float]:
    """Split the PnL of a closed trade into the parts of section 5 and 6."""
    assert trade.trip is not None
    assert trade.exit_fills is not None
    assert trade.outcome is not None
    long_at, short_at = long_venue(trade.direction), short_venue(trade.direction)
    long_exit, short_exit = trade.exit_fills
    rows = (trade.long_fill[1], trade.short_fill[1], long_exit[1], short_exit[1])
    mids = {
        "long0": rows[0].mid(long_at),
        "short0": rows[1].mid(short_at),
        "long1": rows[2].mid(long_at),
        "short1": rows[3].mid(short_at),
    }
    tops = RoundTrip(
        trade.direction,
        trade.size,
        trade.notional,
        rows[0].price(f"ask_{long_at}"),
        rows[1].price(f"bid_{short_at}"),
        rows[2].price(f"bid_{long_at}"),
        rows[3].price(f"ask_{short_at}"),
    )
    parts = money.attribution(pair.params, trade.trip, mids, tops)
    parts["funding_usd"] = trade.funding
    plain = money.executable(pair.params, trade.trip)
    parts["liquidation_usd"] = -(trade.outcome.fees - plain.fees)
    parts["pnl_usd"] = trade.outcome.pnl
    return parts
