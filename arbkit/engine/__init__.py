"""The engine: a panel and parameters in, trades and metrics out."""

from __future__ import annotations

from arbkit.engine.periods import PeriodPnl, Retuned, period_pnl, retune
from arbkit.engine.portfolio import PairParams, Portfolio
from arbkit.engine.portfolio_result import PortfolioResult
from arbkit.engine.result import BacktestResult
from arbkit.engine.rules import rules_of
from arbkit.engine.run import backtest, backtest_many, run_sets
from arbkit.engine.sets import ParamSets
from arbkit.engine.split import Split, split_panel, walk_forward

__all__ = [
    "BacktestResult",
    "PairParams",
    "ParamSets",
    "PeriodPnl",
    "Portfolio",
    "PortfolioResult",
    "Retuned",
    "Split",
    "backtest",
    "backtest_many",
    "period_pnl",
    "retune",
    "rules_of",
    "run_sets",
    "split_panel",
    "walk_forward",
]
