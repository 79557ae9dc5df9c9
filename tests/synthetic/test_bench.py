"""The benchmark's body runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_the_benchmark_measures_a_small_market(repository: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("bench", repository / "benchmarks" / "bench_synthetic.py")
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    figures = bench.run(2_000, 2, tmp_path)
    assert figures["rows"] >= 2_000
    assert figures["written_rows_per_s"] > 0
