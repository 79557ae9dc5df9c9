"""When compiled code is kept, and when it is made anew."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import arbkit.kernels
from arbkit.kernels._cache import _stamps
from arbkit.kernels._jit import borrowed, inner, jit

KERNELS = Path(arbkit.kernels.__file__).parent


def write(folder: Path, **texts: str) -> dict[str, str]:
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return _stamps(folder)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name.rpartition(".")[2] for name in before if name and before[name] != after[name]}


def test_a_change_reaches_whoever_imports_the_file_and_nobody_else(tmp_path: Path) -> None:
    imports = "from arbkit.kernels.%s import thing\n"
    before = write(
        tmp_path,
        _jit="",
        _cache="",
        leaf="x = 1\n",
        middle=imports % "leaf",
        top=imports % "middle",
        other="y = 1\n",
    )
    assert changed(before, write(tmp_path, leaf="x = 2\n")) == {"leaf", "middle", "top"}
    before = _stamps(tmp_path)
    assert changed(before, write(tmp_path, other="y = 2\n")) == {"other"}
    before = _stamps(tmp_path)
    assert changed(before, write(tmp_path, _jit="z = 1\n")) == {
        "_jit",
        "_cache",
        "leaf",
        "middle",
        "top",
        "other",
    }


def test_modules_that_import_each_other_depend_on_both(tmp_path: Path) -> None:
    imports = "from arbkit.kernels.%s import thing\n"
    before = write(tmp_path, _jit="", _cache="", one=imports % "two", two=imports % "one")
    assert changed(before, write(tmp_path, two=imports % "one" + "x = 1\n")) == {"one", "two"}


def test_kernels_are_imported_in_the_way_that_is_looked_for() -> None:
    for path in KERNELS.glob("*.py"):
        assert not re.search(
            r"^\s*(from arbkit import (?!records)|from \.|import arbkit)", path.read_text(), re.M
        ), path


def test_a_borrowed_array_is_the_same_numbers() -> None:
    @jit
    def total(values):
        return borrowed(values).sum()

    assert total(np.arange(4.0)) == 6


def test_what_only_kernels_call_refuses_python_before_and_after_it_is_compiled() -> None:
    @inner
    def half(value):
        return value / 2

    @jit
    def quarter(value):
        return half(half(value))

    for _ in range(2):
        with pytest.raises(TypeError, match="`half` is compiled for other kernels alone"):
            half(1.0)
        assert quarter(1.0) == 0.25


def test_an_underscore_says_that_only_kernels_call() -> None:
    @jit
    def _twice(value):
        return 2 * value

    with pytest.raises(TypeError, match="`_twice` is compiled for other kernels alone"):
        _twice(1.0)
