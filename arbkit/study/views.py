"""What a picture of a study draws: values by number, the best so far, parameters against values."""

from __future__ import annotations

import numpy as np
import polars as pl

from arbkit._typing import IntArray
from arbkit.study.study import Study

__all__ = ["drawn_trials", "history_frame", "value_names"]


def value_names(study: Study) -> list[str]:
    """Return the columns of `Study.trials` that hold the objectives."""
    n = len(study.spec.objective)
    return ["value"] if n == 1 else [f"values_{k}" for k in range(n)]


def history_frame(study: Study) -> pl.DataFrame:
    """Return the first objective by trial, and the best feasible one so far.

    Returns:
        `number`, `value`, `feasible`, `best_so_far`: null before there is a feasible trial.
    """
    name = value_names(study)[0]
    frame = study.trials(metrics=False).select("number", pl.col(name).alias("value"), "feasible")
    counts = pl.when(pl.col("feasible") & pl.col("value").is_not_nan()).then("value")
    best = counts.cum_max() if study.spec.directions[0] == "maximize" else counts.cum_min()
    return frame.with_columns(best_so_far=best.forward_fill())


def drawn_trials(study: Study, most: int = 3_000) -> pl.DataFrame:
    """Return the trials that are drawn as points: all, or the best half of `most` and evenly chosen others.

    Returns:
        Rows of `Study.trials` without metrics, in order.
    """
    frame = study.trials(metrics=False)
    if frame.height <= most:
        return frame
    value = value_names(study)[0]
    rows = frame.with_row_index("row").filter(pl.col("feasible"))
    best = rows.sort(value, descending=study.spec.directions[0] == "maximize", nulls_last=True)["row"]
    even: IntArray = np.linspace(0, frame.height - 1, most - most // 2).astype(np.int64)
    chosen = np.union1d(best.head(most // 2).to_numpy(), even).tolist()
    return pl.DataFrame(frame[chosen])
