"""`watch`: a study as it runs, in the notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arbkit.lab.desk import Answer
from arbkit.lab.front import Widget, front_end, look
from arbkit.lab.still import pictured
from arbkit.lab.watching import Watch
from arbkit.study import Study
from arbkit.study.views import history_frame

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

__all__ = ["Watcher", "watch"]


class Watcher(Widget):
    """A widget that shows a study as it runs; see `arbkit.lab.watch`."""

    _pictured = -1
    _esm = front_end("watch.js")
    _css = look()

    def __init__(self, study: Study | str, storage: str | None = None) -> None:
        self._watch = Watch(study, storage)
        super().__init__(self._watch.setup())

    def __repr__(self) -> str:
        return f"Watcher({self.study!r})"

    @property
    def study(self) -> Study:
        """The study."""
        return self._watch.study

    @property
    def is_running(self) -> bool:
        """Whether a process of this machine runs the study now."""
        return self._watch.is_running

    def stop(self) -> None:
        """Ask the process that runs the study to end after its batch; see `Watch.stop`."""
        self._watch.stop()

    def history_frame(self) -> pl.DataFrame:
        """Return the numbers of the history: `number`, `value`, `feasible`, `best_so_far`."""
        return history_frame(self.study)

    def plot(self) -> Figure:
        """Draw the study with matplotlib."""
        return self.study.plot()

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """Answer a message of the page; see `Watch.answer`."""
        content, arrays = self._watch.answer(message)
        return content | {"shapes": [list(array.shape) for array in arrays]}, arrays

    def still(self, seen: Mapping[str, Any]) -> tuple[str, str]:
        """Return the study as it stands, as a picture with its best trials, and a line of text about it."""
        self._pictured = self.study.n_trials
        if not self._pictured:
            return f"<p>{html.escape(repr(self))}</p>", repr(self)
        best = self._watch.best()
        return pictured(self.plot(), repr(self), best["rows"], best["columns"]), repr(self)

    def _renew(self, seen: Mapping[str, Any]) -> None:
        if self.study.n_trials != self._pictured:
            super()._renew(seen)


def watch(study: Study | str, storage: str | None = None) -> Watcher:
    """Show a study as it runs: best so far, rate, history, parallel coordinates, slices, Pareto front.

    The study may run in another thread of this notebook or in another process: what is shown is what its
    storage holds, looked at once a second while the widget is on the page.

    Args:
        study: the study, or its name, file or URL as `arbkit.load_study` takes it.
        storage: the URL to look in, where the name alone does not tell.

    Returns:
        The widget. `.stop()`, or its button, ends a study of this machine after the batch it is at;
        `arbkit study resume NAME` goes on from there to the same trials.

    Raises:
        StudyError: when there is no such study.
        StorageError: when the storage cannot be read.
    """
    return Watcher(study, storage)
