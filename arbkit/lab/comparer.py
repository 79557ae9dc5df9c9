"""`compare`: runs side by side, and two of them trade by trade, in the notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from arbkit._typing import FloatArray
from arbkit.engine import BacktestResult
from arbkit.engine.views import curve_view
from arbkit.errors import ArbkitError
from arbkit.lab.comparing import Compared
from arbkit.lab.desk import Answer, asked_stretch
from arbkit.lab.front import Near, front_end, look
from arbkit.records import ExitReason, Side
from arbkit.show import count, period

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Comparer", "compare", "setup_of"]

_SECOND: Final = 1e9
_REASONS: Final = [reason.name.lower() for reason in ExitReason]
_SIDES: Final = [side.name for side in Side]


class Comparer(Near):
    """A widget that shows runs side by side; see `arbkit.lab.compare`.

    Attributes:
        compared: the numbers behind it.
    """

    _esm = front_end("compare.js", charts=True)
    _css = look()

    def __init__(self, compared: Compared) -> None:
        self.compared = compared
        super().__init__(setup_of(compared))

    def __repr__(self) -> str:
        return f"Comparer({', '.join(self.names)})"

    @property
    def results(self) -> list[BacktestResult]:
        """The runs."""
        return self.compared.results

    @property
    def names(self) -> list[str]:
        """What each is called."""
        return self.compared.names

    def metrics(self) -> pl.DataFrame:
        """Return every metric, one row each, one column per run."""
        return self.compared.metrics()

    def params(self) -> pl.DataFrame:
        """Return the parameters that differ, one row each, one column per run, as text."""
        return self.compared.params()

    def equity_frame(self, pixels: int = 900, start: Any = None, end: Any = None) -> pl.DataFrame:
        """Return the gain of every run; see `Compared.equity_frame`."""
        return self.compared.equity_frame(pixels, start, end)

    def trades(self, first: str | None = None, second: str | None = None) -> pl.DataFrame:
        """Return two runs trade by trade; see `Compared.trades`."""
        return self.compared.trades(first, second)

    def plot(self, start: Any = None, end: Any = None) -> Figure:
        """Draw the gains above each other's drawdowns with matplotlib."""
        return self.compared.plot(start, end)

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """Answer a message of the page; a mistake of the user comes back as its text."""
        content, arrays = _answer(self.compared, message)
        return {**content, "shapes": [list(array.shape) for array in arrays]}, arrays

    def still(self, seen: Mapping[str, Any]) -> tuple[str, str]:
        """Return the runs and the stretch looked at as a picture, with the table, and a line of text."""
        start, end = asked_stretch(self.compared.results[0].panel, seen)
        pair = (seen.get("first"), seen.get("second"))
        return self.compared.to_html(start, end, shown=seen.get("shown"), pair=pair), repr(self)


def compare(results: Sequence[BacktestResult], names: Sequence[str] | None = None) -> Comparer:
    """Put runs side by side: equity and metrics, what differs in their parameters, two trade by trade.

    Args:
        results: two or more runs over one panel.
        names: what each is called; default: "1", "2", ...

    Returns:
        The widget. `.metrics()`, `.params()`, `.equity_frame()` and `.trades()` are its numbers as frames.

    Raises:
        ConfigError: for fewer than two runs, runs over different times, or names that are not one each.
    """
    return Comparer(Compared(results, names))


def setup_of(compared: Compared) -> dict[str, Any]:
    """Return what a front end must know before its first picture."""
    panel = compared.results[0].panel
    name = panel.meta.name or f"{panel.meta.leg_a} × {panel.meta.leg_b}"
    return {
        "title": f"{count(len(compared.names))} runs over {name}",
        "about": f"{count(len(panel))} rows, {period(panel.start_ns, panel.end_ns)}",
        "names": compared.names,
        "legs": [panel.meta.leg_a, panel.meta.leg_b],
        "currency": panel.meta.currency,
        "start": panel.start_ns / _SECOND,
        "end": panel.end_ns / _SECOND,
        "reasons": [reason.replace("_", " ") for reason in _REASONS],
        "differ": compared.params().height,
        "lines": [[title, cells] for title, cells in compared.lines()],
    }


def _answer(compared: Compared, message: Mapping[str, Any]) -> Answer:
    kind = str(message.get("kind"))
    said: dict[str, Any] = {"kind": kind, "id": message.get("id")}
    try:
        if kind == "draw":
            return said, _curves(compared, message)
        if kind == "trades":
            one, two = message.get("first"), message.get("second")
            return {**said, "told": compared.told(one, two)}, [_trades(compared.trades(one, two))]
    except ArbkitError as error:
        return {**said, "error": str(error)}, []
    return {**said, "error": f"unknown message {kind!r}"}, []


def _curves(compared: Compared, message: Mapping[str, Any]) -> list[FloatArray]:
    """Return per run float64 (3, m): time, gain, and the drawdown, negative."""
    first, last = asked_stretch(compared.results[0].panel, message)
    arrays = []
    for result in compared.results:
        view = curve_view(result, first, last, int(message.get("pixels", 900)))
        gain = view.equity - result.params.initial_balance_usd
        arrays.append(np.vstack([view.ts / _SECOND, gain, -view.drawdown_pct]))
    return arrays


def _trades(frame: pl.DataFrame) -> FloatArray:
    """Return float64 (10, m): side, entry time, in (0 both, 1 first, 2 second), per run exit time, reason and
    PnL, and the difference; NaN where a run made no such trade, or has it open."""
    both, first = pl.col("pnl_usd_1").is_not_null(), pl.col("pnl_usd_2").is_null()
    stamp = pl.col("entry_ts", "exit_ts_1", "exit_ts_2").cast(pl.Int64).cast(pl.Float64) / _SECOND
    came = pl.when(both & ~first).then(0.0).when(first).then(1.0).otherwise(2.0)
    numbers = frame.with_columns(
        stamp,
        came.alias("in"),
        pl.col("side").replace_strict(_SIDES, range(len(_SIDES)), return_dtype=pl.Float64),
        pl.col("exit_reason_1", "exit_reason_2").replace_strict(
            _REASONS, range(len(_REASONS)), default=None, return_dtype=pl.Float64
        ),
    )
    return np.vstack([column.fill_null(np.nan).to_numpy() for column in numbers])
