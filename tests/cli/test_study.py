"""`arbkit study` from the shell: exit codes, JSON, messages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arbkit.cli.main import main
from arbkit.panel import Panel

SPEC = """
name: small
panel: panel.parquet
sampler: random
seed: 1
n_trials: 12
space:
  min_spread_bps: {type: float, low: 1, high: 40}
  stop_loss_bps: {type: categorical, choices: [none, 20]}
fixed: {taker_fee_a_bps: 2, taker_fee_b_bps: 2, slippage_bps: 1, max_position_usd: 1000}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a small market and a spec."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    wave = 1 + 3e-3 * np.sin(np.arange(1_000) / 15) + rng.normal(0, 2e-4, 1_000)
    frame = pl.DataFrame(
        {
            "ts": np.arange(1_000, dtype=np.int64) * 60_000_000_000,
            "bid_a": 100 * wave - 0.01,
            "ask_a": 100 * wave + 0.01,
            "bid_b": np.full(1_000, 99.99),
            "ask_b": np.full(1_000, 100.01),
        }
    )
    Panel.from_frame(frame).write("panel.parquet")
    Path("small.yaml").write_text(SPEC)


def test_run_ends_with_both_samples_and_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "run", "small.yaml"]) == 0

    said = capsys.readouterr()
    assert "out-of-sample" in said.out
    assert said.out.rstrip().endswith("next: arbkit study validate small")
    assert "trials 12/12" in said.err


def test_run_as_json_is_only_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "run", "small.yaml", "--json", "--n-trials", "5", "--name", "other"]) == 0

    result = json.loads(capsys.readouterr().out)
    assert result["trials"] == 5
    assert result["storage"] == "sqlite:///studies/other.db"
    assert (
        result["command"]
        == "arbkit study run small.yaml --n-trials 5 --name other --storage sqlite:///studies/other.db"
    )
    assert set(result["best"]["params"]) == {"min_spread_bps", "stop_loss_bps"}


def test_a_pruner_is_named_listed_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "run", "small.yaml", "--pruner", "median"]) == 1
    assert "`folds` must be at least 2 or `day`, was 0" in capsys.readouterr().err
    Path("small.yaml").write_text(SPEC + "folds: 2\npruner: {name: threshold, lower: 3}\n")
    assert main(["study", "run", "small.yaml", "--folds", "3"]) == 0
    said = capsys.readouterr()
    assert " pruned\n" in said.out
    assert " pruned" in said.err

    assert main(["study", "show", "small", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["pruner"].startswith("threshold (folds: 3), ")
    assert main(["study", "ls", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)["studies"][0]
    assert 0 < line["pruned"] < 12
    assert facts["pruner"] == f"threshold (folds: 3), {line['pruned']} trials stopped"

    assert main(["study", "pruners", "--json"]) == 0
    listed = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    assert listed["median"]["options"][0] == "n_startup_trials"
    assert main(["study", "pruners"]) == 0
    assert "folds, one objective" in capsys.readouterr().out


def test_a_second_run_points_to_resume_and_resume_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "run", "small.yaml"]) == 0
    assert main(["study", "run", "small.yaml"]) == 1
    assert "arbkit study resume small" in capsys.readouterr().err

    assert main(["study", "resume", "small", "--n-trials", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 20


def test_the_looking_commands_work_as_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "ls"]) == 0
    assert "there are no studies yet" in capsys.readouterr().out
    main(["study", "run", "small.yaml"])
    for command in (["ls"], ["show", "small"], ["best", "small", "-n", "3"], ["samplers"]):
        capsys.readouterr()
        assert main(["study", *command]) == 0
        assert capsys.readouterr().out
        assert main(["study", *command, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)


def test_a_study_is_copied_and_asked_in_sql(capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "run", "small.yaml"])
    capsys.readouterr()

    copy = ["study", "copy", "sqlite:///studies/small.db", "duckdb:///studies/copy.duckdb"]
    assert main(copy) == 0
    assert capsys.readouterr().out == "small: 12 trials copied to duckdb:///studies/copy.duckdb\n"
    assert main(["study", "sql", "studies/copy.duckdb", "select count(*) as n from trials", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 12}]
    assert main(copy) == 1
    assert "must be free, 'small' is taken" in capsys.readouterr().err
    assert main(["study", "sql", "small", "drop table trials"]) == 1
    assert "a query must be one SELECT" in capsys.readouterr().err


def test_show_spec_gives_a_spec_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "run", "small.yaml"])
    capsys.readouterr()
    main(["study", "show", "small", "--spec"])
    Path("again.yaml").write_text(capsys.readouterr().out)

    assert main(["study", "run", "again.yaml", "--name", "again"]) == 0


def test_export_writes_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "run", "small.yaml"])

    assert main(["study", "export", "small", "--to", "x.csv"]) == 0
    assert pl.read_csv("x.csv").height == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study", "run", "none.yaml"], "a study spec must exist"),
        (["study", "run", "small.yaml", "--sampler", "tpee"], "did you mean `tpe`"),
        (["study", "run", "small.yaml", "--storage", "duckdbb:///x"], "a storage URL must be"),
        (["study", "run", "small.yaml", "--storage", "sqlite:///small.yaml"], "must be an SQLite file"),
        (["study", "show", "smal"], "no study 'smal'"),
        (["study", "run", "small.yaml", "--n-trials", "0"], "--n-trials"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1

    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.strip().splitlines()) == 1
