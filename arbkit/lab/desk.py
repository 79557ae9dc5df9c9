"""What stands behind the explorer: a panel, the set being looked at, those kept, and answers to its messages.

Nothing here knows of a browser. A message and its answer are plain values, the numbers beside them float64
arrays as bytes, so that no picture is turned into text on its way.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import FloatArray
from arbkit.config import Params
from arbkit.engine import BacktestResult, backtest
from arbkit.engine.views import curve_view, trade_view
from arbkit.errors import ArbkitError, ConfigError
from arbkit.lab.code import code_of, spec_around
from arbkit.lab.controls import controls_for, params_of, values_of
from arbkit.panel import Panel
from arbkit.panel.views import spread_view
from arbkit.records import ExitReason
from arbkit.show import count, decimal, measures_of, percent, period, signed

if TYPE_CHECKING:
    import polars as pl

    from arbkit.study import StudySpec

__all__ = ["Answer", "Desk"]

#: An answer: a message, and the arrays it names, in order.
Answer = tuple[dict[str, Any], list[FloatArray]]

#: Marks of trades beyond this many stand on top of each other.
_MOST_MARKS: Final = 1_500
_SECOND: Final = 1e9
#: Columns of the table of kept sets in the widget, beside what differs between them.
_KEPT: Final = ("mtm_pnl_usd", "closed_trades", "win_rate", "max_drawdown_mtm_pct", "sharpe")


class Desk:
    """A panel being explored.

    Args:
        panel: the market.
        params: the set to begin with.
        source: the expression that makes the panel, for the code that is copied.
    """

    def __init__(self, panel: Panel, params: Params, source: str = "") -> None:
        if not isinstance(panel, Panel):
            raise ConfigError(
                f"the explorer shows a Panel, was {type(panel).__name__}; make one with Panel.from_frame"
            )
        if len(panel) == 0:
            raise ConfigError("the explorer needs a panel with rows, this one has none")
        self.panel = panel
        self.source = source
        self.kept_sets: list[Params] = []
        self._kept_results: list[BacktestResult] = []
        # A notebook's cells and the front end's messages come in different threads.
        self._lock = threading.RLock()
        self._result = backtest(panel, params)

    @property
    def params(self) -> Params:
        """The set being looked at."""
        return self._result.params

    @params.setter
    def params(self, params: Params) -> None:
        with self._lock:
            self._result = backtest(self.panel, params)

    @property
    def result(self) -> BacktestResult:
        """Its run."""
        return self._result

    @property
    def kept(self) -> pl.DataFrame:
        """The sets kept, one row each in the order kept: every parameter (a limit of the guard as
        `guard.NAME`), then every metric."""
        import polars as pl

        rows = [values_of(result.params) | result.metrics.to_dict() for result in self._kept_results] or [
            values_of(self.params) | self._result.metrics.to_dict()
        ]
        frame = pl.DataFrame(rows, infer_schema_length=None)
        return frame if self._kept_results else frame.clear()

    def code(self) -> str:
        """Python that makes the same backtest."""
        return code_of(self.panel, self.params, self.source)

    def keep(self) -> None:
        """Keep the set being looked at, once."""
        if self.params not in self.kept_sets:
            self.kept_sets.append(self.params)
            self._kept_results.append(self._result)

    def forget(self, place: int) -> None:
        """Drop a kept set.

        Raises:
            ConfigError: when there is none at that place.
        """
        if not 0 <= place < len(self.kept_sets):
            raise ConfigError(
                f"a kept set must be there to be dropped, {place} of {len(self.kept_sets)} is not"
            )
        del self.kept_sets[place], self._kept_results[place]

    def study_spec(
        self, name: str | None = None, *, n_trials: int = 300, seed: int = 1, folder: str | Path = "studies"
    ) -> StudySpec:
        """Return the spec of a study around the set being looked at; the panel is stored for it.

        Args:
            name: of the study; default: one made of the panel's legs that is not taken.
            n_trials: how many trials.
            seed: of the search.
            folder: where the panel is stored, unless it was opened from a store.

        Raises:
            DataError: when the panel cannot be written there.
        """
        from arbkit.study import StudySpec

        home = Path(folder)
        name = name or _free_name(home, f"around-{self.panel.meta.name or 'panel'}")
        path = self.panel.folder
        if path is None:
            path = home / f"{name}.panel"
            home.mkdir(parents=True, exist_ok=True)
            self.panel.store(path, replace=True)
        return StudySpec.from_dict(spec_around(self.panel, self.params, name, str(path), n_trials, seed))

    def start_study(
        self, name: str | None = None, *, n_trials: int = 300, folder: str | Path = "studies"
    ) -> str:
        """Begin a study around the set being looked at, in a process of its own, and return its name.

        Its spec and what it prints lie in the folder too; `arbkit study watch NAME`, or
        `arbkit.lab.watch(NAME)`, shows it as it runs.
        """
        spec = self.study_spec(name, n_trials=n_trials, folder=folder)
        file = Path(folder) / f"{spec.name}.yaml"
        file.write_text(spec.to_yaml(), encoding="utf-8")
        with (Path(folder) / f"{spec.name}.log").open("w", encoding="utf-8") as log:
            subprocess.Popen(
                [sys.executable, "-m", "arbkit", "study", "run", str(file)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return spec.name

    def setup(self) -> dict[str, Any]:
        """Return what a front end must know before its first picture."""
        panel = self.panel
        return {
            "title": panel.meta.name or f"{panel.meta.leg_a} × {panel.meta.leg_b}",
            "legs": [panel.meta.leg_a, panel.meta.leg_b],
            "currency": panel.meta.currency,
            "about": f"{count(len(panel))} rows, {period(panel.start_ns, panel.end_ns)}, "
            f"reference {panel.meta.reference}",
            "start": panel.start_ns / _SECOND,
            "end": panel.end_ns / _SECOND,
            "reasons": [reason.name.lower().replace("_", " ") for reason in ExitReason],
            "controls": [item._asdict() for item in controls_for(panel, self.params)],
        }

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """Answer one message of a front end; a mistake of the user comes back as its text."""
        kinds = {
            "draw": self._draw,
            "keep": self._keep,
            "forget": self._forget,
            "use": self._use,
            "code": lambda _: ({"text": self.code()}, []),
            "study": self._study,
        }
        kind = str(message.get("kind"))
        said = {"kind": kind, "id": message.get("id")}
        if kind not in kinds:
            return {**said, "error": f"unknown message {kind!r}"}, []
        try:
            with self._lock:
                content, arrays = kinds[kind](message)
        except ArbkitError as error:
            return {**said, "error": str(error)}, []
        return {**said, **content}, arrays

    def _draw(self, message: Mapping[str, Any]) -> Answer:
        """Return a picture: of new values where they are given, of another stretch of time where one is."""
        begun = time.perf_counter()
        values = message.get("values")
        if values is not None:
            params = params_of(dict(values))
            if params != self.params:
                self.params = params
        ran = time.perf_counter()
        start, end = asked_stretch(self.panel, message)
        pixels = int(message.get("pixels", 1000))
        content = self._state()
        arrays = [self._marks(start, end, content), self._curves(start, end, pixels)]
        parts = ["trades", "equity"]
        if message.get("spread", True):
            arrays.append(self._spread(start, end, pixels, content))
            parts.append("spread")
        done = time.perf_counter()
        content |= {"parts": parts, "shapes": [list(array.shape) for array in arrays]}
        content["ms"] = {"backtest": (ran - begun) * 1e3, "picture": (done - ran) * 1e3}
        return content, arrays

    def _state(self) -> dict[str, Any]:
        """Return what is said in words about the set being looked at."""
        params, metrics = self.params, self._result.metrics
        return {
            "values": values_of(params),
            "levels": {
                "entry": params.min_spread_bps + params.cost_bps,
                "exit": params.exit_spread_bps if params.close_on_spread_reversal else None,
            },
            "metrics": metrics.to_dict(),
            "measures": [list(line) for line in measures_of(metrics, self.panel.meta.currency)],
            "flags": list(self._result.flags),
        }

    def _spread(self, start: int, end: int, pixels: int, content: dict[str, Any]) -> FloatArray:
        view = spread_view(self.panel, start, end, pixels)
        content["each_row"] = view.each_row
        content["rows"] = int(view.rows.sum())
        return np.vstack([view.ts / _SECOND, view.values])

    def _marks(self, start: int, end: int, content: dict[str, Any]) -> FloatArray:
        """Return float64 (8, m): entry time and signal, those of the exit, side, reason, PnL, also in bps."""
        view = trade_view(self._result, start, end, _MOST_MARKS)
        content["trades"] = view.total
        records = view.records
        is_open = records["exit_index"] < 0
        return np.vstack([
            records["entry_ts"] / _SECOND,
            records["entry_signal_bps"],
            np.where(is_open, np.nan, records["exit_ts"] / _SECOND),
            np.where(is_open, np.nan, records["exit_spread_bps"]),
            records["side"],
            records["reason"],
            records["pnl_usd"],
            records["pnl_bps"],
        ])  # fmt: skip

    def _curves(self, start: int, end: int, pixels: int) -> FloatArray:
        """Return float64 (4, m): time, gain of the balance and of the equity, and the drawdown, negative."""
        view = curve_view(self._result, start, end, pixels)
        begin = self.params.initial_balance_usd
        return np.vstack([view.ts / _SECOND, view.balance - begin, view.equity - begin, -view.drawdown_pct])

    def _keep(self, message: Mapping[str, Any]) -> Answer:
        self.keep()
        return self.kept_lines(), []

    def _forget(self, message: Mapping[str, Any]) -> Answer:
        self.forget(int(message["place"]))
        return self.kept_lines(), []

    def _use(self, message: Mapping[str, Any]) -> Answer:
        place = int(message["place"])
        if not 0 <= place < len(self.kept_sets):
            raise ConfigError(f"a kept set must be there to be used, {place} of {len(self.kept_sets)} is not")
        return {"values": values_of(self.kept_sets[place])}, []

    def kept_lines(self) -> dict[str, Any]:
        """Return the kept sets as a table of texts: what differs between them, then what they earned."""
        sets = [values_of(params) for params in self.kept_sets]
        shown = ["min_spread_bps", "exit_spread_bps"]
        if sets:
            shown += [
                name for name in sets[0] if name not in shown and len({repr(one[name]) for one in sets}) > 1
            ]
        lines = []
        for values, result in zip(sets, self._kept_results, strict=True):
            m = result.metrics
            won = percent(100 * m.win_rate if m.closed_trades else None)
            risked = (percent(m.max_drawdown_mtm_pct, 2), decimal(m.sharpe))
            found = (signed(m.mtm_pnl_usd), count(m.closed_trades), won, *risked)
            lines.append([*(_said(values[name]) for name in shown), *found])
        return {"kept": {"columns": [*shown, *_KEPT], "rows": lines}}

    def _study(self, message: Mapping[str, Any]) -> Answer:
        name = self.start_study(n_trials=int(message.get("trials", 300)))
        return {"name": name, "text": f"from arbkit import lab\n\nlab.watch({name!r})\n"}, []


def asked_stretch(panel: Panel, message: Mapping[str, Any]) -> tuple[int, int]:
    """Return first and last nanosecond of what a page shows: `start` and `end`, in seconds, or all."""
    start, end = message.get("start"), message.get("end")
    first = panel.start_ns if start is None else int(float(start) * _SECOND)
    last = panel.end_ns if end is None else int(np.ceil(float(end) * _SECOND))
    return first, max(first, last)


def _said(value: Any) -> str:
    if value is None:
        return "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _free_name(folder: Path, stem: str) -> str:
    """Return a name for a study that nothing in the folder has."""
    stem = "".join(c if c.isalnum() or c in "._-" else "-" for c in stem).strip("-.")[:80] or "around-panel"
    taken = {path.name for path in folder.glob(f"{stem}*")} if folder.is_dir() else set()
    number = 1
    while any(name.startswith(f"{stem}-{number}.") for name in taken):
        number += 1
    return f"{stem}-{number}"
