"""`arbkit study validate`, and the sentence before every parameter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.cli.main import main
from arbkit.study import copy_studies, load_study
from arbkit.validation import stored_validation
from arbkit.validation.lockbox import openings_in

pytestmark = pytest.mark.usefixtures("small_study")


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


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("found.gif", "`--picture` must end in .png, .svg, .pdf, was 'found.gif'"),
        ("small.yaml/found.png", "`--picture` must be writable, was 'small.yaml/found.png'"),
    ],
)
def test_a_picture_that_cannot_be_written_is_refused_before_the_lockbox_is_opened(
    picture: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "validate", "small", "--picture", picture]) == 1
    assert message in " ".join(capsys.readouterr().err.split())
    assert openings_in(load_study("small").optuna.user_attrs) == ()
