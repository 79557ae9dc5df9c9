"""The store benchmark, small: every step is there and every way of running gives the same trades."""

from __future__ import annotations

from benchmarks.bench_store import large_panel


def test_a_small_panel_is_made_stored_and_simulated(tmp_path):
    lines = large_panel(3_000, tmp_path, apart=False)
    assert [line["step"] for line in lines] == [
        "made only",
        "made, stored and indexed",
        "plain read of two columns",
        "first run, index built",
        "first run, index stored",
        "next run",
    ]
    assert len({line["rows"] for line in lines if line["rows"]}) == 1
    assert len({line["trades"] for line in lines[3:]}) == 1
    assert lines[3]["share of plain read"] > 0
