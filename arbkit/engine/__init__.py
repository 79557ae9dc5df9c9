"""The engine: a panel and parameters in, trades and metrics out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.engine.periods import PeriodPnl, Retuned, period_pnl, retune
    from arbkit.engine.portfolio import PairParams, Portfolio
    from arbkit.engine.portfolio_result import PortfolioResult
    from arbkit.engine.result import BacktestResult, flags_of
    from arbkit.engine.rules import rules_of
    from arbkit.engine.run import backtest, backtest_many, run_sets
    from arbkit.engine.sets import ParamSets
    from arbkit.engine.sharing import shared_out
    from arbkit.engine.split import Split, split_cuts, split_panel, walk_forward

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
    "flags_of",
    "period_pnl",
    "retune",
    "rules_of",
    "run_sets",
    "shared_out",
    "split_cuts",
    "split_panel",
    "walk_forward",
]

_HOMES: Final = {
    "BacktestResult": "arbkit.engine.result",
    "PairParams": "arbkit.engine.portfolio",
    "ParamSets": "arbkit.engine.sets",
    "PeriodPnl": "arbkit.engine.periods",
    "Portfolio": "arbkit.engine.portfolio",
    "PortfolioResult": "arbkit.engine.portfolio_result",
    "Retuned": "arbkit.engine.periods",
    "Split": "arbkit.engine.split",
    "backtest": "arbkit.engine.run",
    "backtest_many": "arbkit.engine.run",
    "flags_of": "arbkit.engine.result",
    "period_pnl": "arbkit.engine.periods",
    "retune": "arbkit.engine.periods",
    "rules_of": "arbkit.engine.rules",
    "run_sets": "arbkit.engine.run",
    "shared_out": "arbkit.engine.sharing",
    "split_cuts": "arbkit.engine.split",
    "split_panel": "arbkit.engine.split",
    "walk_forward": "arbkit.engine.split",
}

__getattr__ = lazy_names(__name__, _HOMES)
