"""The fee at which a strategy stops earning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import FloatArray, RecordArray
from arbkit.config import Params
from arbkit.engine import BacktestResult, backtest, backtest_many
from arbkit.kernels.opportunities import widest_signal
from arbkit.panel import Panel
from arbkit.realism import _words as words
from arbkit.realism._runs import check_inputs, checked_numbers, pair_of, run_many, sides_of
from arbkit.realism.result import Check, Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BreakEvenFee", "break_even_fee"]

_GRID: Final = 61
#: Each round of the search looks at this many fees inside the bracket at once.
_INSIDE: Final = 15
_PRECISION_BPS: Final = 1e-9
_MOST_ROUNDS: Final = 14


@dataclass(frozen=True, kw_only=True)
class BreakEvenFee(Check):
    """PnL against the fee of one crossing, both legs together.

    `frame` has `fee_bps` (taker fees of A and B added up), `mtm_pnl_usd`, `total_trades`, `win_rate`.

    Attributes:
        break_even_bps: the last fee at which PnL falls to 0, to 1e-9 bps; None when it is above 0 at no fee
            looked at, or still at the highest.
        first_zero_bps: the first such fee; the same one where PnL crosses zero once.
        same_trades_bps: the fee that would eat the PnL of the closed trades made at the parameters' own
            fees, if the same trades were made at it; None without a closed trade.
        own_fee_bps: the fee of the parameters.
    """

    break_even_bps: float | None
    first_zero_bps: float | None
    same_trades_bps: float | None
    own_fee_bps: float

    @property
    def _earlier_zero(self) -> float | None:
        return None if self.first_zero_bps == self.break_even_bps else self.first_zero_bps

    def plot(self) -> Figure:
        """Draw PnL and the number of trades against the fee."""
        from matplotlib.ticker import MaxNLocator

        from arbkit.show.look import AB, BA, GAIN, GREY, INK, plain_numbers, sheet

        fee = self.frame["fee_bps"].to_numpy()
        with sheet(self.finding, 2, height=6.2) as made:
            pnl, trades = made.axes
            pnl.axhline(0, color=GREY, lw=1)
            pnl.plot(fee, self.frame["mtm_pnl_usd"], ".-", color=AB)
            pnl.set(ylabel=f"PnL, {self.currency}", title=f"{self.pair}: PnL, marked to market")
            trades.plot(fee, self.frame["total_trades"], ".-", color=GREY)
            trades.set(
                ylabel="trades", xlabel="fee of one crossing, both legs together, bps", title="Trades made"
            )
            trades.set_ylim(bottom=0)
            marks = (
                (self.break_even_bps, BA, "-", "break-even"),
                (self._earlier_zero, BA, "--", "PnL first at zero"),
                (self.same_trades_bps, GAIN, "-.", "break-even of the same trades"),
                (self.own_fee_bps, INK, ":", "fee of the parameters"),
            )
            for value, color, dash, name in marks:
                if value is not None and fee[0] <= value <= fee[-1]:
                    pnl.axvline(value, color=color, ls=dash, lw=1.4, label=f"{name}: {words.bps(value)}")
            if pnl.get_legend_handles_labels()[0]:
                pnl.legend(loc="best", frameon=True, framealpha=0.95, edgecolor="none")
            trades.yaxis.set_major_locator(MaxNLocator(6, integer=True))
            plain_numbers(trades.yaxis)
            for ax in made.axes:
                ax.set_xlim(fee[0] - 0.01 * np.ptp(fee), fee[-1] + 0.01 * np.ptp(fee))
        return made.figure


def break_even_fee(
    panel: Panel, params: Params, *, fees_bps: Iterable[float] | None = None, progress: Progress | None = None
) -> BreakEvenFee:
    """Find the fee of one crossing at which the marked PnL reaches zero.

    Fees decide which trades are made, so PnL does not fall in a straight line: the strategy runs anew at
    every fee. The crossing is narrowed down between the last fee of the grid with a PnL above 0 and the next
    one. At a fee so high that nothing is traded any more PnL is 0 too; where a strategy earns until then,
    that fee is its break-even. A and B share the fee as they do in the parameters, equally where those are 0
    or have different signs.

    Args:
        panel: the market.
        params: the strategy; its slippage stays as it is.
        fees_bps: fees to look at, both legs together; by default from 0 to where no row pays any more.
        progress: called with the runs done and all of them.

    Raises:
        ConfigError: for a fee that is not finite, or parameters that this panel cannot simulate.
    """
    import polars as pl

    check_inputs(panel, params)
    fees = _grid(panel, params) if fees_bps is None else checked_numbers("fees_bps", fees_bps, low=-1e6)
    own = backtest(panel, params)
    runs = run_many(panel, [_with_fee(params, fee) for fee in fees], progress)
    frame = pl.DataFrame({"fee_bps": fees}).hstack(runs.select("mtm_pnl_usd", "total_trades", "win_rate"))
    pnl = frame["mtm_pnl_usd"].to_numpy()
    falls = np.flatnonzero((pnl[:-1] > 0) & (pnl[1:] <= 0))
    even = first = None
    if falls.size:
        first = _narrowed(panel, params, fees[falls[0]], fees[falls[0] + 1], last=False)
    if falls.size and pnl[-1] <= 0:
        even = _narrowed(panel, params, fees[falls[-1]], fees[falls[-1] + 1], last=True)
    same = _same_trades(own)
    return BreakEvenFee(
        frame=frame,
        finding=_finding(frame, even, first, same, own, panel.meta.currency),
        notes=_notes(pnl, own, _at(panel, params, even), panel.meta.currency),
        pair=pair_of(panel),
        currency=panel.meta.currency,
        break_even_bps=even,
        first_zero_bps=first,
        same_trades_bps=same,
        own_fee_bps=_own_fee(params),
    )


def _own_fee(params: Params) -> float:
    return params.taker_fee_a_bps + params.taker_fee_b_bps


def _share_of_a(params: Params) -> float:
    a, b = params.taker_fee_a_bps, params.taker_fee_b_bps
    return a / (a + b) if a + b and a * b >= 0 else 0.5


def _with_fee(params: Params, fee: float) -> Params:
    at_a = fee * _share_of_a(params)
    return params.replace(taker_fee_a_bps=at_a, taker_fee_b_bps=fee - at_a)


def _grid(panel: Panel, params: Params) -> list[float]:
    """Return fees from 0 to a little beyond the highest at which any row reaches the threshold."""
    widest = max(widest_signal(panel.market, side) for side in sides_of(params))
    highest = widest - params.slippage_bps - params.min_spread_bps
    if not np.isfinite(highest) or highest <= 0:
        highest = max(_own_fee(params), 1.0)
    return [float(fee) for fee in np.linspace(0.0, highest * 1.02, _GRID)]


def _narrowed(panel: Panel, params: Params, low: float, high: float, *, last: bool) -> float:
    """Return the last or first fee between these two at which PnL falls to 0; it is above 0 at `low` only."""
    for _ in range(_MOST_ROUNDS):
        if high - low <= _PRECISION_BPS:
            break
        inner = np.linspace(low, high, _INSIDE + 2)[1:-1]
        runs = backtest_many(panel, [_with_fee(params, float(fee)) for fee in inner], metrics="realized")
        earns = np.concatenate(([True], runs["mtm_pnl_usd"].to_numpy() > 0, [False]))
        falls = np.flatnonzero(earns[:-1] & ~earns[1:])
        fees = np.concatenate(([low], inner, [high]))
        at = int(falls[-1] if last else falls[0])
        low, high = float(fees[at]), float(fees[at + 1])
    return low


def _same_trades(own: BacktestResult) -> float | None:
    """Return the fee that leaves nothing of the closed trades: their PnL is linear in it."""
    closed = own.records[own.records["exit_index"] >= 0]
    share = _share_of_a(own.params)
    a, b = _turnover(closed, own.params)
    paid = own.params.taker_fee_a_bps * 1e-4 * a + own.params.taker_fee_b_bps * 1e-4 * b
    base = float((share * a + (1 - share) * b).sum())
    return float((closed["pnl_usd"] + paid).sum()) / base * 1e4 if base > 0 else None


def _turnover(closed: RecordArray, params: Params) -> tuple[FloatArray, FloatArray]:
    """Return the money that changed hands at A and at B in each closed trade: what fees are a share of."""
    if params.pnl_model == "convergence":
        notional: FloatArray = np.ascontiguousarray(closed["notional_usd"])
        return notional, notional
    h = params.slippage_bps / 2 / 1e4
    q = closed["size"]
    long = q * (closed["entry_long_px"] * (1 + h) + closed["exit_long_px"] * (1 - h))
    short = q * (closed["entry_short_px"] * (1 - h) + closed["exit_short_px"] * (1 + h))
    is_ab = closed["side"] == 0
    return np.where(is_ab, long, short), np.where(is_ab, short, long)


def _at(panel: Panel, params: Params, fee: float | None) -> Any:
    return None if fee is None else backtest(panel, _with_fee(params, fee)).metrics


def _finding(
    frame: Any,
    even: float | None,
    first: float | None,
    same: float | None,
    own: BacktestResult,
    currency: str,
) -> str:
    lowest, highest = frame.row(0, named=True), frame.row(-1, named=True)
    if not frame["total_trades"].sum():
        return f"Nothing is traded at any fee from {words.bps(lowest['fee_bps'])} on: no row pays enough."
    if not (frame["mtm_pnl_usd"] > 0).any():
        best = frame.row(int(frame["mtm_pnl_usd"].arg_max()), named=True)
        traded = frame.filter(frame["total_trades"] > 0).row(0, named=True)
        text = (
            f"No fee from {words.bps(lowest['fee_bps'])} on leaves a profit: "
            f"{words.money(traded['mtm_pnl_usd'], currency, plus=True)} at {words.bps(traded['fee_bps'])}"
        )
        if best["total_trades"] and best["fee_bps"] != traded["fee_bps"]:
            text += f", at best {words.money(best['mtm_pnl_usd'], currency)} at {words.bps(best['fee_bps'])}"
        return text + "."
    if even is None:
        return (
            f"PnL is still {words.money(highest['mtm_pnl_usd'], currency, plus=True)} at the highest fee "
            f"asked for, {words.bps(highest['fee_bps'])} a crossing."
        )
    fee = _own_fee(own.params)
    side = "no less" if fee >= even else "less"
    more = ""
    if first is not None and first != even:
        more = f", for the first time at {words.bps(first)}"
    if same is not None and abs(same - even) > 0.005:
        more += f" (the same trades: {words.bps(same)})"
    return (
        f"PnL reaches zero at a fee of {words.bps(even)} a crossing, both legs together{more}; "
        f"the parameters pay {words.bps(fee)}, {side} than that."
    )


def _notes(pnl: FloatArray, own: BacktestResult, at: Any, currency: str) -> tuple[str, ...]:
    notes = []
    signs = pnl[pnl != 0] > 0
    if signs.size and np.count_nonzero(signs[1:] != signs[:-1]) > 1:
        notes.append(
            "PnL crosses zero more than once: fees change which trades are made. The last one counts."
        )
    if at is not None:
        trades = words.count(at.total_trades, "trade", "trades")
        notes.append(
            f"Just below the break-even fee {trades}: PnL {words.money(at.mtm_pnl_usd, currency, plus=True)}"
            + (
                ": the last profit ends with a trade that is no longer made."
                if at.mtm_pnl_usd > 0.005
                else "."
            )
        )
    if own.metrics.open_trades:
        notes.append("The break-even of the same trades is of the closed ones.")
    if own.params.pnl_model == "convergence":
        notes.append("The convergence model books one crossing per trade; two accounts pay two.")
    return tuple(notes)
