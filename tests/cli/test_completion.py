"""Candidates for the last word, and the scripts that ask for them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arbkit.cli.completion import SCRIPTS, candidates
from arbkit.cli.main import NOUNS
from arbkit.cli.main import main as shell


@pytest.fixture(autouse=True)
def _desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "studies/alpha.yaml",
        "studies/alpha.db",
        "studies/beta.duckdb",
        "datasets/old/manifest.json",
    ):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["arbkit", "stu"], ["study"]),
        (["arbkit", "study", "re"], ["resume"]),
        (["arbkit", "study", "run", "--work"], ["--workers"]),
        (["arbkit", "study", "show", ""], ["alpha", "beta"]),
        (["arbkit", "study", "run", "x.yaml", "--warm-start", "b"], ["beta"]),
        (["arbkit", "study", "run", "x.yaml", "--sampler", "optuna.t"], ["optuna.tpe"]),
        (["arbkit", "report", "a"], ["alpha"]),
        (["arbkit", "data", "show", ""], ["datasets/old"]),
        (["arbkit", "backtest", "--exit-spread"], ["--exit-spread-bps"]),
        (["arbkit", "stress", "al"], ["alpha"]),
        (["arbkit", "completion", "f"], ["fish"]),
        (["arbkit", "nothing", "x"], []),
        (["arbkit", "study", "nothing", "x"], []),
    ],
)
def test_last_word_gets_what_may_stand_there(words: list[str], expected: list[str]) -> None:
    assert candidates(words) == expected


def test_first_word_gets_every_noun() -> None:
    assert set(candidates(["arbkit", ""])) == {*NOUNS, "--help", "--version"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_of_every_shell_asks_for_the_words(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell(["completion", name]) == 0
    assert "arbkit completion --words" in capsys.readouterr().out


def test_unknown_shell_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert shell(["completion", "tcsh"]) == 1
    assert "must be bash, zsh or fish, was 'tcsh'" in capsys.readouterr().err


def test_bash_completes_a_noun(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    python = "import sys; from arbkit.cli.main import main; sys.exit(main())"
    script = (
        f"arbkit() {{ {sys.executable} -c '{python}' \"$@\"; }}\n"
        f'{SCRIPTS["bash"]}\nCOMP_WORDS=(arbkit st); COMP_CWORD=1; _arbkit; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "stress study\n"
