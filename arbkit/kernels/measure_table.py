"""What lies between the events of trades that the table of excursions gives, for many sets at once.

Sets in rising order of the signal they enter at take ever fewer runs, and in each a later record at most. So
the trades of one set are those of the set before with a few dropped or moved: what a trade needs, prices,
bounds and places on the grid, is gathered once, and a set reads it from one end to the other.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import borrowed, inlined, jit
from arbkit.kernels.excursions import Excursions, next_run
from arbkit.kernels.filter import address, stored_float
from arbkit.kernels.index import Index
from arbkit.kernels.lanes import fetch
from arbkit.kernels.market import Market
from arbkit.kernels.measure import (
    BOUND,
    ENDS,
    HIGH,
    NOTES,
    PEAK,
    REALIZED,
    SINCE,
    deepest_of,
    point_from,
    put_change,
)
from arbkit.kernels.queries import Columns, columns_of
from arbkit.kernels.runs import Rises, count_excursions
from arbkit.kernels.skip import GridRows
from arbkit.kernels.summary import ratios_of_changes
from arbkit.records import TRIP_DTYPE, Side

__all__ = ["measure_sets"]

_AB: Final = int(Side.LONG_A_SHORT_B)
_GONE: Final = np.nan
_FIRST: Final = 256
#: Runs that are looked up before the first of them is taken.
_AHEAD: Final = 64

#: A trade as all sets share it that enter the run at this record: the highest signal of the run and that of
#: the record; prices of entry and exit (before slippage); its marks; its rows; and the first grid points at
#: or after both stamps. The exit row is -1 where the trade stays open.
SHARED_DTYPE: Final = np.dtype([
    ("top", np.float64), ("signal", np.float64),
    ("long0", np.float64), ("short0", np.float64), ("long1", np.float64), ("short1", np.float64),
    ("low", np.float64), ("high", np.float64), ("fall", np.float64),
    ("ask_low", np.float64), ("ask_high", np.float64),
    ("row", np.int64), ("leave", np.int64), ("side", np.int64), ("opens", np.int64), ("closes", np.int64),
    ("run", np.int64), ("record", np.int64),
])  # fmt: skip


class _Clock(NamedTuple):
    """The grid, and how the data end: how many points are seen, the last row, whether trades close there."""

    begin_ns: int
    step_ns: int
    points: int
    last: int
    last_ts: int
    closes_at_end: bool


@jit
def measure_sets(
    market: Market,
    index: Index,
    rises: Rises,
    table: Excursions,
    marks: RecordArray,
    rules: RecordArray,
    order: IntArray,
    levels: FloatArray,
    grid: GridRows,
    prices: FloatArray,
    metrics: RecordArray,
) -> None:
    """Write marked drawdown, Sharpe, Sortino and excursions of sets to which one table applies.

    Args:
        market, index: the panel and its index.
        rises: the panel's table of rises, made or not.
        table: its runs.
        marks: `MARK_DTYPE` (records,), written from the lowest level on.
        rules: `RULES_DTYPE` (m,), as in `table_sets`.
        order: int64 (k,), the sets to measure, in rising order of their levels; k >= 1.
        levels: float64 (k,) or longer, `entry_level` of each.
        grid: rows of the grid; its `equity` is scratch.
        prices: float64 (points, 4), bids and asks of A and of B on the rows of the grid, or (0, 4) where they
            are to be looked up.
        metrics: `METRICS_DTYPE` (m,) that hold the realised ones; those of the sets are completed.
    """
    clock = _clock(table, rules[order[0]], grid)
    columns = columns_of(market, index, True)
    shared, size = _gather(market, table, marks, rules[order[0]], levels[0], clock)
    trips, pnl, notes = np.empty(size, TRIP_DTYPE), np.empty(size), np.empty((size, NOTES))
    own = GridRows(borrowed(grid.rows), borrowed(grid.equity), grid.curve, grid.begin_ns, grid.step_ns)
    for position in range(order.size):
        one, out = rules[order[position]], metrics[order[position]]
        drawdown, moved, out.excursions = 0.0, 0, 0
        if table.last >= table.first:
            n, m, first, moved, sure = _measure(
                columns, table, marks, one, levels[position], clock, borrowed(shared), size,
                one.initial_balance_usd + out.realized_pnl_usd + out.unrealized_pnl_usd,
                _Listed(borrowed(trips), borrowed(pnl), borrowed(notes)), own, borrowed(prices),
            )  # fmt: skip
            if m > 0:
                drawdown = deepest_of(
                    market, index, columns, one, table.last, trips[:m], pnl[:m], notes, first, sure, False
                )
            if n < size - (size >> 3):
                size = _closed_up(shared, size, levels[position])
            out.excursions = count_excursions(market, index, rises, table.last, one)
        out.max_drawdown_mtm_pct = drawdown * 100
        out.sharpe, out.sortino = ratios_of_changes(
            grid.equity[:moved], max(0, clock.points - 1), one.initial_balance_usd, grid.step_ns
        )


@inlined
def _clock(table: Excursions, rules: Any, grid: GridRows) -> _Clock:
    points = 0
    if table.last >= table.first and table.last_ts >= grid.begin_ns:
        points = min(grid.rows.size, (table.last_ts - grid.begin_ns) // grid.step_ns + 1)
    return _Clock(grid.begin_ns, grid.step_ns, points, table.last, table.last_ts, rules.close_at_end == 1)


@jit
def _gather(
    market: Market, table: Excursions, marks: RecordArray, rules: Any, level: float, clock: _Clock
) -> tuple[RecordArray, int]:
    """Return what the set with the lowest level shares with the others, and how many trades that are.

    As in `table_sets` some dozens of runs are looked up at a time, because they lie far apart in memory.
    """
    shared, size = np.empty(_FIRST, SHARED_DTYPE), 0
    runs, tops, run = np.empty(_AHEAD, np.int64), address(table.tops), 0
    while run >= 0:
        found = 0
        while found < _AHEAD:
            run = next_run(tops, table.offsets, run, level)
            if run < 0:
                break
            fetch(table.exits, run)
            runs[found] = run
            found += 1
            run += 1
        if size + found > shared.size:
            shared = np.concatenate((shared, np.empty_like(shared)))
        kept = size
        for k in range(found):
            end = table.exits[runs[k]]
            if (end.side == _AB and rules.allow_ab == 1) or (end.side != _AB and rules.allow_ba == 1):
                shared[kept].run, shared[kept].record = runs[k], end.first
                fetch(table.signals, end.first)
                kept += 1
        for k in range(size, kept):
            record = shared[k].record
            while table.signals[record] < level:
                record += 1
            shared[k].record = record
            fetch(table.entries, record)
            fetch(marks, record)
        for k in range(size, kept):
            _leave(market, table, shared[k], clock)
            _enter(table, marks, shared[k], level, clock)
        size = kept
    return shared, size


@inlined
def _leave(market: Market, table: Excursions, trade: Any, clock: _Clock) -> None:
    """Let a trade leave where its run ends, or the data."""
    end, last = table.exits[trade.run], clock.last
    trade.top = table.signals[table.exits[trade.run + 1].first - 1]
    trade.side, trade.leave, until = end.side, end.row, end.ts
    trade.long1, trade.short1 = end.long_px, end.short_px
    if end.row < 0:
        until = clock.last_ts + 1
        if clock.closes_at_end:
            trade.leave, until = last, clock.last_ts
            trade.long1 = market.bid_a[last] if end.side == _AB else market.bid_b[last]
            trade.short1 = market.ask_b[last] if end.side == _AB else market.ask_a[last]
    trade.closes = min(clock.points, point_from(until, clock.begin_ns, clock.step_ns))


@inlined
def _enter(table: Excursions, marks: RecordArray, trade: Any, level: float, clock: _Clock) -> None:
    """Let a trade be entered at the first record of its run that reaches the level; there is one."""
    record = trade.record
    while table.signals[record] < level:
        record += 1
    entry, mark = table.entries[record], marks[record]
    trade.record, trade.signal, trade.row = record, table.signals[record], entry.row
    trade.long0, trade.short0 = entry.long_px, entry.short_px
    trade.low, trade.high, trade.fall = mark.low, mark.high, mark.fall
    trade.ask_low, trade.ask_high = mark.ask_low, mark.ask_high
    trade.opens = min(clock.points, point_from(entry.ts, clock.begin_ns, clock.step_ns))
    if trade.row == trade.leave:
        # On the last row no trade is opened that would be closed there.
        trade.top = _GONE


@jit
def _closed_up(shared: RecordArray, size: int, level: float) -> int:
    """Drop the trades that no set with this level or a higher one makes, and return how many are left."""
    kept = 0
    for k in range(size):
        if shared[k].top >= level:
            shared[kept] = shared[k]
            kept += 1
    return kept


class _Listed(NamedTuple):
    """Places for the trades that may have to be followed, as `deepest_of` takes them."""

    trips: RecordArray
    pnl: FloatArray
    notes: FloatArray


class _Costs(NamedTuple):
    """What a set pays: the notional asked for, factors that worsen prices, fees as fractions."""

    asked: float
    up: float
    down: float
    fee_a: float
    fee_b: float


class _Held(NamedTuple):
    """Bounds of equity on the rows on which a trade is held.

    Equity lies between `low` and `high` and falls by `fall` at most from one row to a later one; on some row
    it is at most `reached`.
    """

    low: float
    high: float
    fall: float
    reached: float


@inlined
def _worth(trade: Any, costs: _Costs, long1: float, short1: float) -> float:
    """Return what a trade earns that is closed at these prices, as `settle` books it."""
    up, down = costs.up, costs.down
    fee_long = costs.fee_a if trade.side == _AB else costs.fee_b
    fee_short = costs.fee_b if trade.side == _AB else costs.fee_a
    buy_long, sell_short = trade.long0 * up, trade.short0 * down
    sell_long, buy_short = long1 * down, short1 * up
    size = costs.asked / buy_long
    cost = size * (fee_long * (buy_long + sell_long) + fee_short * (sell_short + buy_short))
    return size * (sell_long - buy_long + sell_short - buy_short) - cost + 0.0  # type: ignore[no-any-return]


@inlined
def _held(trade: Any, costs: _Costs, balance: float) -> _Held:
    """Return bounds of equity from the marks of a trade.

    Its value is base + size * ask * gain, and gain rises with the unwinding spread.
    """
    on_ab = trade.side == _AB
    fee_long = costs.fee_a if on_ab else costs.fee_b
    fee_short = costs.fee_b if on_ab else costs.fee_a
    buy_long, sell_short = trade.long0 * costs.up, trade.short0 * costs.down
    size = costs.asked / buy_long
    kept, paid = costs.down * (1 - fee_long), costs.up * (1 + fee_short)
    base = balance + size * (sell_short * (1 - fee_short) - buy_long * (1 + fee_long))
    ask_low, ask_high = trade.ask_low, trade.ask_high
    slack = 1e-11 * (abs(balance) + 4 * size * (buy_long + sell_short + ask_high))
    least, most = kept * (1 + trade.low) - paid, kept * (1 + trade.high) - paid
    drift = max(abs(least), abs(most)) * (ask_high - ask_low)
    return _Held(
        base + size * least * (ask_high if least < 0 else ask_low) - slack,
        base + size * most * (ask_high if most > 0 else ask_low) + slack,
        size * (kept * trade.fall * ask_high + drift) + 2 * slack,
        base + size * least * (ask_low if least < 0 else ask_high) + slack,
    )


class _Before(NamedTuple):
    """What was known before a trade: the realised PnL, the peak, and the first listed trade it leaves out."""

    realized: float
    peak: float
    since: int


@jit
def _measure(
    columns: Columns,
    table: Excursions,
    marks: RecordArray,
    rules: Any,
    level: float,
    clock: _Clock,
    shared: RecordArray,
    size: int,
    at_last: float,
    listed: _Listed,
    grid: GridRows,
    prices: FloatArray,
) -> tuple[int, int, int, int, float]:
    """Go through the trades of one set: what each earns, whether it is to be followed, the grid.

    Listed are the trades in which the drawdown may be deeper than one that is reached for certain before, and
    those in which a peak may be reached that is not known exactly. The running peak is known between two
    bounds: `peak`, of the balance, and `upper`, with what may have been reached while trades were held.
    `at_last` is equity on the last row.

    Returns:
        How many trades there are, how many are listed, which of them may be the deepest, how many differences
        of equity on the grid are not 0, and a drawdown that is reached for certain.
    """
    initial, h = rules.initial_balance_usd, rules.half_slip
    costs = _Costs(rules.notional_usd * 1.0, 1 + h, 1 - h, rules.fee_a, rules.fee_b)
    realized, peak, upper, since, sure = 0.0, initial, initial, 0, 0.0
    before, last, high, deepest, earned = _Before(0.0, initial, 0), -1, initial, 0.0, 0.0
    n, m, first, farthest = 0, 0, 0, 0.0
    at, moved, seen = 0, 0, 0.0
    for k in range(size + 1):
        ended = k == size
        if not ended:
            if not shared[k].top >= level:
                continue
            if shared[k].signal < level:
                _enter(table, marks, shared[k], level, clock)
                if not shared[k].top >= level:
                    continue
        balance = initial + realized
        if last >= 0:
            left = shared[last].leave
            ends = left >= 0 and (ended or shared[k].row > left)
            if ends:
                deepest = max(deepest, upper - balance)
                peak = max(peak, balance)
                upper = max(upper, peak)
            bound = deepest / before.peak
            if not bound <= sure or not high <= peak:
                _put_down(listed, m, shared[last], earned, before, high, bound, ends)
                if not bound <= farthest:
                    first, farthest = m, bound
                m += 1
            if upper <= peak:
                since = m
        if ended:
            break
        trade = shared[k]
        held = _held(trade, costs, balance)
        before, last, high = _Before(realized, peak, since), k, held.high
        deepest = max(upper - held.low, held.fall)
        if held.reached >= 0 and peak - held.reached > sure * peak:
            sure = (peak - held.reached) / peak
        upper = max(upper, high)
        if trade.closes > at and trade.opens > at:
            moved, seen = put_change(grid.equity, at, moved, seen, balance)
            at = trade.opens
        while at < trade.closes:
            long1, short1 = _prices_at(columns, grid, prices, at, trade.side)
            equity = balance + _worth(trade, costs, long1, short1)
            moved, seen = put_change(grid.equity, at, moved, seen, equity)
            at += 1
        earned = 0.0
        if trade.leave >= 0:
            earned = _worth(trade, costs, trade.long1, trade.short1)
            realized += earned
        n += 1
    if clock.points > at:
        moved, seen = put_change(grid.equity, at, moved, seen, at_last)
    return n, m, first, moved, sure


@inlined
def _put_down(
    listed: _Listed,
    m: int,
    trade: Any,
    earned: float,
    before: _Before,
    high: float,
    bound: float,
    ends: bool,
) -> None:
    """List a trade for `deepest_of`."""
    trip, notes = listed.trips[m], listed.notes
    trip.entry_row, trip.exit_row, trip.side = trade.row, trade.leave, trade.side
    listed.pnl[m] = earned
    notes[m, REALIZED], notes[m, PEAK], notes[m, SINCE] = before.realized, before.peak, before.since
    notes[m, HIGH], notes[m, BOUND], notes[m, ENDS] = high, bound, 1.0 if ends else 0.0


@inlined
def _prices_at(
    columns: Columns, grid: GridRows, prices: FloatArray, at: int, side: int
) -> tuple[float, float]:
    """Return at what prices a trade is closed on the row of a grid point."""
    if prices.size > 0:
        return (prices[at, 0], prices[at, 3]) if side == _AB else (prices[at, 2], prices[at, 1])
    row = grid.rows[at]
    if side == _AB:
        return stored_float(columns.bid_a, row), stored_float(columns.ask_b, row)
    return stored_float(columns.bid_b, row), stored_float(columns.ask_a, row)
