"""The Makefile offers what the documentation promises, and the CI entry calls it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted(REPOSITORY.glob("*/README.md")),
]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make, which is not installed")


def targets() -> set[str]:
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, flags=re.MULTILINE))


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # What a surrounding `make test` exports must not reach the make under test.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=REPOSITORY, env=clean, capture_output=True, text=True, check=False
    )


def test_make_alone_lists_every_target() -> None:
    done = make()
    assert done.returncode == 0
    assert set(re.findall(r"^  make ([a-z-]+)", done.stdout, flags=re.MULTILINE)) == targets()


@pytest.mark.parametrize(
    "target",
    ["demo", "test", "lint", "types", "format", "lab", "clean", "lock", "hooks", "bench", "bench-peers"],
)
def test_target_can_be_planned(target: str) -> None:
    done = make("--dry-run", target)
    assert done.returncode == 0, done.stderr


def test_test_covers_style_types_and_tests() -> None:
    plan = make("--dry-run", "test").stdout
    for tool in (
        "ruff check",
        "ruff format --check",
        "codespell",
        "strip_notebooks.py --check",
        "mypy",
        "pytest",
    ):
        assert tool in plan


def test_without_a_python_that_is_new_enough_it_says_what_to_install() -> None:
    done = subprocess.run(
        [REPOSITORY / "tools" / "setup_environment"],
        env={**os.environ, "PYTHON": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_documented_target_exists(page: Path) -> None:
    named = set(
        re.findall(r"(?:`|^    |^)make ([a-z]+)\b", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert named <= targets()


@pytest.mark.parametrize("script", [".ci/run", "tools/setup_environment"])
def test_script_is_executable_bash_that_parses(script: str) -> None:
    path = REPOSITORY / script
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


def test_ci_ends_with_the_status_of_make_test() -> None:
    assert (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("exec make test")
