"""Studies: trials a second stored, against `study.optimize` of the same Optuna, sampler and storage."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import optuna

import arbkit
from arbkit.study import Progress, StudySpec, run_study
from arbkit.study.space import distributions
from benchmarks.markets import PARAMS, calibrated
from benchmarks.quiet import quiet
from benchmarks.timing import processes_in_turns

__all__ = ["TRAINING", "StudySizes", "study_loop", "study_spec", "study_workers", "whole_process", "written"]

#: Share of the rows that a study simulates; the rest is out of sample.
TRAINING: Final = 0.7
_TRADES: Final = 200
#: The samplers of Optuna that are asked for one trial at a time, and their own sampler object.
_OPTUNA: Final = {
    "random": optuna.samplers.RandomSampler,
    "qmc": optuna.samplers.QMCSampler,
    "tpe": optuna.samplers.TPESampler,
    "nsgaii": optuna.samplers.NSGAIISampler,
    "cmaes": optuna.samplers.CmaEsSampler,
}


class StudySizes(NamedTuple):
    """Trials of arbkit's studies, and of Optuna's own loop, which is slower."""

    samplers: tuple[str, ...]
    trials: int
    asked: int
    plain: int


def study_loop(panel: arbkit.Panel, sizes: StudySizes, folder: Path) -> Iterator[dict[str, Any]]:
    """Time whole studies over one panel, stored in SQLite files.

    They search the plain reversal rule, with realised metrics; then `random` with all metrics, and with a
    stop loss too.

    Yields:
        Per sampler: trials a second from the first finished batch on, CPU microseconds a trial, and the same
        of Optuna's own loop with the same backtests.
    """
    bounds = written(panel, folder)
    cases = [(name, "realized", "reversal") for name in sizes.samplers]
    cases += [("random", "all", "reversal"), ("random", "all", "stop loss")]
    for sampler, metrics, rules in cases:
        numbered = sampler in ("random", "qmc", "grid")
        trials = sizes.trials if numbered else sizes.asked
        name = f"{sampler}-{metrics}-{rules.replace(' ', '-')}"
        spec = study_spec(name, sampler, trials, folder, metrics, rules, bounds)
        row = {"sampler": sampler, "rules": rules, "metrics": metrics, "rows": len(panel), "trials": trials}
        row |= _ours(spec)
        if metrics == "realized" and sampler in _OPTUNA:
            row |= _plain(panel, spec, min(sizes.plain, trials), folder)
            row["times faster"] = row["Optuna ms/trial"] / (1e3 / row["trials/s"])
        yield row


def written(panel: arbkit.Panel, folder: Path) -> tuple[float, float]:
    """Write `panel.parquet` into a folder; return thresholds that give some 200 trades in training."""
    panel.write(folder / "panel.parquet")
    levels = calibrated(panel.rows(0, int(len(panel) * TRAINING)), _TRADES, 8)
    return (20.0, 60.0) if levels is None else (float(levels.min()), float(levels.max()))


def study_spec(
    name: str, sampler: str, trials: int, folder: Path, metrics: str, rules: str, bounds: tuple[float, float]
) -> StudySpec:
    """Return the spec of a study over `panel.parquet` in a folder, stored in a SQLite file there.

    Args:
        name: of the study and its file.
        sampler: name of the sampler.
        trials: how many.
        folder: where the panel is.
        metrics: `realized` or `all`.
        rules: `reversal`, or `stop loss` for that rule too.
        bounds: of the thresholds searched.
    """
    fixed = {name: getattr(PARAMS, name) for name in ("taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps")}
    space: dict[str, Any] = {
        "min_spread_bps": {"type": "float", "low": bounds[0], "high": bounds[1]},
        "exit_spread_bps": {"type": "float", "low": 0, "high": 10, "step": 2.5},
        "max_position_usd": {"type": "int", "low": 1, "high": 100_000},
    }
    if rules != "reversal":
        space["stop_loss_bps"] = {"type": "float", "low": 100, "high": 400}
    options: dict[str, Any] = {"name": sampler}
    if sampler == "grid":
        options["points"] = 8
    return StudySpec.from_dict({
        "name": name, "panel": str(folder / "panel.parquet"), "storage": f"sqlite:///{folder / name}.db",
        "sampler": options, "seed": 1, "n_trials": trials, "fixed": fixed, "space": space, "metrics": metrics,
        "split": {"out_of_sample": 1 - TRAINING},
    })  # fmt: skip


def _ours(spec: StudySpec, workers: int = 0) -> dict[str, Any]:
    """Run a study and time it from its first batch on: before, kernels are loaded and the index is built."""
    seen: list[tuple[int, float, float]] = []

    def note(step: Progress) -> None:
        seen.append((step.done, time.perf_counter(), time.process_time()))

    began, used = time.perf_counter(), time.process_time()
    study = run_study(spec, progress=note, workers=workers)
    whole = time.perf_counter() - began
    if len(seen) == 1:
        seen.insert(0, (0, began, used))
    # The first third also builds tables, and finds the size of a batch.
    first, last = seen[len(seen) // 3 if len(seen) > 2 else 0], seen[-1]
    done = max(last[0] - first[0], 1)
    return {
        "trades": study.trials()["metric_total_trades"].mean(),
        "trials/s": done / max(last[1] - first[1], 1e-9),
        "CPU us/trial": (last[2] - first[2]) / done * 1e6,
        "whole s": whole,
    }


def _plain(panel: arbkit.Panel, spec: StudySpec, trials: int, folder: Path) -> dict[str, Any]:
    """Optuna's own loop: the same sampler, space and storage, one backtest per trial."""
    train = panel.rows(0, int(len(panel) * TRAINING))
    space = distributions(spec.space)

    def objective(trial: optuna.Trial) -> float:
        values = {name: trial._suggest(name, item) for name, item in space.items()}
        params, _ = spec.params_of(values)
        return float(arbkit.backtest_many(train, [params], metrics="realized")["mtm_pnl_usd"][0])

    with quiet():
        study = optuna.create_study(
            storage=f"sqlite:///{folder / spec.name}-plain.db", sampler=_OPTUNA[spec.sampler.name](seed=1),
            direction="maximize",
        )  # fmt: skip
        study.optimize(objective, 2)
        began = time.perf_counter(), time.process_time()
        study.optimize(objective, trials)
    return {
        "Optuna ms/trial": (time.perf_counter() - began[0]) / trials * 1e3,
        "Optuna CPU ms/trial": (time.process_time() - began[1]) / trials * 1e3,
    }


