"""Studies killed with SIGKILL at random moments, resumed, and compared with one that was never stopped."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from optuna.trial import TrialState

import arbkit
from arbkit.errors import ArbkitError
from arbkit.study import Study, StudySpec, load_study, run_study
from arbkit.study.storages import close_storage

__all__ = ["kill_studies", "small_market"]

_SPACE: Final = {
    "min_spread_bps": {"type": "float", "low": 1, "high": 60},
    "exit_spread_bps": {"type": "float", "low": -20, "high": 20, "step": 2.5},
    "stop_loss_bps": {"type": "categorical", "choices": ["none", 20, 40]},
    "min_hold_s": {"type": "int", "low": 0, "high": 100, "step": 10},
}
_FIXED: Final = {"taker_fee_a_bps": 2, "taker_fee_b_bps": 2, "slippage_bps": 1, "max_position_usd": 1000}
#: What a user would run; it says when it had finished how many trials.
_PROGRAM: Final = """
import sys, time
from arbkit.study import StudySpec, resume_study, run_study
verb, target, url, workers = sys.argv[1:]
how = {"workers": int(workers), "progress": lambda step: print(time.monotonic(), step.done, flush=True)}
if verb == "run":
    run_study(StudySpec.load(target), **how)
else:
    resume_study(target, storage=url, **how)
