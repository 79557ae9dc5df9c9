"""Rows a second of the synthetic market: made only, and made and written as a dataset.

python benchmarks/bench_synthetic.py --rows 10000000 --levels 5
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from arbkit.synthetic import Market, load_market_spec, write_market


def run(rows: int, levels: int, folder: Path, *, spec: str = "kimchi") -> dict[str, float]:
    """Time one market of `rows` updates of both venues.

    Returns:
        rows of all instruments, seconds and rows a second of both ways, and the peak memory in MiB.
    """
    market = Market(load_market_spec(spec), levels=levels, rows=rows)
    list(Market(load_market_spec(spec), levels=levels, rows=1_000).pieces())  # compile before timing
    began = time.perf_counter()
    made = sum(frame.height for _, frame in market.pieces())
    made_s = time.perf_counter() - began
    began = time.perf_counter()
    write_market(market, folder / "market")
    written_s = time.perf_counter() - began
    return {
        "rows": made,
        "made_s": made_s,
        "made_rows_per_s": made / made_s,
        "written_s": written_s,
        "written_rows_per_s": made / written_s,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Read the options and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--levels", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, value in run(options.rows, options.levels, Path(folder)).items():
            print(f"{name:20} {value:,.1f}")


if __name__ == "__main__":
    main()
