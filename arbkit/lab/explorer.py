"""The explorer: a panel under one's hands, drawn by uPlot in the notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arbkit.config import Params
from arbkit.engine import BacktestResult
from arbkit.engine.views import equity_frame, trades_frame
from arbkit.lab.desk import Answer, Desk, asked_stretch
from arbkit.lab.front import Near, front_end, look
from arbkit.lab.still import pictured
from arbkit.panel.views import spread_frame
from arbkit.show import measures_of

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from arbkit.panel import Panel
    from arbkit.study import StudySpec

__all__ = ["Explorer"]


class Explorer(Near):
    """A widget that shows a panel and what one set of parameters does on it; see `arbkit.lab.explore`."""

    _esm = front_end("controls.js", "marks.js", "explore.js", charts=True)
    _css = look()

    def __init__(self, panel: Panel, params: Params, source: str = "") -> None:
        self._desk = Desk(panel, params, source)
        super().__init__(self._desk.setup())

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

    def still(self, seen: Mapping[str, Any]) -> tuple[str, str]:
        """Return the stretch looked at as a picture, with the metrics, and a line of text about it."""
        result, about = self.result, f"{self!r}, {self.result!r}"
        lines = measures_of(result.metrics, self.panel.meta.currency)
        figure = result.plot(*asked_stretch(self.panel, seen))
        return pictured(figure, about, [(line.title, line.text) for line in lines]), about
