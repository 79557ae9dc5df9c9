"""A package that announces a sampler: installed, listed and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PACKAGE = Path(__file__).resolve().parents[1] / "plugins" / "arbkit-near-best"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked example, installed into a folder of its own."""
    site = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--offline",
        "--no-deps",
        "--target",
        site,
        PACKAGE,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return site


def arbkit(*words: str, site: Path | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = [str(site)] if site is not None else []
    path += [item for item in os.environ.get("PYTHONPATH", "").split(os.pathsep) if item]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    command = [sys.executable, "-m", "arbkit", *words]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)


def test_an_installed_package_is_listed_with_its_name(installed: Path, tmp_path: Path) -> None:
    done = arbkit("study", "samplers", "--json", site=installed, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    found = {item["name"]: item for item in json.loads(done.stdout)}
    assert found["near_best"]["origin"] == "arbkit-near-best"
    assert found["near_best"]["many_objectives"] is False
    assert found["tpe"]["origin"] == "arbkit"


def test_a_study_runs_with_the_sampler_of_a_package(
    installed: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    spec = {**values, "sampler": {"name": "near_best", "pull": 0.8}, "n_trials": 24}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")

    done = arbkit("study", "run", "small.yaml", "--json", site=installed, cwd=tmp_path)
    without = arbkit("study", "run", "small.yaml", "--name", "other", site=None, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trials"] == 24
    assert without.returncode != 0
    assert "`sampler` must be a known sampler or `package.module:Class`, was 'near_best'" in without.stderr
    assert "Traceback" not in without.stderr


def test_the_page_shows_the_package_as_it_is() -> None:
    page = (PACKAGE.parents[2] / "docs" / "samplers.md").read_text(encoding="utf-8")
    files = ["pyproject.toml", "arbkit_near_best/__init__.py"]

    assert all((PACKAGE / name).read_text(encoding="utf-8").strip() in page for name in files)
