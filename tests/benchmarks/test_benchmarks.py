"""The bodies of the benchmarks run, small, and nothing is timed that gives other trades."""

from __future__ import annotations

import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arbkit
from arbkit.cli.main import main as arbkit_main
from benchmarks import __main__ as command
from benchmarks import bench_engine, bench_samplers, bench_storages, bench_tpe
from benchmarks.baselines import BASELINES, Baseline, Found, differences, found_by_arbkit
from benchmarks.goals import goals
from benchmarks.markets import PARAMS, calibrated, make_panel, trades_at
from benchmarks.tables import ratios, table
from benchmarks.timing import cpu_in_turns, run_process

ROWS = command.QUICK.rows[0]


@pytest.fixture(scope="module")
def panel() -> arbkit.Panel:
    return make_panel(ROWS)


def test_whole_run_prints_every_section_and_writes_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = ["memory", "trials", "dense", "batches", "study"]
    command.main(["--quick", "--only", *names, "--json", str(tmp_path / "f")])
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "f").read_text(encoding="utf-8"))
    assert list(found["sections"]) == names
    assert printed.count("\n## ") == len(names) + 2
    assert found["machine"]["cores"] >= 1
    assert found["goals"]


@pytest.mark.parametrize("name", ["startup", "synthetic", "ingest"])
def test_section_with_processes_and_files_measures(name: str) -> None:
    (rows,) = command.measure([name], command.QUICK).values()
    assert rows
    assert all(row["wall s"] > 0 for row in rows)


def test_a_study_is_compared_with_the_loop_of_optuna() -> None:
    (rows,) = command.measure(["study"], command.QUICK).values()
    assert [row["sampler"] for row in rows] == ["random", "tpe", "random", "random"]
    assert all(row["trials/s"] > 0 and row["trades"] > 0 for row in rows)
    assert rows[0]["times faster"] > 1


def test_what_is_added_to_a_sampler_is_measured_on_the_same_trials() -> None:
    (rows,) = command.measure(["samplers"], command.QUICK).values()
    assert [row["sampler"] for row in rows] == [name.partition(":")[0] for name in bench_samplers.SAMPLERS]
    for row in rows:
        parts = row["evaluating"] + row["sampler there"] + row["added"]
        assert parts == pytest.approx(row["CPU us"])
        assert min(row["evaluating"], row["sampler there"], row["sampler alone"], row["added"]) > 0
    assert [goal.at_most for goal in goals({"samplers": rows})] == [True] * 7


def test_a_stored_tpe_is_compared_with_plain_optuna() -> None:
    ((row,),) = command.measure(["tpestored"], command.QUICK).values()
    assert row["times faster"] == row["Optuna CPU ms"] / row["ours CPU ms"]
    assert math.isfinite(row["ours, best"])


def test_storages_are_filled_read_and_opened_again(tmp_path: Path) -> None:
    (rows,) = command.measure(["storages"], command.QUICK).values()
    assert [row["storage"] for row in rows] == ["sqlite", "duckdb", "journal"]
    assert all(row["stored/s"] > 0 and row["MB"] > 0 for row in rows)
    # Two processes; the other commands are run here.
    reopened = list(islice(bench_storages.reopening(command.QUICK.stored_trials, tmp_path, 1), 2))
    assert [(row["storage"], row["command"]) for row in reopened] == [("sqlite", "imports"), ("sqlite", "ls")]
    words = bench_storages.reopening_commands(f"sqlite:///{tmp_path}/sqlite.db", "sqlite", tmp_path)
    assert list(words) == ["ls", "show", "best", "export", "resume"]
    assert [arbkit_main(line) for line in words.values()] == [0] * 5
    made = {"storages": rows, "reopening": [{**row, "command": "show"} for row in reopened]}
    assert len(goals(made)) == 4


def test_workers_and_whole_processes_are_timed() -> None:
    found = command.measure(["workers", "studyprocess"], command.QUICK)
    assert [row["workers"] for row in found["workers"]] == [1, 2]
    assert len(found["studyprocess"]) == 3


@pytest.mark.slow
def test_killed_studies_lose_nothing_that_was_stored() -> None:
    (rows,) = command.measure(["kills"], command.QUICK._replace(kills=3)).values()
    assert sum(row["kills"] for row in rows) == 3
    for row in rows:
        assert (row["left RUNNING"], row["stored and lost"], row["differing"]) == (0, 0, 0)


def test_portfolio_section_measures_every_limit() -> None:
    (rows,) = command.measure(["portfolio"], command.QUICK).values()
    assert [row["limit"] for row in rows] == ["none", "10 open trades", "stop on equity"]
    assert all(row["trades"] > 0 and row["skip, realized ms"] > 0 for row in rows)


def test_all_metrics_are_timed_against_the_realized_ones() -> None:
    (rows,) = command.measure(["measure"], command.QUICK).values()
    assert [row["rules"] for row in rows] == ["reversal", "exit rules"]
    assert all(row["all / realized"] > 0 and row["walk ms"] > 0 for row in rows)


@pytest.mark.parametrize("name", ["decisions", "screening"])
def test_decisions_are_counted_and_timed(name: str) -> None:
    (row,) = command.measure([name], command.QUICK)[name]
    assert row["wall s"] > 0
    assert row["sets"] == 8


