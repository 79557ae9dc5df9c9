"""From the start of a process to the first metrics: compiled code in the cache, and not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.markets import PARAMS, make_panel
from benchmarks.timing import processes_in_turns, run_process

__all__ = ["start_up", "write_pair_file"]

_OPTIONS: Final = [
    word
    for name in ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps", "max_position_usd")
    for word in ("--" + name.replace("_", "-"), f"{getattr(PARAMS, name):g}")
]


def write_pair_file(path: Path, rows: int) -> Path:
    """Write the market as a pair CSV with nanosecond stamps."""
    frame = make_panel(rows).to_frame().select("ts", "bid_a", "ask_a", "bid_b", "ask_b")
    frame.columns = ["timestamp", "best_bid_a", "best_ask_a", "best_bid_b", "best_ask_b"]
    frame.with_columns(frame["timestamp"].cast(int)).write_csv(path)
    return path


def start_up(rows: int, folder: Path, *, rounds: int = 5, cold: bool = True) -> list[dict[str, Any]]:
    """Time whole processes, each against one that only imports numba and polars.

    Args:
        rows: of the pair CSV that is backtested.
        folder: a place for it and for the caches.
        rounds: runs of each process.
        cold: also run once with nothing compiled yet.

    Returns:
        Per process: wall and CPU seconds, and their ratios to the bare imports.
    """
    data = write_pair_file(folder / "pair.csv", rows)
    python = sys.executable
    commands = {
        "import numba, polars": [python, "-c", "import numba, polars"],
        "import numpy": [python, "-c", "import numpy"],
        "import arbkit": [python, "-c", "import arbkit"],
        "arbkit backtest": [python, "-m", "arbkit", "backtest", "--data-file", str(data), *_OPTIONS],
    }
    caches = {"ARBKIT_CACHE_DIR": str(folder / "cache")}
    costs = processes_in_turns(commands, rounds=rounds, environment=caches)
    if cold:
        empty = caches | {"NUMBA_CACHE_DIR": str(folder / "numba")}
        costs["arbkit backtest, nothing compiled"] = run_process(commands["arbkit backtest"], empty)
    base = costs["import numba, polars"]
    return [
        {
            "process": name, "wall s": cost.wall_s, "CPU s": cost.cpu_s,
            "wall ratio": cost.wall_s / base.wall_s, "CPU ratio": cost.cpu_s / base.cpu_s,
        }
        for name, cost in costs.items()
    ]  # fmt: skip
