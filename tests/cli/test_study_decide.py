"""`arbkit study decide`: the page, the JSON and the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.cli.main import main
from arbkit.decision import load_decision

pytestmark = pytest.mark.usefixtures("small_study")


def test_page_json_parameters_and_picture_tell_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "decide", "small", "--params", "p.yaml", "--picture", "d.svg"]) == 0
    said = capsys.readouterr().out
    first = Path("p.yaml").read_bytes()
    assert "Smallest canary" in said
    assert "p.yaml: too short" in said
    assert Path("d.svg").read_text().startswith("<?xml")

    # What is stored is not validated again, and the file has the same bytes.
    assert main(["study", "decide", "small", "--json", "--params", "p.yaml", "--books", "panel.parquet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert said.startswith(found["sentence"][:1].upper() + found["sentence"][1:])
    assert {item["tier"] for item in found["tiers"]} == {"study", "books"}
    assert any("overlap the training time" in note for note in found["notes"])
    assert Path("p.yaml").read_bytes() == first
    with pytest.warns(UserWarning, match="too short"):
        assert load_decision("p.yaml", stale=True).verdict == found["status"]


def test_a_backtest_of_the_file_is_the_walk_forward_of_the_chosen_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "decide", "small", "--params", "p.yaml", "--json"]) == 0
    walk = json.loads(capsys.readouterr().out)["rivals"][0]["walk"]
    assert main(["backtest", "--params", "p.yaml"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["metrics"]["mtm_pnl_usd"] == pytest.approx(walk["pnl_usd"], rel=1e-12)
    assert document["metrics"]["closed_trades"] == walk["closed_trades"] + walk["open_at_end"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--params", "p.json"], "`--params` must end in .yaml, .yml, was 'p.json'"),
        (["--picture", "p.doc"], "`--picture` must end in"),
        (["--books", "absent.parquet"], "`--books` must be a panel file"),
        (["--min-order", "5"], "`--min-order` must be two numbers with a comma between them, was '5'"),
        (["--lots", "1,nan"], "`--lots` must be two finite numbers of at least 0, was '1,nan'"),
        (["--params", "small.yaml/p.yaml"], "`--params` must be writable, was 'small.yaml/p.yaml'"),
    ],
)
def test_a_bad_option_is_one_line(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "decide", "small", *options]) == 1
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said
