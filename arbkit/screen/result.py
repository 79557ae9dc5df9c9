"""`Screen`: the ranking, the matrix, their picture and their page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from arbkit.realism import Check

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Screen"]

_TABLE: Final = (
    "asset", "net_bps_per_day", "pnl_per_day", "crossings_per_day", "net_bps_per_crossing", "premium_bps",
    "premium_median_bps", "net_bps_now", "direction_now", "open_pct", "filled_pct", "tradable_pct",
)  # fmt: skip
#: A picture holds so many assets; the frames hold all.
_SHOWN: Final = 24


@dataclass(frozen=True, kw_only=True)
class Screen(Check):
    """Every asset that two venues list, the best first.

    `frame` has one row per asset: `net_bps_per_day`, `pnl_per_day` (at `size`, account currency),
    `crossings_per_day`, `net_bps` and `crossings` in all, `net_bps_per_crossing` (null without one), the
    premium of mid over mid now (`premium_bps`) and its 5th, 50th and 95th percentile, `net_bps_now` and
    `direction_now` of the last tradable row, the share of tradable rows that pay (`open_pct`) and that hold
    the size in both directions (`filled_pct`; null without sizes), `tradable_pct`, `days`, `rows`, and the
    two legs. `matrix` has one row per ordered pair of assets; see `relative_premiums`.

    Attributes:
        matrix: relative premiums, bps.
        size: notional of a crossing, account currency.
        reference: what the spreads of the ranking are measured from.
        costs_bps: cost of one crossing.
    """

    matrix: pl.DataFrame
    size: float
    reference: str
    costs_bps: float

    #: Columns of the bars and of the counts beside them; title, unit and what is counted.
    _drawn: ClassVar = ("net_bps_per_day", "crossings_per_day", "net bps a day", "bps per day", "a day")

    @property
    def table(self) -> pl.DataFrame:
        """The columns that are worth printing."""
        return self.frame.select(_TABLE)

    def matrix_table(self, value: str = "now_bps") -> pl.DataFrame:
        """Return the matrix, an asset per row (sold at A) and per column (carried back), in order of rank."""
        import polars as pl

        names = self.frame["asset"].to_list()
        wide = self.matrix.pivot(on="carry", index="sell", values=value)
        order = pl.DataFrame({"sell": names})
        return order.join(wide, on="sell", how="left").select(
            "sell", *(n for n in names if n in wide.columns)
        )

    def plot(self) -> Figure:
        """Draw the ranking beside the matrix of relative premiums as it is now."""
        from arbkit.show.look import sheet

        shown = self.frame.head(_SHOWN)
        height = max(4.2, 1.8 + 0.32 * shown.height)
        with sheet(self.finding, 1, columns=2, height=height) as made:
            ranking, matrix = made.axes
            self._draw_ranking(ranking, shown)
            self._draw_matrix(matrix, shown["asset"].to_list())
            return made.figure

    def _draw_ranking(self, ax: Axes, shown: pl.DataFrame) -> None:
        from arbkit.realism._words import count as count_words
        from arbkit.show.look import AB, plain_numbers

        value, count, title, unit, counted = self._drawn
        names, values = shown["asset"].to_list(), shown[value].to_numpy()
        ax.barh(range(len(names)), values, color=AB, height=0.62)
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set(title=f"{self.pair}: {title} at {self.size:,.0f} {self.currency}", xlabel=unit)
        plain_numbers(ax.xaxis)
        for row, (bps, many) in enumerate(zip(values, shown[count], strict=True)):
            text = (
                count_words(many, "crossing", "crossings")
                if isinstance(many, int)
                else f"{many:,.1f} {counted}"
            )
            ax.annotate(text, (max(bps, 0), row), (4, 0), textcoords="offset points", va="center", fontsize=8)
        ax.margins(x=0.22)

    def _draw_matrix(self, ax: Axes, names: list[str]) -> None:
        from arbkit.show.look import GREY

        ax.set_title("sell the row at A, carry back the column: net bps now")
        ax.grid(visible=False)
        if len(names) < 2:
            ax.text(
                0.5, 0.5, "one asset: no loop", ha="center", va="center", transform=ax.transAxes, color=GREY
            )
            ax.set(xticks=[], yticks=[])
            return
        cells = self._cells(names)
        limit = max(1.0, float(np.nanmax(np.abs(cells)))) if np.isfinite(cells).any() else 1.0
        ax.imshow(cells, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
        ax.set_xticks(range(len(names)), names, rotation=90 if len(names) > 8 else 0)
        ax.set_yticks(range(len(names)), names)
        if len(names) <= 12:
            for (i, j), value in np.ndenumerate(cells):
                if np.isfinite(value):
                    dark = abs(value) > 0.6 * limit
                    color = "white" if dark else "black"
                    ax.text(j, i, f"{value:,.0f}", ha="center", va="center", fontsize=8, color=color)

    def _cells(self, names: list[str]) -> Any:
        place = {name: k for k, name in enumerate(names)}
        cells = np.full((len(names), len(names)), np.nan)
        for sell, carry, value in self.matrix.select("sell", "carry", "now_bps").iter_rows():
            if sell in place and carry in place and value is not None:
                cells[place[sell], place[carry]] = value
        return cells
