"""The explorer: a panel under one's hands, drawn by uPlot in the notebook."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from arbkit.config import Params
from arbkit.engine import BacktestResult
from arbkit.engine.views import equity_frame, trades_frame
from arbkit.lab.desk import Answer, Desk
from arbkit.lab.front import Near, front_end, look
from arbkit.panel.views import spread_frame

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from arbkit.panel import Panel
    from arbkit.study import StudySpec

__all__ = ["Explorer"]


class Explorer(Near):
    """A widget that shows a panel and what one set of parameters does on it; see `arbkit.lab.explore`."""

    _esm = front_end("controls.js", "marks.js", "explore.js")
    _css = look()
    _setup = traitlets.Dict().tag(sync=True)

    def __init__(self, panel: Panel, params: Params, source: str = "") -> None:
        self._desk = Desk(panel, params, source)
        super().__init__(_setup={**self._desk.setup(), "mark": secrets.token_hex(6)})
        self.on_msg(self._on_message)

    def __repr__(self) -> str:
        return f"Explorer({self.panel!r})"

    @property
    def panel(self) -> Panel:
        """The market."""
        return self._desk.panel

    @property
    def params(self) -> Params:
        """The set being looked at; setting it moves the sliders."""
        return self._desk.params

    @params.setter
    def params(self, params: Params) -> None:
        self._desk.params = params
        self.send({"kind": "moved"})

    @property
    def result(self) -> BacktestResult:
        """The run of the set being looked at."""
        return self._desk.result

    @property
    def kept(self) -> pl.DataFrame:
        """The sets kept, one row each: every parameter (a limit of the guard as `guard.NAME`) and metric."""
        return self._desk.kept

    @property
    def kept_params(self) -> list[Params]:
        """The sets kept."""
        return list(self._desk.kept_sets)

    def keep(self) -> None:
        """Keep the set being looked at, as the button does."""
        self._desk.keep()
        self.send({"kind": "keep", **self._desk.kept_lines()})

    def code(self) -> str:
        """Return Python that makes the same backtest."""
        return self._desk.code()

    def study_spec(self, name: str | None = None, **options: Any) -> StudySpec:
        """Return the spec of a study around the set being looked at; see `Desk.study_spec`."""
        return self._desk.study_spec(name, **options)

    def start_study(self, name: str | None = None, **options: Any) -> str:
        """Begin a study around the set being looked at in a process of its own, and return its name."""
        return self._desk.start_study(name, **options)

    def spread_frame(self, start: Any = None, end: Any = None, pixels: int = 1000) -> pl.DataFrame:
        """Return the numbers of the spread's picture; see `arbkit.lab.spread_frame`."""
        return spread_frame(self.panel, start, end, pixels)

    def equity_frame(self, start: Any = None, end: Any = None, pixels: int = 1000) -> pl.DataFrame:
        """Return the numbers of the equity's picture; see `arbkit.lab.equity_frame`."""
        return equity_frame(self.result, start, end, pixels)

    def trades_frame(self, start: Any = None, end: Any = None, most: int = 2000) -> pl.DataFrame:
        """Return the trades that are marked; see `arbkit.lab.trades_frame`."""
        return trades_frame(self.result, start, end, most)

    def plot(self, start: Any = None, end: Any = None) -> Figure:
        """Draw the same picture with matplotlib."""
        return self.result.plot(start, end)

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """Answer a message of the page; see `Desk.answer`."""
        return self._desk.answer(message)

    def _on_message(self, _: Any, message: Any, buffers: Any) -> None:
        if message.get("kind") != "still":
            super()._on_message(_, message, buffers)
            return
        from arbkit.lab.still import renew_still

        renew_still(*self._still(), self._setup["mark"])

    def _still(self) -> tuple[str, str]:
        """Return the picture for where no kernel runs, as HTML, and a line of text about it."""
        from arbkit.lab.still import still_html
        from arbkit.show import measures_of

        result = self.result
        lines = measures_of(result.metrics, self.panel.meta.currency)
        about = f"{self!r}, {result!r}"
        return still_html(result.plot(), lines, about, self._setup["mark"]), about

    def _ipython_display_(self) -> None:
        """Show the widget, and beneath it a picture for where no kernel runs."""
        from arbkit.lab.still import show_still, show_widget

        # The page draws its first picture by the short way while the still is made here.
        self.open_shortcut()
        show_widget(self)
        show_still(*self._still(), self._setup["mark"])
