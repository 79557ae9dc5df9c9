"""What lies between the events of trips: marked drawdown, changes of equity on the grid, excursions.

The deepest drawdown is found by branch and bound over the trades. One pass bounds, for each, the drawdown
that may lie in it; the most promising one is then followed exactly, and after it only those, mostly none,
whose bound is above the deepest drawdown found. Between trades equity stands still, so on the grid only
points inside a trade are valued, and only differences that are not 0 are kept.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import borrowed, inlined, inner, jit
from arbkit.kernels.equity import drawdown_between, linear_equity, peak_between
from arbkit.kernels.filter import stored_int
from arbkit.kernels.index import Index
from arbkit.kernels.market import Market
from arbkit.kernels.position import Position, position_at, span_of, steepest_fall, value_at
from arbkit.kernels.queries import Columns, columns_of
from arbkit.kernels.runs import Rises, count_excursions
from arbkit.kernels.skip import GridRows
from arbkit.kernels.state import new_state
from arbkit.kernels.summary import ratios_of_changes, summarize
from arbkit.kernels.trips import opened, run_trips
from arbkit.records import STATE_DTYPE, TRADE_DTYPE

__all__ = [
    "BOUND",
    "DROP",
    "ENDS",
    "HIGH",
    "NOTES",
    "PEAK",
    "REALIZED",
    "SINCE",
    "Changes",
    "deepest_of",
    "measure_trips",
    "point_from",
    "put_change",
    "trip_sets",
    "write_measured",
]

#: What the first pass notes about a trade: a bound of the drawdown in it, of the equity in it, the realised
#: PnL before it, the highest equity known exactly before it, the first trade whose peak that leaves out, and
#: how far equity may lie below the peaks before, and whether nothing is entered on its exit row. A bound that
#: overflowed to NaN says nothing, and counts as the largest.
BOUND: Final = 0
HIGH: Final = 1
REALIZED: Final = 2
PEAK: Final = 3
SINCE: Final = 4
DROP: Final = 5
ENDS: Final = 6
NOTES: Final = 7


class Changes(NamedTuple):
    """Differences of equity on a grid: how many are not 0 (in `GridRows.equity`), and how many there are."""

    moved: int
    total: int


@jit
def measure_trips(
    market: Market,
    index: Index,
    rises: Rises,
    rules: Any,
    state: Any,
    trips: RecordArray,
    pnl: FloatArray,
    grid: GridRows,
) -> Changes:
    """Measure a run of `run_trips`, to the last bit of what `skip` measures on its way.

    Args:
        market, index: the panel and its index.
        rises: the panel's table of rises, made or not.
        rules: record of `RULES_DTYPE`, such as `run_trips` takes.
        state: record of `STATE_DTYPE` as the run left it; `max_drawdown_mtm` and `excursions` are written.
        trips: `TRIP_DTYPE` (n,), all of the run.
        pnl: float64 (n,), their PnL.
        grid: rows of the grid; its `equity` is overwritten with the differences that are not 0.

    Returns:
        How many differences there are: `ratios_of_changes(grid.equity[:moved], total, ...)` takes them.
    """
    if state.last_index < 0:
        return Changes(0, 0)
    columns = columns_of(market, index, True)
    if trips.size > 0:
        notes = np.empty((trips.size, NOTES))
        last = state.last_index
        first, sure = _bound_trades(columns, rules, last, borrowed(trips), borrowed(pnl), borrowed(notes))
        state.max_drawdown_mtm = deepest_of(
            market, index, columns, rules, last, trips, pnl, notes, first, sure, True
        )
    state.excursions = count_excursions(market, index, rises, state.last_index, rules)
    return _changes(
        columns, rules, state, borrowed(trips), borrowed(pnl), borrowed(grid.rows), borrowed(grid.equity),
        grid.begin_ns, grid.step_ns,
    )  # fmt: skip


@jit
def _bound_trades(
    columns: Columns, rules: Any, last: int, trips: RecordArray, pnl: FloatArray, notes: FloatArray
) -> tuple[int, float]:
    """Write the notes of all trades, and return the one that may lie farthest below the peaks before it.

    Returned with it is the deepest drawdown on an entry row, which is reached for certain.

    Within a trade a fall may begin at the peak before it, which bounds it by the lowest value, or at a peak
    of its own: then the highest value less the lowest bounds it.

    The running peak is known between two bounds: `peak`, over the rows that are valued here exactly (entries,
    and exits that are no entries), and `upper`, with what may have been reached while trades were held. Where
    they meet, which a new high of the balance mostly brings about, the peak is exact again.
    """
    initial, scale = rules.initial_balance_usd, 4 * rules.notional_usd
    realized, peak, upper, since, first, farthest = 0.0, initial, initial, 0, 0, 0.0
    sure = 0.0
    for k in range(trips.size):
        entry, leave = trips[k].entry_row, trips[k].exit_row
        position = position_at(columns, rules, entry, trips[k].side)
        balance = initial + realized
        equity = balance + value_at(position, entry)
        notes[k, REALIZED], notes[k, PEAK], notes[k, SINCE] = realized, peak, since
        known, peak, upper = peak, max(peak, equity), max(upper, equity)
        if equity >= 0:  # Below 0 a higher peak makes a smaller share, and this one is a lower bound.
            sure = max(sure, (peak - equity) / peak)
        low, high = equity, equity
        final = leave - 1 if leave >= 0 else last
        if final > entry:
            span = span_of(columns, position, rules, entry + 1, final)
            if span.high > -np.inf:
                loose = span.loose + _slack(balance, scale, position)
                low = min(low, balance + span.base + span.slope * span.low - loose)
                high = max(high, balance + span.base + span.slope * span.high + loose)
        notes[k, HIGH] = high
        drop = upper - low
        upper = max(upper, high)
        ends = leave >= 0 and (k + 1 == trips.size or trips[k + 1].entry_row > leave)
        notes[k, ENDS] = 1.0 if ends else 0.0
        if leave >= 0:
            realized += pnl[k]
            if ends:
                drop = max(drop, upper - (initial + realized))
                peak = max(peak, initial + realized)
        upper = max(upper, peak)
        notes[k, DROP], notes[k, BOUND] = drop, max(drop, high - low) / known
        if not drop <= farthest * known:
            first, farthest = k, drop / known
        if upper <= peak:
            since = k + 1
    return first, sure


@inlined
def _slack(balance: float, scale: float, position: Position) -> float:
    """Return what covers rounding in the bounds of a trade's value."""
    return 1e-11 * (abs(balance) + scale * (1 + abs(position.entry_spread) / 1e4))


