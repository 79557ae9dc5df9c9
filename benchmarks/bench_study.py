"""The loop of a study: trials a second, from the proposal to the stored row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import arbkit
from arbkit.study import StudySpec, run_study
from benchmarks.markets import PARAMS
from benchmarks.timing import once

__all__ = ["study_loop"]


def study_loop(
    panel: arbkit.Panel, trials: int, folder: Path, *, samplers: tuple[str, ...] = ("random", "qmc", "tpe")
) -> list[dict[str, Any]]:
    """Time whole studies over one panel, stored in a SQLite file.

    Returns:
        Per sampler: trials, wall and CPU seconds from opening the panel file to the closed storage, trials a
        second of wall time, and CPU milliseconds a trial.
    """
    panel.write(folder / "panel.parquet")
    run_study(_spec("random", 64, folder / "warm", folder))
    found = []
    for sampler in samplers:
        cost = once(lambda spec=_spec(sampler, trials, folder / sampler, folder): run_study(spec))  # type: ignore[misc]
        found.append({
            "rows": len(panel), "sampler": sampler, "trials": trials, "wall s": cost.wall_s,
            "CPU s": cost.cpu_s, "trials/s": trials / cost.wall_s,
            "CPU ms per trial": cost.cpu_s / trials * 1e3,
        })  # fmt: skip
    return found


def _spec(sampler: str, trials: int, place: Path, folder: Path) -> StudySpec:
    fixed = {
        name: getattr(PARAMS, name)
        for name in ("taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps", "max_position_usd")
    }
    space = {"min_spread_bps": (0, 60), "exit_spread_bps": (-20, 20), "stop_loss_bps": (20, 200)}
    return StudySpec.from_dict({
        "name": place.name, "panel": str(folder / "panel.parquet"), "storage": f"sqlite:///{place}.db",
        "sampler": sampler, "seed": 1, "n_trials": trials, "batch": 256, "fixed": fixed,
        "space": {name: {"type": "float", "low": low, "high": high} for name, (low, high) in space.items()},
    })  # fmt: skip
