"""Trials: against rows and against trades, with more rules, and against baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

import arbkit
from arbkit._typing import FloatArray, RecordArray
from arbkit.engine import run_sets
from benchmarks.baselines import BASELINES, differences, found_by_arbkit
from benchmarks.markets import PARAMS, calibrated, rules_at
from benchmarks.timing import cpu_in_turns

__all__ = ["EXIT_RULES", "dense", "trials"]

Row = dict[str, Any]

#: Thresholds tried in turn in one measurement; fewer where all of them would give more trades than this.
SETS: Final = 32
_MOST_TRADES: Final = 400_000
#: The reference and what takes as long are left out above so many rows.
_MOST_ROWS_SLOW: Final = 10_000_000
#: All exit rules on.
EXIT_RULES: Final = PARAMS.replace(
    take_profit_bps=8, stop_loss_bps=40, min_hold_s=5, max_hold_s=1800, cooldown_s=60, rearm_spread_bps=5
)
#: Entry and exit thresholds, bps, from a trade every few hundred rows to one on nearly every row.
_DENSE: Final = ((-5.0, 0.0), (-9.5, 0.0), (-14.0, 0.0), (-9.5, 5.0), (-9.5, 20.0), (-60.0, 40.0))


def trials(
    panel: arbkit.Panel,
    targets: Sequence[int],
    *,
    rounds: int = 5,
    sample_s: float = 0.02,
    baselines: Sequence[str] = tuple(BASELINES),
) -> list[Row]:
    """Time one trial at several densities of trades.

    Args:
        panel: the market.
        targets: numbers of trades; one that this market does not reach is left out.
        rounds, sample_s: as for `cpu_in_turns`.
        baselines: which of `BASELINES` to run; those for smaller markets only are left out.

    Returns:
        Per density: rows, trades (mean over the thresholds), CPU microseconds per trial of every engine, or
        on what a baseline disagrees.
    """
    usable = [name for name in baselines if len(panel) <= BASELINES[name].most_rows]
    made: dict[Any, Any] = {BASELINES[name].prepare: None for name in usable}
    made = {prepare: prepare(panel, PARAMS) for prepare in made}
    rows = []
    for target in targets:
        thresholds = calibrated(panel, target, max(2, min(SETS, _MOST_TRADES // target)))
        if thresholds is not None:
            rows.append(_trial_row(panel, thresholds, usable, made, rounds, sample_s))
    return rows


def _trial_row(
    panel: arbkit.Panel,
    thresholds: FloatArray,
    usable: Sequence[str],
    made: dict[Any, Any],
    rounds: int,
    sample_s: float,
) -> Row:
    rules, exits = rules_at(thresholds), rules_at(thresholds, EXIT_RULES)
    middle = PARAMS.replace(min_spread_bps=float(np.median(thresholds)))
    few = rules[: max(1, min(len(rules), 4_000_000 // len(panel)))]
    works: dict[str, tuple[Callable[[], object], int]] = {
        "skip": (_runner(panel, rules, "skip", measure=False), rules.size),
        "skip, all metrics": (_runner(panel, rules, "skip"), rules.size),
        "skip, exit rules": (_runner(panel, exits, "skip", measure=False), rules.size),
        "auto": (_runner(panel, rules, "auto", measure=False), rules.size),
        "auto, all metrics": (_runner(panel, rules, "auto"), rules.size),
        "auto, exit rules": (_runner(panel, exits, "auto", measure=False), rules.size),
        "one backtest()": (partial(arbkit.backtest, panel, middle), 1),
        "scan": (_runner(panel, few, "scan", measure=False), few.size),
    }
    if len(panel) <= _MOST_ROWS_SLOW:
        works["step"] = (_runner(panel, few, "step"), few.size)
    found: Row = {"rows": len(panel), "trades": _mean_trades(panel, rules)}
    found["trades, exit rules"] = _mean_trades(panel, exits)
    for name in usable:
        problem = _disagreement(panel, name, made, thresholds[: 1 if name == "python loop" else 2])
        if problem:
            found[name] = problem
        else:
            run, prepared = BASELINES[name].run, made[BASELINES[name].prepare]
            count = few.size if len(panel) > 100_000 else 1
            works[name] = (partial(_each, run, prepared, thresholds[:count]), count)
    times = cpu_in_turns({name: work for name, (work, _) in works.items()}, rounds=rounds, sample_s=sample_s)
    return found | {name: times[name] / works[name][1] * 1e6 for name in times}


def dense(panel: arbkit.Panel, *, rounds: int = 5, sample_s: float = 0.02) -> list[Row]:
    """Time one trial where thresholds are met all the time, against scans of every row.

    Returns:
        Per pair of thresholds: rows, trades, rows per trade, CPU microseconds of every engine, or on what a
        baseline disagrees.
    """
    panel.index.first  # noqa: B018 - the index is there, as in every study.
    found = []
    for enter, leave in _DENSE:
        params = PARAMS.replace(min_spread_bps=enter, exit_spread_bps=leave)
        rules = rules_at(np.array([enter]), params)
        trades = _mean_trades(panel, rules)
        row: Row = {"rows": len(panel), "trades": trades, "rows per trade": len(panel) / max(1, trades)}
        works = {name: _runner(panel, rules, name, measure=False) for name in ("auto", "scan")}
        ours = found_by_arbkit(panel, params)
        for name in ("numba scan of prices", "filter of spreads"):
            run, made = BASELINES[name].run, BASELINES[name].prepare(panel, params)
            problem = differences(ours, run(made, enter, params))
            if problem:
                row[name] = "disagrees: " + problem
            else:
                works[name] = partial(run, made, enter, params)
        times = cpu_in_turns(works, rounds=rounds, sample_s=sample_s)
        found.append(row | {name: seconds * 1e6 for name, seconds in times.items()})
    return found


def _runner(
    panel: arbkit.Panel, rules: RecordArray, engine: str, *, measure: bool = True
) -> Callable[[], object]:
    return lambda: run_sets(panel, rules, threads=1, engine=engine, measure=measure)


def _mean_trades(panel: arbkit.Panel, rules: RecordArray) -> float:
    return float(run_sets(panel, rules, threads=1, engine="skip", measure=False)["total_trades"].mean())


def _each(run: Callable[..., Any], prepared: Any, thresholds: FloatArray) -> None:
    for threshold in thresholds:
        run(prepared, float(threshold), PARAMS)


def _disagreement(panel: arbkit.Panel, name: str, made: dict[Any, Any], thresholds: FloatArray) -> str:
    """Run a baseline and arbkit's own scan, and say where either leaves the trades that skipping found."""
    for threshold in thresholds:
        params = PARAMS.replace(min_spread_bps=float(threshold))
        ours = found_by_arbkit(panel, params)
        baseline = BASELINES[name]
        problem = differences(ours, baseline.run(made[baseline.prepare], float(threshold), params))
        if problem:
            return "disagrees: " + problem
    return ""
