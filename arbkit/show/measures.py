"""The metrics of a run as a short table: what a reader asks for first, in this order."""

from __future__ import annotations

from typing import Final, NamedTuple

from arbkit.metrics import Metrics
from arbkit.show.words import count, decimal, hold, percent, signed

__all__ = ["Measure", "measures_of"]

_EXITS: Final = {
    "exits_spread_reversal": "reversal",
    "exits_take_profit": "take profit",
    "exits_stop_loss": "stop loss",
    "exits_timeout": "timeout",
    "exits_end_of_data": "end of data",
    "exits_liquidation": "liquidation",
}


class Measure(NamedTuple):
    """One line: the metric's name, its title, its text, and whether it is good (1) or bad (-1) news."""

    name: str
    title: str
    text: str
    tone: int = 0


def measures_of(metrics: Metrics, currency: str) -> list[Measure]:
    """Return the lines of the table, without those that say nothing about this run."""
    m = metrics
    tone = (m.mtm_pnl_usd > 0) - (m.mtm_pnl_usd < 0)
    lines = [
        Measure("mtm_pnl_usd", "PnL, open trades marked", f"{signed(m.mtm_pnl_usd)} {currency}", tone),
        Measure("realized_pnl_usd", "realised PnL", f"{signed(m.realized_pnl_usd)} {currency}"),
        Measure("total_trades", "trades", _trades(m)),
        Measure("win_rate", "win rate", percent(100 * m.win_rate if m.closed_trades else None)),
        Measure("avg_pnl_per_trade_usd", "PnL per trade", _per_trade(m, currency)),
        Measure("profit_factor", "profit factor", decimal(m.profit_factor)),
        Measure("max_drawdown_mtm_pct", "deepest drawdown, marked", percent(m.max_drawdown_mtm_pct, 2)),
        Measure("sharpe", "Sharpe, yearly", decimal(m.sharpe)),
        Measure("sortino", "Sortino, yearly", decimal(m.sortino)),
        Measure("fees_usd", "fees", f"{decimal(m.fees_usd)} {currency}"),
        Measure("exposure_pct", "time in the market", percent(m.exposure_pct)),
        Measure("avg_hold_s", "average hold", hold(m.avg_hold_s if m.closed_trades else None)),
        Measure("excursions", "opportunities", count(m.excursions)),
        Measure("exits", "left by", _exits(m)),
    ]
    refused = sum(value for name, value in m.to_dict().items() if name.startswith("rejected_"))
    if refused:
        lines.append(Measure("rejected", "entries refused", count(refused), -1))
    if m.stopped:
        lines.append(Measure("stopped", "stopped", "by its drawdown", -1))
    return lines


def _trades(m: Metrics) -> str:
    return count(m.closed_trades) + (f" and {count(m.open_trades)} open" if m.open_trades else "")


def _per_trade(m: Metrics, currency: str) -> str:
    return f"{signed(m.avg_pnl_per_trade_usd)} {currency}" if m.closed_trades else decimal(None)


def _exits(m: Metrics) -> str:
    found = [(getattr(m, name), title) for name, title in _EXITS.items()]
    return ", ".join(f"{title} {count(n)}" for n, title in found if n) or decimal(None)
