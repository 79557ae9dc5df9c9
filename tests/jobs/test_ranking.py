"""Results of a folder: ranked, filtered, broken ones counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.jobs import Session, aggregate, make_plan, run_jobs
from arbkit.jobs.document import error_document, write_document

Values = dict[str, Any]
FOLDER = "results/sess001"


@pytest.fixture
def results(values: Values) -> list[dict[str, Any]]:
    """The documents of nine finished jobs, in the order of the plan."""
    jobs = make_plan(Session.from_dict(values)).jobs
    run_jobs(jobs)
    return [json.loads(Path(job.output_json).read_text()) for job in jobs]


def test_results_are_ranked_with_the_parameters_they_differ_in(results: list[dict[str, Any]]) -> None:
    found = aggregate(FOLDER)

    best = sorted(results, key=lambda item: -item["metrics"]["mtm_pnl_usd"])
    assert [item.tag for item in found.results] == [item["config"]["tag"] for item in best]
    assert [item.rank for item in found.results] == list(range(1, 10))
    assert set(found.results[0].params) == {"min_spread_bps", "exit_spread_bps"}
    assert (found.files, found.kept, found.failed, found.broken) == (9, 9, 0, [])


def test_filters_leave_out_and_count(results: list[dict[str, Any]]) -> None:
    trades = sorted(item["metrics"]["total_trades"] for item in results)
    drawdowns = sorted(item["metrics"]["max_drawdown_mtm_pct"] for item in results)

    by_trades = aggregate(FOLDER, min_trades=trades[4])
    assert by_trades.kept == sum(item >= trades[4] for item in trades)
    assert by_trades.filtered == 9 - by_trades.kept

    by_drawdown = aggregate(FOLDER, max_drawdown_pct=drawdowns[2])
    assert by_drawdown.kept == 3
    assert all(item.metrics["max_drawdown_mtm_pct"] <= drawdowns[2] for item in by_drawdown.results)

    assert len(aggregate(FOLDER, max_results=2).results) == 2
    assert aggregate(FOLDER, max_results=2).kept == 9


def test_a_metric_of_which_less_is_better_is_ranked_upwards(results: list[dict[str, Any]]) -> None:
    found = aggregate(FOLDER, metric="max_drawdown_mtm_pct").results
    seen = [item.metrics["max_drawdown_mtm_pct"] for item in found]
    assert seen == sorted(seen)


def test_an_undefined_metric_is_counted_and_never_ranked(results: list[dict[str, Any]]) -> None:
    undefined = sum(item["metrics"]["profit_factor"] is None for item in results)
    found = aggregate(FOLDER, metric="profit_factor")
    assert 0 < undefined == found.undefined
    assert found.kept == 9 - undefined


def test_broken_files_and_failed_jobs_are_counted_not_fatal(results: list[dict[str, Any]]) -> None:
    whole = json.dumps(results[0])
    broken = {
        "half.json": whole[: len(whole) // 2],
        "list.json": "[]",
        "empty.json": "",
        "other.json": '{"status": "success"}',
        "metric.json": whole.replace('"total_trades": ', '"total_trades": "x'.ljust(20) + '", "was": '),
        "lacks.json": whole.replace('"mtm_pnl_usd"', '"mtm"'),
    }
    for name, text in broken.items():
        Path(FOLDER, name).write_text(text)
    Path(FOLDER, "bytes.json").write_bytes(b"\xff\xfe\x00")
    write_document(error_document(ValueError("no"), {}), Path(FOLDER, "failed.json"))

    found = aggregate(FOLDER)

    assert (found.files, found.kept, found.failed) == (17, 9, 1)
    assert sorted(Path(file).name for file, _ in found.broken) == sorted([*broken, "bytes.json"])
    assert [item.tag for item in found.results] == [item.tag for item in found.results if item.rank]


def test_an_aggregate_in_the_folder_is_no_result(results: list[dict[str, Any]]) -> None:
    first = aggregate(FOLDER)
    write_document(first.to_dict(), Path(FOLDER, "best.json"))
    assert aggregate(FOLDER) == first


def test_what_waits_for_a_database_and_hidden_files_are_no_results(results: list[dict[str, Any]]) -> None:
    for name in ("tuning_results_aside/1.json", ".part/x.json", ".x.json"):
        Path(FOLDER, name).parent.mkdir(exist_ok=True)
        Path(FOLDER, name).write_text("[]")
    assert aggregate(FOLDER).files == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "sharp"}, "did you mean `sharpe`"),
        ({"max_drawdown_pct": -1}, "`max_drawdown_pct` must be at least 0"),
        ({"min_trades": -1}, "`min_trades` must be at least 0"),
        ({"max_results": 0}, "`max_results` must be at least 1"),
    ],
)
def test_a_bad_argument_is_named(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        aggregate(tmp_path, **arguments)


def test_a_missing_or_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must exist"):
        aggregate(tmp_path / "none")
    with pytest.raises(DataError, match=r"must hold \.json files"):
        aggregate(tmp_path)
