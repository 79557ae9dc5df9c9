"""Medians of times taken in turns, and what a child process costs.

Machines are shared, so work that one thread does is timed in CPU seconds, candidates take turns, and what is
reported beside a time is its ratio to another time of the same run.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["Cost", "cpu_in_turns", "once", "processes_in_turns", "run_process"]

Work = Callable[[], object]
_MANY: Final = 1_000_000


class Cost(NamedTuple):
    """Wall and CPU seconds, and what a child process printed."""

    wall_s: float
    cpu_s: float
    said: str = ""


def cpu_in_turns(works: Mapping[str, Work], *, rounds: int = 5, sample_s: float = 0.02) -> dict[str, float]:
    """Return the median CPU seconds of one call of each, rounds interleaved.

    Args:
        works: what to time, by name; each is called once before, which compiles and warms.
        rounds: samples of each.
        sample_s: a sample repeats its work for at least about this long.
    """
    repeats = {name: _repeats(work, sample_s) for name, work in works.items()}
    samples: dict[str, list[float]] = {name: [] for name in works}
    gc.disable()
    try:
        for _ in range(rounds):
            for name, work in works.items():
                samples[name].append(_cpu(work, repeats[name]))
    finally:
        gc.enable()
    return {name: statistics.median(times) for name, times in samples.items()}


def _repeats(work: Work, sample_s: float) -> int:
    work()
    repeats = 1
    while (spent := _cpu(work, repeats) * repeats) < sample_s and repeats < _MANY:
        repeats = max(2 * repeats, int(repeats * sample_s / max(spent, 1e-6)))
    return repeats


def _cpu(work: Work, repeats: int) -> float:
    began = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - began) / repeats


def once(work: Work) -> Cost:
    """Return what one call costs, children and threads included, without a call before it."""
    began = time.perf_counter(), _used()
    work()
    return Cost(time.perf_counter() - began[0], _used() - began[1])


def _used() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in used)


def run_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end and return its cost.

    Raises:
        subprocess.CalledProcessError: when it ends with anything but 0.
    """
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdout=said, stderr=complained
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, stderr=complained.read())
        return Cost(wall, usage.ru_utime + usage.ru_stime, said.read())


def processes_in_turns(
    commands: Mapping[str, Sequence[str]], *, rounds: int = 5, environment: Mapping[str, str] | None = None
) -> dict[str, Cost]:
    """Return the median cost of each command, rounds interleaved; the first run of several warms."""
    warming = int(rounds > 1)
    samples: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(rounds + warming):
        for name, command in commands.items():
            cost = run_process(command, environment)
            if turn >= warming:
                samples[name].append(cost)
    return {
        name: Cost(
            statistics.median(cost.wall_s for cost in costs), statistics.median(cost.cpu_s for cost in costs)
        )
        for name, costs in samples.items()
    }
