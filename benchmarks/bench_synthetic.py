"""Rows a second of the synthetic market: made only, and made and written as a dataset.

python benchmarks/bench_synthetic.py --rows 10000000 --levels 5 [--to FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from arbkit.synthetic import Market, load_market_spec, write_market

__all__ = ["make_market", "peak_mib", "run"]


def make_market(rows: int, levels: int, spec: str = "kimchi") -> Market:
    """Return the market of the benchmark, its kernels compiled."""
    list(Market(load_market_spec(spec), levels=levels, rows=1_000).pieces())
    return Market(load_market_spec(spec), levels=levels, rows=rows)


def run(rows: int, levels: int, folder: Path, *, spec: str = "kimchi") -> dict[str, float]:
    """Time one market of `rows` updates of both venues.

    Returns:
        rows of all instruments; wall seconds, CPU seconds and rows a second of both ways; peak memory in MiB.
    """
    market = make_market(rows, levels, spec)
    began, used = time.perf_counter(), time.process_time()
    made = sum(frame.height for _, frame in market.pieces())
    made_s, made_cpu_s = time.perf_counter() - began, time.process_time() - used
    began, used = time.perf_counter(), time.process_time()
    write_market(market, folder / "market")
    written_s, written_cpu_s = time.perf_counter() - began, time.process_time() - used
    return {
        "rows": made,
        "levels": levels,
        "made_s": made_s,
        "made_cpu_s": made_cpu_s,
        "made_rows_per_s": made / made_s,
        "written_s": written_s,
        "written_cpu_s": written_cpu_s,
        "written_rows_per_s": made / written_s,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Return the peak memory of this process, or NaN where /proc does not tell.

    `ru_maxrss` is no use: a process inherits it from the one that started it.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), float("nan"))


def main() -> None:
    """Read the options and print one line per figure; with `--to` only write the market and say the peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--levels", type=int, default=5)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    if options.to is not None:
        write_market(make_market(options.rows, options.levels), options.to)
        print(peak_mib())
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, value in run(options.rows, options.levels, Path(folder)).items():
            print(f"{name:20} {value:,.1f}")


if __name__ == "__main__":
    main()
