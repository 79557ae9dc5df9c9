"""`arbkit study validate`, and the sentence before every parameter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.cli.main import main
from arbkit.panel import Panel
from arbkit.study import copy_studies, load_study
from arbkit.synthetic import PanelShape, ou_panel
from arbkit.validation import stored_validation

SPEC = """
name: small
panel: panel.parquet
sampler: random
seed: 1
n_trials: 8
space:
  min_spread_bps: {type: float, low: 2, high: 12}
  exit_spread_bps: {type: float, low: -10, high: 0}
fixed: {taker_fee_a_bps: 1, taker_fee_b_bps: 1, slippage_bps: 0, max_position_usd: 1000}
validation: {folds: 2, neighbours: 2, finalists: 2, draws: 199}
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


def test_until_it_is_validated_a_study_says_so_before_any_parameter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "best", "small", "-n", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Nothing here has been validated: `arbkit study validate small`")
    assert "best" not in "\n".join(said[1:])


def test_the_sentence_comes_first_and_each_opening_of_the_lockbox_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["study", "validate", "small", "--picture", "found.svg"]) == 0
    first = capsys.readouterr().out
    assert "the lockbox of this study was opened once" in first
    assert Path("found.svg").read_text().startswith("<?xml")

    # What is stored is shown again without another look.
    assert main(["study", "validate", "small"]) == 0
    assert capsys.readouterr().out == first
    assert main(["study", "validate", "small", "--again", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["openings"]) == 2
    assert first.startswith(found["sentence"][0].upper() + found["sentence"][1:])

    assert main(["study", "best", "small", "--json"]) == 0
    best = json.loads(capsys.readouterr().out)
    assert list(best)[:3] == ["study", "status", "sentence"]
    assert best["sentence"] == found["sentence"]

    copy_studies("sqlite:///studies/small.db", "sqlite:///copy.db")
    copied = stored_validation(load_study("small", "sqlite:///copy.db"))
    assert copied is not None
    assert len(copied.openings) == 2

    # Trials that came later were not validated.
    assert main(["study", "resume", "small", "--n-trials", "10"]) == 0
    assert "Nothing here has been validated" in capsys.readouterr().out


def test_a_picture_of_another_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "validate", "small", "--picture", "found.gif"]) != 0
    assert "`--picture` must end in .png, .svg, .pdf, was 'found.gif'" in capsys.readouterr().err
