"""JSON of thousands of documents: the text of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arbkit.jobs.json_text import dump_json, dump_many_json

VALUES: list[Any] = [
    {"a": 1e-300, "b": -0.0, "c": 1e22, "d": 123456789012345678, "e": True, "f": None},
    {"empty": {}, "none": [], "nested": {"list": [1, [2.5, "x"], {}]}},
    {"text": '김치 "quoted" \\ / \n \t \x01 \u2028 é', "": " "},
    {"nan": float("nan"), "inf": [float("inf"), -float("inf")]},
    {"path": Path("a/b"), "tuple": (1, 2)},
]


@pytest.mark.parametrize("value", VALUES)
def test_both_ways_of_writing_give_the_same_text(value: Any) -> None:
    assert dump_many_json(value) == dump_json(value)
