"""`watch`: a study as it runs, in the notebook."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from arbkit.lab.front import Widget, front_end, look
from arbkit.lab.watching import Watch
from arbkit.study import Study
from arbkit.study.views import history_frame

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

__all__ = ["Watcher", "watch"]


class Watcher(Widget):
    """A widget that shows a study as it runs; see `arbkit.lab.watch`."""

    _esm = front_end("watch.js")
    _css = look()
    _setup = traitlets.Dict().tag(sync=True)

    def __init__(self, study: Study | str, storage: str | None = None) -> None:
        self._watch = Watch(study, storage)
        super().__init__(_setup={**self._watch.setup(), "mark": secrets.token_hex(6)})
        self.on_msg(self._on_message)

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

    def _on_message(self, _: Any, message: Any, buffers: Any) -> None:
        content, arrays = self._watch.answer(message)
        content["shapes"] = [list(array.shape) for array in arrays]
        self.send(content, [np.ascontiguousarray(array).data.cast("B") for array in arrays])

    def _ipython_display_(self) -> None:
        """Show the widget, and beneath it a picture for where no kernel runs."""
        from arbkit.lab.still import show_still, show_widget, still_html

        show_widget(self)
        if self.study.n_trials:
            mark = self._setup["mark"]
            show_still(still_html(self.plot(), (), repr(self), mark), repr(self), mark)


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
