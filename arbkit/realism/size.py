"""How much money a strategy can carry on the books that were really there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit.config import Params
from arbkit.engine import BacktestResult, backtest
from arbkit.errors import ConfigError
from arbkit.panel import Panel
from arbkit.realism import _words as words
from arbkit.realism._runs import check_inputs, checked_numbers, pair_of
from arbkit.realism.result import Check, Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Capacity", "capacity"]

_STEPS: Final = (1.0, 2.0, 5.0)
_ROWS_LOOKED_AT: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Capacity(Check):
    """PnL against the notional of one trade, filled down the visible ladders.

    `frame` has one row per notional: `notional_usd` asked for; `total_trades`, `filled_usd` (what all trades
    filled) and `filled_pct` of what they asked for; `mtm_pnl_usd` and `pnl_bps` of what was filled;
    `top_pnl_usd`, what fills of any size at the best prices would claim; `rejected_thin` and
    `rejected_no_depth`, entries that the ladders refused; `beyond_book`, exits larger than the ladder.

    Attributes:
        levels: of the ladders that fills walked.
    """

    levels: int

    def plot(self) -> Figure:
        """Draw PnL, PnL in bps and what became of the entries, against notional."""
        from matplotlib.ticker import NullFormatter

        from arbkit.show.look import AB, BA, GAIN, GREY, plain_numbers, sheet

        usd = self.frame["notional_usd"].to_numpy()
        with sheet(self.finding, 3, height=8.2) as made:
            pnl, per, entries = made.axes
            for ax in (pnl, per):
                ax.axhline(0, color=GREY, lw=1)
            pnl.plot(usd, self.frame["top_pnl_usd"], "--", color=GREY, label="claimed at the top of the book")
            pnl.plot(usd, self.frame["mtm_pnl_usd"], "o-", color=AB, label=f"down {self.levels} levels")
            pnl.set_ylim(*_limits(self.frame["mtm_pnl_usd"].to_numpy(), self.frame["top_pnl_usd"].to_numpy()))
            pnl.set(ylabel=f"PnL, {self.currency}", title=f"{self.pair}: PnL, marked to market")
            pnl.legend(loc="best")
            per.plot(usd, self.frame["pnl_bps"], "o-", color=GAIN)
            per.set(ylabel="PnL, bps of what was filled", title="PnL per unit of money")
            entries.plot(usd, self.frame["total_trades"], "o-", color=AB, label="trades")
            entries.plot(usd, self.frame["rejected_thin"], "s--", color=BA, label="refused: ladder too thin")
            if self.frame["beyond_book"].sum():
                entries.plot(usd, self.frame["beyond_book"], "^:", color=GREY, label="exits beyond the book")
            entries.set_ylim(bottom=0)
            entries.set(
                ylabel="number",
                xlabel=f"notional of one trade, {self.currency}",
                title="What became of entries",
            )
            entries.legend(loc="best")
            for ax in made.axes:
                ax.set_xscale("log")
                plain_numbers(ax.xaxis)
                ax.xaxis.set_minor_formatter(NullFormatter())
        return made.figure


def _limits(pnl: Any, claim: Any) -> tuple[float, float]:
    """Show all of the PnL with depth, and of the claim only as far as it compares."""
    span = float(np.ptp([*pnl, 0.0])) or 1.0
    low, high = min(0.0, float(pnl.min())), max(0.0, float(pnl.max()))
    return max(low - span, min(low, float(claim.min()))) - 0.05 * span, min(
        high + span, max(high, float(claim.max()))
    ) + 0.05 * span


def capacity(
    panel: Panel,
    params: Params,
    *,
    notionals: Iterable[float] | None = None,
    levels: int | None = None,
    progress: Progress | None = None,
) -> Capacity:
    """Run the strategy with larger and larger trades, filled down the ladders of the books.

    Args:
        panel: the market, with sizes.
        params: the strategy; its `max_position_usd` and `depth_levels` are replaced.
        notionals: of one trade, account currency; by default 1, 2, 5, 10, ... from a tenth of what the best
            levels hold to twice what the whole ladders do.
        levels: of the ladders; by default those of the parameters, or all of the panel where these have none.
        progress: called with the runs done and all of them.

    Raises:
        ConfigError: for a panel without sizes, a notional that is not above 0, more levels than the panel
            has, or parameters that it cannot simulate.
        DataError: when the levels of a ladder are out of order.
    """
    import polars as pl

    check_inputs(panel, params)
    if panel.ladders is None or panel.levels == 0:
        raise ConfigError(
            "capacity needs a panel with sizes, this one has none; load it with levels, from books with sizes"
        )
    depth = _levels(panel, params, levels)
    if params.pnl_model == "convergence":
        raise ConfigError("capacity needs `pnl_model` executable, was convergence, which has no fills")
    money = (
        _notionals(panel)
        if notionals is None
        else checked_numbers("notionals", notionals, low=0.0, strict=True)
    )
    rows = []
    for done, notional in enumerate(money, 1):
        sized = params.replace(max_position_usd=notional)
        walked = backtest(panel, sized.replace(depth_levels=depth))
        rows.append(_row(notional, walked, backtest(panel, sized.replace(depth_levels=0))))
        if progress is not None:
            progress(done, len(money))
    frame = pl.DataFrame(rows, infer_schema_length=None).cast(
        {"pnl_bps": pl.Float64, "filled_pct": pl.Float64}
    )
    return Capacity(
        frame=frame,
        finding=_finding(frame, panel.meta.currency),
        notes=_notes(frame, depth),
        pair=pair_of(panel),
        currency=panel.meta.currency,
        levels=depth,
    )


def _levels(panel: Panel, params: Params, levels: int | None) -> int:
    depth = levels if levels is not None else (params.depth_levels or panel.levels)
    if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= panel.levels:
        raise ConfigError(f"`levels` must be from 1 to those of the panel, {panel.levels}, was {depth!r}")
    return depth


def _row(notional: float, walked: BacktestResult, top: BacktestResult) -> dict[str, Any]:
    metrics = walked.metrics
    filled = float(walked.records["notional_usd"].sum())
    return {
        "notional_usd": notional,
        "total_trades": metrics.total_trades,
        "filled_usd": filled,
        "filled_pct": 100 * filled / (notional * metrics.total_trades) if metrics.total_trades else None,
        "mtm_pnl_usd": metrics.mtm_pnl_usd,
        "pnl_bps": 1e4 * metrics.mtm_pnl_usd / filled if filled > 0 else None,
        "top_pnl_usd": top.metrics.mtm_pnl_usd,
        "rejected_thin": metrics.rejected_thin,
        "rejected_no_depth": metrics.rejected_no_depth,
        "beyond_book": metrics.beyond_book,
    }


def _notionals(panel: Panel) -> list[float]:
    """Return 1, 2, 5, 10, ... from a tenth of the median best level to twice the median ladder."""
    assert panel.ladders is not None
    rows = np.flatnonzero(panel.tradable)
    rows = rows[:: max(1, rows.size // _ROWS_LOOKED_AT)]
    if not rows.size:
        return [100.0, 1_000.0, 10_000.0]
    money = [
        np.nan_to_num(px[rows] * sz[rows])
        for px, sz in (
            (panel.ladders.ask_px_a, panel.ladders.ask_sz_a),
            (panel.ladders.ask_px_b, panel.ladders.ask_sz_b),
        )
    ]
    best = min(float(np.median(side[:, 0])) for side in money)
    whole = max(float(np.median(side.sum(axis=1))) for side in money)
    low, high = max(best / 10, 1e-6), max(2 * whole, best, 1e-5)
    exponents = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 2)
    series = [step * 10.0**power for power in exponents for step in _STEPS]
    return [float(f"{value:.6g}") for value in series if low / 2 <= value <= high * 2]


def _finding(frame: Any, currency: str) -> str:
    if not frame["total_trades"].sum():
        return "Nothing is traded at any size: the threshold is never reached after costs."
    best = frame.row(int(frame["mtm_pnl_usd"].arg_max()), named=True)
    if best["mtm_pnl_usd"] <= 0:
        small = frame.filter(frame["total_trades"] > 0).row(0, named=True)
        return (
            f"No size earns money: {words.bps(small['pnl_bps'])} already at "
            f"{words.money(small['notional_usd'], currency)} a trade."
        )
    text = (
        f"PnL is highest at {words.money(best['notional_usd'], currency)} a trade: "
        f"{words.money(best['mtm_pnl_usd'], currency, plus=True)}, {words.bps(best['pnl_bps'])}"
    )
    if best["notional_usd"] == frame["notional_usd"][-1]:
        return text + ", and that is the largest size tried."
    larger = frame.filter(frame["notional_usd"] > best["notional_usd"])
    lost = larger.filter(larger["mtm_pnl_usd"] <= 0)
    if lost.height:
        row = lost.row(0, named=True)
        return f"{text}; nothing of it is left at {words.money(row['notional_usd'], currency)}."
    row = larger.row(-1, named=True)
    return (
        f"{text}; larger trades only meet thin books, {words.money(row['mtm_pnl_usd'], currency, plus=True)} "
        f"at {words.money(row['notional_usd'], currency)}."
    )


def _notes(frame: Any, levels: int) -> tuple[str, ...]:
    walked = words.count(levels, "level", "levels")
    notes = [
        f"Fills walk {walked} of the books as seen: nobody takes them first, no later row remembers a fill."
    ]
    if frame["beyond_book"].sum():
        notes.append(
            "Exits larger than the visible ladder are priced at its last level, which flatters them."
        )
    return tuple(notes)
