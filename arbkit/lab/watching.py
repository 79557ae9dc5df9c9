"""What stands behind the view of a running study: what is stored, how fast it grows, and how to stop it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from arbkit._typing import FloatArray
from arbkit.errors import ArbkitError
from arbkit.lab.desk import Answer
from arbkit.show import count, decimal, hold
from arbkit.study import Study, load_study
from arbkit.study.lease import is_led
from arbkit.study.stop import ask_to_stop
from arbkit.study.views import drawn_trials, history_frame, value_names

__all__ = ["Watch"]

#: The rate is that of so many seconds before now.
_RATE_S: Final = 10.0
_POINTS: Final = 2_000
_STEPS: Final = 1_000


class Watch:
    """A study being looked at while it runs, here or in another process.

    Args:
        study: the study, or its name, file or URL as `arbkit.load_study` takes it.
        storage: the URL to look in, where the name alone does not tell.
    """

    def __init__(self, study: Study | str, storage: str | None = None) -> None:
        self._where = (study.name, study.url) if isinstance(study, Study) else (study, storage)
        self.study = study if isinstance(study, Study) else load_study(study, storage)
        self._seen: list[tuple[float, int]] = []

    @property
    def is_running(self) -> bool:
        """Whether a process of this machine runs the study now."""
        return is_led(self.study.url, self.study.name)

    def stop(self) -> None:
        """Ask the process that runs the study to end after its batch; `resume_study` goes on from there.

        Raises:
            StudyError: when no process of this machine runs it.
        """
        ask_to_stop(self.study.url, self.study.name)

    def rate(self) -> float | None:
        """Trials per second over the last seconds that were looked at; None before there are two looks."""
        now = time.monotonic()
        self._seen.append((now, self.study.n_trials))
        self._seen = [seen for seen in self._seen if now - seen[0] <= _RATE_S]
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last > first else None

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """Answer one message of a front end; a mistake of the user comes back as its text."""
        try:
            if message.get("kind") == "stop":
                self.stop()
                return {"kind": "stopping"}, []
            return self._look(int(message.get("known", -1)))
        except ArbkitError as error:
            return {"kind": "look", "error": str(error)}, []

    def setup(self) -> dict[str, Any]:
        """Return what a front end must know before its first picture."""
        spec = self.study.spec
        return {
            "title": self.study.name,
            "objectives": [f"{item.metric}" for item in spec.objective],
            "maximize": [item.direction == "maximize" for item in spec.objective],
            "params": list(spec.space),
            "planned": self.study.record.n_trials,
            "sampler": f"{spec.sampler.name}, seed {spec.seed}",
        }

    def _look(self, known: int) -> Answer:
        """Return how far the study is, and its picture where there is more than the front end knows."""
        study, stored, rate, running = self.study, self.study.n_trials, self.rate(), self.is_running
        planned = study.record.n_trials
        left = (planned - stored) / rate if rate else None
        content: dict[str, Any] = {
            "kind": "look",
            "trials": stored,
            "running": running,
            "status": "running" if running else "complete" if stored >= planned else "stopped",
            "lines": [
                ["trials", f"{count(stored)} of {count(planned)}"],
                ["trials per second", decimal(rate, 1)],
                ["time left", hold(left) if running else hold(None)],
            ],
        }
        if stored == known or stored == 0:
            return content, []
        points, scales = self._points()
        return content | {"best": self.best(), "scales": scales}, [points, self._steps()]

    def best(self) -> dict[str, list[Any]]:
        """Return the best trials as a table of texts: number, values, parameters."""
        names = ["number", *value_names(self.study), *self.study.spec.space]
        best = self.study.best_trials(5).select(names)
        return {"columns": names, "rows": [[_said(value) for value in row] for row in best.rows()]}

    def _points(self) -> tuple[FloatArray, list[dict[str, Any]]]:
        """Return float64 (2 + objectives + parameters, m): number, feasible, values, parameters.

        Text is given as the place of the word among all words, which the scales list.
        """
        study = self.study
        frame = drawn_trials(study, _POINTS)
        names = [*value_names(study), *study.spec.space]
        columns, scales = [], []
        for name in names:
            column = frame[name]
            words = None
            if column.dtype in (pl.String, pl.Boolean):
                column = column.cast(pl.String)
                words = sorted(column.drop_nulls().unique().to_list())
                column = column.replace_strict(words, list(range(len(words))), default=None)
            columns.append(column.cast(pl.Float64).fill_null(np.nan).to_numpy())
            log = bool(getattr(study.spec.space.get(name), "log", False))
            scales.append({"name": name, "words": words, "log": log})
        return np.vstack([frame["number"].to_numpy(), frame["feasible"].to_numpy(), *columns]), scales

    def _steps(self) -> FloatArray:
        """Return float64 (2, m): the numbers at which the best value changed, and the best value."""
        history = history_frame(self.study).select("number", "best_so_far").drop_nulls()
        changed = pl.col("best_so_far") != pl.col("best_so_far").shift()
        steps = pl.concat([history.filter(changed.fill_null(True)).tail(_STEPS), history.tail(1)])
        return np.vstack([steps["number"].to_numpy(), steps["best_so_far"].to_numpy()])


def _said(value: Any) -> str:
    if value is None:
        return "\N{EN DASH}"
    return f"{value:,.5g}" if isinstance(value, float) else str(value)
