"""Studies killed with SIGKILL at random moments, resumed, and compared with one that was never stopped."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
from optuna.trial import TrialState

import arbkit
from arbkit.study import Study, StudySpec, load_study, run_study

__all__ = ["kill_studies", "small_market"]

_SPACE: Final = {
    "min_spread_bps": {"type": "float", "low": 1, "high": 60},
    "exit_spread_bps": {"type": "float", "low": -20, "high": 20, "step": 2.5},
    "stop_loss_bps": {"type": "categorical", "choices": ["none", 20, 40]},
    "min_hold_s": {"type": "int", "low": 0, "high": 100, "step": 10},
}
_FIXED: Final = {"taker_fee_a_bps": 2, "taker_fee_b_bps": 2, "slippage_bps": 1, "max_position_usd": 1000}
_PROGRAM: Final = "import sys; from arbkit.cli.main import main; sys.exit(main(sys.argv[1:]))"
#: What a process needs before its first batch, in seconds at most; waited for in vain no longer.
_START_S: Final = 120.0


def small_market(path: Path, rows: int) -> None:
    """Write a panel whose premium returns to zero, a row in ten seconds."""
    rng = np.random.default_rng(3)
    mid = 100 * np.exp(np.cumsum(rng.normal(0, 2e-5, rows)))
    premium, shocks = np.zeros(rows), rng.normal(0, 6e-4, rows)
    for row in range(1, rows):
        premium[row] = 0.97 * premium[row - 1] + shocks[row]
    a = mid * (1 + premium)
    ts = np.arange(rows, dtype=np.int64) * 10_000_000_000
    arbkit.Panel(ts, a * (1 - 1e-4), a * (1 + 1e-4), mid * (1 - 1e-4), mid * (1 + 1e-4)).write(path)


def kill_studies(kills: int, folder: Path, *, rows: int = 20_000, seed: int = 1) -> list[dict[str, Any]]:
    """Kill running studies, at any moment from their first stored batch to their end, and resume them.

    Every third kill hits a worker first, where there are any. A study that ends is compared with one that ran
    through, and the next one begins.

    Args:
        kills: how many in all.
        folder: where the studies are made; the working folder of the processes.
        rows: of the market.
        seed: of the moments.

    Returns:
        Per sampler: kills, of them workers, studies, trials left RUNNING after a kill, trials lost (stored
        before a kill and gone after it), and trials that differ from the uninterrupted study.
    """
    small_market(folder / "panel.parquet", rows)
    rng = random.Random(seed)
    cases = (("random", 6_000, 0), ("tpe", 1_500, 0), ("random", 6_000, 2))
    share = [kills // len(cases) + (place < kills % len(cases)) for place in range(len(cases))]
    return [
        _killed(sampler, trials, workers, count, folder, rng)
        for (sampler, trials, workers), count in zip(cases, share, strict=True)
    ]


def _killed(
    sampler: str, trials: int, workers: int, kills: int, folder: Path, rng: random.Random
) -> dict[str, Any]:
    options = {"name": sampler} | ({"n_startup_trials": 50} if sampler == "tpe" else {})
    values = {
        "panel": str(folder / "panel.parquet"), "sampler": options, "seed": 5, "n_trials": trials,
        "batch": 32, "space": _SPACE, "fixed": _FIXED, "folds": 2 if workers else 0,
    }  # fmt: skip
    whole = run_study(StudySpec.from_dict({**values, "name": "whole", "storage": "memory://"}))
    expected = _content(whole)
    row = {
        "sampler": sampler, "workers": workers, "kills": 0, "of workers": 0, "studies": 0,
        "trials each": trials, "left RUNNING": 0, "stored and lost": 0, "differing": 0,
    }  # fmt: skip
    while row["kills"] < kills:
        name = f"{sampler}-{workers}-{row['studies']}"
        file = folder / f"{name}.db"
        spec = StudySpec.from_dict({**values, "name": name, "storage": f"sqlite:///{file}"})
        (folder / f"{name}.yaml").write_text(spec.to_yaml(), encoding="utf-8")
        row["studies"] += 1
        while _stored(file) < trials and row["kills"] < kills:
            _one_kill(name, file, trials, workers, folder, rng, row)
        _run(["resume" if _stored(file) else "run", name], file, workers, folder).wait()
        found = _content(load_study(name, f"sqlite:///{file}"))
        row["differing"] += sum(a != b for a, b in zip(found, expected, strict=False))
        row["differing"] += abs(len(found) - len(expected))
    return row


def _one_kill(
    name: str, file: Path, trials: int, workers: int, folder: Path, rng: random.Random, row: dict[str, Any]
) -> None:
    before = _stored(file)
    process = _run(["resume" if before else "run", name], file, workers, folder)
    began = time.monotonic()
    # Most of a process is its start: wait for what is new, then strike at any moment of what is left.
    while process.poll() is None and _stored(file) <= before and time.monotonic() - began < _START_S:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.3))
    victims = _children(process.pid) if workers and row["kills"] % 3 == 2 else []
    if process.poll() is not None:
        return
    at_kill = _stored(file)
    row["kills"] += 1
    if victims:
        os.kill(rng.choice(victims), signal.SIGKILL)
        row["of workers"] += 1
        time.sleep(rng.uniform(0, 0.3))
    process.kill()
    process.wait()
    row["stored and lost"] += max(at_kill - _stored(file), 0)
    row["left RUNNING"] += _running(file)


def _run(words: list[str], file: Path, workers: int, folder: Path) -> subprocess.Popen[bytes]:
    target = f"{words[1]}.yaml" if words[0] == "run" else str(file)
    command = [sys.executable, "-c", _PROGRAM, "study", words[0], target]
    if workers:
        command += ["--workers", str(workers)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _children(pid: int) -> list[int]:
    """Return the worker processes of a process that leads a study."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"arbkit.study.worker" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def _query(file: Path, query: str) -> int:
    """Ask without disturbing the process that writes."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.Error:
        return 0


def _stored(file: Path) -> int:
    return _query(file, "SELECT count(*) FROM trials") if file.exists() else 0


def _running(file: Path) -> int:
    return _query(file, f"SELECT count(*) FROM trials WHERE state = '{TrialState.RUNNING.name}'")


def _content(study: Study) -> list[tuple[Any, ...]]:
    return [
        (item.number, item.state, item.params, item.values, item.user_attrs, item.constraints)
        for item in study.optuna.trials
    ]