@pytest.mark.parametrize("min_spread_bps", [25.0, 5.0, -9.0])
@pytest.mark.parametrize("name", BASELINES)
def test_baseline_gives_the_trades_of_the_engine(
    name: str, min_spread_bps: float, panel: arbkit.Panel
) -> None:
    params = PARAMS.replace(min_spread_bps=min_spread_bps)
    baseline = BASELINES[name]
    found = baseline.run(baseline.prepare(panel, params), min_spread_bps, params)
    assert differences(found_by_arbkit(panel, params), found) == ""
    assert differences(found_by_arbkit(panel, params, "scan"), found) == ""


def test_baseline_that_disagrees_gets_no_time(panel: arbkit.Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(prepared: Any, min_spread_bps: float, params: arbkit.Params) -> Found:
        found = found_by_arbkit(panel, params)
        return found._replace(exit=found.exit + 1)

    monkeypatch.setitem(BASELINES, "wrong", Baseline(lambda panel, params: None, wrong))
    (row,) = bench_engine.trials(panel, [10], rounds=1, sample_s=0, baselines=["wrong"])
    assert row["wrong"] == "disagrees: exit of trade 0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"side": np.array([1, 1])}, "side of trade 0"),
        ({"entry": np.array([3, 9])}, "entry of trade 1"),
        ({"pnl_usd": 1.0 + 1e-6}, "PnL 1.000001, not 1.0"),
        ({"side": np.array([0])}, "1 trades, not 2"),
    ],
)
def test_difference_between_results_is_named(change: dict[str, Any], said: str) -> None:
    ours = Found(np.array([0, 1]), np.array([3, 8]), np.array([5, -1]), 1.0)
    assert differences(ours, ours._replace(**change)) == said


def test_market_has_bad_rows_and_a_longer_one_begins_with_the_shorter(panel: arbkit.Panel) -> None:
    assert 0 < (~panel.tradable).sum() < 0.002 * ROWS
    long, short = make_panel(500_010), make_panel(500_000)
    np.testing.assert_array_equal(long.bid_a[:500_000], short.bid_a)


def test_calibrated_thresholds_give_the_number_of_trades_or_none(panel: arbkit.Panel) -> None:
    found = calibrated(panel, 50, 4)
    assert found is not None
    assert len(found) == 4
    assert all(40 <= trades_at(panel, threshold) <= 60 for threshold in found)
    assert calibrated(panel, ROWS, 4) is None


def test_goal_that_is_missed_is_listed_as_missed() -> None:
    row = {"process": "arbkit backtest", "wall ratio": 1.6}
    (goal,) = goals({"startup": [row]})
    assert goal.as_row() == {
        "goal": "warm backtest over bare imports, wall", "bound": "<= 1.5", "measured": 1.6, "met": "no"
    }  # fmt: skip


def test_equal_trades_are_compared_across_rows() -> None:
    rows = [
        {"rows": n, "trades": 10.0, "auto": cost, "auto, all metrics": cost, "scan": 100.0}
        | {"trades, exit rules": trades, "auto, exit rules": cost}
        for n, cost, trades in ((1_000_000, 2.0, 10.0), (100_000_000, 6.0, 15.0))
    ]
    found = {goal.what: goal for goal in goals({"trials": rows})}
    assert found["100,000,000 rows over 1,000,000, 10 trades"].measured == 3.0
    assert not found["100,000,000 rows over 1,000,000, 10 trades"].met
    assert found["100,000,000 rows over 1,000,000, 10 trades, exit rules, per trade"].measured == 2.0


def test_table_aligns_and_marks_what_is_missing() -> None:
    assert table([{"a": "x", "n": 12345}, {"a": "long", "f": 0.12345}]).splitlines() == [
        "| a    |      n |     f |",
        "| ---- | -----: | ----: |",
        "| x    | 12,345 |     - |",
        "| long |      - | 0.123 |",
    ]


def test_ratios_keep_texts() -> None:
    rows = [{"rows": 1, "trades": 2.0, "auto": 4.0, "b": 8.0, "c": "disagrees"}]
    assert ratios(rows, "auto", ["b", "c", "d"]) == [{"rows": 1, "trades": 2.0, "b": 2.0, "c": "disagrees"}]


def test_more_work_takes_more_time() -> None:
    found = cpu_in_turns({"little": lambda: sum(range(100)), "much": lambda: sum(range(100_000))}, rounds=3)
    assert found["much"] > 10 * found["little"]


def test_process_that_fails_is_an_error() -> None:
    with pytest.raises(Exception, match="exit status 3"):
        run_process(["sh", "-c", "exit 3"])


def test_our_tpe_is_compared_with_that_of_optuna() -> None:
    (rows,) = command.measure(["tpe"], command.QUICK).values()

    tasks = ["sphere, 5 reals", "synthetic panel", "studies/demo.yaml", "sphere, 5 reals: time"]
    assert [row["task"] for row in rows] == tasks
    assert all(-1 <= row["90 % from"] <= row["rank difference"] <= row["to"] <= 1 for row in rows[:3])
    assert rows[3]["times faster"] > 0


def test_the_test_functions_are_zero_at_their_best() -> None:
    best = {
        "Branin, 2 reals": {"x": np.pi, "y": 2.275},
        "Rosenbrock, 4 reals": dict.fromkeys(("x0", "x1", "x2", "x3"), 1.0),
        "mixed, 6 of all kinds": {"x": 0.2, "lr": 10**-2.3, "n": 37, "s": 1.25, "u": 20, "k": "a"},
    }
    tasks = {task.name: task for task in bench_tpe.FUNCTIONS}

    assert all(tasks[name].loss(point) == pytest.approx(0, abs=1e-6) for name, point in best.items())