@jit
def _bound_within(
    columns: Columns, rules: Any, last: int, trips: RecordArray, notes: FloatArray, k: int
) -> float:
    """Return a bound of the drawdown in a trade, its blocks looked at in their order.

    A trade that wins rises far above its lowest value, but later.
    """
    entry, leave = trips[k].entry_row, trips[k].exit_row
    final = leave - 1 if leave >= 0 else last
    fall = 0.0
    if final > entry:
        position = position_at(columns, rules, entry, trips[k].side)
        span = span_of(columns, position, rules, entry + 1, final)
        if span.high > -np.inf:
            balance = rules.initial_balance_usd + notes[k, REALIZED]
            fall = steepest_fall(columns, position, span, entry + 1, final)
            fall += 2 * _slack(balance, 4 * rules.notional_usd, position)
    return max(notes[k, DROP], fall) / notes[k, PEAK]  # type: ignore[no-any-return]


@inner
def deepest_of(
    market: Market,
    index: Index,
    columns: Columns,
    rules: Any,
    last: int,
    trips: RecordArray,
    pnl: FloatArray,
    notes: FloatArray,
    first: int,
    sure: float,
    tightens: bool,
) -> float:
    """Return the deepest marked drawdown (a fraction): that of the trades whose bound leaves room for it.

    Args:
        market, index: the panel and its index.
        columns: both as `columns_of` gives them.
        rules: record of `RULES_DTYPE`.
        last: the last row of the run.
        trips, pnl: `TRIP_DTYPE` (n,) and float64 (n,), in order those of the run in which the drawdown may be
            deepest, or a peak be reached that the notes do not know; n >= 1.
        notes: float64 (n or more, `NOTES`), what is noted about them.
        first: the trade to follow first; the deeper it goes, the fewer others have to be followed.
        sure: a drawdown that is reached for certain, up to rounding.
        tightens: whether bounds are crude, so that better ones are made before a trade is followed; the
            notes must then hold `DROP`.
    """
    trade, ids, states = np.empty(1, TRADE_DTYPE), np.zeros(1, np.int64), np.empty(1, STATE_DTYPE)
    work = states[0]
    new_state(work, rules)
    work.n_open = 1
    work.max_drawdown_mtm = max(0.0, sure - 1e-9 * abs(sure) - 1e-12)
    # Of a type: for a literal 0 what follows would be compiled a second time.
    settled: Any = np.int64(0)
    peak = rules.initial_balance_usd
    _follow(market, index, rules, last, trips, pnl, notes, first, settled, peak, work, trade, ids)
    for k in range(trips.size):
        if k == first or notes[k, BOUND] <= work.max_drawdown_mtm:
            continue
        if not tightens or not _bound_within(columns, rules, last, trips, notes, k) <= work.max_drawdown_mtm:
            peak = _follow(market, index, rules, last, trips, pnl, notes, k, settled, peak, work, trade, ids)
            settled = k + 1
    return work.max_drawdown_mtm  # type: ignore[no-any-return]


