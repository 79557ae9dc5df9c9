"""What a report shows, as one frozen value: plain inputs, free of the study they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

from arbkit._typing import FloatArray
from arbkit.config import Params
from arbkit.engine import BacktestResult
from arbkit.panel import Panel
from arbkit.report.around import Around
from arbkit.report.checks import Checks
from arbkit.units import DAY_NS, HOUR_NS
from arbkit.validation.result import Validation

__all__ = ["HURDLE_PCT", "RATIO_GRID_NS", "Objective", "Searched", "Segment", "StudyView"]

#: The grid on which the engine takes Sharpe and Sortino ratios by default.
RATIO_GRID_NS: Final = HOUR_NS
#: What money is taken to earn elsewhere, per cent a year, unless another rate is given.
HURDLE_PCT: Final = 4.0


@dataclass(frozen=True)
class Objective:
    """One thing the search judged by: a metric and the direction that counts as better."""

    metric: str
    maximize: bool


@dataclass(frozen=True)
class Searched:
    """One parameter of the search: its range or its choices, and the chosen value."""

    name: str
    chosen: Any
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def position(self) -> float | None:
        """Where the chosen value lies in its range: 0 at the low end, 1 at the high end; None for choices."""
        if self.low is None or self.high is None or self.high <= self.low:
            return None
        scale = np.log if self.log else float
        low, high, at = scale(self.low), scale(self.high), scale(self.chosen)
        return float((at - low) / (high - low))


@dataclass(frozen=True)
class Segment:
    """One stretch of the time and what the chosen set did on it."""

    panel: Panel
    result: BacktestResult

    @property
    def days(self) -> float:
        """Length in days, between first and last row."""
        return (self.panel.end_ns - self.panel.start_ns) / DAY_NS

    @cached_property
    def median_step_ns(self) -> int:
        """Median time from one row to the next; 0 with fewer than two rows."""
        return int(np.median(np.diff(self.panel.ts))) if len(self.panel) > 1 else 0

    @property
    def is_coarse(self) -> bool:
        """Whether rows lie further apart than the grid of the ratios: then these say nothing."""
        return self.median_step_ns > RATIO_GRID_NS

    def per_day(self, value: float) -> float:
        """Spread a total over the length of the segment; NaN when it has none."""
        return value / self.days if self.days > 0 else float("nan")

    @cached_property
    def trades(self) -> pl.DataFrame:
        """The trades, with `hold_s` (null while open)."""
        held = (pl.col("exit_ts") - pl.col("entry_ts")).dt.total_nanoseconds() / 1e9
        return self.result.trades.with_columns(hold_s=held)

    @cached_property
    def closed(self) -> pl.DataFrame:
        """The closed trades."""
        return self.trades.filter(~pl.col("is_open"))

    @cached_property
    def signals(self) -> pl.DataFrame:
        """The spreads of every row, as `Panel.spreads` gives them."""
        return self.panel.spreads()

    @cached_property
    def equity(self) -> pl.DataFrame:
        """Balance, equity and drawdown on every tradable row, as `BacktestResult.equity` has them.

        From the trades that are known already: a tenth of the time of running the rules again.
        """
        panel, initial = self.panel, self.result.params.initial_balance_usd
        rows = np.flatnonzero(panel.tradable[: self.result.last_row + 1])
        balance, equity = self.result.equity_on(rows)
        peak = np.maximum(np.maximum.accumulate(equity), initial)
        return pl.DataFrame(
            {
                "ts": pl.Series(panel.ts[rows]).cast(pl.Datetime("ns", "UTC")),
                "balance_usd": balance,
                "equity_usd": equity,
                "drawdown_pct": (peak - equity) / peak * 100,
            }
        )

    @cached_property
    def premium_bps(self) -> FloatArray:
        """float64 (rows,): mid of A over mid of B, minus one; NaN where a row is not tradable."""
        panel = self.panel
        with np.errstate(all="ignore"):
            premium: FloatArray = ((panel.bid_a + panel.ask_a) / (panel.bid_b + panel.ask_b) - 1) * 1e4
        return np.where(panel.tradable, premium, np.nan)

    @cached_property
    def attribution(self) -> dict[str, float]:
        """Totals over the closed trades: premium, book, slippage, fees and the PnL they add up to."""
        frame = self.result.attribution()
        return {name: float(frame[name].sum()) for name in frame.columns if name != "trade"}


@dataclass(frozen=True)
class StudyView:
    """Everything a report needs.

    Attributes:
        trials: one row per trial: number, state, feasible, repeated (an earlier trial had the same set),
            stopped (by a pruner),
            `objective` (the first one; null unless complete), parameters.
        top: the trials to list, in the study's own order.
        ped_anova: Optuna's importance per parameter; empty when it cannot be computed.
        lockbox_end_ns: where the sealed stretch ends; it begins where the test segment ends.
        validation: what the data support, as it is stored with the study; None where that was not asked.
        around: the sets near the chosen one; None where they were not run.
        checks: what latency, fees, size and stress leave; None where that was not measured.
        hurdle_pct: what money earns elsewhere, per cent a year.
    """

    name: str
    objectives: tuple[Objective, ...]
    searched: tuple[Searched, ...]
    fixed: Mapping[str, Any]
    reference: str
    params: Params
    chosen_number: int | None
    trials: pl.DataFrame
    top: pl.DataFrame
    ped_anova: Mapping[str, float]
    train: Segment
    test: Segment
    lockbox_end_ns: int
    source: str
    sampler: str
    seed: int | None
    n_trials: int | None
    storage: str
    created: str
    fingerprint: str
    arbkit_version: str
    code_version: str
    command: str
    validation: Validation | None = None
    around: Around | None = None
    checks: Checks | None = None
    hurdle_pct: float = HURDLE_PCT

    @property
    def supported(self) -> bool:
        """Whether a validation says that the data support the chosen set."""
        return self.validation is not None and self.validation.supported

    @property
    def currency(self) -> str:
        """The account currency."""
        return self.train.panel.meta.currency

    @property
    def objective(self) -> Objective:
        """The first objective: pictures of the search are drawn of it."""
        return self.objectives[0]

    @cached_property
    def complete(self) -> pl.DataFrame:
        """The completed, feasible trials with a finite objective, each set once, in order of their number."""
        finite = pl.col("objective").is_finite().fill_null(value=False)
        kept = (pl.col("state") == "COMPLETE") & finite & pl.col("feasible") & ~pl.col("repeated")
        return self.trials.filter(kept).sort("number")

    @cached_property
    def sets_tried(self) -> int:
        """How many different parameter sets were judged: what the chosen set was chosen from."""
        judged = (pl.col("state") == "COMPLETE") | pl.col("stopped")
        return self.trials.filter(judged & ~pl.col("repeated")).height

    @cached_property
    def values(self) -> FloatArray:
        """The objective of the completed trials, float64[n]."""
        return self.complete["objective"].to_numpy().astype(np.float64)
