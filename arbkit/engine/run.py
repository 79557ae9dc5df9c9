"""Panel and parameters in, result out: one run, or many at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np

from arbkit._typing import RecordArray
from arbkit.config import Params
from arbkit.engine.result import BacktestResult
from arbkit.engine.rules import check_supported, rules_of
from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.scan import Grid, grid_size, scan, scan_sets
from arbkit.kernels.summary import summarize
from arbkit.metrics import metric_columns
from arbkit.panel import Panel
from arbkit.records import METRICS_DTYPE, STATE_DTYPE, TRADE_DTYPE
from arbkit.units import duration_ns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["backtest", "backtest_many"]

_ENGINES: Final = ("auto", "scan")
_FIRST_CAPACITY: Final = 64
#: Below this many rows times sets a thread costs more than it saves.
_THREADS_FROM: Final = 2_000_000


def backtest(panel: Panel, params: Params, *, engine: str = "auto", interval: str = "1h") -> BacktestResult:
    """Simulate one parameter set over a panel.

    Args:
        panel: the market.
        params: the strategy.
        engine: `scan` walks every row; `auto` takes the fastest engine that gives the same trades.
        interval: grid of the Sharpe and Sortino ratios.

    Returns:
        Metrics at once; trades, equity and attribution when asked for.

    Raises:
        ConfigError: when the panel or the engine cannot simulate these parameters.
    """
    _check_engine(engine)
    check_supported(panel, params)
    rules = rules_of([params])
    step_ns = _interval_ns(interval)
    state = np.zeros(1, STATE_DTYPE)
    metrics = np.zeros(1, METRICS_DTYPE)
    market = panel.market
    grid = Grid(np.empty(grid_size(market, step_ns)), step_ns)
    none = np.empty(0)
    trades, filled = scan(
        market, rules[0], state[0], np.empty(_FIRST_CAPACITY, TRADE_DTYPE), grid, none, none
    )
    summarize(state[0], rules[0], trades, grid.equity[:filled], step_ns, metrics[0])
    return BacktestResult(panel, params, trades[: state[0]["n_trades"]], metrics[0], rules)


def backtest_many(
    panel: Panel,
    params: Sequence[Params],
    *,
    engine: str = "auto",
    interval: str = "1h",
    threads: int | None = None,
) -> pl.DataFrame:
    """Simulate many parameter sets over one panel; the metrics are bit for bit those of `backtest`.

    Args:
        panel: the market.
        params: the strategies.
        engine: as in `backtest`.
        interval: grid of the Sharpe and Sortino ratios.
        threads: how many sets run at once; by default one per core, and one when there is little to do.

    Returns:
        One row per set, in the order given: `set` (0, 1, ...) and all metrics, undefined ratios null.

    Raises:
        ConfigError: when the panel or the engine cannot simulate one of the sets.
    """
    import polars as pl
    import polars.selectors as cs

    _check_engine(engine)
    for one in params:
        check_supported(panel, one)
    records = run_sets(panel, rules_of(params), _interval_ns(interval), threads)
    columns = {"set": np.arange(len(params)), **metric_columns(records)}
    frame = pl.DataFrame(columns)
    return frame.with_columns(cs.float().fill_nan(None))


def run_sets(panel: Panel, rules: RecordArray, step_ns: int, threads: int | None = None) -> RecordArray:
    """Run an array of `RULES_DTYPE` over a panel and return an array of `METRICS_DTYPE`, row for row."""
    metrics = np.zeros(rules.size, METRICS_DTYPE)
    if rules.size == 0:
        return metrics
    wanted = threads if threads is not None else (os.cpu_count() or 1)
    if threads is None and rules.size * len(panel) < _THREADS_FROM:
        wanted = 1
    market = panel.market

    def work(part: slice) -> None:
        state = np.zeros(1, STATE_DTYPE)
        trades = np.empty(_FIRST_CAPACITY, TRADE_DTYPE)
        scan_sets(market, rules[part], state, trades, step_ns, metrics[part])

    if wanted <= 1 or rules.size == 1:
        work(slice(0, rules.size))
        return metrics
    work(slice(0, 1))
    parts = np.array_split(np.arange(1, rules.size), min(4 * wanted, rules.size - 1))
    with ThreadPoolExecutor(wanted) as pool:
        list(pool.map(work, [slice(int(part[0]), int(part[-1]) + 1) for part in parts]))
    return metrics


def _check_engine(engine: str) -> None:
    if engine not in _ENGINES:
        raise ConfigError(f"`engine` {engine!r} does not exist; {nearest_names(engine, _ENGINES)}")


def _interval_ns(interval: str) -> int:
    step_ns = duration_ns(interval, name="interval")
    if step_ns <= 0:
        raise ConfigError(f"`interval` must be longer than 0, was {interval!r}")
    return step_ns
