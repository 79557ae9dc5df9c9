"""How long opportunities last, how wide they get and how much could be traded at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import FloatArray
from arbkit.config import Params
from arbkit.kernels.opportunities import paying_notional
from arbkit.panel import Panel
from arbkit.realism import _words as words
from arbkit.realism._runs import SIDE_NAMES, Found, check_inputs, find, pair_of, signal_on
from arbkit.realism.result import Check

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

__all__ = ["Opportunities", "opportunities"]

_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_MEASURES: Final = ("duration_s", "peak_bps", "top_usd", "paying_usd")
#: More dots than this only darken the picture; every k-th is drawn.
_DOTS: Final = 4_000


@dataclass(frozen=True, kw_only=True)
class Opportunities(Check):
    """Every opportunity: when it came, how long it lasted, how wide it got, and what could be traded at it.

    `frame` has one row per opportunity: `side`, `start_ts`, `end_ts` (the first tradable row without it; null
    where the data end first), `duration_s` between them (to the last row that has it where there is no end),
    `rows`, `start_bps` and `peak_bps` above the cost of one crossing, and on its first row `top_usd`, the
    smaller of the two best levels, and `paying_usd`, what all levels hold that still reaches the threshold;
    both null on a panel without sizes. `quantiles` sums them up.
    """

    quantiles: pl.DataFrame

    @property
    def table(self) -> pl.DataFrame:
        """The quantiles: there may be many opportunities."""
        return self.quantiles

    def plot(self) -> Figure:
        """Draw duration against size, or against the highest spread where the panel has no sizes."""
        from matplotlib.ticker import NullFormatter

        from arbkit.realism._draw import duration_axis
        from arbkit.show.look import INK, plain_numbers, sheet

        shown = self.frame.gather_every(max(1, -(-self.frame.height // _DOTS)))
        sized = shown["top_usd"].is_not_null().any()
        y_name = "top_usd" if sized else "peak_bps"
        label = f"at the top of both books, {self.currency}" if sized else "widest, bps after cost"
        with sheet(self.finding, 1, height=4.8) as made:
            (ax,) = made.axes
            ax.set(title=f"{self.pair}: one dot per opportunity", xlabel="duration", ylabel=label)
            if not shown.height:
                ax.text(0.5, 0.5, "none", ha="center", va="center", transform=ax.transAxes)
                ax.set(xticks=[], yticks=[])
                return made.figure
            ms = np.maximum(shown["duration_s"].to_numpy() * 1e3, _shortest(shown) / 2)
            dots = ax.scatter(
                ms, shown[y_name], c=shown["peak_bps"], cmap="viridis_r", s=22, alpha=0.75, lw=0.3, ec="white"
            )
            made.figure.colorbar(dots, ax=ax, label="widest, bps after cost", pad=0.01)
            ax.set_xscale("log")
            duration_axis(ax.xaxis)
            if sized:
                ax.set_yscale("log")
                plain_numbers(ax.yaxis)
                ax.yaxis.set_minor_formatter(NullFormatter())
            half = float(np.median(ms))
            ax.axvline(half, color=INK, lw=1, ls=":")
            ax.axhline(float(shown[y_name].median()), color=INK, lw=1, ls=":")  # type: ignore[arg-type]
            ax.annotate(
                "medians", (half, 1), (4, -10), xycoords=("data", "axes fraction"),
                textcoords="offset points", fontsize=8,
            )  # fmt: skip
        return made.figure


def _shortest(frame: pl.DataFrame) -> float:
    positive = frame.filter(frame["duration_s"] > 0)["duration_s"]
    return 1e3 * float(positive.min()) if positive.len() else 1.0  # type: ignore[arg-type]


def opportunities(panel: Panel, params: Params) -> Opportunities:
    """List every opportunity with its duration, its highest spread and the size at hand.

    An opportunity is a maximal run of tradable rows that reach the entry threshold, as the metric
    `excursions` counts them. On a panel without sizes `top_usd` and `paying_usd` are null.

    Args:
        panel: the market; sizes are those of its ladders.
        params: costs, entry threshold and directions; the other rules play no part.

    Raises:
        ConfigError: when these are no panel and no parameters.
        DataError: when the levels of a ladder are out of order.
    """
    import polars as pl

    check_inputs(panel, params)
    found = find(panel, params)
    cost = params.cost_bps
    stop = np.where(found.end >= 0, found.end, found.last)
    top, paying = _sizes(panel, params, found)
    stamp = pl.Datetime("ns", "UTC")
    frame = pl.DataFrame(
        {
            "side": pl.Series(SIDE_NAMES[found.side], dtype=pl.String),
            "start_ts": pl.Series(panel.ts[found.first]).cast(stamp),
            "end_ts": pl.Series(panel.ts[stop]).cast(stamp),
            "duration_s": (panel.ts[stop] - panel.ts[found.first]) / 1e9,
            "rows": found.rows,
            "start_bps": signal_on(panel, found.first, found.side) - cost,
            "peak_bps": signal_on(panel, found.peak, found.side) - cost,
            "top_usd": top,
            "paying_usd": paying,
        }
    ).with_columns(
        pl.when(pl.Series(found.end >= 0)).then("end_ts").alias("end_ts"),
        pl.col("top_usd", "paying_usd").fill_nan(None),
    )
    return Opportunities(
        frame=frame,
        quantiles=_quantiles(frame),
        finding=_finding(frame, panel.meta.currency),
        notes=_notes(panel, found),
        pair=pair_of(panel),
        currency=panel.meta.currency,
    )


def _sizes(panel: Panel, params: Params, found: Found) -> tuple[FloatArray, FloatArray]:
    """Return the money at the best levels, and down to the last one that pays, on the first rows."""
    top, paying = np.full(found.first.size, np.nan), np.full(found.first.size, np.nan)
    if panel.ladders is None or panel.levels == 0:
        return top, paying
    panel.check_ladders()
    books = panel.ladders
    for side in (0, 1):
        at = np.flatnonzero(found.side == side)
        rows = found.first[at]
        names = ("ask_{}_a", "bid_{}_b") if side == 0 else ("ask_{}_b", "bid_{}_a")
        (long_px, long_sz), (short_px, short_sz) = (
            (getattr(books, name.format("px"))[rows], getattr(books, name.format("sz"))[rows])
            for name in names
        )
        fair = np.ones(rows.size) if panel.fair is None else panel.fair[rows]
        size = np.fmin(long_sz[:, 0], short_sz[:, 0])
        top[at] = np.where(size > 0, size * long_px[:, 0], 0.0)
        paying[at] = paying_notional(
            side, long_px, long_sz, short_px, short_sz, fair, params.cost_bps, params.min_spread_bps
        )
    return top, paying


def _quantiles(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    rows: list[dict[str, Any]] = []
    for name in _MEASURES:
        values = frame[name].drop_nulls()
        if values.len() or not frame.height:
            row: dict[str, Any] = {"measure": name}
            row |= {f"{100 * q:g}%": values.quantile(q, "linear") for q in _QUANTILES}
            rows.append(row)
    schema = {"measure": pl.String, **{f"{100 * q:g}%": pl.Float64 for q in _QUANTILES}}
    return pl.DataFrame(rows, schema=schema)


def _finding(frame: pl.DataFrame, currency: str) -> str:
    if not frame.height:
        return "There is no opportunity on this panel: the threshold is never reached after costs."
    durations, peaks = frame["duration_s"], frame["peak_bps"]
    half, widest = (float(series.median()) for series in (durations, peaks))  # type: ignore[arg-type]
    if frame.height == 1:
        text = f"One opportunity, over within {words.duration(1e3 * half)}, {words.bps(widest)} at its widest"
    else:
        text = (
            f"{words.count(frame.height, 'opportunity', 'opportunities')}, half of them over within "
            f"{words.duration(1e3 * half)} and never above {words.bps(widest)}"
        )
    size = frame["top_usd"].median()
    if size is not None:
        offer = "offering" if frame.height == 1 else "half offer at most"
        text += f"; {offer} {words.money(float(size), currency)} at the top of both books"  # type: ignore[arg-type]
    return text + "."


def _notes(panel: Panel, found: Found) -> tuple[str, ...]:
    notes = []
    if panel.ladders is None or panel.levels == 0:
        notes.append("The panel has no sizes: load it with levels, from books that store them.")
    single = int((found.rows == 1).sum())
    if single:
        notes.append(
            f"{words.count(single, 'opportunity shows', 'opportunities show')} on one row only: the duration "
            "is the time to the next row, and the true one may be shorter."
        )
    lasting = int((found.end < 0).sum())
    if lasting:
        notes.append(
            f"{words.count(lasting, 'opportunity lasts', 'opportunities last')} to the end of the data."
        )
    return tuple(notes)
