"""Marked drawdown, Sharpe, Sortino and excursions against the realized metrics alone, and the walk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np

import arbkit
from arbkit.engine import run_sets
from arbkit.engine.choice import lowest_signal
from arbkit.panel.rises import sorted_rises
from benchmarks.bench_engine import EXIT_RULES
from benchmarks.markets import PARAMS, calibrated, rules_at
from benchmarks.timing import cpu_in_turns

__all__ = ["measured"]

_SETS: Final = 16
_RULES: Final = {"reversal": PARAMS, "exit rules": EXIT_RULES}


def measured(
    panel: arbkit.Panel, targets: Sequence[int], *, rounds: int = 5, sample_s: float = 0.02
) -> list[dict[str, Any]]:
    """Time trials with realized and with all metrics.

    Args:
        panel: the market.
        targets: numbers of trades; one that this market does not reach is left out.
        rounds, sample_s: as for `cpu_in_turns`.

    Returns:
        Per rules and density: CPU microseconds per trial with realized and with all metrics and their ratio,
        milliseconds to make the table of rises for these sets, and of one walk through every row.
    """
    found = []
    for target in targets:
        thresholds = calibrated(panel, target, _SETS)
        if thresholds is None:
            continue
        for name, params in _RULES.items():
            rules = rules_at(thresholds, params)
            began = time.process_time()
            sorted_rises(panel.market, panel.index, lowest_signal(rules))
            table_s = time.process_time() - began
            works = {
                "realized": partial(run_sets, panel, rules, threads=1, measure=False),
                "all": partial(run_sets, panel, rules, threads=1),
            }
            times = cpu_in_turns(works, rounds=rounds, sample_s=sample_s)
            began = time.process_time()
            run_sets(panel, rules[:1], threads=1, engine="step")
            walk_s = time.process_time() - began
            trades = run_sets(panel, rules, threads=1, measure=False)["total_trades"]
            found.append({
                "rows": len(panel), "rules": name, "trades": float(np.mean(trades)),
                "realized": times["realized"] / _SETS * 1e6, "all": times["all"] / _SETS * 1e6,
                "all / realized": times["all"] / times["realized"],
                "table ms": table_s * 1e3, "walk ms": walk_s * 1e3,
            })  # fmt: skip
    return found
