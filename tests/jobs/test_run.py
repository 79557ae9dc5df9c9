"""Running plans: the documents of `arbkit backtest`, whatever fails, stops or is killed."""

from __future__ import annotations

import dataclasses
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from arbkit.cli.main import main
from arbkit.errors import ConfigError
from arbkit.jobs import Finished, PlannedJob, RunProgress, Session, make_plan, run_jobs, write_plan

Values = dict[str, Any]


def planned(values: Values) -> list[PlannedJob]:
    return make_plan(Session.from_dict(values)).jobs


def document(job: PlannedJob) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(Path(job.output_json).read_text())
    return made


def without_runtime(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "metrics": {**values["metrics"], "runtime_seconds": 0}}


def options_of(config: dict[str, Any]) -> list[str]:
    words = []
    for name, value in config.items():
        spelled = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        words += ["--" + name.replace("_", "-"), spelled]
    return words


def test_each_document_is_the_one_of_a_single_backtest(values: Values) -> None:
    values["grids"].append({"name": "stop_loss_bps", "values": ["none", 20]})
    values["grids"].append({"name": "reference", "values": ["none", "ewma:10m"]})
    jobs = planned(values)

    report = run_jobs(jobs)

    assert (report.planned, report.done, report.failures, report.left) == (36, 36, [], 0)
    for job in jobs[::5]:
        batched = without_runtime(document(job))
        assert main(["backtest", *options_of(dict(job.config))]) == 0
        assert without_runtime(document(job)) == batched
        assert batched["metrics"]["total_trades"] > 0


def test_finished_jobs_are_skipped_and_others_run(values: Values) -> None:
    jobs = planned(values)
    assert run_jobs(jobs, max_jobs=4).left == 5
    before = {job.job_id: document(job) for job in jobs[:4]}
    Path(jobs[1].output_json).write_text("{half")
    Path(jobs[2].output_json).write_text(json.dumps({"status": "error"}))

    report = run_jobs(jobs)

    assert (report.skipped, report.done, report.left) == (2, 7, 0)
    assert document(jobs[0]) == before[jobs[0].job_id]
    assert without_runtime(document(jobs[1])) == without_runtime(before[jobs[1].job_id])
    assert run_jobs(jobs).skipped == 9
    assert run_jobs(jobs, again=True).done == 9


def test_a_job_whose_inputs_changed_is_run_anew(values: Values) -> None:
    run_jobs(planned(values))
    assert run_jobs(planned({**values, "slippage_bps": 2})).done == 9


def test_a_job_that_cannot_run_is_an_error_document_and_the_others_go_on(values: Values) -> None:
    values["grids"] = [
        {"name": "min_spread_bps", "values": [5, 10]},
        {"name": "depth_levels", "values": [0, 2]},
    ]
    jobs = planned(values)
    jobs.insert(
        0, dataclasses.replace(jobs[0], job_id="bad_1", output_json="results/bad_1.json", config={"x": 1})
    )

    report = run_jobs(jobs)

    assert report.done == 2
    assert [item.job_id for item in report.failures] == ["bad_1", "sess001_0002", "sess001_0004"]
    failed = document(jobs[2])
    assert failed["status"] == "error"
    assert failed["config"]["depth_levels"] == 2
    assert "needs a panel with sizes" in failed["message"]


def test_a_number_of_workers_below_one_is_refused(values: Values) -> None:
    with pytest.raises(
        ConfigError, match="`workers` must be a whole number, at least 1, was 0; leave it out"
    ):
        run_jobs(planned(values), workers=0)


def test_stop_on_error_leaves_what_comes_after(values: Values) -> None:
    jobs = planned(values)
    broken = {**jobs[3].config, "depth_levels": 3}
    jobs[3] = dataclasses.replace(jobs[3], config=broken)

    report = run_jobs([jobs[3], *jobs[:3]], stop_on_error=True)

    assert (report.done, len(report.failures), report.left) == (0, 1, 3)
    assert not Path(jobs[0].output_json).exists()


def test_data_that_are_gone_fail_every_job_with_the_same_message(values: Values) -> None:
    jobs = planned(values)
    jobs = [dataclasses.replace(job, config={**job.config, "data_file": "gone.parquet"}) for job in jobs]

    report = run_jobs(jobs)

    assert {item.message for item in report.failures} == {"`--data-file` must exist, was 'gone.parquet'"}
    assert len(report.failures) == 9


def test_the_number_of_workers_changes_nothing(values: Values) -> None:
    jobs = planned(values)
    run_jobs(jobs, workers=1)
    one = [without_runtime(document(job)) for job in jobs]
    run_jobs(jobs, workers=3, again=True)
    assert [without_runtime(document(job)) for job in jobs] == one


def test_progress_ends_with_everything(values: Values) -> None:
    steps: list[RunProgress] = []
    run_jobs(planned(values), progress=steps.append)
    assert steps[-1] == RunProgress(9, 9, 0)


class Kept:
    """A sink that notes what was on disk when it was called."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def hold(self, finished: Sequence[Finished]) -> None:
        self.seen.append(("hold", sum(Path(item.job.output_json).exists() for item in finished)))

    def flush(self) -> None:
        self.seen.append(("flush", len(list(Path("results").rglob("*.json")))))


def test_a_sink_holds_before_results_are_written_and_flushes_after(values: Values) -> None:
    kept = Kept()
    run_jobs(planned(values)[:5], sink=kept)
    assert kept.seen == [("hold", 0), ("flush", 5)]


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_to_the_same_results(values: Values) -> None:
    values["grids"] = [{"name": "min_spread_bps", "values": [x / 80 for x in range(4000)]}]
    plan = make_plan(Session.from_dict(values))
    path = write_plan(plan, "plans")
    command = [sys.executable, "-m", "arbkit", "jobs", "run", str(path)]
    rng = random.Random(1)
    killed = 0
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun = len(list(Path("results").rglob("*.json")))
        while process.poll() is None:
            if len(list(Path("results").rglob("*.json"))) > begun:
                time.sleep(rng.random() * 0.05)
                process.send_signal(signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.005)
        process.wait()
        for file in Path("results/sess001").glob("*.json"):
            assert json.loads(file.read_text())["status"] == "success"
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert killed >= 2
    results = {job.job_id: without_runtime(document(job)) for job in plan.jobs}
    run_jobs(plan.jobs, again=True)
    assert {job.job_id: without_runtime(document(job)) for job in plan.jobs} == results