@jit
def _follow(
    market: Market,
    index: Index,
    rules: Any,
    last: int,
    trips: RecordArray,
    pnl: FloatArray,
    notes: FloatArray,
    k: int,
    settled: int,
    peak: float,
    work: Any,
    trade: RecordArray,
    ids: IntArray,
) -> float:
    """Follow equity through one trade, and return its exact peak up to the trade's last row.

    `peak` is that before trade `settled`, where this lies behind what the notes know.
    """
    since = int(notes[k, SINCE])
    begin = max(settled, since)
    peak = max(peak if settled > since else rules.initial_balance_usd, notes[k, PEAK])
    for j in range(begin, k):
        if not notes[j, HIGH] <= peak:
            stop = _take(market, rules, last, trips, notes, j, work, trade)
            line = linear_equity(market.books, rules, work, trade, ids)
            peak = peak_between(market, index, trips[j].entry_row, stop, peak, line, rules, work, trade, ids)
    stop = _take(market, rules, last, trips, notes, k, work, trade)
    work.peak_equity = peak
    drawdown_between(market, index, trips[k].entry_row, stop, rules, work, trade, ids)
    peak = work.peak_equity
    if notes[k, ENDS] == 1:
        equity = rules.initial_balance_usd + (notes[k, REALIZED] + pnl[k])
        peak = max(peak, equity)
        work.max_drawdown_mtm = max(work.max_drawdown_mtm, (peak - equity) / peak)
    return peak


@inlined
def _take(
    market: Market,
    rules: Any,
    last: int,
    trips: RecordArray,
    notes: FloatArray,
    k: int,
    work: Any,
    trade: RecordArray,
) -> int:
    """Let a trade be the open one, and return the row up to which it is."""
    opened(market, rules, trips[k], trade[0])
    work.realized_pnl = notes[k, REALIZED]
    return trips[k].exit_row if trips[k].exit_row >= 0 else last + 1


