"""Panel and parameters in, result out: one run, or many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from arbkit._typing import BoolArray, IntArray, RecordArray
from arbkit.config import Params
from arbkit.engine._threads import at_once, thread_count
from arbkit.engine.choice import (
    ENGINES,
    goes_by_trips,
    index_to_search,
    lowest_signal,
    market_to_skip,
)
from arbkit.engine.result import BacktestResult
from arbkit.engine.rules import check_supported, rules_of
from arbkit.engine.sets import ParamSets, check_all, rules_of_all
from arbkit.engine.tables import grid_rows_of, note_trades, run_by_tables
from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.market import Grid, grid_size
from arbkit.kernels.measure import measure_trips, trip_sets, write_measured
from arbkit.kernels.scan import scan, scan_sets
from arbkit.kernels.skip import GridRows, skip, skip_sets
from arbkit.kernels.summary import summarize
from arbkit.kernels.trips import run_trips, trades_of_trips
from arbkit.metrics import metric_columns
from arbkit.panel import Panel
from arbkit.records import METRICS_DTYPE, STATE_DTYPE, TRADE_DTYPE, TRIP_DTYPE
from arbkit.units import HOUR_NS, duration_ns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["backtest", "backtest_many"]

_DETAIL: Final = ("all", "realized")
#: Left out of `backtest_many(..., metrics="realized")`: they need equity between the events.
_MEASURED: Final = ("max_drawdown_mtm_pct", "sharpe", "sortino", "excursions")
_FIRST_CAPACITY: Final = 64
#: Below this many sets a thread costs more than it saves.
_THREADS_FROM: Final = 8


def backtest(panel: Panel, params: Params, *, engine: str = "auto", interval: str = "1h") -> BacktestResult:
    """Simulate one parameter set over a panel.

    Args:
        panel: the market.
        params: the strategy.
        engine: `scan` looks at every row, `skip` only at those on which something may happen, `auto` takes
            the faster one; `step`, the slow reference, puts every row through the rules. Their trades are
            the same.
        interval: grid of the Sharpe and Sortino ratios.

    Returns:
        Metrics at once; trades, equity and attribution when asked for.

    Raises:
        ConfigError: when the panel or the engine cannot simulate these parameters.
    """
    _check_choice("engine", engine, ENGINES)
    _check_kinds(panel, [params])
    check_supported(panel, params)
    rules = rules_of([params])
    step_ns = _interval_ns(interval)
    state = np.zeros(1, STATE_DTYPE)
    metrics = np.zeros(1, METRICS_DTYPE)
    if engine != "step" and goes_by_trips(panel, rules)[0]:
        return _by_trips(panel, params, rules, state, step_ns, engine != "scan", metrics)
    trades = np.empty(_FIRST_CAPACITY, TRADE_DTYPE)
    if engine in ("scan", "step"):
        grid, none = _scan_grid(panel, step_ns), np.empty(0)
        trades, filled = scan(panel.market, rules[0], state[0], trades, grid, none, none)
        equity = grid.equity[:filled]
    else:
        rows = grid_rows_of(panel, step_ns)
        market = market_to_skip(panel, rules, True)
        trades, filled = skip(market, panel.index, rules[0], state[0], trades, rows, True)
        equity = rows.equity[:filled]
    summarize(state[0], rules[0], trades, equity, step_ns, metrics[0])
    kept = trades[: state[0]["n_trades"]]
    return BacktestResult(panel, params, kept, metrics[0], rules, int(state[0]["last_index"]))


def _by_trips(
    panel: Panel,
    params: Params,
    rules: RecordArray,
    state: RecordArray,
    step_ns: int,
    by_index: bool,
    metrics: RecordArray,
) -> BacktestResult:
    """Run one set by its trips; the records of its trades are made when they are asked for."""
    trips, pnl = np.empty(_FIRST_CAPACITY, TRIP_DTYPE), np.empty(_FIRST_CAPACITY)
    trips, pnl, n = run_trips(panel.market, panel.index, rules[0], state[0], trips, pnl, by_index)
    grid = grid_rows_of(panel, step_ns)
    summarize(state[0], rules[0], np.empty(0, TRADE_DTYPE), np.empty(0), step_ns, metrics[0])
    market, index, rises = panel.market, panel.index, panel.rises(lowest_signal(rules))
    found = measure_trips(market, index, rises, rules[0], state[0], trips[:n], pnl[:n], grid)
    write_measured(state[0], rules[0], found, grid, metrics[0])
    last = int(state[0]["last_index"])

    def records() -> RecordArray:
        trades = np.empty(n, TRADE_DTYPE)
        trades_of_trips(panel.market, rules[0], trips[:n], last, trades)
        return trades

    return BacktestResult(panel, params, records, metrics[0], rules, last)


def backtest_many(
    panel: Panel,
    params: Sequence[Params] | ParamSets,
    *,
    metrics: str = "all",
    engine: str = "auto",
    interval: str = "1h",
    threads: int | None = None,
) -> pl.DataFrame:
    """Simulate many parameter sets over one panel; the metrics are bit for bit those of `backtest`.

    Args:
        panel: the market.
        params: the strategies, or `ParamSets`, which needs no object per set.
        metrics: "all", or "realized" to leave out what needs equity between the events (marked drawdown,
            Sharpe, Sortino, excursions), which is faster.
        engine: as in `backtest`.
        interval: grid of the Sharpe and Sortino ratios.
        threads: how many sets run at once; by default one per core, and one when there is little to do.

    Returns:
        One row per set, in the order given: `set` (0, 1, ...) and the metrics, undefined ratios null.

    Raises:
        ConfigError: when the panel or the engine cannot simulate one of the sets.
    """
    import polars as pl
    import polars.selectors as cs

    _check_choice("engine", engine, ENGINES)
    _check_choice("metrics", metrics, _DETAIL)
    _check_kinds(panel, () if isinstance(params, ParamSets) else params)
    check_all(panel, params)
    measure = metrics == "all"
    records = run_sets(
        panel, rules_of_all(params), _interval_ns(interval), threads=threads, engine=engine, measure=measure
    )
    frame = pl.DataFrame({"set": np.arange(len(params)), **metric_columns(records)})
    return frame.drop(() if measure else _MEASURED).with_columns(cs.float().fill_nan(None))


def run_sets(
    panel: Panel,
    rules: RecordArray,
    step_ns: int = HOUR_NS,
    *,
    threads: int | None = None,
    engine: str = "auto",
    measure: bool = True,
) -> RecordArray:
    """Run an array of `RULES_DTYPE` over a panel and return an array of `METRICS_DTYPE`, row for row."""
    thread_count(threads)
    metrics = np.zeros(rules.size, METRICS_DTYPE)
    by_trips = goes_by_trips(panel, rules) & (engine != "step")
    if engine in ("scan", "step") or rules.size == 1:
        return _run_rest(panel, rules, by_trips, step_ns, threads, engine, measure)
    done = _by_tables(panel, rules, by_trips, step_ns, threads, measure, metrics)
    rest = np.flatnonzero(~done)
    if rest.size:
        left, by_trips = rules if rest.size == rules.size else rules[rest], by_trips[rest]
        found = _run_rest(panel, left, by_trips, step_ns, threads, engine, measure)
        note_trades(panel, left[by_trips], found["total_trades"][by_trips])
        if rest.size == rules.size:
            return found
        metrics[rest] = found
    return metrics


def _by_tables(
    panel: Panel,
    rules: RecordArray,
    by_trips: BoolArray,
    step_ns: int,
    threads: int | None,
    measure: bool,
    metrics: RecordArray,
) -> BoolArray:
    """Run what tables of excursions answer, where they pay, and tell which sets that were."""

    def trades_of(sets: RecordArray) -> IntArray:
        few = _run_rest(panel, sets, np.ones(sets.size, np.bool_), step_ns, 1, "auto", False)
        return few["total_trades"]

    wanted = thread_count(threads)
    return run_by_tables(panel, rules, by_trips, trades_of, step_ns, wanted, measure, metrics)


def _run_rest(
    panel: Panel,
    rules: RecordArray,
    by_trips: BoolArray,
    step_ns: int,
    threads: int | None,
    engine: str,
    measure: bool,
) -> RecordArray:
    """Run sets one by one, those that go by trips and the others."""
    metrics = np.zeros(rules.size, METRICS_DTYPE)
    if by_trips.all():
        _run_alike(panel, rules, step_ns, threads, engine, measure, True, metrics)
        return metrics
    for trips in (True, False):
        chosen = np.flatnonzero(by_trips == trips)
        part = np.zeros(chosen.size, METRICS_DTYPE)
        _run_alike(panel, rules[chosen], step_ns, threads, engine, measure, trips, part)
        metrics[chosen] = part
    return metrics


def _run_alike(
    panel: Panel,
    rules: RecordArray,
    step_ns: int,
    threads: int | None,
    engine: str,
    measure: bool,
    by_trips: bool,
    metrics: RecordArray,
) -> None:
    """Run sets that one kernel runs, several parts of them at once."""
    if rules.size == 0:
        return
    market, climbs = panel.market, False
    index = panel.index if engine in ("auto", "skip") and not by_trips else None
    if by_trips:
        index, climbs = index_to_search(panel, engine, rules.size, measure)
    elif index is not None:
        market = market_to_skip(panel, rules, measure)
    rises = panel.rises(lowest_signal(rules) if by_trips and measure else np.inf)

    def work(part: slice) -> None:
        state = np.zeros(1, STATE_DTYPE)
        if by_trips and index is not None:
            trips, pnl = np.empty(_FIRST_CAPACITY, TRIP_DTYPE), np.empty(_FIRST_CAPACITY)
            grid = grid_rows_of(panel, step_ns) if measure else _no_grid(step_ns)
            trip_sets(
                market, index, rises, rules[part], state, trips, pnl, climbs, grid, measure, metrics[part]
            )
            return
        trades = np.empty(_FIRST_CAPACITY, TRADE_DTYPE)
        if index is None:
            scan_sets(market, rules[part], state, trades, step_ns, metrics[part])
        else:
            grid = grid_rows_of(panel, step_ns)
            skip_sets(market, index, rules[part], state, trades, grid, measure, metrics[part])

    wanted = thread_count(threads)
    if wanted <= 1 or rules.size < _THREADS_FROM:
        work(slice(0, rules.size))
        return
    work(slice(0, 1))
    parts = np.array_split(np.arange(1, rules.size), min(4 * wanted, rules.size - 1))
    at_once(work, [slice(int(part[0]), int(part[-1]) + 1) for part in parts], wanted)


def _scan_grid(panel: Panel, step_ns: int) -> Grid:
    return Grid(np.empty(grid_size(panel.market, step_ns)), step_ns)


def _no_grid(step_ns: int) -> GridRows:
    return GridRows(np.empty(0, np.int64), np.empty(0), np.empty((2, 0)), 0, step_ns)


def _check_kinds(panel: object, params: Sequence[object]) -> None:
    if not isinstance(panel, Panel):
        raise ConfigError(
            f"a backtest runs on a Panel, was {type(panel).__name__}; "
            "make one with Panel.from_frame or load_panel"
        )
    for one in params:
        if not isinstance(one, Params):
            raise ConfigError(
                f"parameters must be arbkit.Params, was {type(one).__name__}; make them with Params.from_dict"
            )


def _check_choice(name: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise ConfigError(f"`{name}` {value!r} does not exist; {nearest_names(value, valid)}")


def _interval_ns(interval: str) -> int:
    step_ns = duration_ns(interval, name="interval")
    if step_ns <= 0:
        raise ConfigError(f"`interval` must be longer than 0, was {interval!r}")
    return step_ns
