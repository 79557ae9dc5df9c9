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
from arbkit.kernels.filter import address
from arbkit.kernels.index import Index
from arbkit.kernels.market import Market
from arbkit.kernels.measure import BOUND, HIGH, NOTES, PEAK, REALIZED, SINCE, deepest_of, put_change
from arbkit.kernels.position import position_at, value_at
from arbkit.kernels.queries import Columns, columns_of
from arbkit.kernels.runs import Rises, count_excursions
from arbkit.kernels.skip import GridRows
from arbkit.kernels.summary import ratios_of_changes
from arbkit.records import TRIP_DTYPE, Side

__all__ = ["measure_sets"]

_AB: Final = int(Side.LONG_A_SHORT_B)
_GONE: Final = np.nan
_FIRST: Final = 256

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
        metrics: `METRICS_DTYPE` (m,) that hold the realised ones; those of the sets are completed.
    """
    clock = _clock(table, rules[order[0]], grid)
    columns = columns_of(market, index, True)
    shared, size = _gather(market, table, marks, rules[order[0]], levels[0], clock)
    room = max(1, size)
    trips, pnl, notes = np.empty(room, TRIP_DTYPE), np.empty(room), np.empty((room, NOTES))
    for position in range(order.size):
        one, out = rules[order[position]], metrics[order[position]]
        drawdown, moved, out.excursions = 0.0, 0, 0
        if table.last >= table.first:
            n, moved, first, sure = _measure(
                columns, table, marks, one, levels[position], clock, borrowed(shared), size,
                one.initial_balance_usd + out.realized_pnl_usd + out.unrealized_pnl_usd,
                borrowed(trips), borrowed(pnl), borrowed(notes), borrowed(grid.rows), borrowed(grid.equity),
            )  # fmt: skip
            if n > 0:
                drawdown = deepest_of(
                    market, index, columns, one, table.last, trips[:n], pnl[:n], notes, first, sure, False
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
    """Return what the set with the lowest level shares with the others, and how many trades that are."""
    shared, size = np.empty(_FIRST, SHARED_DTYPE), 0
    tops, run = address(table.tops), 0
    while table.last >= table.first:
        run = next_run(tops, table.offsets, run, level)
        if run < 0:
            break
        end = table.exits[run]
        if (end.side == _AB and rules.allow_ab == 1) or (end.side != _AB and rules.allow_ba == 1):
            if size == shared.size:
                shared = np.concatenate((shared, np.empty_like(shared)))
            trade = shared[size]
            trade.run, trade.record, trade.side, trade.leave = run, end.first, end.side, end.row
            trade.long1, trade.short1 = end.long_px, end.short_px
            trade.top = table.signals[table.exits[run + 1].first - 1]
            until = end.ts if end.row >= 0 else clock.last_ts + 1
            if end.row < 0 and clock.closes_at_end:
                k = clock.last
                trade.leave, until = k, clock.last_ts
                trade.long1 = market.bid_a[k] if end.side == _AB else market.bid_b[k]
                trade.short1 = market.ask_b[k] if end.side == _AB else market.ask_a[k]
            trade.closes = _point(until, clock)
            _enter(table, marks, trade, level, clock)
            size += 1
        run += 1
    return shared, size


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
    trade.opens = _point(entry.ts, clock)
    if trade.row == trade.leave:
        # On the last row no trade is opened that would be closed there.
        trade.top = _GONE


@inlined
def _point(ts: int, clock: _Clock) -> int:
    """Return the number of the first grid point at or after a stamp, or how many there are."""
    return min(clock.points, max(0, -((clock.begin_ns - ts) // clock.step_ns)))


@jit
def _closed_up(shared: RecordArray, size: int, level: float) -> int:
    """Drop the trades that no set with this level or a higher one makes, and return how many are left."""
    kept = 0
    for k in range(size):
        if shared[k].top >= level:
            shared[kept] = shared[k]
            kept += 1
    return kept


class _Costs(NamedTuple):
    """What a set pays: the notional asked for, factors that worsen prices, fees as fractions."""

    asked: float
    up: float
    down: float
    fee_a: float
    fee_b: float


class _Held(NamedTuple):
    """Bounds of equity on the rows on which a trade is held, and what the trade earns.

    Equity lies between `low` and `high` and falls by `fall` at most from one row to a later one; on some row
    it is at most `reached`.
    """

    low: float
    high: float
    fall: float
    reached: float
    earned: float


@inlined
def _held(trade: Any, costs: _Costs, balance: float) -> _Held:
    """Return bounds of equity from the marks of a trade, and its PnL as `settle` books it.

    The value of the trade is base + size * ask * gain, and gain rises with the unwinding spread.
    """
    up, down = costs.up, costs.down
    on_ab = trade.side == _AB
    fee_long = costs.fee_a if on_ab else costs.fee_b
    fee_short = costs.fee_b if on_ab else costs.fee_a
    buy_long, sell_short = trade.long0 * up, trade.short0 * down
    sell_long, buy_short = trade.long1 * down, trade.short1 * up
    size = costs.asked / buy_long
    cost = size * (fee_long * (buy_long + sell_long) + fee_short * (sell_short + buy_short))
    earned = size * (sell_long - buy_long + sell_short - buy_short) - cost + 0.0
    kept, paid = down * (1 - fee_long), up * (1 + fee_short)
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
        earned,
    )


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
    trips: RecordArray,
    pnl: FloatArray,
    notes: FloatArray,
    rows: IntArray,
    out: FloatArray,
) -> tuple[int, int, int, float]:
    """Go through the trades of one set: what each earns, what `deepest_of` wants to know of it, the grid.

    `at_last` is equity on the last row. The running peak is known between two bounds as in `measure_trips`.

    Returns:
        How many trades there are, how many differences of equity on the grid are not 0, the trade in which
        the drawdown may be deepest, and a drawdown that is reached for certain.
    """
    initial, h = rules.initial_balance_usd, rules.half_slip
    costs = _Costs(rules.notional_usd * 1.0, 1 + h, 1 - h, rules.fee_a, rules.fee_b)
    realized, peak, upper, since = 0.0, initial, initial, 0
    n, left, deepest, known = 0, -1, 0.0, initial
    first, farthest, sure = 0, 0.0, 0.0
    at, moved, before = 0, 0, 0.0
    for k in range(size):
        if not shared[k].top >= level:
            continue
        if shared[k].signal < level:
            _enter(table, marks, shared[k], level, clock)
            if not shared[k].top >= level:
                continue
        trade = shared[k]
        balance = initial + realized
        if n > 0:
            if trade.row > left:
                deepest = max(deepest, upper - balance)
                peak = max(peak, balance)
                upper = max(upper, peak)
            first, farthest = _note_bound(notes, n - 1, deepest / known, first, farthest)
            if upper <= peak:
                since = n
        held = _held(trade, costs, balance)
        notes[n, REALIZED], notes[n, PEAK], notes[n, SINCE], notes[n, HIGH] = realized, peak, since, held.high
        known, deepest = peak, max(upper - held.low, held.fall)
        if peak - held.reached > sure * peak:
            sure = (peak - held.reached) / peak
        upper = max(upper, held.high)
        trips[n].entry_row, trips[n].exit_row, trips[n].side = trade.row, trade.leave, trade.side
        if trade.closes > at and trade.opens > at:
            moved, before = put_change(out, at, moved, before, balance)
            at = trade.opens
        if trade.closes > at:
            position = position_at(columns, rules, trade.row, trade.side)
            while at < trade.closes:
                equity = balance + value_at(position, rows[at])
                moved, before = put_change(out, at, moved, before, equity)
                at += 1
        left = trade.leave
        if left >= 0:
            pnl[n] = held.earned
            realized += held.earned
        n += 1
    if n > 0:
        if left >= 0:
            deepest = max(deepest, upper - (initial + realized))
        first, farthest = _note_bound(notes, n - 1, deepest / known, first, farthest)
    if clock.points > at:
        moved, before = put_change(out, at, moved, before, at_last)
    return n, moved, first, sure


@inlined
def _note_bound(notes: FloatArray, k: int, bound: float, first: int, farthest: float) -> tuple[int, float]:
    """Note the bound of a trade's drawdown, and return the trade with the largest one and that bound."""
    notes[k, BOUND] = bound
    return (first, farthest) if bound <= farthest else (k, bound)