@jit
def _changes(
    columns: Columns,
    rules: Any,
    state: Any,
    trips: RecordArray,
    pnl: FloatArray,
    rows: IntArray,
    out: FloatArray,
    begin_ns: int,
    step_ns: int,
) -> Changes:
    """Write the differences of equity on the grid that are not 0, in their order.

    A grid point sees an entry, or an exit, when it stands at or after its stamp.
    """
    points = 0
    if state.last_ts >= begin_ns:
        points = min(rows.size, (state.last_ts - begin_ns) // step_ns + 1)
    realized, at, moved, before = 0.0, 0, 0, 0.0
    for k in range(trips.size):
        balance = rules.initial_balance_usd + realized
        entry, leave = trips[k].entry_row, trips[k].exit_row
        until = stored_int(columns.ts, leave) if leave >= 0 else state.last_ts + 1
        if until > begin_ns + at * step_ns:
            opens = min(points, point_from(stored_int(columns.ts, entry), begin_ns, step_ns))
            if opens > at:
                moved, before = put_change(out, at, moved, before, balance)
                at = opens
            closes = min(points, point_from(until, begin_ns, step_ns))
            if closes > at:
                position = position_at(columns, rules, entry, trips[k].side)
                while at < closes:
                    equity = balance + value_at(position, rows[at])
                    moved, before = put_change(out, at, moved, before, equity)
                    at += 1
        if leave >= 0:
            realized += pnl[k]
    if points > at:
        equity = rules.initial_balance_usd + state.realized_pnl + state.unrealized_pnl
        moved, before = put_change(out, at, moved, before, equity)
    return Changes(moved, max(0, points - 1))


@inlined
def point_from(ts: int, begin_ns: int, step_ns: int) -> int:
    """Return the number of the first grid point at or after a stamp.

    A division of floats is many times as fast as one of integers, and at most one off.
    """
    point = int((ts - begin_ns) / np.float64(step_ns))
    while begin_ns + point * step_ns < ts:
        point += 1
    while begin_ns + (point - 1) * step_ns >= ts:
        point -= 1
    return max(0, point)


@inlined
def put_change(out: FloatArray, at: int, moved: int, before: float, equity: float) -> tuple[int, float]:
    """Append the difference of equity at a grid point to that before, unless it is the first or is 0."""
    change = equity - before
    if at > 0 and change != 0:
        out[moved] = change
        moved += 1
    return moved, equity


@jit
def trip_sets(
    market: Market,
    index: Index,
    rises: Rises,
    rules: RecordArray,
    states: RecordArray,
    trips: RecordArray,
    pnl: FloatArray,
    by_index: bool,
    grid: GridRows,
    measure: bool,
    metrics: RecordArray,
) -> None:
    """Run many parameter sets by their trips, one after the other, keeping their metrics only.

    Args:
        market, index: the panel and its index.
        rises: the panel's table of rises, made or not.
        rules: `RULES_DTYPE` (m,).
        states: `STATE_DTYPE` (1,), scratch.
        trips, pnl: `TRIP_DTYPE` and float64 (capacity >= 1,), scratch.
        by_index: whether to search by the index, which measuring needs too; else prices stream.
        grid: rows of the grid of the Sharpe and Sortino ratios, and scratch for equity on it.
        measure: whether marked drawdown, Sharpe, Sortino and excursions are wanted; else they are NaN and 0.
        metrics: `METRICS_DTYPE` (m,), overwritten.
    """
    none, flat = np.empty(0, TRADE_DTYPE), np.empty(0, np.float64)
    for k in range(rules.size):
        trips, pnl, n = run_trips(market, index, rules[k], states[0], trips, pnl, by_index)
        out = metrics[k]
        summarize(states[0], rules[k], none, flat, grid.step_ns, out)
        out.max_drawdown_mtm_pct = np.nan
        if measure:
            found = measure_trips(market, index, rises, rules[k], states[0], trips[:n], pnl[:n], grid)
            write_measured(states[0], rules[k], found, grid, out)


@jit
def write_measured(state: Any, rules: Any, found: Changes, grid: GridRows, out: Any) -> None:
    """Write what `measure_trips` found into metrics that hold the realised ones."""
    out.max_drawdown_mtm_pct = state.max_drawdown_mtm * 100
    out.excursions = state.excursions
    out.sharpe, out.sortino = ratios_of_changes(
        grid.equity[: found.moved], found.total, rules.initial_balance_usd, grid.step_ns
    )
