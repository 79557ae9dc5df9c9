"""Output of the commands: strict JSON, tables that are never cut, progress for people and for logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from arbkit.cli import _console
from arbkit.cli._console import plain, print_json, print_table, progress, say, warn


def test_json_holds_null_for_what_is_undefined(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"sharpe": float("nan"), "factor": np.float64("inf"), "trades": np.int64(3), "won": np.True_})
    assert json.loads(capsys.readouterr().out) == {"sharpe": None, "factor": None, "trades": 3, "won": True}


def test_json_is_never_wrapped_or_marked_up(capsys: pytest.CaptureFixture[str]) -> None:
    text = "[bold]" + "x" * 400
    print_json({"tag": text})
    assert json.loads(capsys.readouterr().out) == {"tag": text}


def test_plain_turns_paths_times_and_arrays_into_text_and_lists() -> None:
    value = {1: [Path("a/b"), datetime(2024, 1, 1, tzinfo=UTC)], "x": np.array([1.5, np.nan])}
    assert plain(value) == {"1": ["a/b", "2024-01-01T00:00:00+00:00"], "x": [1.5, None]}


def test_table_off_a_terminal_is_as_wide_as_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "rows"], [["d" * 150, 12_345], ["e", None]], title="datasets")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "datasets"
    assert lines[2] == "d" * 150 + "  12,345"
    assert lines[3].split() == ["e", "-"]
    assert lines[3].endswith("     -")


def test_table_without_rows_shows_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "rows"], [])
    assert capsys.readouterr().out == "name  rows\n"


def test_table_on_a_narrow_terminal_becomes_blocks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = _console.Console(width=20, force_terminal=True, color_system=None, highlight=False)
    monkeypatch.setattr(_console, "console", narrow)
    print_table(["name", "value"], [["min_spread_bps", 12.5], ["direction", "both"]])
    out = capsys.readouterr().out
    assert "name   \nmin_spread_bps\n" in out
    assert "value  12.5" in out
    assert max(map(len, out.splitlines())) <= 20


def test_words_go_to_stdout_and_warnings_to_stderr_unmarked(capsys: pytest.CaptureFixture[str]) -> None:
    say("done [/x] " + "y" * 200)
    warn("FX is [red]stale")
    said = capsys.readouterr()
    assert said.out == "done [/x] " + "y" * 200 + "\n"
    assert said.err == "warning: FX is [red]stale\n"


def test_progress_off_a_terminal_ends_with_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("trials", 3) as bar:
        for best in (1, 2, 3):
            bar.advance(note=f"best {best}")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "trials 3/3  best 3\n"


def test_progress_on_a_terminal_draws_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = _console.Console(width=100, stderr=True, force_terminal=True, color_system=None)
    monkeypatch.setattr(_console, "err_console", terminal)
    with progress("trials", 3) as bar:
        bar.update(3, "best [2]")
    err = capsys.readouterr().err
    assert "3/3" in err
    assert "best [2]" in err


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time as the test says it: one number."""
    now = [100.0]
    monkeypatch.setattr(_console, "_now", lambda: now[0])
    return now


def test_progress_off_a_terminal_says_rate_and_remaining_time(
    capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    with progress("rows") as bar:
        for _ in range(6):
            clock[0] += 1.0
            bar.update(bar.done + 50, "demo", total=1_000)
        clock[0] += 0.6
        bar.update(1_000, "demo")
    first, last = capsys.readouterr().err.splitlines()
    assert first == "rows 250/1,000  50/s  15 s left  demo"
    assert last == "rows 1,000/1,000  152/s  in 7 s  demo"


def test_rate_is_that_of_the_last_half_minute(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    with progress("jobs", 1_000) as bar:
        for step in range(60):
            clock[0] += 1.0
            bar.advance(1 if step < 20 else 3)
    assert capsys.readouterr().err.splitlines()[-2].split("  ")[1:] == ["3/s", "5 min left"]


def test_what_was_done_before_counts_for_no_rate(
    capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    with progress("trials", 1_000, done=900) as bar:
        clock[0] += 10.0
        bar.update(920)
        clock[0] += 10.0
        bar.update(940, rate=0.01)
    assert capsys.readouterr().err.splitlines() == [
        "trials 920/1,000  2/s  40 s left",
        "trials 940/1,000  0.6/min  100 min left",
    ]


def test_rate_and_remaining_time_stand_beside_the_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    terminal = _console.Console(width=100, stderr=True, force_terminal=True, color_system=None)
    monkeypatch.setattr(_console, "err_console", terminal)
    with progress("trials", 300) as bar:
        clock[0] += 2.0
        bar.update(100)
    assert "100/300 50/s  4 s left" in capsys.readouterr().err
