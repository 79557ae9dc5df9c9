"""Many sets in one call: the table of excursions against single searches and against naive scans."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

import arbkit
from arbkit._typing import RecordArray
from arbkit.engine import run_sets
from arbkit.kernels.excursions import excursions_of
from benchmarks.baselines import BASELINES
from benchmarks.markets import PARAMS, rules_at
from benchmarks.timing import cpu_in_turns

__all__ = ["batches"]

Row = dict[str, Any]

_MOST_IN_BATCH: Final = 200_000_000
_RANGES_BPS: Final = {"20-60 bps": (20.0, 60.0), "0-20 bps": (0.0, 20.0)}
_NAIVE: Final = BASELINES["numba scan of prices"]
#: Sets that are run one by one, to see what a set costs without its neighbours.
_SINGLES: Final = 8


def batches(
    panel: arbkit.Panel, counts: Sequence[int], *, rounds: int = 3, sample_s: float = 0.02
) -> list[Row]:
    """Time many sets in one call: CPU of one thread, and wall time with one thread per core.

    The table of excursions is built before and timed apart, so that every number of sets is answered by it
    but one. A batch of more than 200,000,000 trades is left out.

    Returns:
        Per range of thresholds and number of sets: trades in all; CPU microseconds per set, sets a second and
        CPU nanoseconds per trade of one thread; CPU microseconds of a set that is run by itself, and of a
        naive scan of the prices; how much less wall time the default threads take; what building the table
        takes, and after how many sets it has paid.
    """
    table = panel.excursions.at(PARAMS.exit_spread_bps)
    assert table is not None
    size = sum(array.nbytes for array in (table.signals, table.entries, table.exits, table.tops))
    ends = panel.index.first, panel.index.last
    build = cpu_in_turns(
        {"build": partial(excursions_of, panel.market, PARAMS.exit_spread_bps, *ends)},
        rounds=rounds,
        sample_s=0,
    )["build"]
    prices = _NAIVE.prepare(panel, PARAMS)
    found = []
    for name, (low, high) in _RANGES_BPS.items():
        for count in counts:
            levels = np.random.default_rng(0).permutation(np.linspace(low, high, count))
            rules = rules_at(levels)
            trades = int(run_sets(panel, rules, measure=False)["total_trades"].sum())
            if trades > _MOST_IN_BATCH:
                continue
            some = rules_at(np.linspace(low, high, min(count, _SINGLES)))
            times = cpu_in_turns({
                "batch": _threaded(panel, rules, 1),
                "single": partial(_one_by_one, panel, some),
                "naive": partial(_NAIVE.run, prices, float(levels[0]), PARAMS),
            }, rounds=rounds, sample_s=sample_s)  # fmt: skip
            alone = _wall(_threaded(panel, rules, 1), rounds)
            batch, single = times["batch"] / count, times["single"] / some.size
            found.append({
                "rows": len(panel), "thresholds": name, "sets": count, "trades": trades,
                "us per set": batch * 1e6, "sets/s": 1 / batch,
                "ns per trade": times["batch"] / max(1, trades) * 1e9,
                "single, us": single * 1e6, "naive scan, us": times["naive"] * 1e6,
                "naive over batch": times["naive"] / batch,
                "threads gain": alone / _wall(_threaded(panel, rules), rounds),
                "table ns/row": build / len(panel) * 1e9, "table bytes/row": size / len(panel),
                "pays after sets": build / (single - batch) if single > batch else float("nan"),
            })  # fmt: skip
    return found


def _one_by_one(panel: arbkit.Panel, rules: RecordArray) -> None:
    for k in range(rules.size):
        run_sets(panel, rules[k : k + 1], threads=1, measure=False)


def _threaded(panel: arbkit.Panel, rules: RecordArray, threads: int | None = None) -> Callable[[], object]:
    return lambda: run_sets(panel, rules, threads=threads, measure=False)


def _wall(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))
