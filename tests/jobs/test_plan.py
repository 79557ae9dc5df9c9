"""Plans: the same lines for the same session, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arbkit.errors import ConfigError
from arbkit.jobs import Session, make_plan, read_plans, write_plan

Values = dict[str, Any]


def planned(values: Values, folder: str = "plans") -> Path:
    return write_plan(make_plan(Session.from_dict(values)), folder)


def test_a_plan_is_the_same_bytes_every_time(values: Values) -> None:
    assert planned(values, "one").read_bytes() == planned(values, "two").read_bytes()


def test_a_line_holds_id_config_and_output(values: Values) -> None:
    path = planned(values)
    lines = [json.loads(line) for line in path.read_text().splitlines()]

    assert path == Path("plans/sess001.jsonl")
    assert [line["job_id"] for line in lines] == [f"sess001_{number:04d}" for number in range(1, 10)]
    assert lines[1]["output_json"] == "results/sess001/sess001_0002.json"
    assert lines[1]["config"] == {
        "data_file": values["data_file"],
        "out_of_sample": 0.4,
        "min_spread_bps": 5.0,
        "taker_fee_a_bps": 2.0,
        "taker_fee_b_bps": 2.0,
        "slippage_bps": 1.0,
        "max_position_usd": 1000.0,
        "exit_spread_bps": -5.0,
        "close_at_end": True,
        "tag": "night_sess001_0002",
        "output_json": "results/sess001/sess001_0002.json",
    }


def test_a_plan_reads_back_as_it_was_made(values: Values) -> None:
    plan = make_plan(Session.from_dict(values))
    write_plan(plan, "plans")

    assert read_plans(["plans"]) == read_plans(["plans/sess001.jsonl"]) == plan.jobs


def test_max_jobs_keeps_the_first_ones(values: Values) -> None:
    everything = make_plan(Session.from_dict(values))
    some = make_plan(Session.from_dict({**values, "max_jobs": 4}))

    assert some.jobs == everything.jobs[:4]
    assert some.tried == 4


def test_what_breaks_a_rule_together_is_left_out_and_counted(values: Values) -> None:
    values["grids"] = [
        {"name": "min_spread_bps", "values": [5, 10]},
        {"name": "min_hold_s", "values": [0, 100]},
        {"name": "max_hold_s", "values": ["none", 50]},
    ]
    plan = make_plan(Session.from_dict({**values, "max_jobs": 4}))

    assert (len(plan.jobs), plan.tried, plan.excluded) == (4, 5, 1)
    assert [job.job_id for job in plan.jobs][-1] == "sess001_0004"


LINE = '{"job_id": "a_1", "config": {"data_file": "x"}, "output_json": "r/a_1.json"}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold at least one job"),
        ("{", r"p\.jsonl:1: a line of a plan must be JSON"),
        ("[1]", "must be a mapping"),
        ('{"job_id": "a"}', "a job needs its `output_json`, was None"),
        (LINE.replace("config", "confg"), "did you mean `config`"),
        (f"{LINE}\n{LINE}", "every job needs its own `job_id`, 'a_1' is there twice"),
        (f"{LINE}\n{LINE.replace('a_1', 'a_2', 1)}", "its own `output_json`"),
    ],
)
def test_a_file_that_is_no_plan_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.jsonl").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_plans(["p.jsonl"])


def test_a_missing_plan_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a plan must exist"):
        read_plans([tmp_path / "none.jsonl"])
    with pytest.raises(ConfigError, match=r"must hold \.jsonl files"):
        read_plans([tmp_path])


def test_a_hand_written_line_needs_three_keys_only(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(LINE)
    (job,) = read_plans([tmp_path])
    assert (job.session_id, job.campaign_id) == ("a", None)
