"""Several pairs on one balance: one set against the naive scan of all rows of all pairs."""

from __future__ import annotations

from functools import partial
from typing import Any

import arbkit
from benchmarks.markets import PARAMS, calibrated, make_panel
from benchmarks.timing import cpu_in_turns

__all__ = ["portfolios"]

#: Given one after the other: none, the open trades of all pairs, their notional with a stop on the equity.
_LIMITS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("none", {}),
    ("10 open trades", {"max_open_trades_total": 10}),
    ("stop on equity", {"stop_on_drawdown_mtm_pct": 90.0}),
)


def portfolios(
    pairs: int, rows: int, trades: int, *, rounds: int = 3, sample_s: float = 0.02
) -> list[dict[str, Any]]:
    """Time one set over all pairs, with several limits.

    Args:
        pairs, rows: how many pairs, and rows of each.
        trades: trades aimed at per pair.
        rounds, sample_s: as for `cpu_in_turns`.

    Returns:
        Per limit: pairs, rows, trades of all pairs, CPU milliseconds per set of each engine and detail.

    Raises:
        AssertionError: when the engines give other trades.
    """
    panels = {f"P{number}": make_panel(rows, seed=number + 1) for number in range(pairs)}
    params = {}
    for name, panel in panels.items():
        thresholds = calibrated(panel, trades, 2)
        threshold = PARAMS.min_spread_bps if thresholds is None else float(thresholds[0])
        params[name] = PARAMS.replace(min_spread_bps=threshold)
    found = []
    for label, limits in _LIMITS:
        portfolio = arbkit.Portfolio(panels, initial_balance_usd=100_000.0, **limits)
        skipped, scanned = (portfolio.backtest(params, engine=engine) for engine in ("skip", "scan"))
        assert skipped.metrics == scanned.metrics, f"engines disagree with limit {label!r}"
        assert skipped.records.tobytes() == scanned.records.tobytes(), f"trades differ with limit {label!r}"
        works = {
            f"skip, {detail}": partial(portfolio.backtest_many, [params], metrics=detail, engine="skip")
            for detail in ("realized", "all")
        }
        works["scan"] = partial(portfolio.backtest_many, [params], engine="scan")
        times = cpu_in_turns(works, rounds=rounds, sample_s=sample_s)
        about = {"pairs": pairs, "rows": rows, "limit": label, "trades": skipped.metrics.total_trades}
        found.append(about | {f"{name} ms": cost * 1e3 for name, cost in times.items()})
    return found
