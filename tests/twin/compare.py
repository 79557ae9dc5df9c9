"""Comparing an engine's result with the twin's: exact where it must be, 1e-9 relative in money."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from .results import TwinResult, on_grid

#: Sharpe and Sortino divide by a spread of differences, which magnifies rounding.
RATIOS = ("sharpe", "sortino")


def differs(ours: Any, theirs: Any, rel: float = 1e-9) -> bool:
    """Tell whether two values differ: None, text, flags and whole numbers exactly, floats within `rel`."""
    if ours is None or theirs is None or isinstance(ours, str) or isinstance(theirs, str):
        return bool(ours != theirs)
    if isinstance(ours, int) and isinstance(theirs, int):
        return ours != theirs
    if math.isnan(ours) or math.isnan(theirs):
        return not (math.isnan(ours) and math.isnan(theirs))
    return not math.isclose(ours, theirs, rel_tol=rel, abs_tol=1e-9)


def differences(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    names: Iterable[str],
    where: str = "",
    rel: float = 1e-9,
) -> list[str]:
    """List the named values in which two records differ; a missing name is a difference."""
    found = []
    for name in names:
        missing = name not in ours or name not in theirs
        if missing or differs(ours[name], theirs[name], rel):
            found.append(f"{where}{name}: {ours.get(name, 'missing')!r} != {theirs.get(name, 'missing')!r}")
    return found


def compare_trades(twin: TwinResult, rows: list[dict[str, Any]]) -> list[str]:
    found = [f"trades: {len(twin.trades)} != {len(rows)}"] if len(twin.trades) != len(rows) else []
    for number, (ours, theirs) in enumerate(zip(twin.trades, rows, strict=False)):
        found += differences(ours, theirs, ours, f"trade {number} ")
    return found


def compare_metrics(twin: TwinResult, metrics: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Compare metrics by name; a ratio of differences that are nothing but rounding is let pass."""
    plain = [name for name in names if name not in RATIOS]
    found = differences(twin.metrics, metrics, plain)
    moves = [abs(b.equity - a.equity) for a, b in pairwise(twin.equity)]
    if any(move > 1e-6 for move in moves):
        found += differences(twin.metrics, metrics, RATIOS, rel=1e-6)
    return found


def compare_equity(twin: TwinResult, rows: list[dict[str, Any]], every_ns: int | None = None) -> list[str]:
    """Compare the equity of every tradable row, or of every grid point."""
    points = twin.equity if every_ns is None else on_grid(twin.equity, every_ns)
    if len(points) != len(rows):
        return [f"equity rows: {len(points)} != {len(rows)}"]
    found = []
    for number, (point, theirs) in enumerate(zip(points, rows, strict=True)):
        ours = {"ts": point.ts, "balance_usd": point.balance, "equity_usd": point.equity}
        ours["drawdown_pct"] = point.drawdown_pct
        found += differences(ours, theirs, ours, f"equity row {number} ")
    return found


def compare_attribution(twin: TwinResult, rows: list[dict[str, Any]]) -> list[str]:
    names = ["premium_usd", "book_usd", "slippage_usd", "fees_usd", "pnl_usd"]
    extra = ("depth_usd", "fx_usd", "funding_usd", "liquidation_usd")
    names += [name for name in extra if rows and name in rows[0]]
    if len(twin.attribution) != len(rows):
        return [f"attribution rows: {len(twin.attribution)} != {len(rows)}"]
    found = []
    for number, (ours, theirs) in enumerate(zip(twin.attribution, rows, strict=True)):
        found += differences(ours, theirs, names, f"attribution {number} ")
    return found
