"""What a backtest costs: by rows and parameter sets in one process, and from the start of a process.

python benchmarks/bench_backtest.py [--rows 100000 1000000] [--sets 1 64] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import arbkit

PARAMS = arbkit.Params(
    min_spread_bps=10, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=1, max_position_usd=1000
)
OPTIONS = [
    word
    for name in ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps", "max_position_usd")
    for word in ("--" + name.replace("_", "-"), f"{getattr(PARAMS, name):g}")
]


def make_panel(rows: int, seed: int = 1) -> arbkit.Panel:
    """Return a panel whose premium reverts to zero with a deviation of some 15 bps."""
    random = np.random.default_rng(seed)
    mid_b = 40_000 * np.exp(np.cumsum(random.normal(0, 2e-5, rows)))
    premium = np.convolve(random.normal(0, 1e-3, rows), np.exp(-np.arange(200) / 50), mode="same") * 0.3
    mid_a = mid_b * (1 + premium)
    ts = 1_700_000_000_000_000_000 + np.arange(rows) * 1_000_000_000
    return arbkit.Panel(ts, mid_a - 0.5, mid_a + 0.5, mid_b - 0.5, mid_b + 0.5)


def median_of(work: Callable[[], object], repeats: int) -> float:
    """Return the median wall time in seconds, after one run that compiles and warms."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def run_engine(rows: Sequence[int], sets: Sequence[int], repeats: int = 3) -> list[dict[str, float]]:
    """Time `backtest_many` over every combination; per set, and per set and million rows."""
    found = []
    for n_rows in rows:
        panel = make_panel(n_rows)
        for n_sets in sets:
            chosen = [PARAMS.replace(min_spread_bps=10 + 20 * i / n_sets) for i in range(n_sets)]
            seconds = median_of(
                lambda panel=panel, chosen=chosen: arbkit.backtest_many(panel, chosen), repeats
            )
            per_set = seconds / n_sets * 1e3
            found.append(
                {"rows": n_rows, "sets": n_sets, "seconds": seconds, "ms_per_set": per_set,
                 "ms_per_set_and_million_rows": per_set / n_rows * 1e6}
            )  # fmt: skip
    return found


def run_start_up(rows: int, folder: Path, repeats: int = 3) -> dict[str, float]:
    """Time a whole `arbkit backtest` process on a pair CSV against one that only imports numba and polars."""
    path = folder / "pair.csv"
    frame = make_panel(rows).to_frame().select("ts", "bid_a", "ask_a", "bid_b", "ask_b")
    frame.columns = ["timestamp", "best_bid_a", "best_ask_a", "best_bid_b", "best_ask_b"]
    frame.with_columns(frame["timestamp"].cast(int)).write_csv(path)

    def process(*arguments: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    imports = median_of(process("-c", "import numba, polars"), repeats)
    job = median_of(process("-m", "arbkit", "backtest", "--data-file", str(path), *OPTIONS), repeats)
    return {"rows": rows, "import_numba_polars_s": imports, "backtest_process_s": job, "ratio": job / imports}


def main() -> None:
    """Read the options, measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--sets", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    engine = run_engine(options.rows, options.sets)
    with tempfile.TemporaryDirectory() as folder:
        start_up = run_start_up(100_000, Path(folder))
    if options.json:
        print(json.dumps({"engine": engine, "start_up": start_up}, indent=2))
        return
    print(f"{'rows':>10} {'sets':>6} {'seconds':>9} {'ms a set':>9} {'ms a set and million rows':>26}")
    for row in engine:
        print("{rows:>10,} {sets:>6} {seconds:>9.4f} {ms_per_set:>9.3f} ".format(**row), end="")
        print(f"{row['ms_per_set_and_million_rows']:>26.3f}")
    print(
        "\nstart to metrics, {rows:,} rows of CSV: {backtest_process_s:.2f} s, {ratio:.2f} times "
        "`import numba, polars` ({import_numba_polars_s:.2f} s)".format(**start_up)
    )


if __name__ == "__main__":
    main()
