"""What a stress test gives back: a table, a picture, a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit.realism import Check
from arbkit.realism import _words as words

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

__all__ = ["Stress", "finding_of"]

#: Columns worth printing; the frame has all.
_SHOWN: Final = (
    "scenario", "status", "mtm_pnl_usd", "per_day_usd", "change_usd", "change_bps", "max_drawdown_mtm_pct",
    "worst_pair", "worst_pair_drawdown_pct", "total_trades", "worst_trade_usd", "liquidations", "refused",
)  # fmt: skip
_PALE: Final = "#B8BEC7"
#: An axis is linear unless its largest value is this many times the median.
_FAR: Final = 25


@dataclass(frozen=True, kw_only=True)
class Stress(Check):
    """A strategy under each scenario.

    `frame` has one row per scenario, the run as configured first: `scenario`, `what` happens, `status`
    (`base`, `changed`, `same` where the run comes out alike, `idle` where this market has nothing that the
    scenario could change, `control`, `refused` where the engine does not simulate it, with the `reason`),
    `rows_changed` in the panel, `mtm_pnl_usd`, `per_day_usd`, `change_usd` and `change_bps` (of the initial
    balance) against the run as configured, `max_drawdown_mtm_pct`, `total_trades`, `worst_trade_usd`,
    `liquidations`, `refused` entries, and `stopped`. A portfolio also has `worst_pair`, the pair that would
    have had the largest drawdown on the balance alone, and `worst_pair_drawdown_pct`.

    Attributes:
        days: time of the market, in days.
        seed: of the moments.
    """

    days: float
    seed: int

    @property
    def table(self) -> pl.DataFrame:
        """The numbers without descriptions."""
        return self.frame.select(name for name in _SHOWN if name in self.frame.columns)

    def plot(self) -> Figure:
        """Draw PnL and drawdown under each scenario as bars."""
        from arbkit.show.look import AB, BA, GAIN, GREY, INK, plain_numbers, sheet

        shown = self.frame.filter(self.frame["mtm_pnl_usd"].is_not_null())
        pnl, drawdown = (shown[name].to_numpy() for name in ("mtm_pnl_usd", "max_drawdown_mtm_pct"))
        base, place = float(pnl[0]), np.arange(shown.height)
        colors = [BA if value < 0 else GAIN if value > base else AB for value in pnl]
        pale = shown["status"].is_in(["same", "idle", "control"]).to_list()
        colors = [_PALE if faded else color for faded, color in zip(pale, colors, strict=True)]
        colors[0] = INK
        with sheet(self.finding, 1, height=1.6 + 0.26 * shown.height, columns=2) as made:
            left, right = made.axes
            left.barh(place, pnl, color=colors, height=0.66)
            left.axvline(0, color=GREY, lw=1)
            left.set_yticks(place, [_label(row) for row in shown.iter_rows(named=True)])
            left.set(title=self.pair, xlabel=f"PnL, {self.currency}, marked to market")
            right.barh(place, drawdown, color=colors, height=0.66)
            right.set_yticks(place, ["", *(_change(value) for value in shown["change_usd"][1:])])
            right.set(title="largest drawdown; left of it the change in PnL", xlabel="%, marked to market")
            if "worst_pair_drawdown_pct" in shown.columns:
                alone = shown["worst_pair_drawdown_pct"].to_numpy()
                right.plot(alone, place, "|", color=INK, ms=11, mew=2, label="worst pair alone")
                right.legend(loc="lower right")
            for ax, values in ((left, pnl), (right, drawdown)):
                _wide(ax, values)
                ax.axvline(float(values[0]), color=INK, lw=1, ls=":")
                ax.set_ylim(shown.height - 0.4, -0.6)
                ax.grid(visible=False, axis="y")
                ax.tick_params(axis="y", length=0)
                plain_numbers(ax.xaxis)
        return made.figure


def _wide(ax: Any, values: Any) -> None:
    """Give an axis a scale on which one scenario far out does not hide the others."""
    sizes = np.abs(values[values != 0])
    if sizes.size and sizes.max() > _FAR * np.median(sizes):
        linear = float(np.median(sizes))
        ax.set_xscale("symlog", linthresh=linear, linscale=1.5)
        decades = 10.0 ** np.arange(np.ceil(np.log10(2 * linear)), np.ceil(np.log10(sizes.max())))
        low, high = ax.get_xlim()
        ax.set_xticks([tick for tick in (*-decades[::-1], 0.0, *decades) if low <= tick <= high])
        ax.minorticks_off()


def _change(value: float) -> str:
    return words.money(value, "", plus=True).strip()


def _label(row: dict[str, Any]) -> str:
    return f"{row['scenario']} (control)" if row["status"] == "control" else str(row["scenario"])


def finding_of(frame: pl.DataFrame, currency: str, slippages: dict[str, float]) -> str:
    """Return the sentence: what breaks the strategy first, what costs most.

    Args:
        frame: of a `Stress`.
        currency: of the account.
        slippages: the label of each step of the slippage grid, with its basis points.
    """
    rows = list(frame.iter_rows(named=True))
    base, tried = rows[0], [row for row in rows[1:] if row["status"] in ("changed", "same")]
    broken = [row for row in rows[1:] if row["status"] == "control" and row["change_usd"] != 0]
    if broken:
        return f"The control {broken[0]['scenario']!r} changed the result: do not believe this table."
    if not base["total_trades"]:
        return "Nothing is traded as configured, so there is nothing to stress."
    if not tried and any(row["status"] == "control" for row in rows[1:]):
        return "The control changed nothing, and no other scenario could be tried."
    if not tried:
        return "None of the scenarios can be tried on this market."
    before = words.money(base["mtm_pnl_usd"], currency, plus=True)
    worst = min(tried, key=lambda row: row["mtm_pnl_usd"])
    worst_text = f"{worst['scenario']} ({words.money(worst['mtm_pnl_usd'], currency, plus=True)})"
    if base["mtm_pnl_usd"] <= 0:
        return f"There is no profit to lose, {before} as configured; the worst scenario is {worst_text}."
    lost = [row for row in tried if row["mtm_pnl_usd"] < 0]
    of = words.count(len(tried), "scenario", "scenarios")
    if not lost:
        return f"None of {of} turns {before} into a loss; the worst is {worst_text}."
    steps = sorted(slippages[row["scenario"]] for row in lost if row["scenario"] in slippages)
    slips = f", and slippage of {steps[0]:g} bps is enough" if steps else ""
    verb = "turns" if len(lost) == 1 else "turn"
    return f"{len(lost)} of {of} {verb} {before} into a loss; {worst_text} breaks it worst{slips}."
