"""Notebooks are committed without outputs, and the tool that clears them does only that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DIRTY = {
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# 김치 premium"]},
        {
            "cell_type": "code",
            "execution_count": 3,
            "id": "b",
            "metadata": {"execution": {"x": 1}, "tags": ["keep"]},
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}],
            "source": ["1 + 1"],
        },
    ],
    "metadata": {"language_info": {"name": "python", "version": "3.11.7"}, "widgets": {}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def strip(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/strip_notebooks.py", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


def test_committed_notebooks_hold_no_outputs(repository: Path) -> None:
    done = strip(repository, "--check")
    assert done.returncode == 0, done.stderr


def test_dirty_notebook_is_named_by_check_and_left_alone(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(DIRTY))
    done = strip(repository, "--check", str(path))
    assert done.returncode == 1
    assert "x.ipynb holds outputs" in done.stderr
    assert json.loads(path.read_text()) == DIRTY


def test_stripping_clears_outputs_and_counts_and_keeps_the_rest(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(DIRTY))
    assert strip(repository, str(path)).returncode == 0
    markdown, code = json.loads(path.read_text())["cells"]
    assert markdown == DIRTY["cells"][0]
    assert code == {
        "cell_type": "code",
        "execution_count": None,
        "id": "b",
        "metadata": {"tags": ["keep"]},
        "outputs": [],
        "source": ["1 + 1"],
    }
    assert strip(repository, "--check", str(path)).returncode == 0
