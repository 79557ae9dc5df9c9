"""`arbkit data ingest` from the shell: what it prints, and each kind of bad input with exit code 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.cli import _data_ingest
from arbkit.cli.main import main
from arbkit.data import open_dataset

PAIR = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n1700000000,1,2,3,4\n1700000001,x,2,3,4\n"
SPEC = """
name: made
instruments:
  - files: ${ARBKIT_DATA}/x.csv
    venue: v
    symbol: S
    quote: USD
    time: {column: t, zone: UTC}
    columns: {bid_px: b, ask_px: a}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARBKIT_DATA", raising=False)
    Path("pair.csv").write_text(PAIR)
    Path("made.yaml").write_text(SPEC)
    Path("data").mkdir()
    Path("data/x.csv").write_text("t,b,a\n2024-01-01,1,2\n")


def test_progress_ends_with_the_rows_that_were_read(capsys, monkeypatch) -> None:
    monkeypatch.setattr(_data_ingest, "_MB", 1)
    assert main(["data", "ingest", "made.yaml", "--data", "data"]) == 0
    size = Path("data/x.csv").stat().st_size
    assert capsys.readouterr().err == f"MB read {size}/{size}  x.csv: 1 rows\n"


def test_files_go_into_a_dataset_of_their_name(capsys) -> None:
    assert main(["data", "ingest", "pair.csv", "--quote", "USDT"]) == 0
    out = capsys.readouterr().out
    assert "datasets/pair: 3 rows" in out
    assert "1 quarantined, 0 gaps" in out
    assert "quarantined 1: `best_bid_a` must be a number" in out
    dataset = open_dataset("datasets/pair")
    assert [item.quote for item in dataset.instruments] == ["USDT", "USDT"]


def test_json_report_is_complete(capsys) -> None:
    assert main(["data", "ingest", "pair.csv", "--quote", "USD", "--to", "there", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["path"] == "there"
    assert (report["rows"], report["quarantined"], report["gaps"], report["warnings"]) == (3, 1, [], [])
    assert {leg["leg"] for leg in report["legs"]} == {"a/PAIR", "b/PAIR"}
    assert report["fingerprint"] == open_dataset("there").fingerprint


@pytest.mark.parametrize("way", ["option", "environment"])
def test_spec_takes_its_folder_from_an_option_or_the_environment(way: str, monkeypatch) -> None:
    arguments = ["data", "ingest", "made.yaml"]
    if way == "option":
        arguments += ["--data", "data"]
    else:
        monkeypatch.setenv("ARBKIT_DATA", "data")
    assert main(arguments) == 0
    assert open_dataset("datasets/made").manifest.rows == 1


def test_append_adds_to_a_dataset(capsys) -> None:
    assert main(["data", "ingest", "made.yaml", "--data", "data"]) == 0
    Path("data/x.csv").write_text("t,b,a\n2024-01-02,1,2\n")
    assert main(["data", "ingest", "made.yaml", "--data", "data", "--append"]) == 0
    assert open_dataset("datasets/made").manifest.rows == 2


def test_dataset_folder_is_read_without_a_format() -> None:
    assert main(["data", "ingest", "made.yaml", "--data", "data"]) == 0
    assert main(["data", "ingest", "datasets/made", "--to", "copy"]) == 0
    assert open_dataset("copy").fingerprint == open_dataset("datasets/made").fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv"], "no such file"),
        (["empty.csv"], "the file is empty"),
        (["wrong.csv"], "column `best_ask_b` missing"),
        (["other.csv"], "name it with --format"),
        (["text.csv"], "no row could be read, 1 were refused"),
        (["half.parquet"], "half written or damaged"),
        (["pair.csv", "--format", "pair-cvs"], "did you mean `pair-csv`"),
        (["pair.csv", "--formt", "pair-csv"], "did you mean `--format`"),
        (["pair.csv", "--zone", "Asia/Seul"], "`--zone` must be a time zone, was 'Asia/Seul'; did you mean"),
        (["pair.csv", "--levels", "0"], "`--levels`"),
        (["pair.csv", "--max-age", "soon"], "must be a duration"),
        (["pair.csv", "--append", "--to", "nowhere"], "no such dataset to append to"),
        (["made.yaml"], "`ARBKIT_DATA` must be set"),
        (["made.yaml", "--data", "nowhere"], "does not exist either"),
        (["made.yaml", "--venue", "x"], "--venue: describes files"),
        (["made.yaml", "pair.csv"], "one spec, or files"),
        (["unknown.yaml"], "unknown key `instruments.0.simbol`; did you mean `symbol`"),
    ],
)
def test_bad_input_is_one_clear_error_and_exit_1(arguments: list[str], message: str, capsys) -> None:
    Path("empty.csv").write_text("")
    Path("wrong.csv").write_text(PAIR.replace("best_ask_b", "ask_b"))
    Path("other.csv").write_text("x,y\n1,2\n")
    Path("text.csv").write_text(PAIR.splitlines()[0] + "\nsoon,1,2,3,4\n")
    Path("half.parquet").write_bytes(b"PAR1 and no more")
    Path("unknown.yaml").write_text(SPEC.replace("symbol:", "simbol:"))
    assert main(["data", "ingest", *arguments]) == 1
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert message in lines[0]
    assert not any(Path("datasets").glob("*"))
