"""Many sets by calendar period, and the walk forward that chooses among them anew every period."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.config import Params
from arbkit.engine._threads import at_once, thread_count, whole
from arbkit.engine.choice import goes_by_trips, market_to_skip
from arbkit.engine.sets import ParamSets, check_all, rules_of_all
from arbkit.errors import ConfigError, DataError, nearest_names
from arbkit.kernels.periods import equity_by_skipping, equity_by_trips, period_rows
from arbkit.kernels.retune import best_before, refit
from arbkit.kernels.skip import GridRows
from arbkit.panel import Panel
from arbkit.records import TRADE_DTYPE, TRIP_DTYPE
from arbkit.units import duration_ns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PeriodPnl", "Retuned", "period_pnl", "retune"]

_OBJECTIVES: Final = ("pnl", "sharpe")
_FIRST_CAPACITY: Final = 64


@dataclass(frozen=True)
class PeriodPnl:
    """What each of many sets earned per period, open trades as if closed at its end.

    Attributes:
        starts: datetime64[ns] (periods,), beginning of each calendar period, UTC.
        pnl_usd: float64 (sets, periods); a row adds up to the set's mtm_pnl_usd.
    """

    starts: Any
    pnl_usd: FloatArray

    def frame(self) -> pl.DataFrame:
        """Return one row per period: `start`, then `set_0`, `set_1`, ... in the account currency."""
        import polars as pl

        sets = {f"set_{k}": row for k, row in enumerate(self.pnl_usd)}
        return pl.DataFrame({"start": pl.Series(self.starts).dt.replace_time_zone("UTC"), **sets})


def period_pnl(
    panel: Panel, params: Sequence[Params] | ParamSets, *, every: str = "1d", threads: int | None = None
) -> PeriodPnl:
    """Simulate many sets in one run each and split what they earn by calendar period.

    Args:
        panel: the market.
        params: the strategies, or `ParamSets`, which needs no object per set.
        every: length of a period; periods begin at its multiples since the epoch, UTC.
        threads: how many sets run at once; by default one per core.

    Raises:
        ConfigError: when the panel or the engine cannot simulate one of the sets, or `every` is not above 0.
    """
    step_ns = duration_ns(every, name="every")
    if step_ns <= 0:
        raise ConfigError(f"`every` must be longer than 0, was {every!r}")
    thread_count(threads)
    check_all(panel, params)
    rules, market, index = rules_of_all(params), panel.market, panel.index
    rows = period_rows(market, index.first, index.last, step_ns)
    begin = int(panel.ts[index.first]) // step_ns if rows.size else 0
    equity = np.empty((rules.size, rows.size))
    grid_begin = (begin + 1) * step_ns - 1
    by_trips, followed = goes_by_trips(panel, rules), market_to_skip(panel, rules, True)

    def work(part: IntArray) -> None:
        fast, general = part[by_trips[part]], part[~by_trips[part]]
        if fast.size:
            trips, pnl = np.empty(_FIRST_CAPACITY, TRIP_DTYPE), np.empty(_FIRST_CAPACITY)
            out = np.empty((fast.size, rows.size))
            equity_by_trips(market, index, rules[fast], trips, pnl, rows, out)
            equity[fast] = out
        if general.size:
            grid = GridRows(rows, np.empty(rows.size), np.empty((2, 0)), grid_begin, step_ns)
            out = np.empty((general.size, rows.size))
            trades = np.empty(_FIRST_CAPACITY, TRADE_DTYPE)
            equity_by_skipping(followed, index, rules[general], trades, grid, out)
            equity[general] = out

    if rows.size:
        _in_parts(work, rules.size, threads)
    starts = ((begin + np.arange(rows.size)) * step_ns).astype("datetime64[ns]")
    return PeriodPnl(starts, np.diff(equity, axis=1, prepend=rules["initial_balance_usd"][:, None]))


@dataclass(frozen=True)
class Retuned:
    """A walk forward: each period trades the set that was best over the window before it.

    Attributes:
        starts: datetime64[ns] (periods - window,), the periods out of sample.
        choice: int64, position of the set traded in each.
        pnl_usd: float64, what it earned there.
        refit_pnl_usd: float64 (refits,), the same sum where the windows are resampled before choosing: how
            much of the result hangs on which days happened to be in the window.
    """

    starts: Any
    choice: IntArray
    pnl_usd: FloatArray
    refit_pnl_usd: FloatArray

    @property
    def total_usd(self) -> float:
        """What the walk forward earned."""
        return float(self.pnl_usd.sum())

    def interval(self, share: float = 0.9) -> tuple[float, float]:
        """Return the middle `share` of the refits' sums."""
        if not 0 < share < 1:
            raise ConfigError(f"`share` must be between 0 and 1, both excluded, was {share!r}")
        low, high = np.quantile(self.refit_pnl_usd, [(1 - share) / 2, (1 + share) / 2])
        return float(low), float(high)

    def frame(self) -> pl.DataFrame:
        """Return one row per period out of sample: `start`, `set`, `pnl_usd`."""
        import polars as pl

        start = pl.Series(self.starts).dt.replace_time_zone("UTC")
        return pl.DataFrame({"start": start, "set": self.choice, "pnl_usd": self.pnl_usd})


def retune(
    pnl: PeriodPnl,
    *,
    window: int = 30,
    objective: str = "pnl",
    refits: int = 500,
    block: int = 5,
    seed: int = 0,
    threads: int | None = None,
) -> Retuned:
    """Choose the best set anew every period and add up what it then earns.

    Args:
        pnl: what each set earned per period.
        window: periods looked back on.
        objective: "pnl" for the sum over the window, "sharpe" for mean over deviation.
        refits: how many times the windows are resampled and the choice is made again.
        block: periods that are drawn together (circular block bootstrap).
        seed: of the resampling; equal seeds, equal refits.
        threads: how many refits run at once; by default one per core.

    Raises:
        ConfigError: when an argument breaks its rule.
        DataError: when there are no more periods than the window has, or no sets.
    """
    whole("window", window, 1)
    whole("refits", refits, 0)
    whole("block", block, 1)
    whole("seed", seed, 0)
    if objective not in _OBJECTIVES:
        raise ConfigError(
            f"`objective` {objective!r} does not exist; {nearest_names(objective, _OBJECTIVES)}"
        )
    table = np.ascontiguousarray(pnl.pnl_usd)
    if table.shape[0] == 0 or table.shape[1] <= window:
        raise DataError(
            f"a walk forward needs sets and more periods than its window of {window}, "
            f"had {table.shape[0]} sets and {table.shape[1]} periods"
        )
    adjusted = objective == "sharpe"
    choice = best_before(table, window, adjusted)
    earned = np.empty(refits)
    key = np.uint64(seed)

    def work(part: IntArray) -> None:
        refit(table, window, min(block, window), adjusted, key, part[0], earned[part[0] : part[-1] + 1])

    _in_parts(work, refits, threads)
    out_of_sample = table[choice, np.arange(window, table.shape[1])]
    return Retuned(pnl.starts[window:], choice, out_of_sample, earned)


def _in_parts(work: Callable[[IntArray], None], count: int, threads: int | None) -> None:
    """Do work on consecutive parts of 0..count-1, several at once."""
    wanted = thread_count(threads, count)
    at_once(work, [part for part in np.array_split(np.arange(count), wanted) if part.size], wanted)
