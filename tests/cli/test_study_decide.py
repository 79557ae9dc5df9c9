"""`arbkit study decide`: the page, the JSON and the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.cli.main import main
from arbkit.decision import load_decision
from arbkit.panel import Panel
from arbkit.synthetic import PanelShape, ou_panel

SPEC = """
name: small
panel: panel.parquet
sampler: random
seed: 1
n_trials: 8
space:
  min_spread_bps: {type: float, low: 2, high: 12}
fixed: {taker_fee_a_bps: 1, taker_fee_b_bps: 1, slippage_bps: 0, max_position_usd: 1000}
validation: {folds: 2, neighbours: 2, finalists: 2, draws: 99}
"""


@pytest.fixture(autouse=True)
def _study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Work in a folder with a study of twenty days."""
    monkeypatch.chdir(tmp_path)
    shape = PanelShape(rows=20 * 144, step_s=600)
    Panel.from_frame(ou_panel(shape, seed=5, half_life_s=1_800, sd_bps=12)).write("panel.parquet")
    Path("small.yaml").write_text(SPEC)
    assert main(["study", "run", "small.yaml"]) == 0
    capsys.readouterr()


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--params", "p.json"], "`--params` must end in .yaml, .yml, was 'p.json'"),
        (["--picture", "p.doc"], "`--picture` must end in"),
        (["--books", "absent.parquet"], "`--books` must be a panel file"),
        (["--min-order", "5"], "`--min-order` must be two numbers with a comma between them, was '5'"),
        (["--lots", "1,nan"], "`minimums` must hold a Minimum"),
    ],
)
def test_a_bad_option_is_one_line(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "decide", "small", *options]) == 1
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said
