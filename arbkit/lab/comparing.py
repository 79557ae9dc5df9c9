"""Several runs side by side, and two of them trade by trade: the numbers behind `compare`."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from arbkit.engine import BacktestResult
from arbkit.engine.views import curve_view
from arbkit.errors import ConfigError
from arbkit.lab.controls import values_of
from arbkit.lab.still import pictured
from arbkit.panel.views import stretch_of
from arbkit.show import count, measures_of, signed
from arbkit.show.look import AB, BA, GAIN, GREY, INK, LOSS, as_times, stacked, step_axis, time_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Compared"]

_COLORS: Final = (AB, BA, GAIN, INK, LOSS, GREY)
_PIXELS: Final = 900


class Compared:
    """Runs side by side.

    Args:
        results: two or more runs over one panel.
        names: what each is called; default: "1", "2", ...

    Attributes:
        results: the runs.
        names: what each is called.

    Raises:
        ConfigError: for fewer than two runs, runs over different times, or names that are not one each.
    """

    def __init__(self, results: Sequence[BacktestResult], names: Sequence[str] | None = None) -> None:
        self.results = list(results)
        if len(self.results) < 2 or not all(isinstance(one, BacktestResult) for one in self.results):
            raise ConfigError("`compare` takes a list of two or more results of arbkit.backtest")
        count_ = len(self.results)
        self.names = [str(k + 1) for k in range(count_)] if names is None else [str(name) for name in names]
        if len(self.names) != count_ or len(set(self.names)) != count_:
            raise ConfigError(f"every run needs a name of its own, {count_} runs had names {self.names}")
        first = self.results[0].panel
        for one in self.results[1:]:
            if not np.array_equal(one.panel.ts, first.ts):
                raise ConfigError("runs that are compared must be over the same rows: slice panels alike")

    def __repr__(self) -> str:
        return f"Compared({', '.join(self.names)})"

    def metrics(self) -> pl.DataFrame:
        """Return every metric, one row each, one column per run."""
        rows = [result.metrics.to_dict() for result in self.results]
        values = {
            name: [None if row[key] is None else float(row[key]) for key in rows[0]]
            for name, row in zip(self.names, rows, strict=True)
        }
        return pl.DataFrame({"metric": list(rows[0]), **values})

    def params(self) -> pl.DataFrame:
        """Return the parameters that differ, one row each, one column per run, as text."""
        sets = [values_of(result.params) for result in self.results]
        differ = [name for name in sets[0] if len({repr(one[name]) for one in sets}) > 1]
        columns = {
            name: [_said(values[key]) for key in differ]
            for name, values in zip(self.names, sets, strict=True)
        }
        return pl.DataFrame({"parameter": differ, **columns}, schema_overrides={"parameter": pl.String})

    def equity_frame(self, pixels: int = _PIXELS, start: Any = None, end: Any = None) -> pl.DataFrame:
        """Return the gain of every run: `name`, `ts`, `gain_usd`, `drawdown_pct`.

        Args:
            pixels: of the picture's width.
            start, end: the stretch of time, as in `Panel.slice`; default: all of it.
        """
        frames = []
        first, last = stretch_of(self.results[0].panel, start, end)
        for name, result in zip(self.names, self.results, strict=True):
            view = curve_view(result, first, last, pixels)
            stamps = pl.Series(view.ts).cast(pl.Datetime("ns", "UTC"))
            gain = view.equity - result.params.initial_balance_usd
            columns = {"ts": stamps, "gain_usd": gain, "drawdown_pct": view.drawdown_pct}
            frames.append(pl.DataFrame({"name": [name] * len(stamps), **columns}, schema_overrides=_NAMED))
        return pl.concat(frames)

    def trades(self, first: str | None = None, second: str | None = None) -> pl.DataFrame:
        """Return two runs trade by trade: those that entered on the same row in the same direction are one.

        Args:
            first, second: names of the runs; default: the first two.

        Returns:
            `side`, `entry_ts`, `in` ("both", or the run's name), per run (`_1`, `_2`) `exit_ts`,
            `exit_reason`, `pnl_usd`, and `difference_usd`, the second less the first; a trade that a run did
            not make counts as 0.

        Raises:
            ConfigError: for a name that no run has.
        """
        one, two = (self.place(name, default) for default, name in enumerate((first, second)))
        key = ["side", "entry_index", "entry_ts"]
        kept = ["exit_ts", "exit_reason", "pnl_usd"]
        frames = [
            self.results[place].trades.select(*key, *(pl.col(name).alias(f"{name}_{k}") for name in kept))
            for k, place in ((1, one), (2, two))
        ]
        joined = frames[0].join(frames[1], on=key, how="full", coalesce=True).sort("entry_index", "side")
        came = (
            pl.when(pl.col("pnl_usd_1").is_null())
            .then(pl.lit(self.names[two]))
            .when(pl.col("pnl_usd_2").is_null())
            .then(pl.lit(self.names[one]))
            .otherwise(pl.lit("both"))
        )
        difference = pl.col("pnl_usd_2").fill_null(0.0) - pl.col("pnl_usd_1").fill_null(0.0)
        return joined.select(
            "side", "entry_ts", came.alias("in"), *(f"{name}_{k}" for name in kept for k in (1, 2)),
            difference.alias("difference_usd"),
        )  # fmt: skip

    def plot(self, start: Any = None, end: Any = None, shown: Sequence[str] | None = None) -> Figure:
        """Draw the gains above each other's drawdowns.

        Args:
            start, end: the stretch of time, as in `Panel.slice`; default: all of it.
            shown: the runs that are drawn; default: all.
        """
        frame = self.equity_frame(start=start, end=end)
        drawn = [name for name in self.names if shown is None or name in shown]
        with stacked("Gain and drawdown, open trades marked", (2.6, 1.2)) as (figure, (top, bottom)):
            for name in drawn:
                k = self.names.index(name)
                part, color = frame.filter(pl.col("name") == name), _COLORS[k % len(_COLORS)]
                times = as_times(part["ts"].cast(pl.Int64).to_numpy())
                style = "-" if k < len(_COLORS) else "--"
                top.plot(times, part["gain_usd"], style, color=color, label=name)
                bottom.plot(times, -part["drawdown_pct"].to_numpy(), style, color=color, lw=0.9)
            top.axhline(0, color=GREY, lw=0.7)
            top.set_title(f"gain, {self.results[0].panel.meta.currency}")
            bottom.set_title("drawdown below the peak")
            if drawn:
                top.legend(loc="upper left", ncols=min(3, len(drawn)))
            step_axis(top.yaxis)
            step_axis(bottom.yaxis, " %")
            time_axis(bottom)
        return figure

    def place(self, name: str | None, default: int = 0) -> int:
        """Return which run has a name; without a name, the one at a place.

        Raises:
            ConfigError: for a name that no run has.
        """
        if name is None:
            return default
        if name not in self.names:
            raise ConfigError(f"`{name}` is no run of this comparison; it has {', '.join(self.names)}")
        return self.names.index(name)

    def lines(self) -> list[tuple[str, list[str]]]:
        """Return the table as texts: parameters that differ, then what each run earned, one text per run."""
        texts = [
            {line.title: line.text for line in measures_of(one.metrics, one.panel.meta.currency)}
            for one in self.results
        ]
        titles = dict.fromkeys(title for text in texts for title in text)
        rows = [(row["parameter"], [row[name] for name in self.names]) for row in self.params().to_dicts()]
        return rows + [(title, [text.get(title, "") for text in texts]) for title in titles]

    def told(self, first: str | None = None, second: str | None = None) -> str:
        """Say in a sentence what the second run did that the first did not."""
        one, two = (self.names[self.place(name, k)] for k, name in enumerate((first, second)))
        if one == two:
            return f"{one} and {two} are the same run"
        frame = self.trades(one, two)
        sums = {name: frame.filter(pl.col("in") == name)["difference_usd"] for name in ("both", one, two)}
        currency = self.results[0].panel.meta.currency
        parts = [
            f"{count(sums['both'].len())} trades in both ({signed(float(sums['both'].sum()))} {currency})",
            f"{count(sums[one].len())} only in {one} ({signed(float(sums[one].sum()))} {currency})",
            f"{count(sums[two].len())} only in {two} ({signed(float(sums[two].sum()))} {currency})",
        ]
        return f"From {one} to {two}: " + ", ".join(parts)

    def to_html(
        self,
        start: Any = None,
        end: Any = None,
        *,
        shown: Sequence[str] | None = None,
        pair: tuple[str | None, str | None] = (None, None),
    ) -> str:
        """Return picture, table and sentence as HTML that needs nothing beside it.

        Args:
            start, end, shown: as in `plot`.
            pair: the two runs of the sentence; default: the first two.
        """
        about = f"gain and drawdown of {', '.join(self.names)}"
        lines = [(title, *cells) for title, cells in self.lines()]
        picture = pictured(self.plot(start, end, shown), about, lines, ("", *self.names))
        return f"{picture}<p>{html.escape(self.told(*pair))}</p>"

    def _repr_html_(self) -> str:
        return self.to_html()


_NAMED: Final[Any] = {"name": pl.String, "gain_usd": pl.Float64, "drawdown_pct": pl.Float64}


def _said(value: Any) -> str:
    if value is None:
        return "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
