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
    "scenario", "status", "mtm_pnl_usd", "change_usd", "change_bps", "max_drawdown_mtm_pct", "worst_pair",
    "worst_pair_drawdown_pct", "total_trades", "worst_trade_usd", "liquidations", "refused",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Stress(Check):
    """A strategy under each scenario.

    `frame` has one row per scenario, the run as configured first: `scenario`, `what` happens, `status`
    (`base`, `changed`, `same` where the run comes out alike, `idle` where this market has nothing that the
    scenario could change, `control`, `refused` where the engine does not simulate it, with the `reason`),
    `rows_changed` in the panel, `mtm_pnl_usd`, `per_day_usd`, `change_usd` and `change_bps` (of the initial balance) against
    the run as configured, `max_drawdown_mtm_pct`, `total_trades`, `worst_trade_usd`, `liquidations`,
    `refused` entries, and `stopped`. A portfolio also has `worst_pair`, the pair that would have had the
    largest drawdown on the balance alone, and `worst_pair_drawdown_pct`.

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
        from arbkit.realism._draw import GREEN, GREY, INK, ORANGE, plain_numbers, sheet

        shown = self.frame.filter(self.frame["mtm_pnl_usd"].is_not_null())
        pnl = shown["mtm_pnl_usd"].to_numpy()
        base = float(pnl[0])
        with sheet(self.finding, 1, height=1.6 + 0.29 * shown.height, columns=2) as made:
            left, right = made.axes
            place = np.arange(shown.height)
            plain = [GREEN if value >= base else "#0072B2" for value in pnl]
            colors = [ORANGE if value < 0 <= base else color for value, color in zip(pnl, plain, strict=True)]
            faded = shown["status"].is_in(["same", "idle", "control"]).to_numpy()
            colors = ["#B8BEC7" if pale else color for pale, color in zip(faded, colors, strict=True)]
            colors[0] = INK
            left.barh(place, pnl, color=colors, height=0.66)
            left.axvline(0, color=GREY, lw=1)
            left.axvline(base, color=INK, lw=1, ls=":")
            left.set_yticks(place, [_label(row) for row in shown.iter_rows(named=True)])
            self._write_changes(left, shown)
            left.set(
                title=f"{self.pair}: PnL under each scenario", xlabel=f"{self.currency}, marked to market"
            )
            right.barh(place, shown["max_drawdown_mtm_pct"], color=colors, height=0.66)
            right.set(title="Largest drawdown", xlabel="% of the equity's peak, marked to market")
            if "worst_pair_drawdown_pct" in shown.columns:
                alone = shown["worst_pair_drawdown_pct"].to_numpy()
                right.plot(alone, place, "|", color=INK, ms=11, mew=2, label="worst pair alone")
                right.legend(loc="lower right")
            right.axvline(float(shown["max_drawdown_mtm_pct"][0]), color=INK, lw=1, ls=":")
            right.set_yticks(place, [])
            for ax in (left, right):
                ax.invert_yaxis()
                ax.grid(visible=False, axis="y")
                plain_numbers(ax.xaxis)
        return made.figure

    def _write_changes(self, ax: Any, shown: pl.DataFrame) -> None:
        """Write the change beside each bar, with room for it."""
        pnl = shown["mtm_pnl_usd"].to_numpy()
        low, high = min(0.0, float(pnl.min())), max(0.0, float(pnl.max()))
        room = 0.26 * ((high - low) or 1.0)
        ax.set_xlim(low - room * (low < 0), high + room)
        for at, row in enumerate(shown.iter_rows(named=True)):
            value, change = row["mtm_pnl_usd"], row["change_usd"]
            text = words.money(value if change is None else change, "", plus=change is not None).strip()
            ax.annotate(
                text, (value, at), (4 if value >= 0 else -4, 0), textcoords="offset points",
                ha="left" if value >= 0 else "right", va="center", fontsize=8.5,
            )  # fmt: skip


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
    if not tried:
        return "None of the scenarios can be tried on this market."
    before = words.money(base["mtm_pnl_usd"], currency, plus=True)
    worst = min(tried, key=lambda row: row["mtm_pnl_usd"])
    worst_text = f"{worst['scenario']} ({words.money(worst['mtm_pnl_usd'], currency, plus=True)})"
    if base["mtm_pnl_usd"] <= 0:
        return f"There is no profit to lose, {before} as configured; the worst scenario is {worst_text}."
    lost = [row for row in tried if row["mtm_pnl_usd"] <= 0]
    of = words.count(len(tried), "scenario", "scenarios")
    if not lost:
        return f"None of {of} turns {before} into a loss; the worst is {worst_text}."
    steps = sorted(slippages[row["scenario"]] for row in lost if row["scenario"] in slippages)
    slips = f", and slippage of {steps[0]:g} bps is enough" if steps else ""
    return f"{len(lost)} of {of} turn {before} into a loss; {worst_text} breaks it worst{slips}."