"""
#: What a process needs before its first batch, in seconds at most; waited for in vain no longer.
_START_S: Final = 120.0
#: For how long a process searches, at most, before it is killed.
_SEARCH_S: Final = 0.5
#: When a process is killed: while it starts, while it searches, while it writes to its storage.
_MOMENTS: Final = ("start", "search", "search", "write")


class _Case(NamedTuple):
    sampler: str
    storage: str
    workers: int
    trials: int
    share: int


_CASES: Final = (
    _Case("random", "sqlite", 0, 6_000, 3),
    _Case("tpe", "sqlite", 0, 1_500, 2),
    _Case("random", "sqlite", 2, 6_000, 3),
    _Case("random", "duckdb", 0, 6_000, 1),
    _Case("tpe", "journal", 0, 1_500, 1),
)


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


def kill_studies(
    kills: int, folder: Path, *, rows: int = 20_000, part: float = 1.0, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """Kill running studies at random moments, and resume them until they end.

    A process is killed while it starts (anywhere in the time that the one before it took to its first
    batch), while it searches, or as it writes to its storage. Every third kill of a process with workers
    hits one of them first. After each kill the stored trials are compared with the first ones of a study
    that ran through; a study that ends is compared with all of it, and the next one begins.

    Args:
        kills: how many in all.
        folder: where the studies are made; the working folder of the processes.
        rows: of the market.
        part: of each study's trials, and of the time that it is left to search.
        seed: of the moments.

    Yields:
        After each kill the row of its case, the same object until the case is done: kills, where they hit,
        studies that ended, trials left RUNNING after a kill, trials lost (stored before a kill and gone after
        it), trials that differ from the uninterrupted study, and how many finished trials, and seconds of
        work, the worst kill cost.
    """
    small_market(folder / "panel.parquet", rows)
    rng = random.Random(seed)
    shares = sum(case.share for case in _CASES)
    left = kills
    for place, case in enumerate(_CASES):
        count = left if place == len(_CASES) - 1 else min(left, max(1, kills * case.share // shares))
        left -= count
        if count:
            short = case._replace(trials=int(case.trials * part))
            yield from _Killing(short, folder, rng, _SEARCH_S * part).kill(count)


class _Killing:
    """The kills of one case."""

    def __init__(self, case: _Case, folder: Path, rng: random.Random, search_s: float) -> None:
        self._case = case
        self._search_s = search_s
        self._folder = folder
        self._rng = rng
        self._start_s = 1.0
        options = {"name": case.sampler} | ({"n_startup_trials": 50} if case.sampler == "tpe" else {})
        self._values = {
            "panel": str(folder / "panel.parquet"), "sampler": options, "seed": 5, "n_trials": case.trials,
            "batch": 32, "space": _SPACE, "fixed": _FIXED, "folds": 2 if case.workers else 0,
        }  # fmt: skip
        whole = run_study(StudySpec.from_dict({**self._values, "name": "whole", "storage": "memory://"}))
        self._frame, self._content = whole.trials(), _content(whole)
        self._row: dict[str, Any] = {
            "sampler": case.sampler, "storage": case.storage, "workers": case.workers, "kills": 0,
            "at the start": 0, "in a write": 0, "of workers": 0, "studies": 0, "trials each": case.trials,
            "left RUNNING": 0, "stored and lost": 0, "differing": 0,
            "finished and lost, at most": 0, "seconds lost, at most": 0.0,
        }  # fmt: skip
        self._name, self._url, self._file = "", "", folder

    def kill(self, kills: int) -> Iterator[dict[str, Any]]:
        """Kill so many processes, and bring the last study to its end."""
        row = self._row
        while row["kills"] < kills:
            self._begin()
            stored = 0
            while stored < self._case.trials and row["kills"] < kills:
                before = row["kills"]
                stored = self._one(stored)
                if row["kills"] > before:
                    yield row
            self._end(self._run("resume" if stored else "run"))
            self._compare_whole()
            row["studies"] += 1
            yield row

    def _begin(self) -> None:
        case = self._case
        self._name = f"{case.sampler}-{case.workers}-{self._row['studies']}"
        self._file = self._folder / f"{self._name}.{case.storage}"
        self._url = f"{case.storage}:///{self._file}"
        spec = StudySpec.from_dict({**self._values, "name": self._name, "storage": self._url})
        (self._folder / f"{self._name}.yaml").write_text(spec.to_yaml(), encoding="utf-8")

    def _one(self, before: int) -> int:
        """Start a process, kill it, and return how many trials are stored then."""
        began = time.monotonic()
        process = self._run("resume" if before else "run")
        moment = self._rng.choice(_MOMENTS)
        self._wait(process, moment, began)
        if process.poll() is not None:
            self._end(process)
            return self._check(before)
        at_kill = max(before, _count_sqlite(self._file)) if self._case.storage == "sqlite" else before
        if self._case.workers and self._row["kills"] % 3 == 2 and (victims := _children(process.pid)):
            os.kill(self._rng.choice(victims), signal.SIGKILL)
            self._row["of workers"] += 1
            time.sleep(self._rng.uniform(0, 0.3))
        process.kill()
        killed = time.monotonic()
        process.wait()
        self._row["kills"] += 1
        self._row["at the start"] += not self._finished()
        self._row["in a write"] += moment == "write"
        after = self._check(at_kill)
        self._take_loss(before, after, killed)
        return after

    def _wait(self, process: subprocess.Popen[bytes], moment: str, began: float) -> None:
        """Wait for the moment of a kill, or for the end of the process."""
        if moment == "start":
            self._sleep(process, self._rng.uniform(0, self._start_s))
            return
        while process.poll() is None and not self._finished() and time.monotonic() - began < _START_S:
            time.sleep(0.005)
        self._start_s = time.monotonic() - began
        self._sleep(process, self._rng.uniform(0, self._search_s))
        if moment == "write":
            seen, until = _stamps(self._file), time.monotonic() + 2
            while process.poll() is None and _stamps(self._file) == seen and time.monotonic() < until:
                time.sleep(0.0002)
            time.sleep(self._rng.uniform(0, 0.01))

    def _sleep(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        until = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < until:
            time.sleep(min(0.005, max(until - time.monotonic(), 0)))

    def _run(self, verb: str) -> subprocess.Popen[bytes]:
        target = f"{self._name}.yaml" if verb == "run" else self._name
        command = [sys.executable, "-c", _PROGRAM, verb, target, self._url, str(self._case.workers)]
        with (self._folder / "said").open("wb") as said, (self._folder / "errors").open("ab") as errors:
            return subprocess.Popen(command, cwd=self._folder, stdout=said, stderr=errors)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Let a process come to its end, which must be a good one."""
        if process.wait() != 0:
            raise RuntimeError((self._folder / "errors").read_text(encoding="utf-8"))

    def _finished(self) -> list[tuple[float, int]]:
        """Return when the last process had finished how many trials."""
        lines = (self._folder / "said").read_text(encoding="utf-8").split("\n")[:-1]
        return [(float(when), int(done)) for when, done in (line.split() for line in lines)]

    def _check(self, at_least: int) -> int:
        """Compare what is stored with what it must be; return how many trials there are."""
        frame = self._stored()
        height = 0 if frame is None else frame.height
        self._row["stored and lost"] += max(at_least - height, 0)
        if frame is not None:
            self._row["left RUNNING"] += frame.filter(pl.col("state") == TrialState.RUNNING.name).height
            self._row["differing"] += _differing(frame, self._frame.head(height))
        return height

    def _stored(self) -> pl.DataFrame | None:
        """Return the trials of the study; None where it was killed before there was one."""
        try:
            study = load_study(self._name, self._url)
        except ArbkitError:
            return None
        frame = study.trials()
        close_storage(study.optuna._storage)
        return frame

    def _compare_whole(self) -> None:
        study = load_study(self._name, self._url)
        found = _content(study)
        close_storage(study.optuna._storage)
        self._row["differing"] += sum(a != b for a, b in zip(found, self._content, strict=False))
        self._row["differing"] += abs(len(found) - len(self._content))

    def _take_loss(self, before: int, stored: int, killed: float) -> None:
        """Note what a kill cost: trials finished and not stored, and the time since the last that are."""
        finished = self._finished()
        if not finished:
            return
        since = max((when for when, done in finished if done <= max(stored, before)), default=finished[0][0])
        costs = {
            "finished and lost, at most": finished[-1][1] - stored,
            "seconds lost, at most": killed - since,
        }
        for name, cost in costs.items():
            self._row[name] = max(self._row[name], cost)


def _differing(found: pl.DataFrame, expected: pl.DataFrame) -> int:
    if found.equals(expected):
        return 0
    pairs = zip(found.rows(), expected.rows(), strict=False)
    return abs(found.height - expected.height) + max(1, sum(repr(a) != repr(b) for a, b in pairs))


def _stamps(file: Path) -> list[tuple[str, int, int]]:
    """Return what a write to a storage changes."""
    found = []
    for entry in os.scandir(file.parent):
        if entry.name.startswith(file.name) and not entry.name.endswith("-shm"):
            try:
                status = Path(entry.path).stat()
            except FileNotFoundError:
                continue
            found.append((entry.name, status.st_size, status.st_mtime_ns))
    return sorted(found)


def _count_sqlite(file: Path) -> int:
    """Count without disturbing the process that writes."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            return int(connection.execute("SELECT count(*) FROM trials").fetchone()[0])
    except sqlite3.Error:
        return 0


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


def _content(study: Study) -> list[tuple[Any, ...]]:
    return [
        (item.number, item.state, item.params, item.values, item.user_attrs, item.constraints)
        for item in study.optuna.trials
    ]