def study_workers(panel: arbkit.Panel, trials: int, folder: Path) -> list[dict[str, Any]]:
    """Time one study by workers, against this process with one thread's work.

    Returns:
        Per number of workers: trials a second from the first finished batch on, and the gain over one.
    """
    bounds = written(panel, folder)
    rows: list[dict[str, Any]] = []
    for workers in (1, 2):
        spec = study_spec(f"workers-{workers}", "random", trials, folder, "all", "stop loss", bounds)
        found = _ours(spec, workers)
        rows.append({"workers": workers, "rows": len(panel), "trials": trials, **found})
        rows[-1]["gain"] = found["trials/s"] / rows[0]["trials/s"]
        del rows[-1]["CPU us/trial"]
    return rows


def whole_process(panel: arbkit.Panel, trials: int, folder: Path, *, rounds: int = 3) -> list[dict[str, Any]]:
    """Time processes: Parquet to a stored random study, against bare imports and one read of the file.

    Returns:
        Per process: wall and CPU seconds; the last has its ratio to the sum of the first two.
    """
    bounds = written(panel, folder)
    spec = study_spec("start", "random", trials, folder, "realized", "reversal", bounds)
    (folder / "start.yaml").write_text(spec.to_yaml(), encoding="utf-8")
    python = sys.executable
    study = (
        "import sys, pathlib; from arbkit.study import StudySpec, run_study; "
        "[pathlib.Path(sys.argv[2] + end).unlink(missing_ok=True) for end in ('', '-wal', '-shm')]; "
        "run_study(StudySpec.load(sys.argv[1]))"
    )
    commands = {
        "import numba, polars, optuna": [python, "-c", "import numba, polars, optuna"],
        "the same, and reading the file": [
            python, "-c", "import sys, numba, polars, optuna; polars.read_parquet(sys.argv[1])",
            str(folder / "panel.parquet"),
        ],
        f"{trials:,} random trials to SQLite": [
            python, "-c", study, str(folder / "start.yaml"), str(folder / "start.db"),
        ],
    }  # fmt: skip
    costs = processes_in_turns(
        commands, rounds=rounds, environment={"ARBKIT_CACHE_DIR": str(folder / "cache")}
    )
    base = costs["the same, and reading the file"]
    return [
        {
            "process": name, "rows": len(panel), "wall s": cost.wall_s, "CPU s": cost.cpu_s,
            "wall ratio": cost.wall_s / base.wall_s, "CPU ratio": cost.cpu_s / base.cpu_s,
        }
        for name, cost in costs.items()
    ]  # fmt: skip
