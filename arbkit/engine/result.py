"""`BacktestResult`: what one run gave, its frames made when they are asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.config import Params
from arbkit.engine.choice import market_to_skip
from arbkit.errors import ConfigError
from arbkit.kernels.curve import curve_points
from arbkit.kernels.held import held_extremes
from arbkit.kernels.replay import replay
from arbkit.kernels.scan import scan_curve
from arbkit.kernels.skip import GridRows, skip
from arbkit.metrics import Metrics
from arbkit.panel import Panel
from arbkit.records import STATE_DTYPE, TRADE_DTYPE, ExitReason, Side
from arbkit.units import duration_ns

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

__all__ = ["BacktestResult", "flags_of"]


def flags_of(panel: Panel, params: Params) -> tuple[str, ...]:
    """Return what a reader must know before believing a run of these parameters on this panel."""
    flags = list(panel.flags)
    inventory = {"a": params.inventory_a_usd, "b": params.inventory_b_usd}
    shorts = {
        "a": params.direction != "long_a_short_b",
        "b": params.direction != "long_b_short_a",
    }
    spot = {"a": panel.meta.spot_a, "b": panel.meta.spot_b}
    legs = {"a": panel.meta.leg_a, "b": panel.meta.leg_b}
    flags += [
        f"sells spot at {legs[leg]} short without inventory"
        for leg in ("a", "b")
        if shorts[leg] and spot[leg] and inventory[leg] is None
    ]
    paid = () if panel.funding is None or not params.funding else panel.funding.legs_paid
    flags += [
        f"funding of the perpetual at {legs[leg]} is not simulated"
        for leg in ("a", "b")
        if not spot[leg] and leg not in paid
    ]
    if params.pnl_model == "convergence":
        flags.append("convergence PnL: assumes that the premium unwinds for free")
    return tuple(flags)


class BacktestResult:
    """One simulated run: metrics now; trades, equity and attribution on demand.

    Attributes:
        panel: the market it ran on.
        params: the parameters it ran with.
    """

    def __init__(
        self,
        panel: Panel,
        params: Params,
        records: RecordArray | Callable[[], RecordArray],
        metrics: Any,
        rules: RecordArray,
        last_row: int,
    ) -> None:
        self.panel = panel
        self.params = params
        self._made_records = records
        self._metrics_record = metrics
        self._rules = rules
        self._last_row = last_row

    def curve_of(self, panel: Panel, records: RecordArray) -> tuple[IntArray, FloatArray, FloatArray]:
        """Return what other trades would have been worth through the time of this run.

        Args:
            panel: the books that value them.
            records: `TRADE_DTYPE` in entry order, each on tradable rows of the panel.

        Returns:
            Its tradable rows up to the end of the run, and on each the realised PnL and the value of the
            open trades.
        """
        state = np.zeros(1, STATE_DTYPE)
        last = min(self._last_row, len(panel) - 1)
        return replay(panel.market, self._rules[0], state[0], np.ascontiguousarray(records), last)

    @property
    def last_row(self) -> int:
        """The last row that the run looked at: the panel's, or where a drawdown stopped it."""
        return min(self._last_row, len(self.panel) - 1)

    @cached_property
    def records(self) -> RecordArray:
        """The trades as `TRADE_DTYPE`, in entry order."""
        made = self._made_records
        return made() if callable(made) else made

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics of docs/engine.md, section 5."""
        return Metrics.from_record(self._metrics_record)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the panel's content and of all parameters: equal inputs, equal fingerprint."""
        text = json.dumps([self.panel.fingerprint, self.params.to_dict()], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """What a reader must know before believing the result: see `Panel.flags`, and the parameters' own."""
        return flags_of(self.panel, self.params)

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row per trade in entry order; exit columns are null while a trade is open.

        `side` and `exit_reason` are text, stamps UTC nanoseconds. `pnl_usd` and `pnl_bps` of an open trade
        are its mark at the last row; `mae_bps`/`mfe_bps` are null when no row followed the entry.
        """
        import polars as pl

        records = self.records
        held_extremes(self.panel.market, self.panel.index, self._rules[0], records, self._last_row)
        sides = np.array([side.name for side in Side])
        reasons = np.array([reason.name.lower() for reason in ExitReason])
        is_open = records["exit_index"] < 0
        frame = pl.DataFrame(
            {
                "side": sides[records["side"]],
                "entry_index": records["entry_index"],
                "exit_index": records["exit_index"],
                "entry_ts": records["entry_ts"],
                "exit_ts": records["exit_ts"],
                **{
                    name: np.ascontiguousarray(records[name])
                    for name in (
                        "entry_spread_bps",
                        "entry_signal_bps",
                        "exit_spread_bps",
                        "unwind_bps",
                        "notional_usd",
                        "pnl_usd",
                        "pnl_bps",
                        "fees_usd",
                    )
                },
                "exit_reason": reasons[records["reason"]],
                "is_open": is_open,
                "mae_bps": np.ascontiguousarray(records["mae_bps"]),
                "mfe_bps": np.ascontiguousarray(records["mfe_bps"]),
                "beyond_book": records["beyond_book"] == 1,
            },
            schema_overrides={"side": pl.String, "exit_reason": pl.String},
        )
        stamp = pl.Datetime("ns", "UTC")
        return frame.with_columns(
            pl.col("entry_ts").cast(stamp),
            *(pl.when(~pl.col("is_open")).then(pl.col(name)).alias(name) for name in ("exit_index",)),
            pl.when(~pl.col("is_open")).then(pl.col("exit_ts").cast(stamp)).alias("exit_ts"),
            pl.when(~pl.col("is_open")).then(pl.col("exit_reason")).alias("exit_reason"),
            pl.col("exit_spread_bps", "unwind_bps", "mae_bps", "mfe_bps").fill_nan(None),
        )

    def equity(self, every: str | None = None) -> pl.DataFrame:
        """Return balance, equity and drawdown through time.

        Args:
            every: None for one row per tradable row, or a grid such as "1h": each grid point shows the last
                tradable row at or before it.

        Returns:
            `ts`, `balance_usd` (realised), `equity_usd` (open trades as if closed now), `drawdown_pct` of the
            equity below its running peak, which starts at the initial balance.
        """
        import polars as pl

        ts, balance, equity, peak = self._whole_curve() if every is None else self._curve_on_grid(every)
        return pl.DataFrame(
            {
                "ts": pl.Series(ts).cast(pl.Datetime("ns", "UTC")),
                "balance_usd": balance,
                "equity_usd": equity,
                "drawdown_pct": (peak - equity) / peak * 100,
            }
        )

    def equity_on(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return balance and equity at the end of some rows, at the cost of the trades and of those rows.

        Args:
            rows: int64 (m,), non-decreasing numbers of tradable rows of the panel.

        Returns:
            float64 (m,) each: realised, and with the open trades as if closed then.
        """
        state = np.zeros(1, STATE_DTYPE)
        records = np.ascontiguousarray(self.records)
        realized, value = curve_points(self.panel.market, self._rules[0], state[0], records, rows)
        balance = self.params.initial_balance_usd + realized
        return balance, balance + value

    def _whole_curve(self) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
        """Return time, balance, equity and its peak at every tradable row of the run."""
        state = np.zeros(1, STATE_DTYPE)
        scratch = np.empty(max(1, self.records.size), TRADE_DTYPE)
        balance, equity, rows = scan_curve(self.panel.market, self._rules[0], state[0], scratch)
        peak = np.maximum(np.maximum.accumulate(equity), self.params.initial_balance_usd)
        return self.panel.ts[rows], balance, equity, peak

    def _curve_on_grid(self, every: str) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
        """Return the same on a grid, without walking the rows between events."""
        step = duration_ns(every, name="every")
        if step <= 0:
            raise ConfigError(f"`every` must be longer than 0, was {every!r}")
        rows, begin = self.panel.grid_rows(step)
        grid = GridRows(rows, np.empty(rows.size), np.empty((2, rows.size)), begin, step)
        state = np.zeros(1, STATE_DTYPE)
        scratch = np.empty(max(1, self.records.size), TRADE_DTYPE)
        market = market_to_skip(self.panel, self._rules, True)
        _, n = skip(market, self.panel.index, self._rules[0], state[0], scratch, grid, True)
        return begin + np.arange(n) * step, grid.curve[0, :n], grid.equity[:n], grid.curve[1, :n]

    def attribution(self) -> pl.DataFrame:
        """Split the PnL of each closed trade into premium, book, slippage, fees and, where it is apart, FX.

        Returns:
            `trade` (position in `trades`), `premium_usd` (move of the two mids), `book_usd` (half spreads
            crossed), `slippage_usd`, `fees_usd` (as a cost, so never positive without rebates), with depth
            `depth_usd` (what the ladders cost beyond their tops), with leverage `liquidation_usd` (its fee),
            with funding `funding_usd` (received), with fx_settlement at_exit `fx_usd` (what entry prices
            moved by until the exit), and `pnl_usd`: the parts add up to it within rounding. Empty for the
            convergence model, which has no fills.
        """
        import polars as pl

        closed = np.flatnonzero(self.records["exit_index"] >= 0)
        if self.params.pnl_model == "convergence":
            closed = closed[:0]
        trades = self.records[closed]
        legs = _tops_of_legs(self.panel, trades)
        q = trades["size"]
        moves = {leg: (tops.out.mid - tops.into.mid) for leg, tops in legs.items()}
        halves = sum((fill.ask - fill.bid) / 2 for tops in legs.values() for fill in tops)
        crossed = (
            trades["entry_long_px"]
            + trades["exit_long_px"]
            + trades["entry_short_px"]
            + trades["exit_short_px"]
        )
        half_slip = self._rules[0]["half_slip"]
        parts = {
            "premium_usd": q * (moves["long"] - moves["short"]),
            "book_usd": -q * halves,
            "slippage_usd": -q * half_slip * crossed,
            "fees_usd": -trades["fees_usd"],
        }
        if self.params.depth_levels > 0:
            long, short = legs["long"], legs["short"]
            walked = (trades["entry_long_px"] - long.into.ask) + (long.out.bid - trades["exit_long_px"])
            walked += (short.into.bid - trades["entry_short_px"]) + (trades["exit_short_px"] - short.out.ask)
            parts["depth_usd"] = -q * walked
        pnl = np.ascontiguousarray(trades["pnl_usd"])
        if self.params.leverage_b is not None:
            parts["liquidation_usd"] = -_liquidation_fees(trades, self._rules[0])
            parts["fees_usd"] = parts["fees_usd"] - parts["liquidation_usd"]
        if self.params.funding:
            parts["funding_usd"] = np.ascontiguousarray(trades["funding_usd"])
        if self.params.fx_settlement == "at_exit":
            parts["fees_usd"] = -_fees_at_fills(trades, self._rules[0])
            parts["fx_usd"] = pnl - sum(parts.values())
        return pl.DataFrame({"trade": closed, **parts, "pnl_usd": pnl})

    def plot(self, start: Any = None, end: Any = None) -> Figure:
        """Draw the signals with the trades, the gain and the drawdown.

        Args:
            start, end: the stretch of time, as in `Panel.slice`; default: all of it.
        """
        from arbkit.engine.picture import draw_result

        return draw_result(self, start, end)

    def to_pandas(self) -> Any:
        """Return `trades` as a pandas frame; pandas must be installed."""
        return self.trades.to_pandas()

    def _repr_html_(self) -> str:
        from arbkit.show import card, measures_of, period

        meta, lines = self.panel.meta, measures_of(self.metrics, self.panel.meta.currency)
        when = period(self.panel.start_ns, self.panel.end_ns) if len(self.panel) else "no rows"
        title = f"Backtest {meta.leg_a} × {meta.leg_b}"
        return card(title, when, [(line.title, line.text) for line in lines], self.flags)

    def __repr__(self) -> str:
        m = self.metrics
        return (
            f"BacktestResult({self.panel.meta.leg_a} x {self.panel.meta.leg_b}: "
            f"{m.closed_trades} closed and {m.open_trades} open trades, mtm PnL {m.mtm_pnl_usd:,.2f} "
            f"{self.panel.meta.currency}, max drawdown {m.max_drawdown_mtm_pct:.2f} %)"
        )


def _fees_at_fills(trades: RecordArray, rules: Any) -> FloatArray:
    """Return the fees of all four fills, each at the FX rate of its own row."""
    h = rules["half_slip"]
    is_ab = trades["side"] == Side.LONG_A_SHORT_B
    fee_long = np.where(is_ab, rules["fee_a"], rules["fee_b"])
    fee_short = np.where(is_ab, rules["fee_b"], rules["fee_a"])
    long = trades["entry_long_px"] * (1 + h) + trades["exit_long_px"] * (1 - h)
    short = trades["entry_short_px"] * (1 - h) + trades["exit_short_px"] * (1 + h)
    fees: FloatArray = trades["size"] * (fee_long * long + fee_short * short)
    return fees


def _liquidation_fees(trades: RecordArray, rules: Any) -> FloatArray:
    """Return the fee of each liquidation, on the filled price of the leg at B; 0 for other exits."""
    h = rules["half_slip"]
    is_ab = trades["side"] == Side.LONG_A_SHORT_B
    filled = np.where(is_ab, trades["exit_short_px"] * (1 + h), trades["exit_long_px"] * (1 - h))
    fees: FloatArray = rules["liquidation_fee"] * (trades["size"] * filled)
    return np.where(trades["reason"] == ExitReason.LIQUIDATION, fees, 0.0)


class _Top(NamedTuple):
    """Best prices of one venue on the rows of some fills."""

    bid: FloatArray
    ask: FloatArray

    @property
    def mid(self) -> FloatArray:
        return (self.bid + self.ask) / 2


class _Leg(NamedTuple):
    """One leg of some closed trades: the tops of its venue where it was opened and closed."""

    into: _Top
    out: _Top


def _tops_of_legs(panel: Panel, trades: RecordArray) -> dict[str, _Leg]:
    """Return both legs of closed trades, each on the rows on which it was filled itself."""
    is_ab = trades["side"] == Side.LONG_A_SHORT_B

    def top(rows: IntArray, at_a: BoolArray) -> _Top:
        bid = np.where(at_a, panel.bid_a[rows], panel.bid_b[rows])
        return _Top(bid, np.where(at_a, panel.ask_a[rows], panel.ask_b[rows]))

    return {
        leg: _Leg(top(trades[f"entry_{leg}_row"], at_a), top(trades[f"exit_{leg}_row"], at_a))
        for leg, at_a in (("long", is_ab), ("short", ~is_ab))
    }
