"""`arbkit jobs` from the shell: a session from its file to its ranking, exit codes, messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.cli.main import main
from arbkit.panel import Panel
from tests.markets import market_frame

SESSION = """
data_file: panel.parquet
taker_fee_a_bps: 2
taker_fee_b_bps: 2
slippage_bps: 1
max_position_usd: 1000
tag_prefix: night
grids:
  - {name: min_spread_bps, values: [5, 10, 20]}
  - {name: exit_spread_bps, values: [0, -5, -10]}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a small market and a session."""
    monkeypatch.chdir(tmp_path)
    Panel.from_frame(market_frame()).write("panel.parquet")
    Path("sess001.yaml").write_text(SESSION)


def test_a_session_goes_from_its_file_to_the_same_ranking_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "plan", "sess001.yaml", "--to", "plans/"]) == 0
    assert capsys.readouterr().out.endswith("next: arbkit jobs run plans/sess001.jsonl\n")
    assert main(["jobs", "run", "plans/sess001.jsonl", "--workers", "2"]) == 0
    said = capsys.readouterr()
    assert "9 jobs done, 0 were finished before, 0 failed, 0 left" in said.out
    assert "jobs 9/9" in said.err
    assert main(["jobs", "aggregate", "results/sess001", "--json", "--output-json", "best.json"]) == 0
    ranked = json.loads(capsys.readouterr().out)
    assert json.loads(Path("best.json").read_text()) == ranked

    assert main(["jobs", "to-study", "sess001.yaml", "--run"]) == 0
    assert "9 trials" in capsys.readouterr().out
    assert main(["study", "best", "sess001", "-n", "9", "--json"]) == 0
    trials = json.loads(capsys.readouterr().out)["trials"]
    assert [item["value"] for item in trials] == [
        item["metrics"]["mtm_pnl_usd"] for item in ranked["results"]
    ]
    names = ("min_spread_bps", "exit_spread_bps")
    assert [[item[name] for name in names] for item in trials] == [
        [item["params"][name] for name in names] for item in ranked["results"]
    ]


def test_the_commands_speak_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "plan", "sess001.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["jobs"] == 9
    assert main(["jobs", "run", "plans", "--max-jobs", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left"] == 7
    assert main(["jobs", "to-study", "sess001.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spec"] == "studies/sess001.yaml"


def test_the_table_shows_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    main(["jobs", "plan", "sess001.yaml"])
    main(["jobs", "run", "plans"])
    capsys.readouterr()
    assert main(["jobs", "aggregate", "results/sess001", "--max-results", "2", "--min-trades", "1"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "9 files, 9 results kept, 0 filtered" in lines[0]
    assert lines[1].split()[:4] == ["rank", "job", "min_spread_bps", "exit_spread_bps"]
    assert len(lines) == 4


def test_jobs_that_fail_are_told_once_and_end_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    main(["jobs", "plan", "sess001.yaml"])
    Path("panel.parquet").unlink()
    capsys.readouterr()

    assert main(["jobs", "run", "plans"]) == 1
    said = capsys.readouterr()
    assert "9 failed" in said.out
    assert said.err.count("sess001_0001 and 8 more: `--data-file` must exist") == 1
    assert main(["jobs", "run", "plans", "--stop-on-error"]) == 1
    assert "1 failed, 8 left" in capsys.readouterr().out


def test_another_spec_is_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path("studies").mkdir()
    Path("studies/sess001.yaml").write_text("mine")

    assert main(["jobs", "to-study", "sess001.yaml"]) == 1
    assert "is there; give the study a `--name`" in capsys.readouterr().err
    assert Path("studies/sess001.yaml").read_text() == "mine"
    assert main(["jobs", "to-study", "sess001.yaml", "--replace"]) == 0
    assert main(["jobs", "to-study", "sess001.yaml"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "none.yaml"], "a session must exist"),
        (["run", "none.jsonl"], "a plan must exist"),
        (["aggregate", "none"], "a folder of results must exist"),
        (["aggregate", ".", "--metric", "pnl"], "`metric` must be a metric"),
        (["to-study", "sess001.yaml", "--sampler", "tpee"], "did you mean `tpe`"),
        (["run", "plans", "--max-jobs", "0"], "--max-jobs"),
        (["push", ".", "--results-db", "mysql://x"], "`--results-db` must be postgresql://"),
        (["plam"], "did you mean `plan`"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", *arguments]) == 1

    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.strip().splitlines()) == 1
