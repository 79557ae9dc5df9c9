"""What is declared in several places says the same in all of them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import arbkit

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def requirements(project: dict[str, Any]) -> list[str]:
    """All requirements of pyproject.toml: runtime, every extra, development."""
    extras = project["project"]["optional-dependencies"]
    return [
        *project["project"]["dependencies"],
        *(item for name in extras for item in extras[name]),
        *project["dependency-groups"]["dev"],
    ]


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """Package -> version of requirements.lock."""
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line.split(";")[0].strip() for line in lines if line and not line.lstrip().startswith("#")]
    assert all("==" in pin for pin in pins), "every line of the lock pins an exact version"
    return {normal(pin.split("==")[0]): pin.split("==")[1] for pin in pins}


def normal(name: str) -> str:
    """Return a distribution's name as indexes spell it, without extras."""
    return re.sub(r"[-_.]+", "-", name.split("[")[0].strip()).lower()


def parted(requirement: str) -> tuple[str, str]:
    name, _, floor = requirement.partition(">=")
    return normal(name), floor.split(";")[0].strip()


def version_key(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.split("+")[0]))


def test_environment_yml_says_the_same_as_pyproject(project: dict[str, Any], requirements: list[str]) -> None:
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    conda = [item for item in environment["dependencies"] if isinstance(item, str)]
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert environment["name"] == project["project"]["name"]
    assert conda == [f"python{project['project']['requires-python']}", "pip"]
    assert pip == [*requirements, "--editable ."]


def test_lock_holds_no_address() -> None:
    text = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "file:" not in text
    assert " @ " not in text


def test_lock_holds_every_requirement_at_or_above_its_floor(
    requirements: list[str], locked: dict[str, str]
) -> None:
    for requirement in requirements:
        name, floor = parted(requirement)
        assert name in locked, f"{name} is not in requirements.lock; run `make lock`"
        assert version_key(locked[name]) >= version_key(floor), f"{name} is locked below {floor}"


def test_version_is_the_same_everywhere(project: dict[str, Any]) -> None:
    assert project["project"]["version"] == arbkit.__version__
    assert "## [Unreleased]" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


def test_package_says_that_it_is_typed() -> None:
    assert (REPOSITORY / "arbkit" / "py.typed").is_file()


def test_command_of_the_package_exists(project: dict[str, Any]) -> None:
    module, _, attribute = project["project"]["scripts"]["arbkit"].partition(":")
    assert callable(getattr(sys.modules.get(module) or __import__(module, fromlist=["main"]), attribute))


@pytest.mark.parametrize(
    "folder", ["arbkit", "benchmarks", "datasets", "docs", "notebooks", "reports", "studies", "tests"]
)
def test_folder_of_the_layout_is_there(folder: str) -> None:
    assert (REPOSITORY / folder).is_dir()


def test_what_users_make_is_ignored_and_what_ships_is_not() -> None:
    ignored = ["datasets/mine/manifest.json", "studies/mine.db", "reports/mine.html", ".arbkit-cache/x"]
    shipped = ["datasets/README.md", "studies/README.md", "reports/README.md", "studies/mine.yaml"]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *ignored, *shipped],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ignored


def test_pre_commit_fetches_nothing() -> None:
    text = (REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    repos = yaml.safe_load(text)["repos"]
    assert [item["repo"] for item in repos] == ["local"]
    hooks = {hook["id"] for hook in repos[0]["hooks"]}
    assert hooks >= {"ruff", "ruff-format", "mypy", "codespell", "strip-notebooks", "keys", "print", "size"}
