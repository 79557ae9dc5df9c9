"""The benchmark's body runs and measures what it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def bench(repository: Path) -> ModuleType:
    path = repository / "benchmarks" / "bench_backtest.py"
    spec = importlib.util.spec_from_file_location("bench_backtest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_engine_rows_hold_every_combination(bench: ModuleType) -> None:
    found = bench.run_engine([500, 1_000], [1, 3], repeats=1)
    assert [(row["rows"], row["sets"]) for row in found] == [(500, 1), (500, 3), (1_000, 1), (1_000, 3)]
    assert all(row["seconds"] > 0 for row in found)


def test_panel_of_the_benchmark_gives_trades(bench: ModuleType) -> None:
    import arbkit

    assert arbkit.backtest(bench.make_panel(20_000), bench.PARAMS).metrics.closed_trades > 10


def test_start_up_is_measured_against_the_bare_imports(bench: ModuleType, tmp_path: Path) -> None:
    found = bench.run_start_up(1_000, tmp_path, repeats=1)
    assert found["ratio"] == found["backtest_process_s"] / found["import_numba_polars_s"] > 0
