"""How many decisions a minute holds: re-tuning a year every day, and screening many pairs."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np

import arbkit
from arbkit.engine import rules_of, run_sets
from benchmarks.markets import PARAMS, make_panel
from benchmarks.timing import once

__all__ = ["screening", "walk_forwards"]

_SECOND_NS: Final = 1_000_000_000


def _sets(count: int, low: float, high: float) -> list[arbkit.Params]:
    """Return sets that differ in threshold and exit level."""
    exits = (-5.0, 0.0, 5.0, 10.0)
    thresholds = np.linspace(low, high, max(1, count // len(exits)))
    return [
        PARAMS.replace(min_spread_bps=float(level), exit_spread_bps=leave)
        for level in thresholds
        for leave in exits
    ]


def _scenarios(panel: arbkit.Panel, count: int) -> list[tuple[arbkit.Panel, float]]:
    """Return worse markets: wider books on a venue, and slippage added to every crossing."""
    scenarios = []
    for number in range(count):
        wider, slippage = (number % 4) * 1e-4, number // 4 * 4.0
        worse = panel.replace(ask_a=panel.ask_a * (1 + wider), bid_a=panel.bid_a * (1 - wider))
        scenarios.append((worse, slippage))
    return scenarios


def walk_forwards(days: int, step_s: int, sets: int, refits: int, scenarios: int) -> dict[str, Any]:
    """Re-tune every day on the 30 days before, and resample those windows, under several scenarios.

    Args:
        days, step_s: length of the market, and seconds between its rows.
        sets: parameter sets among which each day chooses.
        refits: bootstrap refits per scenario.
        scenarios: markets, each with books, index and simulations of its own.

    Returns:
        Seconds of wall and CPU time, making the market apart; the trades of the first scenario,
        and the choices made.
    """
    rows = days * 86_400 // step_s
    flat = make_panel(rows)
    ts = flat.ts[0] + np.arange(rows, dtype=np.int64) * step_s * _SECOND_NS
    panel = flat.replace(ts=ts)
    params = _sets(sets, 5.0, 45.0)
    walked: list[arbkit.Retuned] = []

    def work() -> None:
        for market, slippage in _scenarios(panel, scenarios):
            chosen = [one.replace(slippage_bps=one.slippage_bps + slippage) for one in params]
            pnl = arbkit.period_pnl(market, chosen)
            walked.append(arbkit.retune(pnl, window=min(30, days - 1), refits=refits))

    start = panel.rows(0, min(rows, 3 * 86_400 // step_s))
    arbkit.retune(arbkit.period_pnl(start, params[:2]), window=1, refits=2)
    cost = once(work)
    choices = sum(one.choice.size for one in walked) * (1 + refits)
    trades = int(run_sets(panel, rules_of(params), measure=False)["total_trades"].sum())
    return {
        "days": days, "rows": rows, "sets": len(params), "refits": refits, "scenarios": scenarios,
        "trades": trades, "choices": choices, "wall s": cost.wall_s, "CPU s": cost.cpu_s,
    }  # fmt: skip


def screening(pairs: int, days: int, step_s: int, sets: int) -> dict[str, Any]:
    """Simulate sets on many pairs, one after the other; making their markets is not in the time taken."""
    rows = days * 86_400 // step_s
    rules = rules_of(_sets(sets, 5.0, 45.0))
    wall, cpu, trades = 0.0, 0.0, 0
    for number in range(pairs):
        panel = make_panel(rows, seed=number + 1)
        began = time.perf_counter(), time.process_time()
        metrics = run_sets(panel, rules)
        wall += time.perf_counter() - began[0] if number else 0.0
        cpu += time.process_time() - began[1] if number else 0.0
        trades += int(metrics["total_trades"].sum())
    share = pairs / max(1, pairs - 1)
    return {
        "pairs": pairs, "days": days, "rows": rows * pairs, "sets": rules.size, "trades": trades,
        "wall s": wall * share, "CPU s": cpu * share,
    }  # fmt: skip
