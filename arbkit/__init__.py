"""arbkit: a research toolkit for cross-exchange arbitrage.

Public names are loaded when first used, so that `import arbkit` costs little more than numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.config import Params
    from arbkit.data import Dataset, open_dataset
    from arbkit.decision import Decision, decide, load_decision
    from arbkit.engine import (
        BacktestResult,
        ParamSets,
        PeriodPnl,
        Portfolio,
        PortfolioResult,
        Retuned,
        backtest,
        backtest_many,
        period_pnl,
        retune,
    )
    from arbkit.errors import ArbkitError, ConfigError, DataError, StorageError, StudyError
    from arbkit.metrics import Metrics
    from arbkit.panel import Panel, load_panel
    from arbkit.realism import (
        break_even_fee,
        capacity,
        edge_vs_latency,
        opportunities,
        optimism_audit,
    )
    from arbkit.report import write_report
    from arbkit.stress import stress_test
    from arbkit.study import Study, StudySpec, load_study, run_study
    from arbkit.validation import Validation, validate

__all__ = [
    "ArbkitError",
    "BacktestResult",
    "ConfigError",
    "DataError",
    "Dataset",
    "Decision",
    "Metrics",
    "Panel",
    "ParamSets",
    "Params",
    "PeriodPnl",
    "Portfolio",
    "PortfolioResult",
    "Retuned",
    "StorageError",
    "Study",
    "StudyError",
    "StudySpec",
    "Validation",
    "__version__",
    "backtest",
    "backtest_many",
    "break_even_fee",
    "capacity",
    "decide",
    "edge_vs_latency",
    "load_decision",
    "load_panel",
    "load_study",
    "open_dataset",
    "opportunities",
    "optimism_audit",
    "period_pnl",
    "retune",
    "run_study",
    "stress_test",
    "validate",
    "write_report",
]

__version__: Final = "0.1.0"

_HOMES: Final = {
    "ArbkitError": "arbkit.errors",
    "BacktestResult": "arbkit.engine",
    "ConfigError": "arbkit.errors",
    "DataError": "arbkit.errors",
    "Dataset": "arbkit.data",
    "Decision": "arbkit.decision",
    "Metrics": "arbkit.metrics",
    "Panel": "arbkit.panel",
    "ParamSets": "arbkit.engine",
    "Params": "arbkit.config",
    "PeriodPnl": "arbkit.engine",
    "Portfolio": "arbkit.engine",
    "PortfolioResult": "arbkit.engine",
    "Retuned": "arbkit.engine",
    "StorageError": "arbkit.errors",
    "Study": "arbkit.study",
    "StudyError": "arbkit.errors",
    "StudySpec": "arbkit.study",
    "Validation": "arbkit.validation",
    "backtest": "arbkit.engine",
    "backtest_many": "arbkit.engine",
    "break_even_fee": "arbkit.realism",
    "capacity": "arbkit.realism",
    "decide": "arbkit.decision",
    "edge_vs_latency": "arbkit.realism",
    "load_decision": "arbkit.decision",
    "load_panel": "arbkit.panel",
    "load_study": "arbkit.study",
    "open_dataset": "arbkit.data",
    "opportunities": "arbkit.realism",
    "optimism_audit": "arbkit.realism",
    "period_pnl": "arbkit.engine",
    "retune": "arbkit.engine",
    "run_study": "arbkit.study",
    "stress_test": "arbkit.stress",
    "validate": "arbkit.validation",
    "write_report": "arbkit.report",
}


__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
