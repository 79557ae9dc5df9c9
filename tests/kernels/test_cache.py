"""Kernels from disk: the same results, without numba's compiler in the process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

KERNELS = """
import json
import sys
from typing import NamedTuple

import numpy as np

from arbkit.kernels import _cache
from arbkit.kernels._jit import borrowed, inlined, jit


class Pair(NamedTuple):
    low: np.ndarray
    count: int


@inlined
def half(x):
    return x / 2


@jit
def work(values, row):
    if values.size == 0:
        raise ValueError("no values at all")
    low = np.empty(values.size)
    for i in range(values.size):
        low[i] = half(borrowed(values)[i])
    row.n = low.size
    return Pair(np.concatenate((low, np.sort(low))), values.size)


@jit
def other(values):
    return np.linalg.norm(values) + np.log1p(values.sum())


if "--changed" in sys.argv:
    _cache._STAMPS[""] = "another"
row = np.zeros(1, [("n", np.int64)])
pair = work(np.arange(4.0, 0.0, -1.0), row[0])
try:
    work(np.empty(0), row[0])
except ValueError as error:
    said = str(error)
known = sorted({"scipy.linalg", "numba.np.arraymath", "numba.np.arrayobj"} & set(sys.modules))
hits = sum(work.stats.cache_hits.values())
found = {"low": pair.low.tolist(), "count": pair.count, "row": int(row[0]["n"]), "said": said}
late = other(np.array([3.0, 4.0])) if "--late" in sys.argv else None
print(json.dumps({"found": found, "known": known, "hits": hits, "late": late}))
"""


Run = Callable[..., Any]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The script in a folder that keeps what its first process compiled, and what that process said."""
    folder = tmp_path_factory.mktemp("first")
    script = folder / "kernels_of_a_test.py"
    script.write_text(KERNELS, encoding="utf-8")
    return script, started(script, folder / "kept")[0]


def started(script: Path, kept: Path, *arguments: str, at_once: int = 1) -> list[Any]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(kept)}
    command = [sys.executable, str(script), *arguments]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(at_once)
    ]
    return [json.loads(process.communicate()[0]) for process in processes]


@pytest.fixture
def run(first: tuple[Path, Any], tmp_path: Path) -> Run:
    """Run the script once more, on a copy of what its first process kept."""
    script, _ = first
    shutil.copytree(script.parent / "kept", tmp_path / "kept")
    return lambda *arguments: started(script, tmp_path / "kept", *arguments)[0]


def test_second_process_computes_the_same_without_the_compiler(first: tuple[Path, Any], run: Run) -> None:
    _, said = first
    second = run()
    assert said["hits"] == 0
    assert "numba.np.arraymath" in said["known"]
    assert second["hits"] == 1
    assert second["known"] == []
    assert second["found"] == said["found"]
    assert said["found"]["said"] == "no values at all"
    assert said["found"]["low"] == [2.0, 1.5, 1.0, 0.5, 0.5, 1.0, 1.5, 2.0]


def test_what_is_not_kept_compiles_after_kept_code_was_loaded(run: Run) -> None:
    late = run("--late")
    assert late["hits"] == 1
    assert late["late"] == pytest.approx(5 + 2.0794415416798357, rel=1e-15)


def test_changed_source_of_any_kernel_compiles_anew(run: Run) -> None:
    assert run("--changed")["hits"] == 0


def test_processes_that_need_a_kernel_at_once_compile_it_once(
    first: tuple[Path, Any], tmp_path: Path
) -> None:
    one, other = started(first[0], tmp_path / "kept", at_once=2)
    assert one["hits"] + other["hits"] == 1
    assert one["found"] == other["found"]


COPY = """
import numpy as np
from arbkit.kernels.checksum import checksum_words
from arbkit.kernels import checksum
checksum_words(np.arange(9), 0, 0)
print(checksum.__file__, sum(checksum_words.stats.cache_hits.values()))
"""


def test_copies_of_arbkit_share_a_folder_while_their_kernels_are_the_same(
    tmp_path: Path, repository: Path
) -> None:
    def run_copy(name: str, more: str = "") -> str:
        shutil.copytree(
            repository / "arbkit", tmp_path / name / "arbkit", ignore=shutil.ignore_patterns("*.nb?")
        )
        with (tmp_path / name / "arbkit" / "kernels" / "checksum.py").open("a") as file:
            file.write(more)
        environment = {
            **os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept"), "PYTHONPATH": str(tmp_path / name),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", COPY],
            capture_output=True, text=True, check=True, env=environment, cwd=tmp_path,
        )  # fmt: skip
        file, hits = done.stdout.split()
        assert Path(file).is_relative_to(tmp_path / name)
        return hits

    assert run_copy("one") == "0"
    assert run_copy("two") == "1"
    assert run_copy("three", "# changed\n") == "0"
