"""`PortfolioResult`: what one run of several pairs gave, its frames made when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.config import Params
from arbkit.engine.result import BacktestResult
from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.replay import replay
from arbkit.kernels.summary import summarize
from arbkit.metrics import Metrics, metric_columns
from arbkit.panel import Panel
from arbkit.records import METRICS_DTYPE, STATE_DTYPE
from arbkit.units import HOUR_NS, duration_ns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PortfolioResult"]

#: Metrics that only the shared account has.
_SHARED: Final = (
    "final_balance_usd",
    "max_drawdown_pct",
    "max_drawdown_mtm_pct",
    "sharpe",
    "sortino",
    "stopped",
)


class PortfolioResult:
    """One simulated run of several pairs on one balance.

    Attributes:
        panels: the market of each pair.
        params: the parameters of each pair.
        records: the trades of all pairs as `TRADE_DTYPE`, in entry order.
        pair_numbers: int64, for each trade the position of its pair in `panels`.
    """

    def __init__(
        self,
        panels: Mapping[str, Panel],
        params: Mapping[str, Params],
        records: RecordArray,
        pair_numbers: IntArray,
        metrics: Any,
        rules: RecordArray,
        states: RecordArray,
    ) -> None:
        self.panels = dict(panels)
        self.params = dict(params)
        self.records = records
        self.pair_numbers = pair_numbers
        self._metrics_record = metrics
        self._rules = rules
        self._states = states

    def alone(self, pair: str) -> BacktestResult:
        """Return the run of one pair: its panel, parameters and trades, without metrics.

        Raises:
            ConfigError: for a pair that is not there.
        """
        if pair not in self.panels:
            raise ConfigError(f"`{pair}` is no pair of this portfolio; {nearest_names(pair, self.panels)}")
        return self._alone(list(self.panels).index(pair))[1]

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics of the shared account; counts are sums over the pairs."""
        return Metrics.from_record(self._metrics_record)

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """What a reader must know before believing the result, each once, with its pair."""
        return tuple(
            f"{name}: {flag}"
            for number, name in enumerate(self.panels)
            for flag in self._alone(number)[1].flags
        )

    def pairs(self) -> pl.DataFrame:
        """Return one row per pair: `pair` and its own metrics, without those that only the account has.

        Sums and counts add up to the portfolio's. `exposure_pct` is of the time of the pair's own rows.
        """
        import polars as pl
        import polars.selectors as cs

        metrics = np.zeros(len(self.panels), METRICS_DTYPE)
        for number in range(len(self.panels)):
            trades = self.records[self.pair_numbers == number]
            state = self._states[number : number + 1].copy()
            closed = trades[trades["exit_index"] >= 0]
            order = np.lexsort((np.arange(closed.size), closed["exit_index"]))
            state["n_trades"] = trades.size
            state["realized_pnl"] = sum(closed["pnl_usd"][order].tolist())
            summarize(state[0], self._rules[number], trades, np.empty(0), HOUR_NS, metrics[number])
        frame = pl.DataFrame({"pair": list(self.panels), **metric_columns(metrics)})
        return frame.drop(_SHARED).with_columns(cs.float().fill_nan(None))

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row per trade in entry order: `pair`, then the columns of `BacktestResult.trades`."""
        return self._of_all_pairs(lambda result: result.trades)

    def attribution(self) -> pl.DataFrame:
        """Split the PnL of each closed trade: `pair`, `trade` (position in `trades`), then the parts.

        A part that a pair does not have (such as funding) is null.
        """
        import polars as pl

        frames = []
        for number, name in enumerate(self.panels):
            positions, result = self._alone(number)
            frame = result.attribution()
            at = positions[frame["trade"].to_numpy()]
            frames.append(frame.with_columns(pl.lit(name).alias("pair"), pl.Series("trade", at)))
        frame = pl.concat(frames, how="diagonal").sort("trade")
        last = ["pnl_usd"]
        return frame.select("pair", *(c for c in frame.columns if c not in ("pair", *last)), *last)

    def _of_all_pairs(self, frame_of: Any) -> pl.DataFrame:
        import polars as pl

        frames, positions = [], []
        for number, name in enumerate(self.panels):
            own, result = self._alone(number)
            frames.append(frame_of(result).select(pl.lit(name).alias("pair"), pl.all()))
            positions.append(own)
        frame: pl.DataFrame = pl.concat(frames)
        return frame.select(pl.all().gather(np.argsort(np.concatenate(positions)).tolist()))

    def _alone(self, number: int) -> tuple[IntArray, BacktestResult]:
        """Return where the trades of a pair stand among all, and a result that holds only them."""
        name = list(self.panels)[number]
        own = np.flatnonzero(self.pair_numbers == number)
        last = int(self._states[number]["last_index"])
        rules = self._rules[number : number + 1]
        return own, BacktestResult(self.panels[name], self.params[name], self.records[own], None, rules, last)

    def equity(self, every: str | None = None) -> pl.DataFrame:
        """Return balance, equity and drawdown of the account through time.

        Args:
            every: None for one row per tradable row of any pair, or a grid such as "1h": each grid point
                shows the last row at or before it.

        Returns:
            `ts`, `balance_usd`, `equity_usd`, `drawdown_pct` (of the equity below its running peak).
        """
        import polars as pl

        ts, balance, equity = self._curve()
        initial = float(self._rules[0]["initial_balance_usd"])
        peak = np.maximum(np.maximum.accumulate(equity), initial) if equity.size else equity
        drawdown = (peak - equity) / peak * 100
        if every is not None:
            grid = _grid_of(ts, every)
            at = np.searchsorted(ts, grid, side="right") - 1
            ts, balance, equity, drawdown = grid, balance[at], equity[at], drawdown[at]
        return pl.DataFrame(
            {
                "ts": pl.Series(ts).cast(pl.Datetime("ns", "UTC")),
                "balance_usd": balance,
                "equity_usd": equity,
                "drawdown_pct": drawdown,
            }
        )

    def contributions(self, every: str = "1h") -> pl.DataFrame:
        """Return what each pair has earned through time, open trades as if closed.

        `ts`, then a column per pair; those of a row add up to equity less the initial balance.
        """
        import polars as pl

        curves = self._curves()
        stamps = [curve[0] for curve in curves if curve[0].size]
        ends = [min(s[0] for s in stamps), max(s[-1] for s in stamps)] if stamps else []
        grid = _grid_of(np.array(ends, np.int64), every)
        columns = {}
        for name, (ts, realized, value) in zip(self.panels, curves, strict=True):
            at = np.searchsorted(ts, grid, side="right") - 1
            earned = np.concatenate((realized + value, [0.0]))
            columns[name] = earned[at]
        return pl.DataFrame({"ts": pl.Series(grid).cast(pl.Datetime("ns", "UTC")), **columns})

    def _curves(self) -> list[tuple[IntArray, FloatArray, FloatArray]]:
        """Return per pair the stamps of its rows, its realised PnL and the value of its open trades."""
        curves = []
        for number, panel in enumerate(self.panels.values()):
            own = np.ascontiguousarray(self.records[self.pair_numbers == number])
            last = int(self._states[number]["last_index"])
            state = np.zeros(1, STATE_DTYPE)
            rows, realized, value = replay(panel.market, self._rules[number], state[0], own, last)
            curves.append((panel.ts[rows], realized, value))
        return curves

    def _curve(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Return stamps, balance and equity at the end of each row of any pair, in order."""
        curves = self._curves()
        ts = np.concatenate([curve[0] for curve in curves])
        order = np.argsort(ts, kind="stable")
        initial = float(self._rules[0]["initial_balance_usd"])
        balance = np.concatenate([np.diff(curve[1], prepend=0.0) for curve in curves])[order]
        value = np.concatenate([np.diff(curve[2], prepend=0.0) for curve in curves])[order]
        balance = initial + np.cumsum(balance)
        return ts[order], balance, balance + np.cumsum(value)

    def __repr__(self) -> str:
        m = self.metrics
        currency = next(iter(self.panels.values())).meta.currency
        return (
            f"PortfolioResult({len(self.panels)} pairs: {m.closed_trades} closed and {m.open_trades} open "
            f"trades, mtm PnL {m.mtm_pnl_usd:,.2f} {currency}, max drawdown {m.max_drawdown_mtm_pct:.2f} %)"
        )


def _grid_of(ts: IntArray, every: str) -> IntArray:
    step = duration_ns(every, name="every")
    if step <= 0:
        raise ConfigError(f"`every` must be longer than 0, was {every!r}")
    if ts.size == 0:
        return np.empty(0, np.int64)
    grid: IntArray = np.arange(-(-ts[0] // step), ts[-1] // step + 1) * step
    return grid
